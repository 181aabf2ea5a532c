"""Finds sync jobs that nobody works on though they are due: a lost hint, a long wait that is over, a dead worker."""

from hub.core import logs, queues
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.sync import jobs

HINTS_PER_SHARD = 500
# A job whose hint is still in the queue is not hinted at again before this: a busy hour must not flood the queue.
AGAIN_AFTER_S = 300


def sweep(resources: Resources) -> int:
    """Hint at every overdue job, the longest overdue first; return how many there were."""
    tables, queue_url = resources.tables, resources.settings.sync_queue_url
    found = [item for shard in range(jobs.DUE_SHARDS) for item in jobs.due(tables, shard, HINTS_PER_SHARD).items]
    hinted = [item for item in found if jobs.postpone(tables, item, AGAIN_AFTER_S)]
    for item in hinted:
        queues.send(resources.sqs, queue_url, Hint(Tenant.of_item(item), item["sk"]))
    if hinted:
        logs.info("jobs.hinted", total=len(hinted))
    return len(hinted)
