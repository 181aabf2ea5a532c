"""Deleting an integration and bringing it back, with its name, its credentials and what hangs on it."""

import pytest

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Put, key
from hub.integrations.catalog import uses
from hub.integrations.connections import connections
from hub.integrations.instances import keeping
from tests.api.conftest import Hub, StoppedClock, just_before
from tests.api.custom_integrations import create as create_custom
from tests.api.instances import (
    CANARY,
    TENANT,
    V1,
    Json,
    connection_of,
    created_v1,
    enabled,
    of_user,
    patched,
    plain,
    provider,
    set_stored,
    stored,
)
from tests.api.subscriptions import tables
from tests.api.sync_work import Provider, Sync, contacts, vault
from tests.api.test_call_counts import of as calls_of

DAY_S = 86_400


def delete(hub: Hub, made: Json) -> None:
    assert hub.call("DELETE", f"{V1}/{made['id']}").status == 204


def restore(hub: Hub, made: Json) -> Json:
    reply = hub.post(f"{V1}/{made['id']}/restore")
    assert reply.status == 200, reply.body
    back: Json = reply.body
    return back


def credentials(hub: Hub, made: Json) -> Item:
    connection = connection_of(hub, made["id"])
    assert connection is not None
    found = tables().credentials.get(key(Tenant(hub.tenant), connections.KIND, connection["sk"]))
    assert found is not None
    return found


def test_deleted_integration_is_not_found_anywhere(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)

    delete(hub, made)

    one = (f"{TENANT}/{made['id']}", f"{V1}/{made['id']}", f"/api/v1/teams/{hub.tenant}/integrations/{made['id']}")
    assert [hub.get(path).status for path in one] == [404] * 3
    assert hub.get(V1).body["total"] == hub.get(TENANT).body["total"] == 0
    assert hub.call("DELETE", f"{V1}/{made['id']}").status == 404
    assert hub.post(f"{TENANT}/{made['id']}/activate").status == 404


