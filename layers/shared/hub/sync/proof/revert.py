"""Taking back what a run has changed: each document as it was before, where nothing has changed it since.

A job of its own, whose counters say what became of the documents: updated and created are restored, deleted are those
which the run had made, unchanged were like that already, rejected stay as they are, with the reason.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hub import document_versions, documents
from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.tables import IS_UNCHANGED, ConditionFailed, Contended, Key, Put, Tables, key
from hub.documents import Step as Writing
from hub.sync import jobs, pauses
from hub.sync.jobs import Claim, Counters
from hub.sync.proof import changed, samples
from hub.sync.proof.samples import OUTCOMES
from hub.sync.starts import orders
from hub.sync.working import KEPT_ERRORS, Noted, Step, Work, walk

Json = dict[str, Any]

AT_ONCE = 50
MOST_PREVIEWED = 500
TRIES = 3
SINCE = "it was changed since"
NOT_KEPT = "what it was before the run is not kept"
GONE = "it is not there any more"


@dataclass(frozen=True)
class Decided:
    """What is to become of one document: `item` is written, None = nothing is."""

    outcome: str
    item: Item | None = None
    reason: str = ""


def decide(present: Item | None, former: Iterable[Item], run: str, step: Writing) -> Decided:
    """Decide about a document that the run named `run` has changed; `former` are its versions, newest first."""
    if present is None:
        return Decided("rejected", reason=GONE)
    if present["touchedBy"] == step.name:
        return Decided(str(present["revertedAs"]))  # an earlier worker did it in this very step
    if not _is_of(run, present):
        return Decided("rejected", reason=SINCE)
    expected = present["version"] - 1
    for version in former:
        if version["version"] != expected:
            return Decided("rejected", reason=NOT_KEPT)
        if not _is_of(run, version):
            return _restored(present, version, step)
        expected -= 1
    return _restored(present, None, step) if expected == 0 else Decided("rejected", reason=NOT_KEPT)


def _restored(present: Item, target: Item | None, step: Writing) -> Decided:
    was = documents.exists(present)
    if target is None or not documents.exists(target):
        if not was:
            return Decided("unchanged")
        gone = documents.tombstone(present, step, step.history_days)
        return Decided("deleted", {**gone, "revertedAs": "deleted"})
    now, outcome = clock.now(), "updated" if was else "created"
    kept = {name: value for name, value in target.items() if name not in ("until", "expiresEpochS")}
    guard = {"sourceVersion": present["sourceVersion"]} if "sourceVersion" in present else {}
    after = {
        **kept,
        **guard,
        "version": present["version"] + 1,
        "touchedBy": step.name,
        "hashBefore": present["hash"],
        "updatedAt": now,
        "changeKey": f"{now}#{present['sk']}",
        "revertedAs": outcome,
    }
    return Decided(outcome, after)


def start(change: Change, job: Item) -> Item:
    """Add the job to `change` that takes back what `job` has changed, and return it; raises Conflict."""
    _must_be_kept(job)
    carried: Json = {name: job[name] for name in ("documentType", "userId") if name in job}
    wanted = jobs.Wanted(
        job["integrationId"],
        job["endpointId"],
        job["entityType"],
        {},
        job["connectorVersion"],
        phases=("revert",),
        more={**carried, "revertOf": job["sk"], "history": True},
    )
    made = jobs.new(change, wanted)
    jobs.start(change, made)
    orders.must_be_free(change, made)
    change.audit("sync.reverted", job["sk"], jobId=made["sk"])
    return made


def preview(tables: Tables, job: Item) -> Json:
    """Return what a revert would do, for so many documents; nothing is written."""
    _must_be_kept(job)
    names, more = _first_ids(tables, job)
    reverting = Reverting(tables, job, Writing("", f"preview of {job['sk']}"))
    found = [(reverting.decided(name), name) for name in names]
    counts = {outcome: sum(each.outcome == outcome for each, _ in found) for outcome in OUTCOMES}
    left = [{"externalId": name, "reason": each.reason} for each, name in found if each.outcome == "rejected"]
    shown = samples.with_more({}, ((each.outcome, name) for each, name in found))
    return {
        "preview": True,
        "jobId": job["sk"],
        **counts,
        "samples": shown,
        "left": left[:KEPT_ERRORS],
        "complete": not more,
    }


def run(work: Work, held: Claim) -> Claim | None:
    """Take back the changes of the run that the job names."""
    reverted = jobs.get(work.resources.tables, held.tenant, held.job["revertOf"])

    def step(held: Claim) -> Step:
        return _step(work, held, reverted)

    return walk(work, held, step)


@dataclass(frozen=True)
class Reverting:
    """One step over some documents of a run."""

    tables: Tables
    reverted: Item
    step: Writing

    def decided(self, name: str) -> Decided:
        table, tenant = self.tables.documents, Tenant.of_item(self.reverted)
        kind = jobs.document_type(self.reverted)
        former = document_versions.newest_first(table, tenant, kind, name)
        return decide(documents.find(table, tenant, kind, name), former, self.reverted["sk"], self.step)

    def done(self, name: str) -> Decided:
        """Restore one document; where somebody changes it at this moment it is decided again."""
        for _ in range(TRIES):
            decided = self.decided(name)
            if decided.item is None:
                return decided
            try:
                self.tables.write(*self._writes(decided.item))
            except (ConditionFailed, Contended):
                continue
            return decided
        return Decided("rejected", reason=SINCE)

    def _writes(self, after: Item) -> Iterator[Put]:
        table = self.tables.documents
        before = table.get({"pk": after["pk"], "sk": after["sk"]})
        if before is not None and before["version"] == after["version"] - 1:
            yield document_versions.keeping(table, before, self.step.history_days)
        yield Put(table, after, IS_UNCHANGED, {"version_read": after["version"] - 1})


def _step(work: Work, held: Claim, reverted: Item) -> Step:
    job, tables = held.job, work.resources.tables
    name, start_at = job.get("revertAt") or ("", 0)
    pages, more = changed.pages(tables.activity, reverted, 1, name)
    place, pairs = pages[0] if pages else ("", [])
    end = start_at + AT_ONCE
    ids = _undone(tables, job, dict.fromkeys(each for _, each in pairs[start_at:end]))
    reverting = Reverting(tables, reverted, Writing("", f"{job['sk']}#{job['page']}", history_days=work.keep_days))
    found = [(reverting.done(each), each) for each in ids]
    is_last = end >= len(pairs) and not more
    following = [name, end] if end < len(pairs) else [place, 0]
    outcomes = [(decided.outcome, each) for decided, each in found]
    writes = (*changed.writes(tables.activity, job, outcomes), *_marks(tables, job, ids))
    return Step(*_counted(job, found, following), writes, is_last)


def _counted(job: Item, found: Sequence[tuple[Decided, str]], following: list[Any]) -> tuple[Json, Noted]:
    outcomes = [(each.outcome, name) for each, name in found]
    counts = {name: sum(outcome == name for outcome, _ in outcomes) for name in OUTCOMES}
    errors = [{"externalId": name, "reason": each.reason} for each, name in found if each.outcome == "rejected"]
    progress = {
        "page": job["page"] + 1,
        "revertAt": following,
        "counters": asdict(Counters.of(job).plus(Counters(read=len(found), **counts))),
        "errors": [*job["errors"], *errors][:KEPT_ERRORS],
        "samples": samples.with_more(job.get("samples"), outcomes),
        **pauses.OVER,
    }
    return progress, Noted("revert", "documents restored", jobs.counted_since(job, progress))


def _undone(tables: Tables, job: Item, names: Iterable[str]) -> list[str]:
    """Return the documents that no earlier step of the job has counted: a run may write one more than once."""
    places = {name: _mark(job, name) for name in names}
    done = {item["sk"] for item in tables.activity.batch_get(list(places.values()))}
    return [name for name in places if name not in done]


def _marks(tables: Tables, job: Item, names: Iterable[str]) -> Iterator[Put]:
    """Yield what says that documents are counted, whatever became of them: it goes with their step's checkpoint."""
    for name in names:
        yield Put(tables.activity, {**_mark(job, name), "expiresEpochS": job["expiresEpochS"]})


def _mark(job: Item, name: str) -> Key:
    return key(Tenant.of_item(job), f"reverted#{job['sk']}", name)


def _first_ids(tables: Tables, job: Item) -> tuple[list[str], bool]:
    names: dict[str, None] = {}
    after, more = "", True
    while more and len(names) < MOST_PREVIEWED:
        pages, more = changed.pages(tables.activity, job, 1, after)
        names |= dict.fromkeys(name for _, pairs in pages for _, name in pairs)
        after = pages[-1][0] if pages else after
    return list(names)[:MOST_PREVIEWED], more or len(names) > MOST_PREVIEWED


def _must_be_kept(job: Item) -> None:
    if job["status"] in jobs.OPEN:
        raise Conflict("The job has not ended; cancel it or wait for its end.", status=job["status"])
    if not job.get("history"):
        raise Conflict("This run kept no versions of what it changed; switch `history` on in its configuration.")


def _is_of(run: str, version: Item) -> bool:
    return str(version["touchedBy"]).startswith(f"{run}#")
