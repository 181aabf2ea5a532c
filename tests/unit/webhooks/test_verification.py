import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core import clock
from hub.core.errors import BadDefinition
from hub.webhooks.endpoints.schemes import SCHEMES, Received
from hub.webhooks.endpoints.verification import (
    Unverified,
    Verification,
    check_verification,
    verification_of_custom,
    verification_of_v1,
    verify,
)
from hub.webhooks.signature import standard_signature

NOW = 1_700_000_000
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BODY = b'{"id":1}'
URL = "https://hub.test/hook?a=b"


@pytest.fixture(autouse=True)
def stopped_clock() -> Iterator[None]:
    clock.use(lambda: NOW)
    yield
    clock.use(None)


def posted(headers: Mapping[str, str], body: bytes = BODY, url: str = URL) -> Received:
    return Received("POST", url, headers, body)


def is_accepted(verification: Verification, request: Received, *secrets: str) -> bool:
    try:
        verify(verification, secrets or (SECRET,), request)
    except Unverified:
        return False
    return True


def mac(text: bytes, algorithm: str = "sha256", secret: str = SECRET) -> bytes:
    return hmac.digest(secret.encode(), text, algorithm)


def generic(algorithm: str = "sha256", encoding: str = "", prefix: str = "") -> Verification:
    return Verification("hmac", "x-signature", algorithm, encoding, prefix)


