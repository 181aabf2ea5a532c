"""Redo jobs: what failed is queued again in its order, paced, counted once, cancellable, and finished after a crash."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from hub.core import clock, due, events
from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.errors import BadDefinition, Conflict, NotFound
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.core.tables import Put, key
from hub.webhooks.deliveries import deliveries
from hub.webhooks.inbound import inbound
from hub.webhooks.recovery import redo
from hub.webhooks.recovery.job_ids import is_job
from hub.webhooks.recovery.redo import RECOVER, REPLAY, Wanted
from hub.webhooks.recovery.redo_models import RecoverRequest, RedoJob, ReplayRequest
from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Record, recorded

SUBSCRIPTION, ENDPOINT = "sub_1", "whe_1"
PAGE = 10


@dataclass
class Redo:
    """The jobs of one tenant, and what they are about."""

    hub: Hub
    clock: StoppedClock

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.hub.tenant)

    def delivery(self, state: str, **changed: Any) -> str:
        """Store a delivery whose event is from now."""
        event = events.new(self.tenant, "contact.created", {}, 30)
        made = deliveries.delivery_id(event, SUBSCRIPTION)
        item: Item = {
            **deliveries.place(self.tenant, SUBSCRIPTION, made),
            "subscriptionId": SUBSCRIPTION,
            "eventId": event["sk"],
            "state": state,
            "attempts": 5,
            "expiresEpochS": event["expiresEpochS"],
        }
        self._put({**item, **changed})
        return made

    def received(self, state: str) -> str:
        """Store an event that an endpoint received now."""
        item = inbound.new(self.tenant, ENDPOINT, new_id("iev"), headers={}, body=b"{}", keep_days=30)
        for mark in ("dueShard", "dueAt"):
            del item[mark]
        self._put({**item, "state": state})
        return str(item["sk"])

    def _put(self, item: Item) -> None:
        resources().tables.write(Put(resources().tables.activity, item))

    def change(self) -> Change:
        caller = Caller(self.tenant, "u1", frozenset({"tenant_admin"}), frozenset())
        return Change(resources().tables, caller, "r1", 30)

    def start(self, kind: str = RECOVER, **wanted: Any) -> str:
        change, scope = self.change(), SUBSCRIPTION if kind == RECOVER else ENDPOINT
        job = redo.start(change, kind, scope, Wanted(**{"since": clock.iso(self.clock.epoch_s - 3600), **wanted}))
        resources().tables.write(*change._writes)
        return str(job["sk"])

    def cancel(self, job_id: str) -> None:
        change = self.change()
        redo.cancel(change, self.job(job_id))
        resources().tables.write(*change._writes)

    def job(self, job_id: str) -> Item:
        found = resources().tables.activity.get(key(self.tenant, "redo", job_id))
        assert found is not None
        return found

    def work(self, job_id: str) -> Record:
        """Let the event router take one hint; return what it asked of AWS."""
        with self.hub.cloud.running("EventRouter"), recorded() as asked:
            redo.work(resources(), Hint(self.tenant, job_id), PAGE)
        return asked

    def worked(self, job_id: str) -> list[dict[str, Any]]:
        """Work on the job until it ends; return all hints about the items, each with the second it is for."""
        sent = []
        for _ in range(1000):
            asked, began = self.work(job_id), self.clock.epoch_s
            hints = [hint for hint in asked.hints(self.hub.tenant) if not is_job(hint["id"])]
            sent += [{**hint, "second": began + hint["delay"]} for hint in hints]
            job = self.job(job_id)
            if job["state"] != "RUNNING":
                return sent
            self.clock.epoch_s = max(self.clock.epoch_s, job["nextAttemptAt"] / 1000)
        raise AssertionError(job)

    def states(self) -> dict[str, str]:
        pk = deliveries.partition_of(self.tenant, SUBSCRIPTION)
        return {item["sk"]: item["state"] for item in resources().tables.activity.query_all("pk = :pk", {"pk": pk})}


@pytest.fixture
def work(hub: Hub, stopped_clock: StoppedClock) -> Redo:
    return Redo(hub, stopped_clock)


def test_recovery_sends_again_what_failed_or_was_skipped_oldest_first(work: Redo) -> None:
    made: list[tuple[str, str]] = []
    for state in ("failed", "delivered", "skipped", "queued", "cancelled", "failed"):
        made.append((state, work.delivery(state)))
        work.clock.advance(1)
    job_id = work.start()

    sent = work.worked(job_id)

    wanted = [name for state, name in made if state in ("failed", "skipped")]
    assert [hint["id"] for hint in sent] == [f"{SUBSCRIPTION}/{name}" for name in wanted]
    assert {work.states()[name] for name in wanted} == {"queued"}
    assert {work.states()[name] for state, name in made if state not in ("failed", "skipped")} == {
        "delivered",
        "queued",
        "cancelled",
    }
    job = work.job(job_id)
    assert (job["state"], job["found"], job["redone"]) == ("COMPLETED", 3, 3)
    assert "dueAt" not in job


def test_redone_delivery_is_open_again_and_has_all_its_tries(work: Redo) -> None:
    name = work.delivery("failed", failedAt="then")
    work.worked(work.start())

    found = resources().tables.activity.get(deliveries.place(work.tenant, SUBSCRIPTION, name))

    assert found is not None
    assert (found["attempts"], found["roundFrom"], found["nextAttemptAt"]) == (5, 5, 0)
    assert found["dueShard"].startswith(due.DELIVERIES.name)


def test_recovery_leaves_alone_what_is_outside_its_range_or_of_other_states(work: Redo) -> None:
    before = work.delivery("failed")
    work.clock.advance(60)
    since = clock.iso(work.clock.epoch_s)
    inside, other = work.delivery("cancelled"), work.delivery("failed")
    work.clock.advance(60)
    until = clock.iso(work.clock.epoch_s - 1)
    after = work.delivery("cancelled")

    work.worked(work.start(since=since, until=until, states=("cancelled",)))

    assert work.states() == {before: "failed", inside: "queued", other: "failed", after: "cancelled"}


def test_trial_deliveries_are_not_sent_again(work: Redo) -> None:
    work.delivery("failed", isTest=True)

    assert work.worked(work.start()) == []


@pytest.mark.parametrize(("rate", "count"), [(20, 110), (1, 12), (3, 40)])
def test_no_second_gets_more_than_the_rate(work: Redo, rate: int, count: int) -> None:
    for _ in range(count):
        work.delivery("failed")
    job_id, began = work.start(rate_per_second=rate), work.clock.epoch_s

    sent = work.worked(job_id)

    assert len({hint["id"] for hint in sent}) == len(sent) == count
    per_second = [int(hint["second"]) for hint in sent]
    assert max(per_second.count(second) for second in set(per_second)) <= rate
    assert max(per_second) - began <= count / rate  # and not much slower, as long as its own hints may go on


def test_own_hints_end_before_the_guard_against_loops_and_the_sweeper_goes_on(work: Redo) -> None:
    for _ in range(50):
        work.delivery("failed")
    job_id = work.start(rate_per_second=1)
    own = []

    for _ in range(redo.MOST_RUNS):
        own.append([hint["delay"] for hint in work.work(job_id).hints(work.hub.tenant, "EventQueue")])
        work.clock.advance(redo.RUN_S)

    assert own == [[redo.RUN_S]] * (redo.MOST_RUNS - 1) + [[]]
    assert clock.epoch_of(work.job(job_id)["dueAt"]) == work.clock.epoch_s
    work.work(job_id)
    assert work.job(job_id)["redone"] == (redo.MOST_RUNS + 1) * redo.RUN_S


def test_early_and_doubled_hints_change_nothing(work: Redo) -> None:
    for _ in range(30):
        work.delivery("failed")
    job_id = work.start(rate_per_second=2)
    work.work(job_id)

    early = work.work(job_id)

    assert (work.job(job_id)["redone"], early.hints(work.hub.tenant)) == (10, [])


def test_cancelled_job_begins_no_further_page(work: Redo) -> None:
    for _ in range(40):
        work.delivery("failed")
    job_id = work.start(rate_per_second=10)

    with just_before_the("Query", 2, lambda: work.cancel(job_id)):
        work.work(job_id)
    work.clock.advance(600)
    work.work(job_id)

    assert work.job(job_id)["state"] == "CANCELLED"
    assert list(work.states().values()).count("queued") == 2 * PAGE  # the page that was under way is the last


@contextmanager
def just_before_the(operation: str, number: int, act: Callable[[], object]) -> Iterator[None]:
    """Let `act` happen before the so many-th call of this name, from 1."""
    bus, name, left = resources().dynamodb.meta.events, f"before-call.dynamodb.{operation}", [number]

    def count(**_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            act()

    bus.register(name, count)
    try:
        yield
    finally:
        bus.unregister(name, count)


def die() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("number", [1, 2, 3, 8, 11, 12, 13, 22, 23, 28, 29])
def test_job_whose_worker_dies_anywhere_is_finished_and_counts_each_item_once(work: Redo, number: int) -> None:
    """Its writes: the claim, ten deliveries, the page; ten, the page; five, the end."""
    names = [work.delivery("failed") for _ in range(25)]
    job_id = work.start()
    with pytest.raises(KeyboardInterrupt), just_before_the("UpdateItem", number, die):
        work.work(job_id)

    if number > 1:
        work.work(job_id)  # the lease still stands
        assert work.job(job_id)["state"] == "RUNNING"
    work.clock.advance(redo.LEASE_S + 1)
    work.worked(job_id)

    job = work.job(job_id)
    assert (job["state"], job["found"], job["redone"]) == ("COMPLETED", 25, 25)
    assert work.states() == dict.fromkeys(names, "queued")


def test_job_whose_hints_were_lost_is_finished_by_the_sweeper(work: Redo) -> None:
    for _ in range(3):
        work.delivery("failed")
    job_id = work.start()
    work.clock.advance(due.GRACE_S + 1)

    with work.hub.cloud.running("Sweeper"), recorded() as asked:
        work.hub.cloud.handler("Sweeper")({}, None)

    (hint,) = asked.hints(work.hub.tenant, "EventQueue")
    assert hint["id"] == job_id
    work.worked(hint["id"])
    assert work.job(job_id)["redone"] == 3


def test_delivery_that_failed_again_meanwhile_is_not_sent_a_third_time_by_the_same_job(work: Redo) -> None:
    """What was done before the crash has had its turn."""
    name = work.delivery("failed")
    work.clock.advance(1)
    others = [work.delivery("failed") for _ in range(3)]
    job_id = work.start()
    with pytest.raises(KeyboardInterrupt), just_before_the("UpdateItem", 4, die):
        work.work(job_id)
    item = resources().tables.activity.get(deliveries.place(work.tenant, SUBSCRIPTION, name))
    assert item is not None
    work._put({**item, "state": "failed"})

    work.clock.advance(redo.LEASE_S + 1)
    work.worked(job_id)

    assert work.states() == {name: "failed", **dict.fromkeys(others, "queued")}
    assert work.job(job_id)["redone"] == 4


def test_replay_processes_received_events_again_by_the_time_of_their_arrival(work: Redo) -> None:
    early = work.received("processed")
    work.clock.advance(60)
    since, names = clock.iso(work.clock.epoch_s), []
    for state in ("processed", "failed", "queued", "unmatched"):
        names.append(work.received(state))
        work.clock.advance(1)
    job_id = work.start(REPLAY, since=since)

    sent = work.worked(job_id)

    assert [hint["id"] for hint in sent] == [f"{ENDPOINT}/{name}" for name in (names[0], names[1], names[3])]
    assert {hint["tenant"] for hint in sent} == {work.hub.tenant}
    stored = resources().tables.activity.get(inbound.place(work.tenant, ENDPOINT, names[0]))
    assert stored is not None
    assert (stored["state"], stored["replays"], stored["body"]) == ("queued", 1, b"{}")
    assert resources().tables.activity.get(inbound.place(work.tenant, ENDPOINT, early))["state"] == "processed"  # type: ignore[index]


def test_job_belongs_to_its_tenant_its_kind_and_its_subscription(work: Redo) -> None:
    job_id, tables = work.start(), resources().tables

    assert redo.get(tables, work.tenant, RECOVER, SUBSCRIPTION, job_id)["sk"] == job_id
    for tenant, kind, scope in [
        (Tenant("other"), RECOVER, SUBSCRIPTION),
        (work.tenant, REPLAY, SUBSCRIPTION),
        (work.tenant, RECOVER, "sub_2"),
    ]:
        with pytest.raises(NotFound):
            redo.get(tables, tenant, kind, scope, job_id)


def test_ended_job_cannot_be_cancelled(work: Redo) -> None:
    job_id = work.start()
    work.worked(job_id)

    with pytest.raises(Conflict):
        redo.cancel(work.change(), work.job(job_id))


def test_range_that_is_empty_is_refused_with_its_place(work: Redo) -> None:
    with pytest.raises(BadDefinition) as refusal:
        work.start(since=clock.iso(work.clock.epoch_s + 5))

    assert [problem.pointer for problem in refusal.value.problems] == ["/since"]


def test_range_never_reaches_into_the_future(work: Redo) -> None:
    """What fails from now on is not part of it, or it could be sent again without end."""
    job_id = work.start(until="2999-01-01T00:00:00.000Z")

    assert work.job(job_id)["until"] == clock.iso(work.clock.epoch_s)


@pytest.mark.parametrize("kind", [RECOVER, REPLAY])
def test_view_of_a_job_is_its_documented_answer(work: Redo, kind: str) -> None:
    shown = redo.view(work.job(work.start(kind)))

    assert RedoJob.model_validate(shown).model_dump(exclude_none=True) == {
        name: value for name, value in shown.items() if value is not None
    }


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z"])
def test_recovery_since_before_the_first_time_an_id_can_hold_recovers_everything(work: Redo, since: str) -> None:
    name = work.delivery("failed")
    job_id = work.start(since=RecoverRequest.model_validate({"since": since}).wanted().since)

    sent = work.worked(job_id)

    assert [hint["id"] for hint in sent] == [f"{SUBSCRIPTION}/{name}"]
    assert work.job(job_id)["state"] == "COMPLETED"


def test_request_reads_times_of_any_zone() -> None:
    wanted = RecoverRequest.model_validate(
        {"since": "2026-07-01T12:00:00+02:00", "status": ["skipped"], "ratePerSecond": 5}
    ).wanted()

    assert wanted == Wanted("2026-07-01T10:00:00.000Z", None, ("skipped",), 5)
    assert ReplayRequest.model_validate({"since": "2026-07-01T10:00:00Z"}).wanted().states == ()
