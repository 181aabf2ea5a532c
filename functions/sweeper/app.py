"""The net under the queues: once a minute, what is overdue gets a new hint, and what comes due soon a delayed one."""

import time
from typing import Any

from hub.core import due
from hub.core.resources import resources

# Of the 50 seconds that the function may take.
BUDGET_S = 40
# No kind of work waits for more than so many of each shard of another.
PER_ROUND = 100


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    settings, give_up_at = resources().settings, time.monotonic() + BUDGET_S
    left = {
        due.DELIVERIES: settings.delivery_queue_url,
        due.INBOUND: settings.inbound_queue_url,
        due.EVENTS: settings.event_queue_url,
        due.REDO: settings.event_queue_url,
        due.JOBS: settings.sync_queue_url,
        due.CONNECTIONS: settings.connection_queue_url,
    }
    hinted = 0
    while left and time.monotonic() < give_up_at:
        counts = {
            family: due.sweep(resources(), family, queue_url, PER_ROUND, give_up_at)
            for family, queue_url in left.items()
        }
        hinted += sum(counts.values())
        left = {family: left[family] for family, count in counts.items() if count >= PER_ROUND}
    return {"hinted": hinted}