def signed_as(scheme: str, at: int = NOW, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a request that this sender would have signed at that time."""
    stamp = str(at)
    if scheme == "stripe":
        return {"stripe-signature": f"t={stamp},v1={mac(f'{stamp}.'.encode() + BODY, secret=secret).hex()}"}
    if scheme in ("slack", "zoom"):
        brand, dash = ("x-slack", "x-slack-request") if scheme == "slack" else ("x-zm", "x-zm-request")
        digest = mac(f"v0:{stamp}:".encode() + BODY, secret=secret).hex()
        return {f"{brand}-signature": f"v0={digest}", f"{dash}-timestamp": stamp}
    if scheme == "hubspot-v3":
        digest = base64.b64encode(mac(f"POST{URL}".encode() + BODY + f"{stamp}000".encode(), secret=secret)).decode()
        return {"x-hubspot-signature-v3": digest, "x-hubspot-request-timestamp": f"{stamp}000"}
    if scheme in ("standard-webhooks", "svix"):
        brand = "webhook" if scheme == "standard-webhooks" else "svix"
        signature = standard_signature(secret, "msg_1", at, BODY) or ""
        return {f"{brand}-id": "msg_1", f"{brand}-timestamp": stamp, f"{brand}-signature": signature}
    of_body = mac(BODY, secret=secret)
    return {
        "github": {"x-hub-signature-256": f"sha256={of_body.hex()}"},
        "shopify": {"x-shopify-hmac-sha256": base64.b64encode(of_body).decode()},
        "hubspot-v1": {"x-hubspot-signature": hashlib.sha256(secret.encode() + BODY).hexdigest()},
        "hmac": {"x-signature": of_body.hex()},
    }[scheme]


def rule_of(scheme: str) -> Verification:
    return generic() if scheme == "hmac" else Verification(scheme)


TIMED = ("stripe", "slack", "zoom", "hubspot-v3", "standard-webhooks", "svix")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_accepts_its_own_signature_and_no_other_secret(scheme: str) -> None:
    request = posted(signed_as(scheme))

    assert is_accepted(rule_of(scheme), request)
    assert not is_accepted(rule_of(scheme), request, "another secret", "whsec_YW5vdGhlcg==")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_covers_each_byte_of_the_body(scheme: str) -> None:
    assert not is_accepted(rule_of(scheme), posted(signed_as(scheme), BODY + b"\n"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_active_secret_counts_and_an_ended_one_does_not(scheme: str) -> None:
    old = "whsec_" + base64.b64encode(bytes(24)).decode()
    request = posted(signed_as(scheme, secret=old))

    assert is_accepted(rule_of(scheme), request, SECRET, old)
    assert not is_accepted(rule_of(scheme), request, SECRET)
    with pytest.raises(Unverified):
        verify(rule_of(scheme), [], request)


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize(("off_s", "accepted"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signed_time_may_be_300_seconds_off_in_both_directions(scheme: str, off_s: int, accepted: bool) -> None:
    request = posted(signed_as(scheme, NOW + off_s))

    assert is_accepted(rule_of(scheme), request) is accepted


def spoiled(headers: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield the headers with each of them missing, empty, not ASCII, half a character, no text and 1 MB long."""
    for name, value in headers.items():
        yield {other: kept for other, kept in headers.items() if other != name}
        for bad in ("", "é" + value, value + "\ud800", value + "\0", "٣" * 10, "a" * 2**20, ",=" * 2**19, value[:-1]):
            yield {**headers, name: bad}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_headers_that_nobody_sends_are_refused_and_break_nothing(scheme: str) -> None:
    headers = signed_as(scheme)

    assert is_accepted(rule_of(scheme), posted(headers))
    assert [bad for bad in spoiled(headers) if is_accepted(rule_of(scheme), posted(bad))] == []


HEADERS = sorted({name for scheme in SCHEMES for name in signed_as(scheme)} | {"x-hub-signature"})
TEXTS = st.one_of(
    st.text(st.characters()), st.sampled_from(["v0=", "t=1,v1=", "sha256=", str(NOW), "v1,"]), st.just("")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(list(SCHEMES)),
    st.dictionaries(st.sampled_from(HEADERS), st.builds("{}{}".format, TEXTS, TEXTS)),
    st.binary(),
    st.text(),
    st.text(st.characters()),
)
def test_whatever_strangers_send_is_refused_and_breaks_nothing(
    scheme: str, headers: dict[str, str], body: bytes, secret: str, url: str
) -> None:
    assert not is_accepted(rule_of(scheme), posted(headers, body, url), secret.encode(errors="replace").decode())


def test_a_scheme_that_is_not_known_accepts_nothing() -> None:
    assert not is_accepted(Verification("md5"), posted(signed_as("github")))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_generic_hmac_takes_hex_and_base64_bare_and_behind_the_algorithm(algorithm: str) -> None:
    digest = mac(BODY, algorithm)
    texts = [digest.hex(), digest.hex().upper(), base64.b64encode(digest).decode(), f"{algorithm}={digest.hex()}"]

    assert all(is_accepted(generic(algorithm=algorithm), posted({"x-signature": text})) for text in texts)


def test_generic_hmac_takes_only_the_encoding_and_the_prefix_that_are_told() -> None:
    digest = mac(BODY)
    in_hex, in_base64 = digest.hex(), base64.b64encode(digest).decode()

    assert is_accepted(generic(encoding="hex"), posted({"x-signature": in_hex}))
    assert not is_accepted(generic(encoding="hex"), posted({"x-signature": in_base64}))
    assert is_accepted(generic(encoding="base64"), posted({"x-signature": in_base64}))
    assert not is_accepted(generic(encoding="base64"), posted({"x-signature": in_hex}))
    assert is_accepted(generic(prefix="sig:"), posted({"x-signature": f"sig:{in_hex}"}))
    assert not is_accepted(generic(prefix="sig:"), posted({"x-signature": in_hex}))
    assert not is_accepted(generic(algorithm="sha512"), posted({"x-signature": in_hex}))


def test_hubspot_signs_the_url_with_its_own_characters_decoded() -> None:
    url = "https://hub.test/hook%2Fa?to=%40ada&x=%20"
    signed = b"POSThttps://hub.test/hook/a?to=@ada&x=%20" + BODY + f"{NOW}000".encode()
    headers = {
        "x-hubspot-signature-v3": base64.b64encode(mac(signed)).decode(),
        "x-hubspot-request-timestamp": f"{NOW}000",
    }

    assert is_accepted(Verification("hubspot-v3"), posted(headers, url=url))
    assert not is_accepted(Verification("hubspot-v3"), posted(headers, url=url + "1"))


def test_what_is_signed_beside_the_body_is_told() -> None:
    known = {scheme: verify(rule_of(scheme), [SECRET], posted(signed_as(scheme))) for scheme in SCHEMES}

    assert known["standard-webhooks"].message_id == known["svix"].message_id == "msg_1"
    assert known["slack"].timestamp == known["stripe"].timestamp == str(NOW)
    assert {scheme for scheme, verified in known.items() if verified.is_unique} == set(TIMED)


def naive_text_comparison(rule: Verification, secret: str, request: Received) -> bool:
    """What many receivers do: it breaks on a header that is not ASCII."""
    return hmac.compare_digest(request.headers.get(rule.header, ""), mac(request.body, secret=secret).hex())


def naive_parsed_body(rule: Verification, secret: str, request: Received) -> bool:
    """What frameworks that hand over parsed JSON lead to: two texts of one value share a signature."""
    import json

    text = json.dumps(json.loads(request.body), separators=(",", ":")).encode()
    return hmac.compare_digest(bytes.fromhex(request.headers[rule.header]), mac(text, secret=secret))


def test_the_naive_ways_fail_where_this_one_does_not() -> None:
    not_ascii = posted({"x-signature": "é"})
    reworded = posted(signed_as("hmac"), b'{"id": 1}')

    with pytest.raises(TypeError):
        naive_text_comparison(generic(), SECRET, not_ascii)
    assert naive_parsed_body(generic(), SECRET, reworded)
    assert not is_accepted(generic(), not_ascii)
    assert not is_accepted(generic(), reworded)


# ---------------------------------------------------------------- what owners of endpoints write


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, Verification("none")),
        ({"header": "X-Sig", "algorithm": "none"}, Verification("none")),
        ({"scheme": "none"}, Verification("none")),
        (
            {"header": "X-Sig", "algorithm": "hmac-sha256", "signaturePrefix": "sha256="},
            Verification("hmac", "x-sig", "sha256", "", "sha256="),
        ),
        (
            {"header": "X-Sig", "algorithm": "hmac-sha1", "encoding": "base64", "toleranceS": 60},
            Verification("hmac", "x-sig", "sha1", "base64", "", 60),
        ),
        ({"scheme": "stripe"}, Verification("stripe")),
        ({"scheme": "github", "header": "X-Sig", "algorithm": "hmac-sha1"}, Verification("github")),
    ],
)
def test_the_signature_config_of_a_custom_integration_is_understood(config: Any, expected: Verification) -> None:
    found = verification_of_custom(config)

    assert found == expected
    assert check_verification(found.stored()) == []
    assert Verification.of(found.stored()) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((None, None), Verification("hmac", "x-webhook-signature", "sha256")),
        (("X-Sig", "hmac-sha1"), Verification("hmac", "x-sig", "sha1")),
        (("X-Sig", "HMAC_SHA512"), Verification("hmac", "x-sig", "sha512")),
        (("X-Sig", "SHA256", None, "base64"), Verification("hmac", "x-sig", "sha256", "base64")),
        ((None, "github"), Verification("github")),
        (("X-Sig", "sha256", "slack"), Verification("slack")),
    ],
)
def test_the_signature_of_a_v1_endpoint_is_understood(words: tuple[Any, ...], expected: Verification) -> None:
    assert verification_of_v1(*words) == expected


