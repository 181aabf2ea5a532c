"""An identity provider in this process, and tokens of every kind: good, unusual, and put together by hand."""

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
from hub.core.errors import HubError, Unauthenticated
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


def make_keys(provider: Provider, watch: Stopwatch | None = None) -> KeySet:
    return KeySet(SETTINGS.jwks_url, cast("Any", provider), watch or Stopwatch())


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


def signed_with_the_public_key_as_secret(claims: Json) -> str:
    secret = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}
    return assemble(header, claims, lambda signed: hmac.new(secret, signed, hashlib.sha256).digest())
