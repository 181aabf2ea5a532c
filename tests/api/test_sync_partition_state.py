"""What a list that exists once per parent is asked from: each parent from its own watermark, a new one from nothing."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.outbound.calls import Call, Reply
from hub.sync.pull.parents import Found
from hub.sync.pull.partitions import Partition, Partitions
from hub.sync.pull.state import State
from tests.api.conftest import Hub, StoppedClock
from tests.api.partition_work import HOUR_S, Desk, Json, Tickets, at, comment_list, comments, ticket_list
from tests.api.sync_work import Sync, counted, status

WORDS = {"field": "$.at", "param": "since"}
OVERLAP_S = 300


@pytest.fixture
def tickets(hub: Hub, stopped_clock: StoppedClock) -> Desk:
    """Two tickets whose comments are stored: the last one of t1 is ten hours old, that of t2 two."""
    made = desk_of(hub, stopped_clock, {"t1": -10 * HOUR_S, "t2": -2 * HOUR_S})
    assert made.run()["counters"] == counted(read=6, created=6)
    return made


def desk_of(hub: Hub, stopped: StoppedClock, latest: dict[str, float], **changed: Any) -> Desk:
    lists = {name: comments(name, 3, at(stopped, seconds)) for name, seconds in latest.items()}
    sync = Sync(hub, Tickets([], comments=lists))
    made = sync.connect(endpoints=[ticket_list(), comment_list(incremental=WORDS, **changed)])
    found = Desk(sync, sync.provider, made, stopped)  # type: ignore[arg-type]
    assert found.run("tickets")["status"] == "COMPLETED"
    return found


def asked_in(tickets: Desk, **body: Any) -> tuple[Json, dict[str, str | None]]:
    """Return the job of another run, and from when each ticket's comments were asked in it."""
    before = len(tickets.provider.asked())
    job = tickets.run(**body)
    return job, dict(tickets.provider.asked()[before:])


def hours(tickets: Desk, ago: float) -> str:
    """Return the time so many hours before the first run, as it is now: an hour has passed with each run."""
    assert tickets.clock is not None
    return at(tickets.clock, -ago * HOUR_S)


def watermark(tickets: Desk, ticket: str) -> str:
    """Return what a ticket is asked from that was read to its end."""
    latest = max(each["at"] for each in tickets.provider.comments[ticket])
    return (datetime.fromisoformat(latest) - timedelta(seconds=OVERLAP_S)).isoformat(timespec="milliseconds")


def same(asked: str | None, wanted: str) -> bool:
    return asked is not None and datetime.fromisoformat(asked) == datetime.fromisoformat(wanted)


def test_each_parent_is_asked_from_its_own_watermark(tickets: Desk) -> None:
    job, asked = asked_in(tickets)

    assert (job["status"], job["jobType"]) == ("COMPLETED", "INCREMENTAL")
    assert {name: same(since, watermark(tickets, name)) for name, since in asked.items()} == {"t1": True, "t2": True}
    assert [line["incrementalFrom"] for line in tickets.log(job) if "read" in line] == [asked["t1"], asked["t2"]]


def late_comment(tickets: Desk) -> Json:
    """Return one of t1 that is younger than its last, and older than the last of t2."""
    late = {"id": "t1-late", "text": "late", "at": hours(tickets, 7)}
    tickets.provider.comments["t1"].append(late)
    return late


def test_change_of_a_quiet_parent_is_seen_beside_a_busy_one(tickets: Desk) -> None:
    late_comment(tickets)

    job = tickets.run()

    assert job["counters"] == counted(read=7, created=1, unchanged=6)
    assert "t1-late" in tickets.stored()


