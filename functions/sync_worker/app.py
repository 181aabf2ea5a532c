"""Runs sync jobs, one hint at a time."""

from functools import cache
from typing import Any

from hub.core.queues import handle_batch
from hub.core.resources import resources
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.sync.run import Worker


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    worker = Worker(resources(), resources().vault, _client(), context.get_remaining_time_in_millis)
    return handle_batch(event, worker.run)


# Kept for the life of the process: connections are reused by the next job.
@cache
def _client() -> Client:
    settings = resources().settings
    return Client(Guard.from_text(settings.outbound_allowed_private, own_hosts=settings.own_hosts))