def pointers(make: Callable[[], object]) -> set[str]:
    with pytest.raises(BadDefinition) as refused:
        make()
    return {problem.pointer for problem in refused.value.problems}


def test_what_is_wrong_is_pointed_at_by_the_name_that_its_owner_used() -> None:
    assert pointers(
        lambda: verification_of_custom({"header": "a b", "algorithm": "md5", "signaturePrefix": "x" * 200})
    ) == {
        "/header",
        "/algorithm",
        "/signaturePrefix",
    }
    assert pointers(lambda: verification_of_custom({"scheme": "paypal"})) == {"/scheme"}
    assert pointers(lambda: verification_of_v1("a b", "md5", None, "octal")) == {
        "/signatureHeader",
        "/signatureAlgorithm",
        "/encoding",
    }
    assert pointers(lambda: verification_of_v1("X-Sig", "none")) == {"/signatureAlgorithm"}
    assert pointers(lambda: verification_of_v1(None, None, "none")) == {"/scheme"}
    assert pointers(lambda: verification_of_custom({"scheme": "slack", "toleranceS": 301})) == {"/toleranceS"}


@pytest.mark.parametrize("raw", [None, [], "hmac", {}, {"scheme": "x"}, {"scheme": ["hmac"]}, {"scheme": "hmac"}])
def test_a_verification_that_is_none_is_found_wrong(raw: Any) -> None:
    assert check_verification(raw)


def test_an_unknown_word_is_found_wrong() -> None:
    assert [each.pointer for each in check_verification({"scheme": "github", "secret": "x"})] == ["/secret"]