def test_mutant_with_one_watermark_for_all_loses_it(tickets: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(self: Partitions, found: Found, _: State) -> Partition:
        return Partition(found.id, found.value, self.job.get("incrementalFrom"))

    monkeypatch.setattr(Partitions, "_begun", begun)
    late_comment(tickets)
    tickets.run()

    assert "t1-late" not in tickets.stored()


def test_new_parent_is_read_whole(tickets: Desk) -> None:
    tickets.provider.comments["t0"] = comments("t0", 4, hours(tickets, 9000))
    tickets.run("tickets")

    job, asked = asked_in(tickets)

    assert asked["t0"] is None
    assert same(asked["t2"], watermark(tickets, "t2"))
    assert job["counters"] == counted(read=10, created=4, unchanged=6)


def test_parent_whose_run_failed_keeps_its_watermark(tickets: Desk) -> None:
    before = watermark(tickets, "t2")
    for ticket in ("t1", "t2"):
        tickets.provider.comments[ticket].append({"id": f"{ticket}-new", "text": "new", "at": hours(tickets, 1)})
    tickets.provider.refusals["t2"] = status(403)
    failed = tickets.run()
    tickets.provider.refusals.clear()

    job, asked = asked_in(tickets)

    assert (failed["status"], failed["partition"]) == ("FAILED", "t2")
    assert same(asked["t1"], watermark(tickets, "t1"))
    assert same(asked["t2"], before)
    assert {"t1-new", "t2-new"} <= set(tickets.stored())
    assert job["status"] == "COMPLETED"


def test_first_run_that_fails_leaves_the_watermarks_of_the_parents_it_has_read(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    made = desk_of(hub, stopped_clock, {"t1": -10 * HOUR_S, "t2": -2 * HOUR_S, "t3": -HOUR_S})
    made.provider.refusals["t2"] = status(403)
    failed = made.run()
    made.provider.refusals.clear()

    job, asked = asked_in(made)

    assert (failed["status"], failed["jobType"]) == ("FAILED", "FULL_SYNC")
    assert job["jobType"] == "INCREMENTAL"
    assert same(asked["t1"], watermark(made, "t1"))
    assert (asked["t2"], asked["t3"]) == (None, None)
    assert len(made.stored()) == 9


def test_parent_that_is_gone_keeps_its_watermark(tickets: Desk) -> None:
    kept = tickets.provider.comments.pop("t1")
    tickets.run()
    tickets.provider.comments["t1"] = kept

    _, asked = asked_in(tickets)

    assert same(asked["t1"], watermark(tickets, "t1"))


def test_fresh_sync_asks_every_parent_for_everything(tickets: Desk) -> None:
    job, asked = asked_in(tickets, fresh=True)

    assert (job["jobType"], asked) == ("FULL_SYNC", {"t1": None, "t2": None})
    assert job["counters"] == counted(read=6, unchanged=6)


def test_deletes_are_found_by_a_run_that_asks_for_everything(tickets: Desk) -> None:
    """A run that is not fresh asks for changes, and says that it does: it deletes nothing."""
    tickets.provider.comments["t1"].pop()

    changes = tickets.run(deletes="tombstone")
    everything = tickets.run(deletes="tombstone", fresh=True)

    assert (changes["jobType"], changes["counters"]["deleted"]) == ("INCREMENTAL", 0)
    assert everything["counters"] == counted(read=6, unchanged=5, deleted=1)


def test_sync_of_one_parent_uses_and_leaves_the_state_of_that_parent(tickets: Desk) -> None:
    tickets.provider.comments["t1"].append({"id": "t1-new", "text": "new", "at": hours(tickets, 1.5)})

    before = watermark(tickets, "t2")
    one = tickets.run(params={"ticketId": "t1"})
    _, asked = asked_in(tickets)

    assert one["counters"] == counted(read=4, created=1, unchanged=3)
    assert same(asked["t1"], watermark(tickets, "t1"))
    assert same(asked["t2"], before)


def test_other_words_begin_anew(tickets: Desk) -> None:
    changed = comment_list({"as": "of"}, incremental=WORDS)
    path = f"/api/v1/custom-integrations/{tickets.id}"
    reply = tickets.hub.call("PATCH", path, {"endpoints": [ticket_list(), changed]})
    assert reply.status == 200, reply.body

    job, asked = asked_in(tickets)

    assert (job["jobType"], asked) == ("FULL_SYNC", {"t1": None, "t2": None})


def test_watermark_of_an_older_retry_does_not_fall(tickets: Desk) -> None:
    """A failed run goes on from what it asked; the state that later runs have left stays as high as it was."""
    tickets.provider.refusals["t2"] = status(403)
    failed = tickets.run()
    tickets.provider.refusals.clear()
    tickets.provider.comments["t2"].append({"id": "t2-new", "text": "new", "at": hours(tickets, 0.5)})
    tickets.run()

    retried = tickets.hub.post(f"/api/v1/sync-jobs/{failed['id']}/retry")
    tickets.sync.work(retried.body["id"])
    _, asked = asked_in(tickets)

    assert tickets.sync.job(retried.body["id"])["status"] == "COMPLETED"
    assert same(asked["t2"], watermark(tickets, "t2"))


class Tagged(Tickets):
    """Every list is one page with a tag of its own, which is not sent again."""

    def _page(self, call: Call) -> Reply:
        reply = super()._page(call)
        tag = f'"{hash(json.dumps(json.loads(reply.body)["items"]))}"'
        if {name.lower(): value for name, value in call.headers.items()}.get("if-none-match") == tag:
            return Reply(304, {"etag": tag}, b"", 1)
        return Reply(reply.status, {**reply.headers, "etag": tag}, reply.body, 1)


def test_page_that_has_not_changed_is_not_sent_again_for_its_parent_alone(hub: Hub) -> None:
    provider = Tagged([], comments={name: comments(name, 3) for name in ("t1", "t2", "t3")})
    sync = Sync(hub, provider)
    made = Desk(sync, provider, sync.connect(endpoints=[ticket_list(), comment_list()]))
    made.run("tickets")
    made.run()
    provider.comments["t2"].append({"id": "t2-new", "text": "new", "at": "2026"})

    job = made.run()

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=4, created=1, unchanged=3))
    assert [line["status"] for line in made.log(job) if "read" in line] == [304, 200, 304]
