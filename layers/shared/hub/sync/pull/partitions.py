"""A list that exists once per parent, walked as if it were one: the pages of one parent follow those of the one before.

    job: partition {id, value, since, watermark, read}   the parent whose pages are read
         walked    {stop, off, isMarked}                 what those before it have come to
         only      {param, value}                        the one parent that the caller asked for

Each parent has a state of its own, that of the list with its value among the params: it is asked from its own
watermark, and written with the checkpoint of its last page. One whose run has failed keeps the state it had.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hub.connector.incremental import Value, Watermark
from hub.connector.pages import Means
from hub.connector.plan import Page, PageRun, Plan, Position
from hub.connector.request_config import Parent
from hub.connector.select import identifier_text
from hub.connector.variables import Variables
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.clock import DAY_S
from hub.core.errors import BadDefinition, BadRequest, HubError, Problem
from hub.core.tables import Tables, Update, Write
from hub.mapping.config import Unfit
from hub.sync import jobs
from hub.sync.pull import increments, seen
from hub.sync.pull.parents import Found, Parents
from hub.sync.pull.part_pages import PartPage, none
from hub.sync.pull.state import KEPT_DAYS, State, place_of
from hub.sync.pull.state import after as state_after

Json = dict[str, Any]

GONE, NO_PARENTS, REPEATED = "gone", "no_parents", "repeated_page"
# Where the pages of the next parent begin. A restart of a list has the same kind, and is counted.
NEXT_PARENT = Position("first")


@dataclass(frozen=True)
class Partition:
    """A parent as the job keeps it: what it is asked from, the highest value so far, and how many records came."""

    id: str
    value: str
    since: Value | None = None
    watermark: Watermark | None = None
    read: int = 0

    def with_page(self, page: Page) -> "Partition":
        highest = increments.higher(self.watermark, page.watermark)
        return replace(self, watermark=highest, read=self.read + len(page.records))


@dataclass(frozen=True)
class Walked:
    """What the parents before have come to: the first end that was none, and why nothing may be deleted."""

    stop: str | None = None
    off: str | None = None
    isMarked: bool = False  # noqa: N815 - as it stands in the job


@dataclass(frozen=True)
class Asking:
    """How the list of a parent is asked for; `variables` are without the parent's value and state."""

    plan: Plan
    parent: Parent
    variables: Variables
    means: Means


