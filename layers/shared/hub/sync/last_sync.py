"""What the end of a sync leaves on its integration: when the last one was complete, or why the last one failed."""

from hub.core import logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.expressions import setting
from hub.core.tables import CALL_FAILED, ConditionFailed, Table, key

MAX_MESSAGE_CHARS = 500


def note(config: Table, job: Item, message: str) -> None:
    """Write it down for those who read the integration; a lost note is no harm, the job is the truth.

    It is no change of the integration: its version, which If-Match names, stays.
    """
    if job["status"] == "CANCELLED":
        return
    at, tenant = job["completedAt"], Tenant.of_item(job)
    failure = {"lastError": message[:MAX_MESSAGE_CHARS], "lastErrorAt": at}
    sets, new = setting({"lastSyncAt": at} if job["status"] == "COMPLETED" else failure)
    try:
        config.update(key(tenant, "integration", job["integrationId"]), sets, new, "attribute_exists(pk)")
    except ConditionFailed:
        return
    except CALL_FAILED as error:
        logs.failure("sync.unnoted", error, tenant=tenant.id, integration_id=job["integrationId"])
