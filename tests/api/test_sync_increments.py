"""Which records an incremental sync asks for, and what it leaves for the next one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from hub.core import clock
from hub.core.resources import resources
from hub.core.tables import Put
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Json, Provider, Sync, connector, counted, status

WORDS = {"field": "$.at", "param": "since"}
HOUR_S, OVERLAP_S = 3600, 300


@dataclass
class Changes(Provider):
    """Pages of the records that changed at the time in `since` or later, by their ids."""

    def _page(self, call: Call) -> Reply:
        query = {**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}
        found = [record for record in self.records if str(record["at"]) >= query.get("since", "")]
        start = int(query.get("after", 0))
        end = start + self.page_size
        body = {"items": found[start:end], "next": str(end) if end < len(found) else None}
        return Reply(200, {"content-type": "application/json", "etag": '"v1"'}, json.dumps(body).encode(), 1)

    def change(self, index: int, at: str) -> None:
        self.records[index] = {**self.records[index], "name": f"changed {at}", "at": at}


@dataclass(frozen=True)
class World:
    """One incremental endpoint, its provider, and a clock that stands still."""

    sync: Sync
    provider: Changes
    clock: StoppedClock

    def at(self, seconds: float) -> str:
        """Return the time so many seconds from now."""
        return clock.iso(self.clock.epoch_s + seconds)

    def connect(self, **changes: Any) -> str:
        return self.sync.connect(endpoints=[endpoint(**changes)])

    def start(self, integration_id: str, **body: Any) -> str:
        path = f"/api/v1/custom-integrations/{integration_id}/sync"
        started = self.sync.hub.post(path, {"endpointId": "list", **body})
        assert started.status == 202, started.body
        return str(started.body["id"])

    def run(self, integration_id: str, **body: Any) -> Json:
        """Return the job of a sync that ended; then an hour passes."""
        job_id = self.start(integration_id, **body)
        self.sync.work(job_id)
        self.clock.advance(HOUR_S)
        return self.sync.job(job_id)

    def asked(self) -> list[str | None]:
        """Return what each request of a first page asked from, None where it asked for everything."""
        queries = [dict(call.params) for call in self.provider.calls]
        return [query.get("since") for query in queries if "after" not in query]


def endpoint(**changes: Any) -> Json:
    return {**connector()["endpoints"][0], "incremental": WORDS, **changes}


def record(number: int, at: str) -> Json:
    return {"id": f"c{number:04}", "name": f"Name {number}", "n": number, "at": at}


@pytest.fixture
def world(hub: Hub, stopped_clock: StoppedClock) -> World:
    """25 records, one per minute; the last one changed two hours ago."""
    last_s = stopped_clock.epoch_s - 2 * HOUR_S
    provider = Changes([record(number, clock.iso(last_s - 60 * (24 - number))) for number in range(25)])
    return World(Sync(hub, provider), provider, stopped_clock)


def test_second_sync_asks_for_what_changed_since_the_last_record_less_the_overlap(world: World) -> None:
    integration_id, last = world.connect(), world.at(-2 * HOUR_S - OVERLAP_S)
    first = world.run(integration_id)
    world.provider.change(3, world.at(-60))

    second = world.run(integration_id)

    assert (first["jobType"], first["incrementalFrom"]) == ("FULL_SYNC", None)
    assert first["counters"] == counted(read=25, created=25)
    assert (second["jobType"], second["incrementalFrom"]) == ("INCREMENTAL", last)
    assert second["counters"] == counted(read=7, updated=1, unchanged=6)
    assert world.asked() == [None, last]


def test_watermark_does_not_fall_where_nothing_or_only_older_records_come(world: World) -> None:
    integration_id = world.connect()
    world.run(integration_id)
    asked = world.run(integration_id)["incrementalFrom"]
    world.provider.records = [record(99, asked)]

    older = world.run(integration_id)
    world.provider.records = []
    nothing = world.run(integration_id)
    after = world.run(integration_id)

    assert (older["counters"]["read"], nothing["counters"]["read"]) == (1, 0)
    assert [job["incrementalFrom"] for job in (older, nothing, after)] == [asked] * 3


def fail(world: World, integration_id: str) -> Json:
    world.provider.instead[len(world.provider.calls) + 2] = status(400)
    return world.run(integration_id)


def cancel(world: World, integration_id: str) -> Json:
    job_id = world.start(integration_id)
    world.provider.instead[len(world.provider.calls) + 2] = lambda: world.sync.cancel(job_id)
    world.sync.work(job_id)
    return world.sync.job(job_id)


def end_early(world: World, integration_id: str) -> Json:
    world.provider.instead[len(world.provider.calls) + 2] = status(404)
    return world.run(integration_id)


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (fail, ("FAILED", "failed")),
        (cancel, ("CANCELLED", "cancelled")),
        (end_early, ("COMPLETED", "ignored")),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_sync_that_has_not_read_everything_leaves_the_watermark_as_it_was(
    world: World, end: Callable[[World, str], Json], how: tuple[str, str], is_first: bool
) -> None:
    integration_id = world.connect(errorActions=[{"status": [404], "action": "IGNORE"}])
    kept = None
    if not is_first:
        world.run(integration_id)
        kept = world.at(-3 * HOUR_S - OVERLAP_S)
    for index in range(25):
        world.provider.change(index, world.at(-60))

    job = end(world, integration_id)
    after = world.run(integration_id)

    assert (job["status"], job["stopReason"]) == how
    assert (job["incrementalFrom"], after["incrementalFrom"]) == (kept, kept)
    assert after["counters"]["read"] == 25


def test_walk_that_was_cut_leaves_no_watermark(world: World) -> None:
    pagination = {**connector()["endpoints"][0]["pagination"], "maxPages": 2}
    integration_id = world.connect(pagination=pagination)

    job = world.run(integration_id)

    assert (job["status"], job["stopReason"]) == ("COMPLETED", "max_pages")
    assert world.run(integration_id)["incrementalFrom"] is None


def test_list_that_has_not_changed_leaves_the_watermark(world: World) -> None:
    integration_id = world.connect()
    asked = [world.run(integration_id)["incrementalFrom"] for _ in range(2)][1]
    world.provider.instead[len(world.provider.calls) + 1] = status(304)

    unchanged, after = world.run(integration_id), world.run(integration_id)

    assert world.provider.calls[-2].headers["if-none-match"] == '"v1"'
    assert (unchanged["stopReason"], unchanged["counters"]) == ("not_modified", counted())
    assert [unchanged["incrementalFrom"], after["incrementalFrom"]] == [asked, asked]


def test_fresh_sync_reads_everything_and_sets_the_watermark_anew(world: World) -> None:
    """The way out where a provider's numbers or times have begun anew."""
    integration_id = world.connect()
    world.run(integration_id)
    world.provider.records = [record(number, world.at(-30 * 24 * HOUR_S)) for number in range(5)]
    began_anew = world.at(-30 * 24 * HOUR_S - OVERLAP_S)

    assert world.run(integration_id)["counters"]["read"] == 0
    fresh = world.run(integration_id, fresh=True)

    assert (fresh["jobType"], fresh["incrementalFrom"], fresh["counters"]["read"]) == ("FULL_SYNC", None, 5)
    assert world.run(integration_id)["incrementalFrom"] == began_anew


