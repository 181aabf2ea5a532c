"""What anyone may ask of the hub: whether it lives, and how to talk to it."""

from pathlib import Path

from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.caller import PUBLIC
from hub.core.tables import hub_key

api = Api("insights")
handler = api.handle

OPENAPI = Path(__file__).with_name("openapi.json")


@api.route("GET", "/healthz", access=PUBLIC, rate=None, answer="hub.core.models:Health")
def healthz(request: Request) -> Answer:
    """Say whether the hub can reach its tables."""
    request.resources.tables.coordination.get(hub_key("health", "1"))
    return ok({"status": "ok"})


@api.route("GET", "/openapi.json", access=PUBLIC, rate=None, cache_s=3600)
def openapi(_request: Request) -> Answer:
    """Describe every route (OpenAPI 3.1); built from the routes, not computed at run time."""
    return ok(OPENAPI.read_text())
