"""Verifies the identity provider's tokens (RFC 7519) against its published keys (RFC 7517)."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import orjson

from hub.core import logs
from hub.core.caller import ROLES, SCOPES, Caller, Tenant
from hub.core.config import TokenSettings
from hub.core.errors import HubError, Unauthenticated
from hub.outbound.client import Call, Client

MAX_TOKEN_BYTES = 8192
# As OpenID Connect Core 1.0, 2 has it. A user's id is part of keys of the database, and without one nobody is meant.
KEY = "key"
MAX_SUBJECT = 255
LEEWAY_S = 60
KEYS_FRESH_S = 600
KEYS_USABLE_S = 24 * 3600
FETCH_PAUSE_S = 60
FETCH_TIMEOUT_S = 5
# The algorithm follows from the key, never from the token: a token cannot choose how it is checked.
ALGORITHM_BY_KEY_TYPE = {"RSA": "RS256", "EC": "ES256"}


class KeySet:
    """The provider's public keys: fresh for 10 minutes, usable for a day while they cannot be fetched."""

    def __init__(self, url: str, client: Client, now: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._client = client
        self._now = now
        self._keys: dict[str, tuple[str, Any]] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    def find(self, kid: str) -> tuple[str, Any]:
        """Return the algorithm and key named `kid`; an unknown one causes at most one fetch a minute."""
        age_s = self._now() - self._fetched_at
        if age_s > KEYS_FRESH_S or kid not in self._keys:
            self._refresh()
        if self._now() - self._fetched_at > KEYS_USABLE_S:
            raise Unauthenticated("The identity provider's keys cannot be fetched.")
        if kid not in self._keys:
            raise Unauthenticated("The token is signed with a key that the identity provider does not publish.")
        return self._keys[kid]

    def _refresh(self) -> None:
        now = self._now()
        if now - self._tried_at < FETCH_PAUSE_S:
            return
        self._tried_at = now
        try:
            reply = self._client.send(Call("GET", self._url, {}), timeout_s=FETCH_TIMEOUT_S)
        except HubError as error:
            logs.warning("keys.not_fetched", code=error.code)
            return
        found = _usable_keys(reply.body) if reply.status == 200 else None
        if found is None:  # an outage page must not make the provider's good keys forgotten
            logs.warning("keys.not_found", status=reply.status)
            return
        self._keys, self._fetched_at = found, now


def _usable_keys(body: bytes) -> dict[str, tuple[str, Any]] | None:
    """Return the keys the hub can check with, by name, without those it cannot read; None for what is no key set."""
    try:
        published = orjson.loads(body)["keys"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if not isinstance(published, list):
        return None
    named = [entry for entry in published if isinstance(entry, dict) and isinstance(entry.get("kid"), str)]
    usable = {entry["kid"]: _usable_key(entry) for entry in named}
    return {kid: key for kid, key in usable.items() if key is not None}


def _usable_key(entry: dict[str, Any]) -> tuple[str, Any] | None:
    algorithm = ALGORITHM_BY_KEY_TYPE.get(str(entry.get("kty")))
    try:
        return (algorithm, jwt.PyJWK(entry, algorithm).key) if algorithm else None
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def verify(token: str, keys: KeySet, settings: TokenSettings) -> Caller:
    """Return whom the token speaks for; raises Unauthenticated with the reason."""
    if len(token) > MAX_TOKEN_BYTES:
        raise Unauthenticated(f"The token may have at most {MAX_TOKEN_BYTES} bytes.")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        algorithm, public_key = keys.find(str(kid))
        claims = jwt.decode(
            token,
            public_key,
            algorithms=[algorithm],
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("The token has expired.") from None
    except jwt.InvalidTokenError as error:
        raise Unauthenticated(f"The token is not valid ({type(error).__name__}).") from None
    return _caller(claims, settings.tenant_claim)


def _caller(claims: dict[str, Any], tenant_claim: str) -> Caller:
    tenant = claims.get(tenant_claim)
    if not isinstance(tenant, str):
        raise Unauthenticated(f"The token has no claim {tenant_claim!r} that names the tenant.")
    if not (1 <= len(claims["sub"]) <= MAX_SUBJECT and claims["sub"].isprintable()):
        raise Unauthenticated(f"Expected a claim 'sub' of 1 to {MAX_SUBJECT} printable characters.")
    if claims["sub"].startswith(f"{KEY}:"):  # what programs with an API key are called
        raise Unauthenticated(f"Expected a claim 'sub' that does not begin with '{KEY}:'.")
    return Caller(
        Tenant(tenant), claims["sub"], _known(claims.get("roles"), ROLES), _known(claims.get("scopes"), SCOPES)
    )


def _known(granted: Any, known: frozenset[str]) -> frozenset[str]:
    """Return the granted names that the hub knows; a provider's own roles mean nothing here."""
    names = granted.split() if isinstance(granted, str) else granted
    return frozenset(known.intersection(map(str, names))) if isinstance(names, list) else frozenset()
