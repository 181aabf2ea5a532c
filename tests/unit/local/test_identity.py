"""Tokens of this machine verify against the published key, and the private key stays private."""

import json
import urllib.request
from pathlib import Path

import jwt
from jwt.api_jwk import PyJWKSet

from local.identity import AUDIENCE, ISSUER, Identity, KeyServer


def test_token_verifies_against_the_published_key(tmp_path: Path) -> None:
    server = KeyServer(Identity(tmp_path))
    token = Identity(tmp_path).token("acme", user="u1", roles=["tenant_admin"], scopes=["a"], expires_in_s=60)

    with urllib.request.urlopen(server.url) as answer:
        keys = PyJWKSet.from_dict(json.load(answer))
    server.stop()

    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
    assert claims["exp"] - claims["iat"] == 60
    assert {name: claims[name] for name in ("sub", "tenant_id", "roles", "scopes")} == {
        "sub": "u1",
        "tenant_id": "acme",
        "roles": ["tenant_admin"],
        "scopes": ["a"],
    }


def test_private_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    Identity(tmp_path).jwks()

    files = list((tmp_path / "identity").iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600]
