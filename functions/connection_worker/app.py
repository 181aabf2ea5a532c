"""Renews tokens before they end and gives back those that nobody needs any more.

The hints of a batch are worked on at the same time: one token server that hangs holds up its own thread alone.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from hub.core.queues import BATCH, Hint, handle_messages
from hub.core.resources import resources
from hub.integrations.connections.connection_work import Worker
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.outbound.retry import Sender


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    worker = Worker(resources(), resources().vault, _client())
    return handle_messages(event, lambda message: worker.run(Hint.of(message["body"])), _pool())


# Kept for the life of the process: connections are reused by the next batch.
@cache
def _client() -> Sender:
    settings = resources().settings
    return Client(Guard.from_text(settings.outbound_allowed_private, own_hosts=settings.own_hosts))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(BATCH, thread_name_prefix="connection")
