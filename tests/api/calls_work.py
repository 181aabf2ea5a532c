"""The routes of calls on request in a few words."""

from typing import Any

from hub.core import jsontext
from tests.api.conftest import Hub, Reply
from tests.api.tested import Json, log_lines

SECRET = "canary-token-that-is-long-enough"  # what `make_integration` enters


def proxied(hub: Hub, integration_id: str, method: str = "GET", path: str = "contacts", **options: Any) -> Reply:
    body = options.pop("body", None)
    return hub.call(method, f"/api/v1/proxy/{integration_id}/{path}", body, **options)


def operate(hub: Hub, integration_id: str, operation: str, body: Json | None = None, **options: Any) -> Reply:
    return hub.post(f"/api/v1/integrations/{integration_id}/operations/{operation}", body or {}, **options)


def last_line(hub: Hub, integration_id: str) -> Json:
    """Return the newest line of the integration's request log, its facts beside it."""
    line = log_lines(hub, integration_id)[-1]
    return {**line, **jsontext.load(line["facts"])}
