"""Sends deliveries, the hints of a batch at the same time: one target that hangs holds up its own thread alone."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from hub.core.queues import BATCH, Hint, handle_messages
from hub.core.resources import resources
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.outbound.retry import Sender
from hub.webhooks.deliveries.deliver import Deliverer
from hub.webhooks.subscriptions.subscriptions import Directory

# Whatever is kept here lives as long as the process: warm connections, circuits, subscriptions, unwrapped keys.


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    worker = deliverer()
    answer = handle_messages(event, lambda message: worker.run(Hint.of(message["body"])), _pool())
    worker.announce()
    return answer


@cache
def deliverer() -> Deliverer:
    found = resources()
    return Deliverer(found, found.vault, client(), Directory(found.tables.config))


@cache
def client() -> Sender:
    settings = resources().settings
    return Client(Guard.from_text(settings.outbound_allowed_private, own_hosts=settings.own_hosts))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(BATCH, thread_name_prefix="delivery")
