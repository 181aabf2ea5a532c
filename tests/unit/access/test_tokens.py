"""Tokens: every known forgery is refused, and the token it was made from is good."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hub.access import tokens
from hub.access.tokens import KeySet
from hub.core.caller import Caller
from hub.core.config import TokenSettings
from hub.core.errors import HubError, Refused, Retryable, TargetForbidden, Unauthenticated
from hub.outbound.client import Call, Reply

SETTINGS = TokenSettings("https://id.test", "integration-hub", "https://id.test/keys", "tenant_id")
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_EC_KEY = ec.generate_private_key(ec.SECP256R1())
Json = dict[str, Any]


def published(key: Any, kid: str, **changed: Any) -> Json:
    """Return a public key as the identity provider publishes it."""
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **changed}


class Provider:
    """An identity provider: answers with `keys`, `body` or an error, and counts how often it is asked."""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)
        self.body: bytes | None = None
        self.status = 200
        self.error: HubError | None = None
        self.asked = 0

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert (call.method, call.url) == ("GET", SETTINGS.jwks_url)
        assert timeout_s <= 5
        self.asked += 1
        if self.error:
            raise self.error
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        return Reply(self.status, {}, body, elapsed_ms=1)


class Stopwatch:
    """The monotonic clock of the key set, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(time, "monotonic", watch)
    return watch


@pytest.fixture
def provider() -> Provider:
    return Provider(published(RSA_KEY, "rsa-1"), published(EC_KEY, "ec-1"))


@pytest.fixture
def keys(provider: Provider) -> KeySet:
    return make_keys(provider)


def make_keys(provider: Provider) -> KeySet:
    return KeySet(SETTINGS.jwks_url, cast("Any", provider))


