"""Is a request from whom it claims to be: decided on the raw bytes, before anything of them is parsed.

    {"scheme": "hmac", "header": "x-signature", "algorithm": "sha256", "encoding": "hex", "prefix": "sha256=",
     "toleranceS": 300}

`scheme` is `none` or one of `schemes`; only `hmac` has the other words, but for the tolerance. Without `encoding` hex
and base64 are taken, without `prefix` the algorithm's name may stand before the digest.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from hub.core import clock
from hub.core.errors import BadDefinition, Problem, Unauthenticated
from hub.webhooks.endpoints.schemes import DIGEST_BYTES, SCHEMES, Received, Unsigned

Json = dict[str, Any]

NONE, HMAC = "none", "hmac"
NAMES = (NONE, *SCHEMES)
ENCODINGS = ("hex", "base64")
# Seconds that a signed time may be away from ours, in both directions.
TOLERANCE_S = 300
# Of an endpoint that is to be signed and whose owner did not say how.
DEFAULT_HEADER = "x-webhook-signature"
LONGEST_PREFIX = 100
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_ALGORITHM = re.compile(r"(?:hmac[-_]?)?(sha(?:1|256|512))")
_WORDS = frozenset({"scheme", "header", "algorithm", "encoding", "prefix", "toleranceS"})


class Unverified(Unauthenticated):
    """The caller hears the same whatever failed; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__("The request is not signed as this webhook demands.")
        self.reason = reason


@dataclass(frozen=True)
class Verification:
    """How one endpoint's requests are signed; `header` in lower case."""

    scheme: str
    header: str = ""
    algorithm: str = ""
    encoding: str = ""
    prefix: str = ""
    tolerance_s: int = TOLERANCE_S

    @classmethod
    def of(cls, stored: Json) -> Self:
        """Return what `check_verification` found nothing wrong with."""
        return cls(
            stored["scheme"],
            (stored.get("header") or "").lower(),
            stored.get("algorithm") or "",
            stored.get("encoding") or "",
            stored.get("prefix") or "",
            stored.get("toleranceS") or TOLERANCE_S,
        )

    def stored(self) -> Json:
        """Return the JSON that `of` reads, without the words that say nothing."""
        words = {
            "header": self.header,
            "algorithm": self.algorithm,
            "encoding": self.encoding,
            "prefix": self.prefix,
            "toleranceS": self.tolerance_s if self.tolerance_s != TOLERANCE_S else None,
        }
        return {"scheme": self.scheme, **{name: value for name, value in words.items() if value}}

    @property
    def is_secure(self) -> bool:
        """False where nothing but the secret in the URL says who sends."""
        return self.scheme != NONE


@dataclass(frozen=True)
class Verified:
    """What the signature covers beside the body: each is None where the scheme signs none."""

    message_id: str | None = None
    timestamp: str | None = None

    @property
    def is_unique(self) -> bool:
        """True where another event cannot have the same signed id or the same body at the same signed time."""
        return self.message_id is not None or self.timestamp is not None


def verify(verification: Verification, secrets: Iterable[str], request: Received) -> Verified:
    """Return what is proven of a request that one of the secrets signed; raises Unverified.

    All secrets are tried whichever of them fits, so that the time taken does not tell which it was.
    """
    if verification.scheme == NONE:
        return Verified()
    if verification.scheme not in SCHEMES:
        raise Unverified("scheme")
    try:
        claim = SCHEMES[verification.scheme](verification, request)
    except Unsigned as reason:
        raise Unverified(str(reason)) from None
    is_signed = False
    for secret in secrets:
        expected = claim.expected(secret)
        for digest in claim.digests:
            is_signed |= hmac.compare_digest(expected, digest)
    if not is_signed:
        raise Unverified("signature")
    if claim.at_epoch_s is not None and abs(clock.epoch_s() - claim.at_epoch_s) > verification.tolerance_s:
        raise Unverified("too old or too new")
    return Verified(claim.message_id, claim.timestamp)


