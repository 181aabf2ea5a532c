"""Processes accepted webhooks, one hint at a time."""

from functools import cache
from typing import Any

from hub.core.queues import handle_batch
from hub.core.resources import resources
from hub.webhooks.inbound.inbound_work import Known, Worker
from hub.webhooks.subscriptions.subscriptions import Directory


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    found = resources()
    worker = Worker(found, _known(), _directory(), context.get_remaining_time_in_millis)
    answer = handle_batch(event, worker.run)
    worker.announce()
    return answer


# Kept for the life of the process: what the last batch has read is not read again.
@cache
def _known() -> Known:
    return Known(resources().tables.config)


@cache
def _directory() -> Directory:
    return Directory(resources().tables.config)
