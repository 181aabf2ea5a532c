"""The frequency of an integration itself (spec S004, `syncFrequency`): it is synced that often, and says when next."""

from typing import Any

import pytest

from hub.core import clock
from hub.sync.configs.models import SyncConfiguration
from tests.api.config_work import Configs, configs_of
from tests.api.conftest import Hub, Reply, StoppedClock
from tests.api.instances import CANARY, V1, Json, created_v1, plain, pointers, provider

SLOT_S = 300
LATE_S = 31  # a slot of five minutes begins at most so late


@pytest.fixture
def made(hub: Hub, stopped_clock: StoppedClock) -> Configs:  # noqa: ARG001  time moves only when told to
    return configs_of(hub)


def scheduled(made: Configs, frequency: int | str | None = SLOT_S * 1000, **changed: Any) -> str:
    """Return an integration that needs no credentials."""
    return str(created_v1(made.hub, plain(), syncFrequency=frequency, **changed)["id"])


def shown(made: Configs, integration_id: str) -> Json:
    body: Json = made.hub.get(f"{V1}/{integration_id}").body
    return body


def put(made: Configs, integration_id: str, **changed: Any) -> Reply:
    """Send back what GET answers, with something changed; None leaves a field out."""
    wanted = {**shown(made, integration_id), **changed}
    sent = {name: value for name, value in wanted.items() if value is not None}
    return made.hub.call("PUT", f"{V1}/{integration_id}", sent)


def configs_shown(made: Configs) -> list[Json]:
    rows: list[Json] = made.hub.get(made.path).body
    return rows


