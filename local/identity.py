"""The identity provider of this machine: one signing key, its public half over HTTP, tokens for anyone who asks."""

import json
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://identity.local"
AUDIENCE = "integration-hub"
_JWKS_PATH = "/.well-known/jwks.json"
_KEY_ID = "local"


@dataclass(frozen=True)
class Identity:
    """The signing key in a state folder; whoever comes first creates it."""

    state_dir: Path

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        path = self.state_dir / "identity" / "signing-key.pem"
        if not path.exists():
            _create_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - we wrote it
        return key

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a key set (RFC 7517)."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": _KEY_ID, "alg": "RS256", "use": "sig"}]}

    def token(
        self,
        tenant: str,
        *,
        user: str = "user",
        roles: Sequence[str] = (),
        scopes: Sequence[str] = (),
        expires_in_s: int = 3600,
    ) -> str:
        """Return a signed token that the running stack accepts."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "tenant_id": tenant,
            "roles": list(roles),
            "scopes": list(scopes),
            "iat": now,
            "exp": now + expires_in_s,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": _KEY_ID})


def _create_key(path: Path) -> None:
    """Write the key complete or not at all: a link fails when another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    own = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    with suppress(FileExistsError):
        os.link(own, path)
    own.unlink()


class KeyServer:
    """Publishes the key set on a port of its own, because functions may not call the API's own address."""

    def __init__(self, identity: Identity) -> None:
        body = json.dumps(identity.jwks()).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == _JWKS_PATH else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{_JWKS_PATH}"

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
