"""Lambda authorizer of the HTTP API: says who calls. What the caller may do, each route's row says.

A bad credential is let through without a tenant, so that the function behind answers 401 in the hub's envelope with
the reason: API Gateway's own refusal cannot carry one. Without a tenant no route but a public one can be used.
"""

from functools import cache
from typing import Any

from hub.access import api_keys
from hub.core import logs
from hub.core.caller import Caller
from hub.core.config import token_settings
from hub.core.errors import Unauthenticated
from hub.core.resources import resources


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    try:
        caller = _caller(event["identitySource"][0])
    except Unauthenticated as refusal:
        logs.info("caller.refused", reason=refusal.message, request_id=event["requestContext"]["requestId"])
        return {"isAuthorized": True, "context": {"denied": refusal.message}}
    context = {
        "tenant": caller.tenant.id,
        "user": caller.user,
        "roles": " ".join(sorted(caller.roles)),
        "scopes": " ".join(sorted(caller.scopes)),
        "keyId": caller.key_id or "",
    }
    return {"isAuthorized": True, "context": context}


def _caller(header: str) -> Caller:
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthenticated("Expected the header `Authorization: Bearer <token or API key>`.")
    if credential.startswith(api_keys.PREFIX):
        return api_keys.verify(credential.strip(), resources().tables.config)
    return _verify_token(credential.strip())


def _verify_token(token: str) -> Caller:
    from hub.access.tokens import verify  # PyJWT: not loaded for a caller with an API key

    return verify(token, _key_set(), token_settings())


@cache
def _key_set() -> Any:
    from hub.access.tokens import KeySet
    from hub.outbound.client import Client
    from hub.outbound.guard import Guard

    # The operator chose this address, so the operator's allow-list decides.
    return KeySet(token_settings().jwks_url, Client(Guard.from_text(resources().settings.outbound_allowed_private)))