def make_claims(**changed: Any) -> Json:
    """Return good claims with the given ones changed, or left out where the new value is None."""
    claims = {
        "iss": "https://id.test",
        "aud": "integration-hub",
        "sub": "u1",
        "exp": int(time.time()) + 300,
        "tenant_id": "acme",
        "roles": ["user"],
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def sign(claims: Json, key: Any = RSA_KEY, algorithm: str = "RS256", kid: Any = "rsa-1") -> str:
    """Sign any claims, those too that a library would not."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm=algorithm, headers={"kid": kid})


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def assemble(header: Json | str, claims: Json, signature: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """Put a token together by hand, as no library would."""
    text = header if isinstance(header, str) else json.dumps(header)
    signed = f"{base64url(text.encode())}.{base64url(json.dumps(claims).encode())}"
    return f"{signed}.{base64url(signature(signed.encode()))}"


def verify(token: str, keys: KeySet) -> Caller:
    return tokens.verify(token, keys, SETTINGS)


def reason(token: str, keys: KeySet) -> str:
    """Return why the token is refused."""
    with pytest.raises(Unauthenticated) as refusal:
        verify(token, keys)
    return refusal.value.message


# ---------------------------------------------------------------- what a good token says


def test_good_token_says_who_calls(keys: KeySet) -> None:
    caller = verify(sign(make_claims(roles=["tenant_admin"], scopes=["contacts:read"])), keys)

    assert (caller.tenant.id, caller.user, caller.key_id) == ("acme", "u1", None)
    assert caller.roles == {"tenant_admin"}
    assert caller.scopes == {"contacts:read"}


def test_token_signed_with_es256_is_good(keys: KeySet) -> None:
    assert verify(sign(make_claims(), EC_KEY, "ES256", "ec-1"), keys).tenant.id == "acme"


def test_tenant_is_in_the_claim_that_the_operator_names(keys: KeySet) -> None:
    settings = TokenSettings(SETTINGS.jwt_issuer, SETTINGS.jwt_audience, SETTINGS.jwks_url, "https://acme.test/org")
    token = sign(make_claims(**{"tenant_id": "wrong", "https://acme.test/org": "right"}))

    assert tokens.verify(token, keys, settings).tenant.id == "right"


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (["user", "root", "Admin"], {"user"}),
        ("user tenant_admin offline_access", {"user", "tenant_admin"}),
        ("", set()),
        ([], set()),
        (None, set()),
        ({"user": True}, set()),
        (7, set()),
        ([["user"], {"a": 1}, None, 1, "user"], {"user"}),
    ],
)
def test_only_roles_the_hub_knows_count(keys: KeySet, given: Any, known: set[str]) -> None:
    assert verify(sign(make_claims(roles=given)), keys).roles == known


def test_scopes_are_read_like_roles(keys: KeySet) -> None:
    assert verify(sign(make_claims(scopes="contacts:read openid")), keys).scopes == {"contacts:read"}


# ---------------------------------------------------------------- forgeries


def _unsigned(claims: Json) -> str:
    return assemble({"alg": "none", "kid": "rsa-1"}, claims)


def _none_in_other_letters(claims: Json) -> str:
    return assemble({"alg": "nOnE", "kid": "rsa-1"}, claims)


def _signed_with_the_public_key_as_secret(claims: Json) -> str:
    secret = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}
    return assemble(header, claims, lambda signed: hmac.new(secret, signed, hashlib.sha256).digest())


def _signed_with_an_empty_secret(claims: Json) -> str:
    header = {"alg": "HS256", "kid": "rsa-1"}
    return assemble(header, claims, lambda signed: hmac.new(b"", signed, hashlib.sha256).digest())


def _signed_by_another_rsa_key(claims: Json) -> str:
    return sign(claims, OTHER_RSA_KEY)


def _signed_by_another_ec_key(claims: Json) -> str:
    return sign(claims, OTHER_EC_KEY, "ES256", "ec-1")


def _signed_with_the_key_of_another_kind(claims: Json) -> str:
    return sign(claims, EC_KEY, "ES256", "rsa-1")


def _signed_with_another_algorithm_of_the_same_key(claims: Json) -> str:
    return sign(claims, RSA_KEY, "RS512")


def _signed_as_pss(claims: Json) -> str:
    return sign(claims, RSA_KEY, "PS256")


def _all_zero_ec_signature(claims: Json) -> str:
    return assemble({"alg": "ES256", "kid": "ec-1"}, claims, lambda _: bytes(64))


def _without_signature(claims: Json) -> str:
    return sign(claims).rpartition(".")[0] + "."


def _signature_of_other_claims(claims: Json) -> str:
    header, _, signature = sign({**claims, "tenant_id": "mallory"}).split(".")
    return f"{header}.{base64url(json.dumps(claims).encode())}.{signature}"


def _with_a_key_in_its_header(claims: Json) -> str:
    return jwt.encode(
        claims,
        OTHER_RSA_KEY,
        algorithm="RS256",
        headers={"kid": "mine", "jwk": published(OTHER_RSA_KEY, "mine"), "jku": "https://mallory.test/keys"},
    )


FORGERIES: list[Callable[[Json], str]] = [
    _unsigned,
    _none_in_other_letters,
    _signed_with_the_public_key_as_secret,
    _signed_with_an_empty_secret,
    _signed_by_another_rsa_key,
    _signed_by_another_ec_key,
    _signed_with_the_key_of_another_kind,
    _signed_with_another_algorithm_of_the_same_key,
    _signed_as_pss,
    _all_zero_ec_signature,
    _without_signature,
    _signature_of_other_claims,
    _with_a_key_in_its_header,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_forged_token_is_refused(keys: KeySet, forge: Callable[[Json], str]) -> None:
    claims = make_claims(roles=["super_admin"])

    assert reason(forge(claims), keys)
    assert verify(sign(claims), keys).roles == {"super_admin"}


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://id.test/"},
        {"iss": "https://mallory.test"},
        {"iss": ["https://id.test"]},
        {"iss": None},
        {"aud": "another-app"},
        {"aud": ["integration-hub"]},
        {"aud": ["integration-hub", "another-app"]},
        {"aud": "integration-hub integration-hub"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1e400},
        {"sub": None},
        {"sub": 7},
        {"tenant_id": None},
        {"tenant_id": ""},
        {"tenant_id": 7},
        {"tenant_id": ["acme"]},
        {"tenant_id": "acme#connector"},
        {"tenant_id": "_hub"},
        {"tenant_id": "acme\n"},
        {"tenant_id": "x" * 129},
    ],
)
def test_token_with_a_wrong_claim_is_refused(keys: KeySet, changed: Json) -> None:
    assert reason(sign(make_claims(**changed)), keys)
    assert verify(sign(make_claims()), keys).tenant.id == "acme"


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -61), ("nbf", 90), ("iat", 90)])
def test_token_outside_its_time_is_refused(keys: KeySet, claim: str, seconds: int) -> None:
    assert reason(sign(make_claims(**{claim: int(time.time()) + seconds})), keys)


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -30), ("nbf", 30), ("iat", 30)])
def test_clocks_may_differ_by_less_than_a_minute(keys: KeySet, claim: str, seconds: int) -> None:
    assert verify(sign(make_claims(**{claim: int(time.time()) + seconds})), keys).user == "u1"


def test_expired_token_says_so(keys: KeySet) -> None:
    assert reason(sign(make_claims(exp=1)), keys) == "The token has expired."


def test_token_of_more_than_8_kib_is_refused_before_it_is_read(keys: KeySet, provider: Provider) -> None:
    token = sign(make_claims(padding="x" * 6000))
    assert len(token) > tokens.MAX_TOKEN_BYTES

    assert "8192 bytes" in reason(token, keys)
    assert provider.asked == 0
    assert verify(sign(make_claims(padding="x" * 5000)), keys).user == "u1"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "ä.ö.ü",
        "e30.e30.e30",
        "bnVsbA.e30.e30",
        "W10.e30.e30",
        "x" * 8192,
        assemble({"alg": "RS256", "kid": 7}, {}),
        assemble({"alg": "RS256", "kid": ["rsa-1"]}, {}),
        assemble({"alg": "RS256"}, {}),
        assemble({"alg": None, "kid": "rsa-1"}, {}),
        assemble({"alg": "RS256", "kid": "rsa-1", "crit": ["exp"]}, {}),
        assemble('{"alg": "RS256", "kid": ' + "[" * 5000, {}),
        assemble('{"alg": "RS256", "kid": ' + "9" * 5000 + "}", {}),
    ],
)
def test_garbage_is_refused_without_a_crash(keys: KeySet, token: str) -> None:
    assert reason(token, keys)


def test_refusal_does_not_repeat_the_token(keys: KeySet) -> None:
    token = sign(make_claims(canary="canary-9d9d"), OTHER_RSA_KEY)

    message = reason(token, keys)

    assert not any(part in message for part in ("canary", *token.split(".")))


# ---------------------------------------------------------------- the provider's keys


def test_keys_are_fetched_once_in_ten_minutes(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    for _ in range(3):
        verify(sign(make_claims()), keys)
        stopwatch.now += 299
    assert provider.asked == 1

    stopwatch.now += 10
    verify(sign(make_claims()), keys)
    assert provider.asked == 2


def test_unknown_key_is_looked_for_at_most_once_a_minute(
    keys: KeySet, provider: Provider, stopwatch: Stopwatch
) -> None:
    """Otherwise whoever sends made-up key names makes the hub flood the identity provider."""
    for number in range(100):
        assert "does not publish" in reason(sign(make_claims(), kid=f"made-up-{number}"), keys)
    assert provider.asked == 1

    stopwatch.now += 61
    for number in range(100):
        reason(sign(make_claims(), kid=f"made-up-{number}"), keys)
    assert provider.asked == 2
    assert verify(sign(make_claims()), keys).user == "u1"


def test_new_key_works_as_soon_as_it_may_be_looked_for(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    token = sign(make_claims(), OTHER_RSA_KEY, kid="rsa-2")
    reason(token, keys)
    provider.keys.append(published(OTHER_RSA_KEY, "rsa-2"))

    stopwatch.now += 61

    assert verify(token, keys).user == "u1"


def test_withdrawn_key_stops_working_when_the_keys_are_fetched_again(
    keys: KeySet, provider: Provider, stopwatch: Stopwatch
) -> None:
    verify(sign(make_claims()), keys)
    provider.keys.pop(0)

    stopwatch.now += 601

    assert "does not publish" in reason(sign(make_claims()), keys)
    assert verify(sign(make_claims(), EC_KEY, "ES256", "ec-1"), keys).user == "u1"


def test_empty_key_set_withdraws_every_key(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    verify(sign(make_claims()), keys)
    provider.keys.clear()

    stopwatch.now += 601

    assert "does not publish" in reason(sign(make_claims()), keys)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, None, Retryable("time-out")),
        (200, None, Refused("too large")),
        (200, None, TargetForbidden("that address is one the hub never calls")),
        (503, b"", None),
        (302, b"", None),
        (200, b"", None),
        (200, b"<html>", None),
        (200, b"[]", None),
        (200, b"null", None),
        (200, b"{}", None),
        (200, b'{"keys": null}', None),
        (200, b'{"keys": "rsa-1"}', None),
        (200, b'{"keys": {"kid": "rsa-1"}}', None),
        (200, b"\xff\xfe", None),
        (200, b"[" * 100_000, None),
    ],
)
def test_known_keys_stay_usable_for_a_day_while_none_can_be_fetched(
    provider: Provider, stopwatch: Stopwatch, status: int, body: bytes | None, error: HubError | None
) -> None:
    keys = make_keys(provider)
    token = sign(make_claims(exp=int(time.time()) + 10**6))
    verify(token, keys)
    provider.status, provider.body, provider.error = status, body, error

    for _ in range(23):
        stopwatch.now += 3600
        assert verify(token, keys).user == "u1"
    assert provider.asked == 24

    stopwatch.now += 3700
    assert reason(token, keys) == "The identity provider's keys cannot be fetched."

    provider.status, provider.body, provider.error = 200, None, None
    stopwatch.now += 61
    assert verify(token, keys).user == "u1"


def test_provider_that_was_never_reached_lets_nobody_in(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    provider.error = Retryable("time-out")
    assert reason(sign(make_claims()), keys) == "The identity provider's keys cannot be fetched."

    provider.error = None
    stopwatch.now += 61
    assert verify(sign(make_claims()), keys).user == "u1"


@pytest.mark.parametrize(
    "bad",
    [
        7,
        None,
        "rsa",
        [],
        {},
        {"kid": "x"},
        {"kty": "RSA"},
        {"kty": "RSA", "kid": "x"},
        {"kty": "RSA", "kid": 7, "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "x", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "kid": "x", "n": "!!", "e": "AQAB"},
        {"kty": "RSA", "kid": "x", "n": "", "e": ""},
        {"kty": ["RSA"], "kid": "x"},
        {"kty": "EC", "kid": "x", "crv": "P-9", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "x", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "x", "k": "c2VjcmV0"},
        {"kty": "OKP", "kid": "x", "crv": "Ed25519", "x": "AA"},
    ],
)
def test_key_that_cannot_be_read_does_not_spoil_the_others(bad: Any) -> None:
    keys = make_keys(Provider(bad, published(RSA_KEY, "rsa-1"), bad))

    assert verify(sign(make_claims()), keys).user == "u1"
    assert reason(sign(make_claims(), OTHER_RSA_KEY, kid="x"), keys)


def test_symmetric_key_in_the_set_verifies_nothing() -> None:
    """A provider that publishes a secret by mistake must not make it a key to the hub."""
    secret = b"0123456789abcdef0123456789abcdef"
    published_secret = {"kty": "oct", "kid": "secret", "k": base64url(secret), "alg": "HS256"}
    keys = make_keys(Provider(published_secret, published(RSA_KEY, "rsa-1")))

    assert "does not publish" in reason(sign(make_claims(), secret, "HS256", "secret"), keys)
    assert verify(sign(make_claims()), keys).user == "u1"


def test_algorithm_follows_from_the_key_type_not_from_what_the_set_says() -> None:
    keys = make_keys(Provider(published(RSA_KEY, "rsa-1", alg="HS256")))

    assert verify(sign(make_claims()), keys).user == "u1"
    assert reason(_signed_with_the_public_key_as_secret(make_claims()), keys)
