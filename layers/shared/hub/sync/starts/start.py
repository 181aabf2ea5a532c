"""Starts syncs: of one endpoint, the first thing a tenant does with a new connector (spec S000, "Execute sync"), and of
an entity of any integration (spec S004, "Start sync"); and starts those again that failed.
"""

from typing import Any

from hub.connector.entities import has_records
from hub.connector.plan import Plan
from hub.connector.variables import Variables
from hub.core import clock, events, queues
from hub.core.answers import Answer
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition, Conflict, HubError, Problem, RateLimited
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed, Put, key
from hub.integrations import connected, custom, versions
from hub.integrations.connected import Connected
from hub.integrations.custom import CustomIntegration
from hub.integrations.instances.settings import must_allow
from hub.integrations.plans import must_have_address, plan_of
from hub.sync import job_events, jobs
from hub.sync.configs import configs, configured
from hub.sync.models import SyncRequest
from hub.sync.pull import increments, partitions
from hub.sync.pull.state import State
from hub.sync.run import entity_of
from hub.sync.starts import orders, retrying
from hub.sync.starts.orders import Order

Json = dict[str, Any]

# What a request may ask for beside the records; the same names stand in a configuration.
_WISHES = {"deletes", "history", "keepRaw", "contract"}
_MAY_START = "attribute_not_exists(pk) OR nextStartMs <= :now"


def start(change: Change, found: CustomIntegration, request: SyncRequest, interval_s: int, job_id: str = "") -> Item:
    """Add a job for one endpoint to `change`; a run of the same entity that is still open is a Conflict.

    The job runs the published version, before the first publication the draft. Raises BadRequest for a parameter that
    is missing or wrong: the worker would find it too late to be told. Another start within `interval_s` fails with the
    transaction; `refusal` says so.
    """
    custom.must_not_be_paused(found)
    chosen = versions.to_run(change.tables.config, found)
    endpoint_id, variables = request.endpointId, {**request.body, **request.params}
    entity = entity_of(chosen.definition, endpoint_id)
    if entity is None:
        known = ", ".join(each["id"] for each in chosen.definition["endpoints"] if has_records(each)) or "none"
        problem = Problem("/endpointId", f"expected an endpoint that reads records ({known}), found {endpoint_id!r}")
        raise BadDefinition("The integration has no such endpoint.", [problem])
    must_allow(found.integration, entity)
    must_have_address(chosen)
    version = chosen.connector["version"]
    asked = request.model_dump(include=_WISHES, exclude_none=True)
    wishes = {name: value for name, value in asked.items() if value not in (False, "keep")}
    wanted = jobs.Wanted(found.id, endpoint_id, entity, variables, version, request.fresh, job_id, more=wishes)
    job = _job(change, wanted, plan_of(chosen.connector["definition"], endpoint_id))
    return _started(change, job, interval_s)


def begin(change: Change, found: Connected, order: Order, interval_s: int = 0) -> Item:
    """Add the job of an order to `change`; raises and fails as `start` does, and Conflict where it cannot be called."""
    return _started(change, orders.prepared(change, found, order), interval_s)


def begin_configured(change: Change, config: Item, interval_s: int = 0, job_id: str = "") -> Item:
    """Add the job that the schedule of a configuration would start; its next slot stays where it is."""
    found = configured.integration_of(change.tables.config, config)
    job = begin(change, found, configured.order_of(config, job_id), interval_s)
    change.add(configs.begun(change.tables, config, job["sk"]))
    return job


def retry(change: Change, former: Item) -> Item:
    """Add to `change` a job that goes on where a failed or cancelled one ended; raises Conflict for any other.

    Before its first page nothing binds it to the version of the connector that failed: it runs the present one.
    """
    job = retrying.again(change, former)
    found = connected.load(
        change.tables.config, change.caller.tenant, former["integrationId"], user=str(former.get("userId") or "")
    )
    connected.must_be_usable(found)
    if not job["page"] and not job["position"]:
        job["connectorVersion"] = orders.to_run(change.tables.config, found).found.connector["version"]
    return _started(change, job, 0)


def _started(change: Change, job: Item, interval_s: int) -> Item:
    jobs.start(change, job)
    orders.must_be_free(change, job)
    if interval_s:
        change.add(_pace(change, job, interval_s))
    return job


def _job(change: Change, wanted: jobs.Wanted, plan: Plan) -> Item:
    """Return the new job with what it asks from; the request of its first page is built, and thrown away."""
    job = jobs.new(change, wanted)
    job |= partitions.ordered(plan, job)
    state = State(change.tables.activity, job)
    begun = increments.begun(plan.increment, state, is_fresh=wanted.is_fresh)
    plan.first(plan.tried(Variables(wanted.params, state=state)), begun.get("incrementalFrom"))
    return {**job, **begun}


def begun(change: Change, resources: Resources, job: Item, answer: Answer) -> Answer:
    """Commit a new job and let it begin; return `answer`. Raises what `refusal` says."""
    try:
        given = change.commit(answer)
    except ConditionFailed as failure:
        raise refusal(failure) from None
    hint(resources, job)
    return given


def hint(resources: Resources, job: Item) -> None:
    """Have a stored job begin now, and what it says told."""
    queues.send(resources.sqs, resources.settings.sync_queue_url, Hint(Tenant.of_item(job), job["sk"]))
    events.hint(resources, job_events.started(job, resources.settings.retention_days))


def refusal(failure: ConditionFailed) -> HubError:
    """Say why a start was not written: too soon after the one before, or another one won at the same moment."""
    found = failure.found or {}
    if "nextStartMs" not in found:
        return Conflict("Another sync of this entity starts at this moment.", **_of_rival(found))
    wait_s = max(1, -(-(found["nextStartMs"] - clock.epoch_ms()) // 1000))
    return RateLimited("This endpoint was synced a moment ago; wait before the next start.", wait_s)


def _of_rival(lock: Item) -> Json:
    return {"jobId": lock["jobId"]} if "jobId" in lock else {}


def _pace(change: Change, job: Item, interval_s: int) -> Put:
    """Return the write that keeps an endpoint from being started again too soon (S000, "Limit ... sync frequency")."""
    now = clock.epoch_ms()
    name = f"{job['integrationId']}#{job['endpointId']}"
    next_ms = now + interval_s * 1000
    item = {
        **key(change.caller.tenant, "sync-pace", name),
        "jobId": job["sk"],  # no two starts write the same item: a write that finds its own took effect before
        "nextStartMs": next_ms,
        "expiresEpochS": next_ms // 1000 + 1,
    }
    return Put(change.tables.coordination, item, _MAY_START, {"now": now})
