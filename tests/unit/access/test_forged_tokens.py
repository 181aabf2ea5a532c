"""Every known forgery is refused, and the token it was made from is good."""

import hashlib
import hmac
import json
from collections.abc import Callable

import jwt
import pytest

from hub.access.tokens import KeySet
from tests.unit.access.identity import (
    EC_KEY,
    OTHER_EC_KEY,
    OTHER_RSA_KEY,
    RSA_KEY,
    Json,
    assemble,
    base64url,
    make_claims,
    published,
    reason,
    sign,
    signed_with_the_public_key_as_secret,
    verify,
)


def _unsigned(claims: Json) -> str:
    return assemble({"alg": "none", "kid": "rsa-1"}, claims)


def _none_in_other_letters(claims: Json) -> str:
    return assemble({"alg": "nOnE", "kid": "rsa-1"}, claims)


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
    signed_with_the_public_key_as_secret,
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
