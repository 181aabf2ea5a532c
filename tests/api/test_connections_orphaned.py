"""Connections of a provider that left the catalogue, and a client that was entered without a grant."""

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Delete, Put, hub_key
from hub.integrations.connections import connections
from tests.api import connecting
from tests.api.conftest import Cloud, Hub
from tests.api.connecting import CLIENT_SECRET, KEY, SLUG, TENANT_PATH


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:
    with cloud.running(""):
        connecting.put_provider()


def without_provider() -> None:
    config = resources().tables.config
    resources().tables.write(*(Delete(config, hub_key(kind, SLUG)) for kind in ("provider", "connector")))


def test_connection_of_a_provider_that_left_the_catalogue_can_be_ended(hub: Hub) -> None:
    """Its secrets must not stay because nobody knows any more how they would be used."""
    integration_id = connecting.connected(hub, apiKey=KEY)
    without_provider()

    shown = hub.get(f"{TENANT_PATH}/{integration_id}/connection")
    ended = hub.post(f"{TENANT_PATH}/{integration_id}/disconnect")

    assert (shown.status, shown.body["status"]) == (200, "active")
    assert (ended.status, ended.body["success"]) == (200, True)
    found = connecting.connection(hub, integration_id)
    assert found["status"] == "revoked"
    record = connecting.static_record(hub, found)
    assert record is not None
    assert record["fields"] == {}


def test_user_ends_their_own_connection_of_such_a_provider(hub: Hub) -> None:
    integration_id = connecting.connected(hub, apiKey=KEY)
    owner = connections.owner_of_user("u1")
    own = {**connections.place_of(Tenant(hub.tenant), integration_id, owner), "owner": owner, "secretsVersion": 0}
    tables = resources().tables
    tables.write(Put(tables.config, {**connecting.connection(hub, integration_id), **own}))
    without_provider()

    shown = hub.get(f"/api/user/integrations/{integration_id}/connection", roles="user")
    ended = hub.post(f"/api/user/integrations/{integration_id}/disconnect", roles="user")

    assert (shown.status, shown.body["connected"]) == (200, True)
    assert ended.status == 200
    assert connecting.connection(hub, integration_id, owner)["status"] == "revoked"
    assert connecting.connection(hub, integration_id)["status"] == "active"


def test_client_that_waits_for_a_grant_is_no_connection_yet(hub: Hub) -> None:
    integration_id = connecting.create(hub)
    client = {"clientId": "ours", "clientSecret": CLIENT_SECRET}
    body = {"credentialType": "oauth", "credentials": client}

    stored = hub.call("PATCH", f"{TENANT_PATH}/{integration_id}/credentials", body)

    assert stored.status == 200, stored.body
    assert hub.get(f"{TENANT_PATH}/{integration_id}").body["lastConnectedAt"] is None


@pytest.mark.parametrize("way", ["client", "connect and disconnect"])
def test_integration_of_many_users_does_not_wait_for_the_shared_connection(hub: Hub, way: str) -> None:
    """Each user has their own: what the tenant enters, or ends, beside them changes nothing for them."""
    integration_id = connecting.create(hub, userScoped=True)
    assert hub.post(f"{TENANT_PATH}/{integration_id}/activate").status == 200

    if way == "client":
        client = {"clientId": "ours", "clientSecret": CLIENT_SECRET}
        body = {"credentialType": "oauth", "credentials": client}
        assert hub.call("PATCH", f"{TENANT_PATH}/{integration_id}/credentials", body).status == 200
    else:
        assert connecting.connect(hub, integration_id, apiKey=KEY).status == 200
        assert hub.post(f"{TENANT_PATH}/{integration_id}/disconnect").status == 200

    assert hub.get(f"{TENANT_PATH}/{integration_id}").body["status"] == "connected"
