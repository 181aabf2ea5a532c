"""How the senders that users know sign a request: each scheme says what it claims and what a right answer would be.

A scheme is a row: how it finds the signatures in the headers, and which bytes are signed with which key. Nothing here
compares; `hub.webhooks.endpoints.verification` does.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hub.webhooks import signature

# The longest header that a sender of these schemes has a reason to send; rotations repeat signatures in one header.
LONGEST_HEADER = 4096
MOST_SIGNATURES = 16
DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}
LONGEST_TIMESTAMP = 15
# What HubSpot decodes in a URL before it signs it: https://developers.hubspot.com/docs/apps/developer-platform
# /build-apps/authentication/request-validation
_DECODED_BY_HUBSPOT = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


@dataclass(frozen=True)
class Received:
    """A request as it came in: `headers` with lower-case names, `url` whole with its query, `body` the raw bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Rule(Protocol):
    """What a scheme may be told; the named ones know all but the tolerance."""

    @property
    def header(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def prefix(self) -> str: ...


class Unsigned(Exception):
    """The request carries nothing that could be a signature of its scheme; the text says why, for the log alone."""


@dataclass(frozen=True)
class Claim:
    """What a request says of itself: `expected` makes the digest that one secret would have given."""

    digests: Sequence[bytes]
    expected: Callable[[str], bytes]
    message_id: str | None = None
    timestamp: str | None = None
    at_epoch_s: float | None = None


def hmac_of_body(rule: Rule, request: Received) -> Claim:
    """Return the claim of `header: prefix + hex or base64 of HMAC(secret, body)`."""
    text = _header(request, rule.header)
    if not text.startswith(rule.prefix):
        raise Unsigned("prefix")
    bare = text.removeprefix(rule.prefix or f"{rule.algorithm}=")
    digest = _digest(bare, rule.encoding, DIGEST_BYTES[rule.algorithm])
    return Claim([digest], _keyed(rule.algorithm, request.body))


def github(_rule: Rule, request: Received) -> Claim:
    """Return GitHub's claim: SHA-256 where it is given, the older SHA-1 only without it."""
    named = "x-hub-signature-256" in request.headers
    header, algorithm = ("x-hub-signature-256", "sha256") if named else ("x-hub-signature", "sha1")
    text = _header(request, header)
    if not text.startswith(f"{algorithm}="):
        raise Unsigned("prefix")
    digest = _digest(text.partition("=")[2], "hex", DIGEST_BYTES[algorithm])
    return Claim([digest], _keyed(algorithm, request.body))


def shopify(_rule: Rule, request: Received) -> Claim:
    digest = _digest(_header(request, "x-shopify-hmac-sha256"), "base64", 32)
    return Claim([digest], _keyed("sha256", request.body))


def stripe(_rule: Rule, request: Received) -> Claim:
    """Return Stripe's claim: `t=1614265330,v1=hex,v1=hex`; the key is the text of the whole secret."""
    pairs = [part.strip().partition("=") for part in _header(request, "stripe-signature").split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    if len(stamps) != 1:
        raise Unsigned("timestamp")
    digests = _digests([value for name, _, value in pairs if name == "v1"], "hex")
    signed = b"%b.%b" % (_bytes(stamps[0]), request.body)
    return Claim(digests, _keyed("sha256", signed), None, stamps[0], _epoch_s(stamps[0]))


def _version_zero(signature_header: str, timestamp_header: str) -> Callable[[Rule, Received], Claim]:
    """Return the scheme `v0=` hex of HMAC(secret, "v0:timestamp:body")."""

    def claim(_rule: Rule, request: Received) -> Claim:
        text, stamp = _header(request, signature_header), _header(request, timestamp_header)
        if not text.startswith("v0="):
            raise Unsigned("prefix")
        signed = b"v0:%b:%b" % (_bytes(stamp), request.body)
        return Claim([_digest(text[3:], "hex", 32)], _keyed("sha256", signed), None, stamp, _epoch_s(stamp))

    return claim


slack = _version_zero("x-slack-signature", "x-slack-request-timestamp")
zoom = _version_zero("x-zm-signature", "x-zm-request-timestamp")


def hubspot_v1(_rule: Rule, request: Received) -> Claim:
    """Return HubSpot's oldest claim, no HMAC: hex of SHA-256(secret + body)."""
    digest = _digest(_header(request, "x-hubspot-signature"), "hex", 32)
    return Claim([digest], lambda secret: hashlib.sha256(secret.encode() + request.body).digest())


def hubspot_v3(_rule: Rule, request: Received) -> Claim:
    """Return HubSpot's present claim: base64 of HMAC(secret, method + URL + body + milliseconds)."""
    stamp = _header(request, "x-hubspot-request-timestamp")
    digest = _digest(_header(request, "x-hubspot-signature-v3"), "base64", 32)
    path, mark, query = request.url.partition("?")
    url = _decoded_by_hubspot(path) + mark + _decoded_by_hubspot(query)
    signed = b"".join((_bytes(request.method), _bytes(url), request.body, _bytes(stamp)))
    return Claim([digest], _keyed("sha256", signed), None, stamp, _epoch_s(stamp) / 1000)


def _standard(*brands: str) -> Callable[[Rule, Received], Claim]:
    """Return the scheme of Standard Webhooks under the first of these header prefixes that the request uses."""

    def claim(_rule: Rule, request: Received) -> Claim:
        brand = next((each for each in brands if f"{each}-signature" in request.headers), brands[0])
        message_id, stamp = _header(request, f"{brand}-id"), _header(request, f"{brand}-timestamp")
        entries = [entry.partition(",") for entry in _header(request, f"{brand}-signature").split(" ")]
        digests = _digests([value for version, _, value in entries if version == "v1"], "base64")
        signed = b"%b.%b.%b" % (_bytes(message_id), _bytes(stamp), request.body)
        return Claim(digests, _keyed_by_base64(signed), message_id, stamp, _epoch_s(stamp))

    return claim


standard_webhooks = _standard("webhook")
svix = _standard("svix", "webhook")

SCHEMES: dict[str, Callable[[Any, Received], Claim]] = {
    "hmac": hmac_of_body,
    "github": github,
    "stripe": stripe,
    "slack": slack,
    "shopify": shopify,
    "hubspot-v1": hubspot_v1,
    "hubspot-v3": hubspot_v3,
    "standard-webhooks": standard_webhooks,
    "svix": svix,
    "zoom": zoom,
}


def _header(request: Received, name: str) -> str:
    found = request.headers.get(name, "")
    if not found or len(found) > LONGEST_HEADER:
        raise Unsigned("header")
    return found


def _epoch_s(text: str) -> float:
    if not (text.isascii() and text.isdigit()) or len(text) > LONGEST_TIMESTAMP:
        raise Unsigned("timestamp")
    return int(text)


def _digests(texts: Sequence[str], encoding: str) -> list[bytes]:
    """Return those of the SHA-256 digests that can be read: one bad entry must not spoil its neighbours."""
    found = []
    for text in texts[:MOST_SIGNATURES]:
        try:
            found.append(_digest(text, encoding, 32))
        except Unsigned:
            continue
    return found


def _digest(text: str, encoding: str, wanted_bytes: int) -> bytes:
    """Return the digest that `text` is, of this length exactly; encoding "" takes hex and base64."""
    for name in (encoding,) if encoding else DECODERS:
        try:
            found = DECODERS[name](text.encode("ascii"))
        except (UnicodeEncodeError, binascii.Error):
            continue
        if len(found) == wanted_bytes:
            return found
    raise Unsigned("digest")


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": binascii.unhexlify,
    "base64": lambda text: base64.b64decode(text, validate=True),
}


def _keyed(algorithm: str, signed: bytes) -> Callable[[str], bytes]:
    return lambda secret: hmac.digest(_bytes(secret), signed, algorithm)


def _keyed_by_base64(signed: bytes) -> Callable[[str], bytes]:
    """A secret that is no base64 has no key; no digest is as short as this answer."""

    def expected(secret: str) -> bytes:
        key = signature.key_of(secret)
        return b"" if key is None else hmac.digest(key, signed, "sha256")

    return expected


def _decoded_by_hubspot(text: str) -> str:
    return _DECODED_BY_HUBSPOT.sub(lambda found: chr(int(found[0][1:], 16)), text)


def _bytes(text: str) -> bytes:
    """Headers and URLs are strangers' texts: what is no UTF-8 must not break, only not verify."""
    return text.encode(errors="surrogatepass")
