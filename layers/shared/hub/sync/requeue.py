"""Running the quarantine again: each record is mapped and judged by what stands now, and stored where it fits.

A job of its own. What does not fit stays where it is; a document that was written since the record was put away is left
alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from hub import documents
from hub.connector.plan import Record
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.tables import Write
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.integrations.plans import plan_of
from hub.sync import changed, configs, jobs, orders, pauses, quarantine, samples
from hub.sync import contract as contracts
from hub.sync.field_rules import with_own_fields
from hub.sync.intake import Intake, outcomes_of
from hub.sync.jobs import Claim, Counters
from hub.sync.samples import OUTCOMES
from hub.sync.state import feed_of
from hub.sync.working import KEPT_ERRORS, Noted, Step, Work, walk

Json = dict[str, Any]

AT_ONCE = 25
# What a changed configuration says stands for the records that wait, too.
PRESENT = ("contract", "fieldMappings", "keepRaw", "history")


def start(change: Change, found: Connected, entity: str) -> Item:
    """Add the job to `change` that runs the quarantine of an integration again, and return it.

    It takes the records of one list: that of the first one of the entity, or of all. Raises Conflict where none waits.
    """
    waiting, _ = quarantine.open_ones(change.tables.activity, change.caller.tenant, found.id, entity, 1, None)
    if not waiting:
        raise Conflict("No record waits in the quarantine.")
    first = waiting[0]
    wanted = jobs.Wanted(
        found.id,
        first["endpointId"],
        first["entity"],
        jsontext.load(first["params"]),
        orders.to_run(change.tables.config, found).found.connector["version"],
        phases=("quarantine",),
        more=_ordered(change, first),
    )
    made = jobs.new(change, wanted)
    jobs.start(change, made)
    orders.must_be_free(change, made)
    return made


def _ordered(change: Change, first: Item) -> Json:
    ordered: Json = jsontext.load(first["ordered"])
    if not ordered.get("configId"):
        return ordered
    try:
        config = configs.get(change.tables.config, change.caller.tenant, ordered["configId"])
    except configs.SyncConfigNotFound:
        return ordered
    return {**ordered, **{name: config[name] for name in PRESENT if name in config}}


def run(work: Work, held: Claim) -> Claim | None:
    """Deal with the records that wait, so many at a time."""
    tables = work.resources.tables
    rerun = Rerun(work, Intake(held.job, contracts.of_job(tables.activity, held.job)), _selection(work, held))
    return walk(work, held, rerun.step)


def _selection(work: Work, held: Claim) -> Any:
    """Return what maps a list of records, by the definition of the job."""
    config, job = work.resources.tables.config, held.job
    found = connected.load(config, held.tenant, job["integrationId"], user=str(job.get("userId") or ""))
    chosen = connected.at_version(config, found, job["connectorVersion"])
    plan = plan_of(with_own_fields(chosen.definition_text, job), job["endpointId"])
    find = partial(documents.find_many, work.resources.tables.documents, held.tenant)
    return lambda raw: plan.exchange.selection.records(raw, find)


@dataclass(frozen=True)
class Rerun:
    work: Work
    intake: Intake
    mapped: Any

    def step(self, held: Claim) -> Step:
        job, tables = held.job, self.work.resources.tables
        items, more = quarantine.open_ones(
            tables.activity, held.tenant, job["integrationId"], job["entityType"], AT_ONCE, job.get("quarantineAt")
        )
        mine = [item for item in items if item["feed"] == feed_of(job)]
        outcomes, errors = self._dealt_with(held, mine)
        writes: list[Write] = [
            quarantine.settled(tables.activity, item, outcomes[item["sk"]], job)
            for item in mine
            if outcomes[item["sk"]] != "rejected"
        ]
        pairs = [(outcomes[item["sk"]], _name(item)) for item in mine]
        writes += changed.writes(tables.activity, job, pairs)
        counts = {name: sum(outcome == name for outcome, _ in pairs) for name in OUTCOMES}
        progress = {
            "page": job["page"] + 1,
            "quarantineAt": items[-1]["sk"] if items else job.get("quarantineAt"),
            "counters": asdict(Counters.of(job).plus(Counters(read=len(mine), **counts))),
            "errors": [*job["errors"], *errors][:KEPT_ERRORS],
            "samples": samples.with_more(job.get("samples"), pairs),
            **pauses.OVER,
        }
        noted = Noted("quarantine", "records run again", jobs.counted_since(job, progress))
        return Step(progress, noted, tuple(writes), is_last=not more)

    def _dealt_with(self, held: Claim, items: Sequence[Item]) -> tuple[dict[str, str], list[Json]]:
        """Return what became of each item, by its name, and the faults of those that do not fit."""
        later = self._written_since(held, items)
        outcomes = {item["sk"]: "unchanged" if _name(item) in later else "rejected" for item in items}
        open_ = [item for item in items if _name(item) not in later and item["raw"]]
        raw = dict(enumerate(map(quarantine.raw_of, open_)))
        records: list[Record] = self.mapped(list(raw.values()))
        found = self.intake.sort_out(records, raw)
        stored = documents.upsert(
            self.work.resources.tables.documents,
            held.tenant,
            jobs.document_type(held.job),
            found.accepted,
            self._writing(held.job),
        )
        by_id = {name: outcome for outcome, name in outcomes_of(stored, found)}
        for item, record in zip(open_, records, strict=True):
            outcomes[item["sk"]] = by_id.get(str(record.external_id), "rejected")
        return outcomes, found.refused

    def _writing(self, job: Item) -> documents.Step:
        days = self.work.keep_days if job.get("history") else 0
        return documents.Step(f"integration:{job['integrationId']}", f"{job['sk']}#{job['page']}", feed_of(job), days)

    def _written_since(self, held: Claim, items: Sequence[Item]) -> set[str]:
        """Return the ids of documents that somebody has written since their records were put away."""
        table, own = self.work.resources.tables.documents, f"{held.job['sk']}#"
        times: Mapping[str, str] = {_name(item): item["at"] for item in items}
        kind = jobs.document_type(held.job)
        places = [documents.document_key(held.tenant, kind, name) for name in times]
        found = table.batch_get(places, "pk, sk, updatedAt, touchedBy")
        return {
            each["sk"]
            for each in found
            if each["updatedAt"] > times[each["sk"]] and not each["touchedBy"].startswith(own)
        }


def _name(item: Item) -> str:
    return str(item["externalId"] or item["sk"].partition("#")[2])