def test_fresh_sync_that_fails_leaves_the_watermark(world: World) -> None:
    integration_id = world.connect()
    world.run(integration_id)
    world.provider.instead[len(world.provider.calls) + 2] = status(400)

    assert world.run(integration_id, fresh=True)["status"] == "FAILED"
    assert world.run(integration_id)["incrementalFrom"] is not None


def test_sync_with_other_params_has_a_watermark_of_its_own(world: World) -> None:
    integration_id = world.connect(queryParams=[{"name": "list"}])

    asked = [
        world.run(integration_id, params=params)["incrementalFrom"]
        for params in ({"list": "a"}, {"list": "b"}, {"list": "a"})
    ]

    assert [value is not None for value in asked] == [False, False, True]


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ({"displayName": "Another"}, True),
        ({"endpoints": [endpoint(description="for people")]}, True),
        ({"endpoints": [endpoint(incremental={**WORDS, "field": "$.n", "format": "number"})]}, False),
        ({"endpoints": [endpoint(path="/people")]}, False),
        ({"endpoints": [endpoint(responseMapping={"dataPath": "$.items", "identifierField": "$.id"})]}, False),
    ],
)
def test_definition_that_reads_something_else_starts_from_the_beginning(
    world: World, change: Json, is_kept: bool
) -> None:
    integration_id = world.connect()
    world.run(integration_id)

    changed = world.sync.hub.call("PATCH", f"/api/v1/custom-integrations/{integration_id}", change)

    assert changed.status == 200, changed.body
    assert (world.run(integration_id)["incrementalFrom"] is not None) == is_kept