@dataclass
class Partitions:
    """The run over the pages of all parents; it begins where the job stands."""

    tables: Tables
    job: Item
    asking: Asking
    _ahead: Iterator[tuple[Found, State]] = field(init=False)
    _at: Partition | None = field(init=False)
    _state: State | None = field(init=False, default=None)
    _walked: Walked = field(init=False)
    _pages: PageRun | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        kept = self.job.get("partition")
        self._at = Partition(**kept) if kept else None
        self._walked = Walked(**self.job.get("walked") or {})
        self._ahead = self._following(self._at.id if self._at else "")

    def fetch(self, position: Position | None = None, give_up_at: float | None = None) -> Page:
        """Return the page at `position`, None = the first of its parent. Raises as `PageRun.fetch` does."""
        at = self._at or self._next()
        if at is None:
            return self._without_parents()
        position = None if position == NEXT_PARENT else position
        try:
            pages = self._pages or self._bound(at, is_first=position is None)
            page = pages.fetch(position, give_up_at)
        except HubError as error:
            error.details["partition"] = at.id
            raise
        return self._taken(at, page, is_first=position is None)

    def close(self) -> None:
        """Leave alone what was fetched ahead."""
        if self._pages is not None:
            self._pages.close()
            self._pages = None

    def _bound(self, at: Partition, *, is_first: bool) -> PageRun:
        job, variables, state = self.job, self.asking.variables, self._state_of(at)
        params = {**variables.params, self.asking.parent.param: at.value}
        named = replace(variables, params=params, state={} if job.get("isStateless") else state)
        validators = state.validators if is_first and not job.get("isFresh") else None
        means = replace(self.asking.means, validators=validators, may_be_gone=not job.get("only"))
        self._pages = self.asking.plan.bind(named, means, at.since)
        return self._pages

    def _taken(self, at: Partition, page: Page, *, is_first: bool) -> Page:
        """Return the page as one of the whole walk; behind the last one of a parent the next parent's follow."""
        self._at = at = at.with_page(page)
        facts: Json = {"partition": at.id, **({"incrementalFrom": at.since} if is_first else {})}
        if page.next is not None or page.stop_reason == REPEATED:
            return self._part(page, facts=facts, fields=self._fields(at))
        writes, state = self._left(at, page, is_whole=is_first), self._state_of(at)
        self._walked = self._ended(at, page, state)
        following = self._next()
        if following is not None and self._must_mark(at):
            writes.append(self._mark(at))
            self._walked = replace(self._walked, isMarked=True)
        return self._part(
            page,
            next=None if following is None else NEXT_PARENT,
            stop_reason=None if following is not None else self._walked.stop or page.stop_reason,
            facts=facts,
            fields=self._fields(following),
            writes=tuple(writes),
            faults=(_gone(at, page),) if page.stop_reason == GONE else (),
        )

    def _part(self, page: Page, **changes: Any) -> PartPage:
        # Totals are those of one parent, and so are validators.
        whole = {**vars(page), "total": None, "validators": None}
        return PartPage(**{**whole, **changes})

    def _fields(self, at: Partition | None) -> Json:
        """Return what the job keeps; a parent's first page has no position."""
        walked = self._walked
        begins = at is not None and self._pages is None
        return {
            "partition": None if at is None else asdict(at),
            "walked": asdict(walked),
            **({"position": None} if begins else {}),
            **({"deletesOff": walked.off} if walked.off and seen.is_noted(self.job) else {}),
        }

    def _ended(self, at: Partition, page: Page, state: State) -> Walked:
        is_natural = page.stop_reason in seen.NATURAL_ENDS
        off = None
        if not is_natural:
            off = f"the list of parent {at.id} did not say that it ends ({page.stop_reason})"
        elif page.total is not None and at.read < page.total:
            off = f"the list of parent {at.id} has {page.total} records by its own account, {at.read} came"
        elif state.is_used:
            off = "the endpoint is asked for changes since the last sync"
        stop = self._walked.stop or (None if is_natural else page.stop_reason)
        return replace(self._walked, stop=stop, off=self._walked.off or off)

    def _without_parents(self) -> Page:
        kind = self.asking.parent.document_type
        return none(NO_PARENTS, self._fields(None), f"no documents of type {kind} are stored; sync them first")

    # The parents and their states

    def _next(self) -> Partition | None:
        """Go on to the next parent, whose pages are not bound yet; None behind the last one."""
        self.close()
        found, self._state = next(self._ahead, (None, None))
        self._at = None if found is None or self._state is None else self._begun(found, self._state)
        return self._at

    def _begun(self, found: Found, state: State) -> Partition:
        """Return what the parent is asked from: decided once, whoever goes on with its pages."""
        increment = self.asking.plan.increment
        if increment is None or self.job.get("isStateless"):
            return Partition(found.id, found.value)
        kept = state.watermark(increment.footprint)
        is_asked = kept is not None and self.job.get("incrementalFrom") is not None
        return Partition(found.id, found.value, increment.value(kept) if is_asked and kept is not None else None)

    def _following(self, document_id: str) -> Iterator[tuple[Found, State]]:
        """Yield the parents behind one, each with its state: their states are read together."""
        for group in self._groups(document_id):
            jobs_of = [self._job_of(found.value) for found in group]
            kept = {} if self.job.get("isStateless") else self._kept(jobs_of)
            for found, job in zip(group, jobs_of, strict=True):
                yield found, State.known(self.tables.activity, job, kept.get(place_of(job)["sk"], {}))

    def _kept(self, jobs_of: list[Item]) -> dict[str, Item]:
        # Two parents may have the same value, and so one list.
        places = {place["sk"]: place for place in map(place_of, jobs_of)}
        return {item["sk"]: item for item in self.tables.activity.batch_get([*places.values()])}

    def _groups(self, document_id: str) -> Iterator[list[Found]]:
        only = self.job.get("only")
        if only is None:
            yield from Parents(self.tables, self.job, self.asking.parent).after(document_id)
        elif not document_id:
            yield [Found(only["value"], only["value"])]

    def _state_of(self, at: Partition) -> State:
        if self._state is None:  # one that is empty counts as false
            self._state = State(self.tables.activity, self._job_of(at.value))
        return self._state

    def _job_of(self, value: str) -> Item:
        """Return the job as if its list were the one of this parent alone."""
        params = {**jsontext.load(self.job["params"]), self.asking.parent.param: value}
        return {**self.job, "params": jsontext.dump(params)}

    def _left(self, at: Partition, page: Page, *, is_whole: bool) -> list[Write]:
        """Return the write of what a parent leaves to the next sync; nothing of one that is gone, or not stored."""
        if page.stop_reason == GONE or self.job.get("isStateless"):
            return []
        job = {**self._job_of(at.value), "incrementalFrom": at.since, "page": 0 if is_whole else 1}
        state = self._state_of(at)
        # What others have read since this run began, before it was gone on with, counts as well.
        job |= {"keptWatermark": state.watermark(job["footprint"])} if "footprint" in job else {}
        left = increments.left(job, page, {"watermark": at.watermark})
        return [state_after(self.tables.activity, job, page, state, left)]

    def _must_mark(self, at: Partition) -> bool:
        """Say whether the next sync would not know yet that there are states to be asked from."""
        is_first = "footprint" in self.job and self.job["keptWatermark"] is None and at.watermark is not None
        return is_first and not (self._walked.isMarked or self.job.get("isStateless") or self.job.get("only"))

    def _mark(self, at: Partition) -> Update:
        values = {
            "watermark": at.watermark,
            "footprint": self.job["footprint"],
            "at": self.job["startedAt"],
            "expires": int(clock.epoch_s()) + KEPT_DAYS * DAY_S,
        }
        sets = "SET watermark = :watermark, footprint = :footprint, lastSyncAt = :at, expiresEpochS = :expires"
        return Update(self.tables.activity, place_of(self.job), sets, values)


