"""Whom a credential speaks for: the token of the identity provider, or an API key of the hub."""

from functools import cache
from typing import Any

from hub.access import api_keys
from hub.core.caller import Caller
from hub.core.config import token_settings
from hub.core.errors import Unauthenticated
from hub.core.resources import resources


def verify(header: str) -> Caller:
    """Return whom an Authorization header speaks for; raises Unauthenticated with the reason."""
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthenticated("Expected the header `Authorization: Bearer <token or API key>`.")
    if credential.startswith(api_keys.PREFIX):
        return api_keys.verify(credential.strip(), resources().tables.config)
    return _verify_token(credential.strip())


def _verify_token(token: str) -> Caller:
    from hub.access.tokens import verify  # PyJWT: not loaded for a caller with an API key

    return verify(token, key_set(), token_settings())


@cache
def key_set() -> Any:
    """Return the identity provider's keys, kept for the life of the process."""
    from hub.access.tokens import KeySet
    from hub.outbound.client import Client
    from hub.outbound.guard import Guard

    # The operator chose this address, so the operator's allow-list decides.
    return KeySet(token_settings().jwks_url, Client(Guard.from_text(resources().settings.outbound_allowed_private)))