def test_record_from_the_future_hides_nothing(world: World) -> None:
    """Its time counts as the time at which the sync began."""
    world.provider.change(0, world.at(400 * 24 * HOUR_S))
    integration_id, began = world.connect(), world.at(0)
    world.run(integration_id)

    second = world.run(integration_id)

    assert second["incrementalFrom"] == clock.iso(clock.epoch_s() - 2 * HOUR_S - OVERLAP_S)
    assert second["incrementalFrom"] < began


def test_change_on_a_page_that_was_read_already_comes_with_the_next_sync(world: World) -> None:
    """A later record on a later page does not move the watermark beyond the beginning of the sync."""
    integration_id = world.connect()

    def change() -> None:
        world.clock.advance(HOUR_S)
        world.provider.change(0, world.at(0))
        world.clock.advance(HOUR_S)
        world.provider.change(24, world.at(0))

    world.provider.instead[3] = change
    world.run(integration_id)
    second = world.run(integration_id)

    assert second["counters"] == counted(read=2, updated=1, unchanged=1)


def test_all_pages_ask_the_same_whoever_goes_on_with_the_job(world: World) -> None:
    """Even where the state has become another one since the job was started."""
    integration_id = world.connect()
    world.run(integration_id)
    for index in range(25):
        world.provider.change(index, world.at(-60))
    job_id = world.start(integration_id)
    before = len(world.provider.calls)

    for _ in range(3):
        world.sync.work(job_id, remaining_ms=lambda: 1000)
        world.clock.advance(200)
        move_watermark(world)

    job = world.sync.job(job_id)
    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=25, updated=25))
    asked = [dict(call.params)["since"] for call in world.provider.calls[before:]]
    assert asked == [job["incrementalFrom"]] * 3


def move_watermark(world: World) -> None:
    """Write another watermark into the state, as if another sync had ended."""
    tables = resources().tables
    pk = f"{world.sync.hub.tenant}#sync-state"
    (state,) = tables.activity.query("pk = :pk", {"pk": pk}).items
    tables.write(Put(tables.activity, {**state, "watermark": state["watermark"] + 10**9}))


def test_start_date_of_the_definition_counts_for_the_first_sync(world: World) -> None:
    start = {"name": "since", "valueSource": "static", "value": world.at(-2 * HOUR_S - 30)}
    integration_id = world.connect(queryParams=[start])

    first, second = world.run(integration_id), world.run(integration_id)

    assert (first["counters"]["read"], first["incrementalFrom"]) == (1, None)
    assert world.asked() == [start["value"], second["incrementalFrom"]]
    assert second["incrementalFrom"] < start["value"]


def test_number_is_sent_as_it_was_seen(world: World) -> None:
    world.provider.records = [{**record(number, "-"), "at": f"{number:03}"} for number in range(5)]
    integration_id = world.connect(incremental={**WORDS, "format": "number"})
    world.run(integration_id)

    second = world.run(integration_id)

    assert (second["jobType"], second["incrementalFrom"]) == ("INCREMENTAL", 4)
    assert world.asked() == [None, "4"]


def test_place_of_the_parameter_is_checked_when_the_sync_is_asked_for(world: World) -> None:
    """What a template holds there is known only with its variables."""
    body = {"contentType": "application/json", "bodyType": "template", "template": '{"filter": {{filter}}}'}
    words = {**WORDS, "location": "body", "param": "$.filter.since"}
    integration_id = world.connect(method="POST", idempotent=True, body=body, incremental=words)
    params = {"filter": "none"}
    world.run(integration_id, params=params)

    path = f"/api/v1/custom-integrations/{integration_id}/sync"
    refused = world.sync.hub.post(path, {"endpointId": "list", "params": params})

    assert refused.status == 400
    assert "The body has no such place" in refused.body["error"]["message"]


def test_log_says_what_the_first_page_asked_from(world: World) -> None:
    integration_id = world.connect()
    world.run(integration_id)
    for index in range(25):
        world.provider.change(index, world.at(-60))

    job = world.run(integration_id)
    lines = world.sync.hub.get(f"/api/v1/sync-jobs/{job['id']}/logs").body["data"]

    assert [line.get("incrementalFrom") for line in lines] == [job["incrementalFrom"], None, None]


def test_endpoint_without_incremental_words_is_read_whole(world: World) -> None:
    integration_id = world.sync.connect(endpoints=[connector()["endpoints"][0]])

    jobs = [world.run(integration_id) for _ in range(2)]

    assert [(job["jobType"], job["incrementalFrom"], job["counters"]["read"]) for job in jobs] == [
        ("FULL_SYNC", None, 25),
        ("FULL_SYNC", None, 25),
    ]
