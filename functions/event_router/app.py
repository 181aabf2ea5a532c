"""Routes events to subscriptions, and does redo jobs page by page; reads hints and what comes over the bus."""

from functools import cache
from typing import Any

from hub.core.queues import handle_messages
from hub.core.resources import resources
from hub.webhooks.events.fan_out import Router


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return handle_messages(event, _router().handle)


# Kept for the life of the process: what it knows of subscriptions and types serves the next events too.
@cache
def _router() -> Router:
    return Router(resources())
