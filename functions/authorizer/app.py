"""Lambda authorizer of the HTTP API: says who calls. What the caller may do, each route's row says.

A bad credential is let through without a tenant, so that the function behind answers 401 in the hub's envelope with
the reason: API Gateway's own refusal cannot carry one. Without a tenant no route but a public one can be used.
"""

from typing import Any

from hub.access import callers
from hub.core import logs
from hub.core.errors import Unauthenticated


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    try:
        caller = callers.verify(event["identitySource"][0])
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