def test_credentials_stay_for_31_days_and_no_longer(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = created_v1(hub, apiKey=CANARY)

    delete(hub, made)

    ends = int(stopped_clock.epoch_s) + 31 * DAY_S
    connection = connection_of(hub, made["id"])
    assert connection is not None
    assert [item["expiresEpochS"] for item in (stored(hub, made["id"]), connection, credentials(hub, made))] == [
        ends
    ] * 3


def test_restored_integration_is_as_it_was(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY, config={"pageSize": 4})
    delete(hub, made)

    back = restore(hub, made)

    same = {name: made[name] for name in made if name not in ("version", "updatedAt")}
    assert {name: back[name] for name in same} == same
    assert hub.get(f"{V1}/{made['id']}").body == back
    assert "expiresEpochS" not in stored(hub, made["id"])
    assert "expiresEpochS" not in credentials(hub, made)
    connection = connection_of(hub, made["id"])
    assert connection is not None
    assert "expiresEpochS" not in connection
    assert list(vault().read(Tenant(hub.tenant), connections.KIND, connection["sk"]).values()) == [CANARY]


def test_deleted_integration_frees_its_place(hub: Hub) -> None:
    named, paired = enabled(hub, "crm"), created_v1(hub)
    for made in (named, paired):
        delete(hub, made)

    enabled(hub, "crm")
    created_v1(hub)

    for made in (named, paired):
        reply = hub.post(f"{V1}/{made['id']}/restore")
        assert (reply.status, reply.code) == (409, "CONFLICT")
        assert hub.get(f"{V1}/{made['id']}").status == 404


def test_of_a_restore_and_a_create_at_the_same_moment_one_wins(hub: Hub) -> None:
    made = created_v1(hub)
    delete(hub, made)

    with just_before("TransactWriteItems", lambda: created_v1(hub)):
        late = hub.post(f"{V1}/{made['id']}/restore")

    assert late.status == 409
    assert hub.get(V1).body["total"] == 1


def test_change_that_was_under_way_does_not_bring_it_back(hub: Hub) -> None:
    made = enabled(hub)

    with just_before("TransactWriteItems", lambda: delete(hub, made)):
        late = hub.call("PATCH", f"{TENANT}/{made['id']}", {"description": "x"})

    assert late.status == 409
    assert hub.get(f"{TENANT}/{made['id']}").status == 404


def test_restore_is_refused_after_31_days(hub: Hub, stopped_clock: StoppedClock) -> None:
    """DynamoDB's TTL removes an item late."""
    made = enabled(hub)
    delete(hub, made)
    stopped_clock.advance(31 * DAY_S + 1)

    assert hub.post(f"{V1}/{made['id']}/restore").status == 404


def test_restore_of_what_is_there_is_a_conflict(hub: Hub) -> None:
    assert hub.post(f"{V1}/{enabled(hub)['id']}/restore").status == 409


def test_only_an_administrator_restores(hub: Hub) -> None:
    made = enabled(hub)
    delete(hub, made)

    assert of_user(hub, "POST", f"{V1}/{made['id']}/restore").status == 403


def test_provider_knows_who_uses_it(hub: Hub) -> None:
    slug = provider("counted")
    config, before = tables().config, uses.count(tables().config, slug)

    made = enabled(hub, slug=slug)
    with_one = uses.count(config, slug)
    delete(hub, made)
    without = uses.count(config, slug)
    restore(hub, made)

    assert (with_one, without, uses.count(config, slug)) == (before + 1, before, before + 1)


def test_every_step_is_audited_and_the_creation_told(hub: Hub) -> None:
    made = enabled(hub, slug=plain())
    hub.post(f"{TENANT}/{made['id']}/activate")
    patched(hub, made, {"description": "x"})
    hub.post(f"{TENANT}/{made['id']}/deactivate")
    delete(hub, made)
    restore(hub, made)

    assert sorted(entry["action"] for entry in hub.audit_entries()) == sorted(
        f"integration.{word}" for word in "created activated updated deactivated deleted restored".split()
    )
    assert "canary" not in repr(hub.audit_entries())


@pytest.mark.parametrize("count", [3, keeping.MOST + 3])
def test_connections_of_many_users_go_and_come_back(hub: Hub, count: int) -> None:
    made = enabled(hub, userScoped=True)
    places = []
    for number in range(count):
        place = connections.place_of(Tenant(hub.tenant), made["id"], f"user:u{number}")
        facts = {"integrationId": made["id"], "owner": f"user:u{number}", "generation": 1, "status": "active"}
        tables().write(Put(tables().config, {**place, **facts, "provider": "acme", "version": 1}))
        places.append(place)

    def expiring() -> int:
        return sum("expiresEpochS" in (tables().config.get(place) or {}) for place in places)

    delete(hub, made)
    after_delete = expiring()
    restore(hub, made)

    assert (after_delete, expiring()) == (count, 0)


@pytest.mark.parametrize("way", ["delete", "deactivate"])
def test_syncs_end_with_the_integration(hub: Hub, way: str) -> None:
    sync = Sync(hub, Provider(contacts(30), 10))
    integration_id = sync.connect()
    job_id = sync.start(integration_id)

    if way == "delete":
        delete(hub, {"id": integration_id})
    else:
        assert hub.post(f"{TENANT}/{integration_id}/deactivate").status == 200

    assert sync.job(job_id)["status"] == "CANCELLED"


def test_sync_stores_only_allowed_types(hub: Hub) -> None:
    sync = Sync(hub, Provider(contacts(3), 10))
    integration_id = sync.connect()

    set_stored(hub, integration_id, allowedShardTypes=["company"])
    refused = hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", {"endpointId": "list"})
    set_stored(hub, integration_id, allowedShardTypes=["company", "contact"])

    assert (refused.status, refused.body["error"]["details"]["type"]) == (409, "contact")
    assert sync.start(integration_id)


def test_custom_integration_comes_back_switched_off(hub: Hub) -> None:
    made = create_custom(hub, status="active")
    path = f"/api/v1/custom-integrations/{made['id']}"
    before = hub.get(path).body
    delete(hub, made)
    assert hub.get(path).status == 404

    back = restore(hub, made)

    shown = hub.get(path).body
    assert (back["isEnabled"], shown["status"]) == (True, "inactive")
    same = {name for name in before if name not in ("status", "version", "updatedAt")}
    assert {name: shown[name] for name in same} == {name: before[name] for name in same}
    assert hub.get(f"{path}/versions/{shown['version']}").status == 200
    assert hub.call("PATCH", path, {"status": "active"}).body["status"] == "active"
    assert vault().read(Tenant(hub.tenant), "connector", made["id"])["/auth/token"].startswith("canary")


def test_custom_integration_whose_name_is_taken_stays_away(hub: Hub) -> None:
    made = create_custom(hub, "crm")
    delete(hub, made)
    create_custom(hub, "crm")

    assert hub.post(f"{V1}/{made['id']}/restore").status == 409


def test_stale_version_deletes_nothing(hub: Hub) -> None:
    made = enabled(hub)

    assert hub.call("DELETE", f"{V1}/{made['id']}", headers={"If-Match": '"7"'}).status == 409
    assert hub.get(f"{V1}/{made['id']}").status == 200


def test_calls_of_aws_are_few(hub: Hub) -> None:
    """What each operation costs; the rate limit is one UpdateItem."""
    created_v1(hub, environment="TEST")
    made = created_v1(hub, apiKey=CANARY)
    hub.get(V1)

    create = calls_of(lambda: enabled(hub, "counted", "acme"))
    assert calls_of(lambda: hub.get(f"{V1}/{made['id']}")) == {"UpdateItem": 1, "BatchGetItem": 1}
    assert calls_of(lambda: hub.get(V1)) == {"UpdateItem": 1, "Query": 1, "BatchGetItem": 1}
    assert calls_of(lambda: patched(hub, made, {"description": "x"})) == {
        "UpdateItem": 1,
        "BatchGetItem": 2,
        "TransactWriteItems": 1,
    }
    # The provider that the factory writes is two of them.
    assert create == {"UpdateItem": 1, "BatchGetItem": 1, "GetItem": 1, "TransactWriteItems": 1, "SendMessage": 1}
    assert clock.now() > made["createdAt"]
