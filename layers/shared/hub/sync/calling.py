"""How a job's own calls go out: the version of the integration that it runs, with its credentials and its limits."""

from functools import partial
from typing import TYPE_CHECKING

from hub import documents
from hub.connector.actions import Judge
from hub.connector.batch_plans import BatchPlan
from hub.connector.plan import Means, Plan
from hub.core import events
from hub.integrations import connected, custom, together
from hub.integrations.calls.noticing import noticing
from hub.integrations.connected import Connected
from hub.integrations.connections.marks import Marks
from hub.outbound.traffic import Traffic
from hub.sync.field_rules import with_own_fields
from hub.sync.jobs import Claim
from hub.sync.pull.state import State
from hub.sync.working import Work

if TYPE_CHECKING:
    from hub.core.vault import Secrets


def chosen(work: Work, held: Claim, state: State | None = None) -> tuple[Connected, "Secrets"]:
    """Return the integration that a job calls and its secrets; raises Conflict, BadDefinition where it cannot.

    With `state`, which a run is about to need, that is read in the same call.
    """
    tables, job = work.resources.tables, held.job
    config, beside = tables.config, [] if state is None else [(tables.activity, state.place)]
    read = together.load(
        work.resources, work.vault, held.tenant, job["integrationId"], str(job.get("userId") or ""), *beside
    )
    if state is not None:
        state.take(read.beside[0])
    found = read.found
    custom.must_not_be_paused(found.found)
    running = connected.at_version(config, found, held.job["connectorVersion"])
    connected.must_be_usable(running)
    return running, read.secrets_of(running)


def definition_of(work: Work, held: Claim) -> str:
    """Return the definition that a job runs, with the fields of its configuration; nothing is called."""
    config, job = work.resources.tables.config, held.job
    present = connected.load(config, held.tenant, job["integrationId"], user=str(job.get("userId") or ""))
    found = connected.at_version(config, present, job["connectorVersion"])
    return with_own_fields(found.definition_text, held.job)


def means(work: Work, found: Connected, secrets: "Secrets", plan: Plan | BatchPlan) -> Means:
    """Return what the calls of a plan go out with; answers are judged on the way, and the provider's limits kept."""
    tables = work.resources.tables
    exchange = plan.plan.exchange if isinstance(plan, BatchPlan) else plan.exchange
    marks = Marks(tables, work.keep_days, partial(events.hint, work.resources))
    traffic = Traffic(tables.coordination, found.tenant, found.id)
    way = traffic.regulated(Judge(work.client, exchange.rules), plan.limits, plan.rate_headers)
    return Means(
        client=noticing(way, found, marks),
        secrets=secrets,
        # The token server is another system: neither the provider's limits nor its failures are its own.
        tokens=connected.token_source_of(work.vault, work.client, found, secrets, marks=marks),
        find_documents=partial(documents.find_many, tables.documents, found.tenant),
    )