def _gone(at: Partition, page: Page) -> Json:
    reason = f"The parent {at.id} is not there any more: the provider answered {page.status}. Its list counts as empty."
    return {"code": "NOT_FOUND", "partition": at.id, "reason": reason}


# What a job does with them


def ordered(plan: Plan, job: Item) -> Json:
    """Return what a new job keeps where the caller names the one parent to be read; raises BadDefinition, BadRequest.

    Its documents belong to the list of all parents all the same.
    """
    parent, params = plan.parent, jsontext.load(job["params"])
    if parent is None:
        return {}
    goes_both_ways = jobs.PUSH in job["phases"]
    if goes_both_ways and parent.scoped_ids:
        problem = Problem("/direction", "ids that begin with a parent's mean nothing to the provider: expected a pull")
        raise BadDefinition("The integration cannot be synced like this.", [problem])
    if goes_both_ways or parent.param not in params:
        return {}
    value = _named(parent.param, params.pop(parent.param))
    return {"params": jsontext.dump(params), "only": {"param": parent.param, "value": value}}


def _named(param: str, given: Any) -> str:
    """Return the parent that a caller names, written as its document's id would be: both have one state."""
    try:
        return identifier_text(given)
    except Unfit as fault:
        raise BadRequest(f"Parameter {param!r}: {fault}.", parameter=param) from None


def left_of_all(job: Item, page: Page, read: Json) -> Json:
    """Return what the walk leaves to the next one: that there are watermarks, and the highest of them, for people."""
    if not isinstance(page, PartPage) or "footprint" not in job:
        return {}
    highest = increments.higher(job["keptWatermark"], read["watermark"])
    return {"watermark": highest, "footprint": job["footprint"]}
