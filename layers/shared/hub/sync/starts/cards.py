"""A user's "sync now" (spec S002, "Sync Integration"): the tenant's contacts go to what the user has connected.

CRMs and mail providers get all of them, a provider that is only notified gets those that have changed, and one that
keeps files gets a CSV file. The caller waits a while for the end of the job; nothing is held open meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.errors import IntegrationNotFound, ProviderNotFound, UpstreamError
from hub.core.journal import Change
from hub.core.tables import Table, Tables
from hub.integrations import connected
from hub.integrations.catalog import providers
from hub.integrations.connected import Connected
from hub.integrations.instances import integrations
from hub.sync import jobs
from hub.sync.starts import locks, orders
from hub.sync.starts.choosing import Sought, choose
from hub.sync.starts.orders import FULL, INCREMENTAL, Order

Json = dict[str, Any]

CONTACT = "contact"
WAIT_S = 20.0
PAUSE_S = 0.5
_CONFIRMED = ("created", "updated", "unchanged")


@dataclass(frozen=True)
class Patience:
    """How long to wait for a job: `pause` sleeps, all pauses together last `wait_s`."""

    pause: Callable[[float], object]
    wait_s: float = WAIT_S


def find(config: Table, caller: Caller, provider: str) -> Connected:
    """Return what the user has connected under S002's name of a provider; raises IntegrationNotFound."""
    try:
        entry = providers.find_by_alias(config, "cards", provider.upper())
    except ProviderNotFound:
        raise IntegrationNotFound from None
    item = integrations.find_unique(config, caller.tenant, integrations.cards_name(caller.user, entry.id))
    if item is None:
        raise IntegrationNotFound
    return connected.load(config, caller.tenant, item["sk"], user=caller.user)


def begin(change: Change, found: Connected) -> tuple[Item, bool]:
    """Return the job to wait for, and whether it is a new one, which this adds to `change`."""
    job = orders.prepared(change, found, _order(found))
    holder = locks.holder(change.tables, job)
    if holder is not None:
        return holder, False
    jobs.start(change, job)
    return job, True


def rival(change: Change, found: Connected) -> Item | None:
    """Return the job that another request started at the same moment."""
    job = orders.prepared(change, found, _order(found))
    return locks.holder(change.tables, job)


def ended(tables: Tables, job: Item, patience: Patience) -> Item:
    """Return the job when it has ended, or as it is when the patience is over."""
    present, left_s = job, patience.wait_s
    while present["status"] in jobs.OPEN and left_s > 0:
        patience.pause(PAUSE_S)
        left_s -= PAUSE_S
        present = jobs.get(tables, Tenant.of_item(job), job["sk"])
    return present


def view(found: Connected, job: Item) -> Json:
    """Return S002's answer, see `hub.sync.models.CardsSync`; raises UpstreamError for a job that failed."""
    name = found.entry.item["displayName"] if found.entry else found.integration["name"]
    answer = {
        "message": f"{name} sync completed",
        "contactsSynced": sum(job["counters"][outcome] for outcome in _CONFIRMED),
    }
    if job["status"] in jobs.OPEN:
        return {**answer, "jobId": job["sk"], "status": "RUNNING"}
    if job["status"] != "COMPLETED":
        reason = job["errors"][-1]["reason"] if job["errors"] else job["status"].lower()
        raise UpstreamError(f"{name} sync failed: {reason}", jobId=job["sk"])
    return answer


def _order(found: Connected) -> Order:
    sought = Sought((jobs.PUSH,), CONTACT, document_type=CONTACT)
    writes = choose(jsontext.load(found.definition_text), sought).writes or {}
    # What is told of a contact again is another event there.
    is_told = writes.get("operation") == "post"
    return Order(sought, INCREMENTAL if is_told else FULL)