def check_verification(raw: Any) -> list[Problem]:
    """Return what is wrong with a verification; the pointers begin at it."""
    if not isinstance(raw, dict):
        return [Problem("", "expected an object")]
    found = [Problem(f"/{name}", "unknown word") for name in sorted(map(str, raw.keys() - _WORDS))]
    if raw.get("scheme") not in NAMES:
        return [*found, Problem("/scheme", f"expected one of {', '.join(NAMES)}")]
    tolerance = raw.get("toleranceS", TOLERANCE_S)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int) or not 1 <= tolerance <= TOLERANCE_S:
        found.append(Problem("/toleranceS", f"expected a whole number from 1 to {TOLERANCE_S}"))
    return found + (_hmac_problems(raw) if raw["scheme"] == HMAC else [])


def _hmac_problems(raw: Json) -> list[Problem]:
    found = []
    if not isinstance(raw.get("header"), str) or not _HEADER_NAME.fullmatch(raw["header"]):
        found.append(Problem("/header", "expected the name of a header"))
    if raw.get("algorithm") not in DIGEST_BYTES:
        found.append(Problem("/algorithm", f"expected one of {', '.join(DIGEST_BYTES)}"))
    if raw.get("encoding") not in (None, "", *ENCODINGS):
        found.append(Problem("/encoding", f"expected one of {', '.join(ENCODINGS)}"))
    prefix = raw.get("prefix") or ""
    if not isinstance(prefix, str) or len(prefix) > LONGEST_PREFIX:
        found.append(Problem("/prefix", f"expected text of at most {LONGEST_PREFIX} characters"))
    return found


def verification_of_custom(signature_config: Json | None) -> Verification:
    """Return what S000's `signatureConfig` means; the secret in the URL is always asked for, too.

    `{header, algorithm hmac-sha256 | hmac-sha1 | none, signaturePrefix?}` or `{scheme}`; `encoding` is the hub's own
    word. Raises BadDefinition with pointers that begin at it.
    """
    found = signature_config or {}
    scheme, algorithm = found.get("scheme"), found.get("algorithm")
    if not found or (scheme in (None, NONE) and NONE in (scheme, algorithm)):
        return Verification(NONE)
    return _checked(
        {
            "scheme": scheme or HMAC,
            "header": found.get("header"),
            "algorithm": algorithm,
            "encoding": found.get("encoding"),
            "prefix": found.get("signaturePrefix"),
            "toleranceS": found.get("toleranceS") or TOLERANCE_S,
        },
        {"/prefix": "/signaturePrefix"},
    )


def verification_of_v1(
    header: str | None, algorithm: str | None, scheme: str | None = None, encoding: str | None = None
) -> Verification:
    """Return what S004's `signatureHeader` and `signatureAlgorithm` mean, without them the hub's own header, SHA-256.

    The algorithm may also be the name of a scheme. Raises BadDefinition; `none` is wrong, as no secret is in the URL.
    """
    named = scheme or (algorithm if algorithm in SCHEMES else None)
    pointer = "/scheme" if scheme else "/signatureAlgorithm"
    if NONE in (scheme, algorithm):
        raise _bad([Problem(pointer, "without a secret in its URL a webhook must be signed")])
    return _checked(
        {
            "scheme": named or HMAC,
            "header": header or DEFAULT_HEADER,
            "algorithm": (None if algorithm in SCHEMES else algorithm) or "sha256",
            "encoding": encoding,
            "toleranceS": TOLERANCE_S,
        },
        {"/header": "/signatureHeader", "/algorithm": "/signatureAlgorithm", "/scheme": pointer},
    )


def _checked(raw: Json, pointers: dict[str, str]) -> Verification:
    """Return the verification; a named scheme keeps no other word. `pointers` says what the request calls a word."""
    if isinstance(raw["algorithm"], str) and (found := _ALGORITHM.fullmatch(raw["algorithm"].lower())):
        raw["algorithm"] = found[1]
    if raw["scheme"] != HMAC:
        raw = {"scheme": raw["scheme"], "toleranceS": raw["toleranceS"]}
    problems = check_verification(raw)
    if problems:
        raise _bad([Problem(pointers.get(each.pointer, each.pointer), each.message) for each in problems])
    return Verification.of(raw)


def _bad(problems: list[Problem]) -> BadDefinition:
    return BadDefinition("The signature is not described in a way that the hub knows.", problems)