def test_integration_is_synced_as_often_as_it_says(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = scheduled(made)
    first = shown(made, integration_id)["nextSyncAt"]
    stopped_clock.advance(LATE_S)

    assert made.tick() == {"started": 1}

    (job,) = made.jobs(integration_id)
    made.sync.work(job["id"])
    after = shown(made, integration_id)
    assert job["configId"] == configs_shown(made)[0]["id"]
    assert len(made.hub.documents("contact")) == 5
    assert first < after["lastSyncAt"] <= clock.now() < after["nextSyncAt"]
    stopped_clock.advance(SLOT_S)
    assert made.tick() == {"started": 1}


def test_next_sync_is_answered_at_once_and_everywhere(made: Configs) -> None:
    created = created_v1(made.hub, plain(), syncFrequency="hourly")
    scheduled(made, None, environment="TEST")

    rows = {row["id"]: row["nextSyncAt"] for row in made.hub.get(V1).body["data"]}

    assert created["nextSyncAt"] == shown(made, created["id"])["nextSyncAt"] == rows.pop(created["id"]) is not None
    assert list(rows.values()) == [None]


def test_schedule_is_a_configuration_that_the_hub_derives(made: Configs) -> None:
    integration_id = scheduled(made, "rate(5 minutes)")
    own = made.create(integration_id)

    configs = {row["id"]: row for row in configs_shown(made)}

    assert configs.pop(own["id"])["derived"] is False
    (derived,) = configs.values()
    SyncConfiguration.model_validate(derived)
    assert (derived["derived"], derived["name"], derived["enabled"]) == (True, "default", True)
    assert (derived["syncDirection"], derived["frequency"], derived["entity"]) == ("pull", "rate(5 minutes)", "contact")


def test_new_frequency_is_followed_and_a_cleared_one_ends_the_schedule(
    made: Configs, stopped_clock: StoppedClock
) -> None:
    integration_id = scheduled(made, "daily")
    before = shown(made, integration_id)

    faster = put(made, integration_id, syncFrequency=60_000)
    same = put(made, integration_id, description="the same frequency")
    cleared = put(made, integration_id, syncFrequency=None)

    stopped_clock.advance(2 * 86_400)
    assert (faster.status, faster.body["nextSyncAt"] < before["nextSyncAt"]) == (200, True)
    assert same.body["nextSyncAt"] == faster.body["nextSyncAt"]
    assert (cleared.status, cleared.body["nextSyncAt"], configs_shown(made)) == (200, None, [])
    assert made.tick() == {}


def test_frequency_that_comes_back_goes_on_with_what_was_set(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = scheduled(made)
    (derived,) = configs_shown(made)
    made.patch(derived["id"], keepRaw=True)
    put(made, integration_id, syncFrequency=None)

    back = put(made, integration_id, syncFrequency="60000")

    (again,) = configs_shown(made)
    assert (again["id"], again["keepRaw"], again["frequency"]) == (derived["id"], True, "60000")
    assert back.body["nextSyncAt"] == again["nextSyncAt"] is not None
    stopped_clock.advance(LATE_S)
    assert made.tick() == {"started": 1}


def test_derived_configuration_is_changed_but_for_its_frequency(made: Configs) -> None:
    integration_id = scheduled(made)
    (derived,) = configs_shown(made)

    changed = made.patch(derived["id"], deletes="tombstone", frequency=derived["frequency"])
    same = made.patch(derived["id"], frequency=SLOT_S * 1000)
    other = made.patch(derived["id"], frequency="hourly")
    deleted = made.hub.call("DELETE", f"{made.path}/{derived['id']}")
    off = made.patch(derived["id"], enabled=False)

    assert (changed.status, changed.body["deletes"], same.status) == (200, "tombstone", 200)
    assert (other.status, pointers(other)) == (400, ["/frequency"])
    assert (deleted.status, deleted.code) == (409, "CONFLICT")
    assert off.status == 200
    assert shown(made, integration_id)["nextSyncAt"] is None


def test_paused_integration_is_not_synced_and_says_so(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = scheduled(made)
    path = f"{V1}/{integration_id}/status"

    paused = made.hub.call("PATCH", path, {"status": "PAUSED"})
    stopped_clock.advance(LATE_S)
    silent = made.tick()
    active = made.hub.call("PATCH", path, {"status": "ACTIVE"})

    assert (paused.body["nextSyncAt"], silent) == (None, {"passed_over": 1})
    assert active.body["nextSyncAt"] is not None
    stopped_clock.advance(SLOT_S)
    assert made.tick() == {"started": 1}


def test_integration_without_credentials_is_not_synced_next_until_it_has_them(made: Configs) -> None:
    waiting = created_v1(made.hub, provider(), syncFrequency="hourly")

    connected = put(made, waiting["id"], apiKey=CANARY)

    assert (waiting["status"], waiting["nextSyncAt"]) == ("PENDING_AUTH", None)
    assert connected.body["nextSyncAt"] is not None


def test_deleted_integration_is_not_synced_until_it_is_restored(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = scheduled(made)
    assert made.hub.call("DELETE", f"{V1}/{integration_id}").status == 204
    stopped_clock.advance(LATE_S)

    silent = made.tick()
    restored = made.hub.post(f"{V1}/{integration_id}/restore")
    stopped_clock.advance(SLOT_S)

    assert silent == {"passed_over": 1}
    assert restored.body["nextSyncAt"] is not None
    assert made.tick() == {"started": 1}


def test_integration_of_which_nothing_can_be_read_has_no_schedule(made: Configs) -> None:
    told = {"id": "tell", "name": "tell", "method": "POST", "path": "/tell"}
    connector = {
        "name": "told",
        "displayName": "Told",
        "integrationType": "rest_api",
        "baseUrl": "https://told.example",
    }
    slug = plain("told", connector={**connector, "endpoints": [told]})

    integration = created_v1(made.hub, slug, syncFrequency="hourly")

    assert (integration["syncFrequency"], integration["nextSyncAt"]) == ("hourly", None)
    assert configs_shown(made) == []


def test_schedule_of_another_tenant_is_not_shown(made: Configs, other_hub: Hub) -> None:
    scheduled(made)
    theirs = configs_of(other_hub)

    assert configs_shown(theirs) == []
    assert len(configs_shown(made)) == 1
