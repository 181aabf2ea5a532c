"""Running the quarantine again: each record is mapped and judged by what stands now, and stored where it fits.

A job of its own. What does not fit stays where it is; a document that was written since the record was put away, or is
written at this moment, is left alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from hub import document_versions, documents
from hub.connector.plan import Record
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.chunks import chunks
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, ConditionFailed, Contended, Key, Put, Write
from hub.documents import Incoming
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.integrations.plans import plan_of
from hub.sync import jobs, pauses
from hub.sync.configs import configs
from hub.sync.field_rules import with_own_fields
from hub.sync.jobs import Claim, Counters
from hub.sync.proof import changed, samples
from hub.sync.proof.samples import OUTCOMES
from hub.sync.pull import contract as contracts
from hub.sync.pull import quarantine
from hub.sync.pull.intake import Intake, outcomes_of
from hub.sync.pull.state import feed_of
from hub.sync.starts import orders
from hub.sync.working import KEPT_ERRORS, Noted, Step, Work, walk

Json = dict[str, Any]

AT_ONCE = 25
# Documents and former versions in one transaction, which takes 4 MB.
MOST_BYTES = 3_000_000
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
        storing, waiting = Storing(self.work, held), {_name(item): item for item in items}
        later = {name for name, item in storing.present(waiting).items() if storing.is_later(item, waiting[name])}
        outcomes = {item["sk"]: "unchanged" if _name(item) in later else "rejected" for item in items}
        open_ = [item for item in items if _name(item) not in later and item["raw"]]
        raw = dict(enumerate(map(quarantine.raw_of, open_)))
        records: list[Record] = self.mapped(list(raw.values()))
        found = self.intake.sort_out(records, raw)
        put_away = {str(record.external_id): item for item, record in zip(open_, records, strict=True)}
        by_id = {name: outcome for outcome, name in outcomes_of(storing.store(found.accepted, put_away), found)}
        for item, record in zip(open_, records, strict=True):
            outcomes[item["sk"]] = by_id.get(str(record.external_id), "rejected")
        return outcomes, found.refused


@dataclass(frozen=True)
class Storing:
    """Writes documents that are still as they were read: nobody else's change is lost."""

    work: Work
    held: Claim

    def store(self, incoming: Sequence[Incoming], put_away: Mapping[str, Item]) -> list[str]:
        """Return what became of the documents of items; unchanged are those that somebody else has written since."""
        before = self.present([each.id for each in incoming])
        open_ = [each for each in incoming if not self.is_later(before.get(each.id), put_away[each.id])]
        keys = {each.id: self._place(each.id) for each in open_}
        outcomes, changed = documents.decide(before, keys, open_, self._step)
        lost: set[str] = set()
        for some in chunks(list(changed.values()), AT_ONCE, MOST_BYTES, lambda after: _bytes(after, before)):
            lost |= self._lost(some, before)
        stored = {each.id: str(outcome) for each, outcome in zip(open_, outcomes, strict=True) if each.id not in lost}
        return [stored.get(each.id, "unchanged") for each in incoming]

    def present(self, names: Iterable[str]) -> dict[str, Item]:
        found = self.work.resources.tables.documents.batch_get([self._place(name) for name in dict.fromkeys(names)])
        return {item["sk"]: item for item in found}

    def is_later(self, present: Item | None, put_away: Item) -> bool:
        """Say whether somebody else has written the document since its record was put away.

        The step that did so may have stored the rest of the record.
        """
        if present is None or present["updatedAt"] <= put_away["at"]:
            return False
        is_own = present["touchedBy"].startswith(f"{self.held.job['sk']}#")
        return not is_own and present["touchedBy"] != put_away.get("step")

    def _lost(self, some: Sequence[Item], before: Mapping[str, Item]) -> set[str]:
        """Write the documents together, and where one was changed meanwhile each by itself; return those that were."""
        try:
            self.work.resources.tables.write(*(write for after in some for write in self._writes(after, before)))
        except (ConditionFailed, Contended) as failure:
            if len(some) > 1:
                return {name for after in some for name in self._lost([after], before)}
            if isinstance(failure, Contended):
                raise  # nobody may have changed it after all: the job tries again
            return {some[0]["sk"]}
        return set()

    def _writes(self, after: Item, before: Mapping[str, Item]) -> Iterator[Put]:
        table, former = self.work.resources.tables.documents, before.get(after["sk"])
        if former is None:
            yield Put(table, after, IS_NEW)
            return
        if self._step.history_days:
            yield document_versions.keeping(table, former, self._step.history_days)
        yield Put(table, after, IS_UNCHANGED, {"version_read": former["version"]})

    def _place(self, name: str) -> Key:
        return documents.document_key(self.held.tenant, jobs.document_type(self.held.job), name)

    @property
    def _step(self) -> documents.Step:
        job = self.held.job
        days = self.work.keep_days if job.get("history") else 0
        return documents.Step(f"integration:{job['integrationId']}", f"{job['sk']}#{job['page']}", feed_of(job), days)


def _bytes(after: Item, before: Mapping[str, Item]) -> int:
    """Return about what a document takes in a transaction, with what it was before."""
    texts = (item.get(name, "") for item in (after, before.get(after["sk"], {})) for name in ("content", "raw"))
    return sum(len(text.encode()) for text in texts) + 2000


def _name(item: Item) -> str:
    return str(item["externalId"] or item["sk"].partition("#")[2])
