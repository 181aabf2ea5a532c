"""What one sync leaves for the next: when it began, and how to ask whether anything changed."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.core import clock
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Json, Provider, Sync, connector, contacts, counted, status

SINCE = {"name": "since", "valueSource": "variable", "value": "{{state.lastSyncAt}}"}
ETAG = '"v1"'


class Versioned(Provider):
    """Answers 304 to those who know its version."""

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        reply = super().send(call, timeout_s=timeout_s)
        if call.headers.get("if-none-match") == ETAG:
            return Reply(304, {"etag": ETAG}, b"", 1)
        return Reply(reply.status, {**reply.headers, "etag": ETAG}, reply.body, 1)


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Versioned(contacts(5)))


def listing(**changed: Any) -> list[Json]:
    return [{**connector()["endpoints"][0], **changed}]


def run(sync: Sync, integration_id: str, **params: Any) -> Json:
    started = sync.hub.post(
        f"/api/v1/custom-integrations/{integration_id}/sync", {"endpointId": "list", "params": params}
    )
    assert started.status == 202, started.body
    sync.work(started.body["id"])
    return sync.job(started.body["id"])


def asked_since(sync: Sync) -> list[str | None]:
    return [dict(call.params).get("since") for call in sync.provider.calls]


def test_next_sync_knows_when_the_last_completed_one_began_less_five_minutes(
    sync: Sync, stopped_clock: StoppedClock
) -> None:
    integration_id = sync.connect(endpoints=listing(queryParams=[SINCE]))
    began: list[float] = []
    for _ in range(3):
        began.append(stopped_clock.epoch_s)
        run(sync, integration_id)
        stopped_clock.advance(3600)

    assert asked_since(sync) == [None, clock.iso(began[0] - 300), clock.iso(began[1] - 300)]


def test_sync_that_failed_leaves_nothing(sync: Sync) -> None:
    integration_id = sync.connect(endpoints=listing(queryParams=[SINCE]))
    sync.provider.instead[1] = status(400)

    assert run(sync, integration_id)["status"] == "FAILED"
    run(sync, integration_id)

    assert asked_since(sync) == [None, None]


def test_sync_with_other_params_has_a_state_of_its_own(sync: Sync) -> None:
    integration_id = sync.connect(endpoints=listing(queryParams=[SINCE, {"name": "list"}]))

    run(sync, integration_id, list="a", size=1)
    run(sync, integration_id, list="b", size=1)
    run(sync, integration_id, size=1, list="a")

    assert [since is not None for since in asked_since(sync)] == [False, False, True]


def test_state_that_a_parameter_needs_is_checked_when_the_sync_is_asked_for(sync: Sync) -> None:
    integration_id = sync.connect(endpoints=listing(queryParams=[{**SINCE, "required": True}]))

    refused = sync.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", {"endpointId": "list"})

    assert (refused.status, refused.body["error"]["details"]) == (400, {"parameter": "since"})


def test_list_that_has_not_changed_is_not_sent_again(sync: Sync) -> None:
    integration_id = sync.connect()
    run(sync, integration_id)

    for _ in range(2):
        job = run(sync, integration_id)

        assert (job["status"], job["stopReason"], job["counters"]) == ("COMPLETED", "not_modified", counted())
    assert len(sync.hub.documents("contact")) == 5


@pytest.mark.parametrize(
    "between",
    [
        lambda sync, made: sync.hub.call("PATCH", f"/api/v1/custom-integrations/{made}", {"color": "red"}),
        lambda sync, made: sync.provider.records.extend(contacts(25)[5:]) or run(sync, made, fresh=1),
    ],
    ids=["definition changed", "other params"],
)
def test_validators_are_not_used_when_something_else_is_asked(sync: Sync, between: Callable[[Sync, str], Any]) -> None:
    integration_id = sync.connect()
    run(sync, integration_id)

    between(sync, integration_id)
    run(sync, integration_id)

    asked = [call.headers.get("if-none-match") for call in sync.provider.calls]
    assert asked[1] is None


def test_fresh_sync_reads_what_has_not_changed(sync: Sync) -> None:
    """Documents that were edited here come back as the provider has them."""
    integration_id = sync.connect()
    run(sync, integration_id)
    sync.hub.call("PUT", "/api/v1/documents/contact/c0001", {"content": {"name": "edited here"}})

    started = sync.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", {"endpointId": "list", "fresh": True})
    sync.work(started.body["id"])

    assert sync.job(started.body["id"])["counters"] == counted(read=5, updated=1, unchanged=4)


def test_list_of_several_pages_is_always_read_whole(sync: Sync) -> None:
    """The version of its first page says nothing of the others."""
    sync.provider.records.extend(contacts(25)[5:])
    integration_id = sync.connect()
    run(sync, integration_id)

    job = run(sync, integration_id)

    assert job["counters"] == counted(read=25, unchanged=25)


def test_pages_are_fetched_while_those_before_them_are_stored(hub: Hub) -> None:
    sync = Sync(hub, Provider(contacts(95)))
    job_id = sync.start(sync.connect())

    sync.work(job_id, most_ahead=8)

    assert sync.job(job_id)["counters"] == counted(read=95, created=95)
    assert len(sync.provider.calls) == 10
