"""Finds sync jobs that nobody works on though they are due: a lost hint, a long wait that is over, a dead worker."""

from hub.core import logs, queues
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.sync import jobs

HINTS_PER_SHARD = 500


def sweep(resources: Resources) -> int:
    """Hint at every overdue job, the longest overdue first; return how many there were."""
    found = [
        item for shard in range(jobs.DUE_SHARDS) for item in jobs.due(resources.tables, shard, HINTS_PER_SHARD).items
    ]
    for item in found:
        queues.send(resources.sqs, resources.settings.sync_queue_url, Hint(Tenant.of_item(item), item["sk"]))
    if found:
        logs.info("jobs.hinted", total=len(found))
    return len(found)
