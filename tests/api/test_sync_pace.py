"""How often an endpoint may be synced by hand (S000, "Limit test requests and sync frequency"): once a minute."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from tests.api.conftest import Hub, Reply, StoppedClock, just_before
from tests.api.sync_work import Provider, Sync, connector, contacts, recorded

PATH = "/api/v1/custom-integrations"
INTERVAL_S = 60


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Iterator[Sync]:  # noqa: ARG001  time moves only when told to
    """The hub as an operator runs it who leaves SyncIntervalSeconds as it is."""
    found = resources()
    before, found.settings = found.settings, replace(found.settings, sync_interval_s=INTERVAL_S)
    yield Sync(hub, Provider(contacts(5)))
    found.settings = before


def start(sync: Sync, integration_id: str, endpoint_id: str = "list", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return sync.hub.post(f"{PATH}/{integration_id}/sync", {"endpointId": endpoint_id}, headers=named)


def ended(sync: Sync, integration_id: str) -> None:
    sync.work(sync.start(integration_id))


def test_second_start_within_a_minute_is_a_429_that_says_how_long_to_wait(
    sync: Sync, stopped_clock: StoppedClock
) -> None:
    integration_id = sync.connect()
    ended(sync, integration_id)
    stopped_clock.advance(19.5)

    early = start(sync, integration_id)

    assert (early.status, early.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert (early.body["error"]["retryAfter"], early.headers["Retry-After"]) == (41, "41")
    assert len(sync.provider.calls) == 1
    stopped_clock.advance(40.5)
    assert start(sync, integration_id).status == 202


def test_refused_start_does_not_make_the_wait_longer(sync: Sync, stopped_clock: StoppedClock) -> None:
    integration_id = sync.connect()
    ended(sync, integration_id)
    for _ in range(3):
        stopped_clock.advance(20)
        last = start(sync, integration_id)

    assert last.status == 202


def test_start_that_fails_for_another_reason_is_not_counted(sync: Sync) -> None:
    integration_id = sync.connect(status="active")
    sync.hub.call("PATCH", f"{PATH}/{integration_id}", {"status": "inactive"})
    refused = start(sync, integration_id)
    sync.hub.call("PATCH", f"{PATH}/{integration_id}", {"status": "active"})

    assert (refused.status, start(sync, integration_id).status) == (409, 202)


def test_start_while_the_former_sync_runs_is_told_its_job(sync: Sync) -> None:
    integration_id = sync.connect()
    job_id = sync.start(integration_id)

    refused = start(sync, integration_id)

    assert (refused.status, refused.body["error"]["details"]) == (409, {"jobId": job_id})


def test_other_endpoint_and_other_integration_have_a_pace_of_their_own(sync: Sync, other_hub: Hub) -> None:
    endpoint = connector()["endpoints"][0]
    both = [endpoint, {**endpoint, "id": "second", "name": "second"}]
    integration_id, other = sync.connect(endpoints=both), sync.connect("other")
    theirs = Sync(other_hub, sync.provider)
    ended(sync, integration_id)

    assert start(sync, integration_id).status == 429
    assert [start(sync, *of).status for of in ((integration_id, "second"), (other, "list"))] == [202, 202]
    assert theirs.start(theirs.connect())


def test_repeat_with_the_same_idempotency_key_is_no_second_start(sync: Sync, stopped_clock: StoppedClock) -> None:
    integration_id = sync.connect()
    first = start(sync, integration_id, Idempotency_Key="k1")
    sync.work(first.body["id"])
    stopped_clock.advance(5)

    again, new = (start(sync, integration_id, Idempotency_Key=name) for name in ("k1", "k2"))

    assert (again.status, again.body, new.status) == (202, first.body, 429)


def test_one_of_two_starts_at_the_same_moment_wins(sync: Sync) -> None:
    integration_id = sync.connect()
    won: list[Reply] = []

    def be_quicker() -> None:
        won.append(start(sync, integration_id))
        sync.work(won[0].body["id"])

    with just_before("TransactWriteItems", be_quicker):
        lost = start(sync, integration_id)

    assert ([reply.status for reply in won], lost.status, lost.body["error"]["retryAfter"]) == ([202], 429, 60)


def test_pace_costs_no_further_call_and_leaves_with_its_time(sync: Sync, stopped_clock: StoppedClock) -> None:
    integration_id = sync.connect()

    with recorded() as asked:
        start(sync, integration_id)

    place = key(Tenant(sync.hub.tenant), "sync-pace", f"{integration_id}#list")
    item = resources().tables.coordination.get(place)
    assert item is not None
    assert [each.operation for each in asked if each.operation != "SendMessage"] == [
        "UpdateItem",
        "BatchGetItem",
        "GetItem",
        "TransactWriteItems",
    ]
    assert item["expiresEpochS"] == int(stopped_clock.epoch_s) + INTERVAL_S + 1


def test_operator_may_set_no_limit(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    found = resources()
    monkeypatch.setattr(found, "settings", replace(found.settings, sync_interval_s=0))
    integration_id = sync.connect()
    for _ in range(2):
        ended(sync, integration_id)

    assert start(sync, integration_id).status == 202
