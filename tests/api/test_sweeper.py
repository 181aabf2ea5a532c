"""The net under the queues: what nobody works on though it is due is hinted at again, and done."""

from types import SimpleNamespace
from typing import Any

import pytest

from hub.core import due, events
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Put, key
from tests.api.conftest import Hub, StoppedClock, lose_connection
from tests.api.sync_work import LEASE_S, Provider, Record, Sync, contacts, counted, recorded

QUEUES = {
    due.EVENTS: "EventQueue",
    due.DELIVERIES: "DeliveryQueue",
    due.INBOUND: "InboundQueue",
    due.JOBS: "SyncQueue",
    due.REDO: "EventQueue",
    due.CONNECTIONS: "ConnectionQueue",
}
# Where the items of each family lie, and the id that a hint names them by.
KINDS = {
    due.EVENTS: ("event", "x"),
    due.DELIVERIES: ("delivery#sub_1", "sub_1/x"),
    due.INBOUND: ("inbound#whe_1", "whe_1/x"),
    due.JOBS: ("job", "x"),
    due.REDO: ("redo", "x"),
    due.CONNECTIONS: ("renewal", "x"),
}


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Provider(contacts(25)))


def sweep(hub: Hub) -> Record:
    """Run the sweeper; return what it asked of AWS."""
    with hub.cloud.running("Sweeper"), recorded() as asked:
        hub.cloud.handler("Sweeper")({}, None)
    return asked


def swept(hub: Hub) -> dict[str, int]:
    """Run the sweeper; return the tenant's jobs that it hinted at, with the delay of each hint."""
    return {hint["id"]: hint["delay"] for hint in sweep(hub).hints(hub.tenant, "SyncQueue")}


def item(hub: Hub, family: due.Family, at: float, name: str = "x") -> Item:
    """Return an item that says nothing but when it is due."""
    kind, _ = KINDS[family]
    return {**key(Tenant(hub.tenant), kind, name), **family.marks(name, at)}


def place(hub: Hub, family: due.Family, at: float, name: str = "x") -> None:
    resources().tables.write(Put(resources().tables.activity, item(hub, family, at, name)))


def test_sweeper_hints_at_overdue_jobs_and_no_others(sync: Sync, stopped_clock: StoppedClock) -> None:
    never_hinted = [sync.start(sync.connect(f"lost-{number}")) for number in range(6)]
    done, cancelled = sync.start(sync.connect("done")), sync.start(sync.connect("cancelled"))
    sync.work(done)
    sync.cancel(cancelled)
    silent = sync.start(sync.connect("silent"))
    sync.provider.instead[len(sync.provider.calls) + 1] = die
    with pytest.raises(KeyboardInterrupt):
        sync.work(silent)

    stopped_clock.advance(61)
    assert swept(sync.hub) == {**dict.fromkeys(never_hinted, 0), silent: LEASE_S - 61}
    assert swept(sync.hub) == {}  # hinted at already
    stopped_clock.advance(due.AGAIN_AFTER_S + 1)
    assert swept(sync.hub) == dict.fromkeys([*never_hinted, silent], 0)


def die() -> Any:
    """What a worker does whose process ends."""
    raise KeyboardInterrupt


def test_job_of_a_silent_worker_is_finished_by_the_next(sync: Sync, stopped_clock: StoppedClock) -> None:
    job_id = sync.start(sync.connect())
    sync.provider.instead[2] = die
    with pytest.raises(KeyboardInterrupt):
        sync.work(job_id)

    sync.work(job_id)  # the lease still stands
    assert (sync.job(job_id)["status"], sync.job(job_id)["page"]) == ("RUNNING", 1)
    stopped_clock.advance(LEASE_S + 1)
    sync.work(job_id)

    assert sync.job(job_id)["status"] == "COMPLETED"
    assert sync.job(job_id)["counters"] == counted(read=25, created=25)


@pytest.mark.parametrize("family", KINDS, ids=lambda family: family.name)
def test_every_kind_of_work_is_hinted_at_in_its_own_queue(
    hub: Hub, stopped_clock: StoppedClock, family: due.Family
) -> None:
    place(hub, family, stopped_clock.epoch_s - 1)

    asked = sweep(hub)

    (hint,) = asked.hints(hub.tenant)
    assert (hint["id"], hint["delay"]) == (KINDS[family][1], 0)
    assert asked.hints(hub.tenant, QUEUES[family]) == [hint]


def test_what_comes_due_before_the_next_sweep_is_hinted_at_with_a_delay_that_is_never_too_short(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    for name, wait_s in {"soon": 20.3, "late": 60, "later": 60.1}.items():
        place(hub, due.EVENTS, stopped_clock.epoch_s + wait_s, name)

    found = {hint["id"]: hint["delay"] for hint in sweep(hub).hints(hub.tenant)}

    assert found == {"soon": 21, "late": 60}


def test_stored_event_whose_hint_was_lost_is_hinted_at(hub: Hub, stopped_clock: StoppedClock) -> None:
    event = events.new(Tenant(hub.tenant), "sync.completed", {}, 30)
    resources().tables.write(events.write(resources().tables, event))

    stopped_clock.advance(61)

    assert [hint["id"] for hint in sweep(hub).hints(hub.tenant)] == [event["sk"]]


def test_sweep_that_finds_nothing_asks_once_per_shard(hub: Hub) -> None:
    asked = sweep(hub)

    assert [call.operation for call in asked] == ["Query"] * sum(family.shards for family in KINDS)


def test_sweep_of_more_than_a_round_takes_hints_at_each_once_and_ten_a_call(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    """A round takes 100 of each shard, and redo jobs have one shard."""
    total = 103
    items = [item(hub, due.REDO, stopped_clock.epoch_s - 1, f"rec_{number}") for number in range(total)]
    resources().tables.activity.batch_put(items)

    asked = sweep(hub)

    hinted = [hint["id"] for hint in asked.hints(hub.tenant)]
    assert len(hinted) == len(set(hinted)) == total
    assert len(asked.of("SendMessageBatch")) == 11  # ten of the first round, one of the second


def test_item_whose_hint_was_not_taken_is_hinted_at_by_the_next_sweep(hub: Hub, stopped_clock: StoppedClock) -> None:
    place(hub, due.EVENTS, stopped_clock.epoch_s - 1)
    sqs = resources().sqs.meta.events
    fail = SimpleNamespace(call=lambda **_: lose_connection()).call
    sqs.register("before-call.sqs.SendMessageBatch", fail)
    sweep(hub)
    sqs.unregister("before-call.sqs.SendMessageBatch", fail)

    assert [hint["id"] for hint in sweep(hub).hints(hub.tenant)] == ["x"]


def test_item_that_nobody_touches_keeps_the_time_since_when_it_is_due(hub: Hub, stopped_clock: StoppedClock) -> None:
    began = stopped_clock.epoch_s
    place(hub, due.EVENTS, began)

    for _ in range(3):
        assert len(sweep(hub).hints(hub.tenant)) == 1
        stopped_clock.advance(due.AHEAD_S + due.AGAIN_AFTER_S + 1)

    found = resources().tables.activity.get(key(Tenant(hub.tenant), "event", "x"))
    assert found is not None
    assert due.overdue_since(found) == began
