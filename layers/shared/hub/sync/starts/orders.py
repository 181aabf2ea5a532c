"""From an order to a job: what is to be synced is checked here, so that no worker finds too late what is wrong.

An order comes from a caller, from the schedule of a configuration, or from an event. Its job keeps everything that the
phases need, so that a later change of the configuration does not reach a job that runs:

    documentType, writeEndpointId?, userId?, filters? (JSON text), isStateless?, configId?, slot?, missedSlots?,
    fieldMappings, conflictResolution, fieldRules, deletes, contract, keepRaw, history (of the configuration)
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connector.variables import Variables
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.errors import BadDefinition, BadRequest, Conflict, Problem
from hub.core.journal import Change
from hub.core.tables import Table
from hub.integrations import connected, versions
from hub.integrations.connected import Connected
from hub.integrations.connections import connections
from hub.integrations.connections.connections import TENANT
from hub.integrations.instances.settings import must_allow
from hub.integrations.plans import definition_of, must_have_address, plan_of
from hub.sync import jobs
from hub.sync.field_rules import with_own_fields
from hub.sync.jobs import PULL, PUSH
from hub.sync.pull import increments, partitions
from hub.sync.pull.state import State
from hub.sync.push.idempotency import with_key
from hub.sync.starts import choosing, locks
from hub.sync.starts.choosing import Chosen, Sought

Json = dict[str, Any]

FULL, INCREMENTAL, EXPORT, IMPORT = "FULL_SYNC", "INCREMENTAL", "EXPORT", "IMPORT"
# These neither read nor leave what the last sync left for the next.
STATELESS = (EXPORT, IMPORT)
_PLACE = re.compile(r"\{\{\s*(?:params\.)?([A-Za-z_][\w-]*)")


@dataclass(frozen=True)
class Order:
    """`more` is what a configuration adds to its jobs; `job_id` is for an order that may be given twice."""

    sought: Sought
    job_type: str = INCREMENTAL
    params: Json = field(default_factory=dict)
    filters: Json = field(default_factory=dict)
    job_id: str = ""
    more: Json = field(default_factory=dict)


def prepared(change: Change, found: Connected, order: Order) -> Item:
    """Return the job of an order, not stored yet; the request of its first page is built, and thrown away.

    Raises Conflict where the integration cannot be called now, BadDefinition and BadRequest for what cannot be done.
    """
    connected.must_be_usable(found)
    running = to_run(change.tables.config, found)
    chosen = choosing.choose(jsontext.load(running.definition_text), order.sought)
    must_allow(found.integration, chosen.document_type)
    if found.entry is None:
        must_have_address(running.found)
    _check_filters(chosen, order.filters)
    job = jobs.new(change, _wanted(running, chosen, order))
    return {**job, **_begun(change, running, job)}


def to_run(config: Table, found: Connected) -> Connected:
    """Return the integration as syncs run it: a custom one by its published version."""
    return found if found.entry is not None else replace(found, found=versions.to_run(config, found.found))


def user_of(found: Connected) -> str:
    """Return whose connection it is, "" for the tenant's."""
    return "" if found.owner == TENANT else connections.user_of(found.owner)


def must_be_free(change: Change, job: Item) -> None:
    """Refuse to start beside an open job of the same entity and way; raises Conflict that names it."""
    holder = locks.holder(change.tables, job)
    if holder is not None:
        raise Conflict("A sync of this entity is under way; cancel it or wait for its end.", jobId=holder["sk"])


def problems_of(running: Connected, chosen: Chosen, params: Json) -> Iterator[Problem]:
    """Yield what a configuration's parameters lack, as far as that is known before the first call."""
    for endpoint in (chosen.reads, chosen.writes):
        if endpoint is not None:
            try:
                _try_first(running.definition_text, endpoint, connected.variables_of(running, params))
            except BadDefinition as fault:
                yield from (Problem("/params", each.message) for each in fault.problems)
            except BadRequest as fault:
                yield Problem("/params", fault.message)


def _wanted(running: Connected, chosen: Chosen, order: Order) -> jobs.Wanted:
    user = user_of(running)
    kept = {
        "documentType": chosen.document_type,
        "writeEndpointId": chosen.write_endpoint_id,
        "userId": user or None,
        "filters": jsontext.dump(order.filters) if order.filters else None,
        "isStateless": True if order.job_type in STATELESS else None,
        **order.more,
    }
    return jobs.Wanted(
        running.id,
        chosen.endpoint_id,
        chosen.entity,
        {**order.params, **order.filters},
        running.found.connector["version"],
        is_fresh=order.job_type != INCREMENTAL,
        job_id=order.job_id,
        job_type=order.job_type,
        phases=chosen.phases,
        more={name: value for name, value in kept.items() if value is not None},
    )


def _begun(change: Change, running: Connected, job: Item) -> Json:
    """Return what the job asks from; without a former state an incremental one reads everything, and says so."""
    text, params = with_own_fields(running.definition_text, job), jsontext.load(job["params"])
    plan = plan_of(text, job["endpointId"]) if PULL in job["phases"] else None
    kept = partitions.ordered(plan, job) if plan else {}
    state = State(change.tables.activity, {**job, **kept})
    variables = connected.variables_of(running, params, {} if job.get("isStateless") else state)
    if plan is None:
        endpoint = next(each for each in jsontext.load(text)["endpoints"] if each["id"] == job["endpointId"])
        _try_first(text, endpoint, variables)
        return {}
    begun = {} if job.get("isStateless") else increments.begun(plan.increment, state, is_fresh=job["isFresh"])
    plan.first(plan.tried(variables), begun.get("incrementalFrom"))
    is_full = job["jobType"] == INCREMENTAL and begun.get("incrementalFrom") is None
    return {**kept, **begun, "jobType": FULL if is_full else job["jobType"]}


def _try_first(text: str, endpoint: Mapping[str, Any], variables: Variables) -> None:
    """Build the first request of an endpoint; raises BadRequest for a parameter that is missing or wrong."""
    from hub.connector.batches import compile_batch
    from hub.connector.uploads import compile_upload

    name = str(endpoint["id"])
    if "upload" in endpoint:
        compile_upload(definition_of(text), name)  # its request is made of the file
    elif "batch" in endpoint:
        compile_batch(definition_of(text), name).plan.first(with_key(variables))  # each batch will have its own
    else:
        plan = plan_of(text, name)
        plan.first(plan.tried(variables))


def _check_filters(chosen: Chosen, filters: Json) -> None:
    """Refuse a filter that the endpoint has no parameter for: it would sync everything and seem to have listened."""
    if not filters or chosen.phases == (PUSH,):
        return
    if chosen.reads is None:
        raise BadDefinition("A file holds all documents.", [Problem("/filters", "expected none for an upload")])
    known = choosing.params_of(chosen.reads) | set(_PLACE.findall(jsontext.dump(chosen.reads)))
    unknown = [name for name in filters if name not in known]
    if unknown:
        listed = ", ".join(sorted(known)) or "none"
        problems = [Problem(f"/filters/{name}", f"the endpoint can be asked for: {listed}") for name in unknown]
        raise BadDefinition("The endpoint cannot be filtered like this.", problems)
