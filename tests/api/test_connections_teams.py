"""The token store of the teams product (spec S003, "OAuth Management"), and users' own connections (spec S001)."""

from typing import Any

import pytest

from hub.integrations.connections.connection_models import OAuthToken, UserConnection
from tests.api import connecting
from tests.api.conftest import Cloud, Hub, Reply
from tests.api.connecting import ACCESS, REFRESH, create

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:
    with cloud.running(""):
        connecting.put_provider()


def path(hub: Hub, rest: str = "") -> str:
    return f"/api/v1/teams/{hub.tenant}/oauth-tokens{rest}"


def store(hub: Hub, user: str = "u1", roles: str = "user", **changed: Any) -> Reply:
    token = {"provider": "slack", "userId": user, "accessToken": ACCESS, "refreshToken": REFRESH, "scopes": ["a", "b"]}
    return hub.post(path(hub), {**token, "expiresAt": "2090-01-01T00:00:00Z", **changed}, roles=roles, scopes="")


def find(hub: Hub, user: str = "u1", roles: str = "user", provider: str = "slack") -> Reply:
    return hub.get(path(hub), query={"provider": provider, "userId": user}, roles=roles)


def test_token_is_stored_and_found_masked(hub: Hub) -> None:
    stored = store(hub)

    found = find(hub)

    assert stored.status == 201, stored.body
    OAuthToken.model_validate(stored.body)
    assert (found.status, found.body) == (200, stored.body)
    assert (stored.body["accessToken"], stored.body["refreshToken"]) == ("cana...ough", "cana...ough")
    assert (stored.body["teamId"], stored.body["userId"], stored.body["scopes"]) == (hub.tenant, "u1", ["a", "b"])
    assert connecting.has_canary([stored.body, found.body]) == []


def test_token_of_the_same_provider_is_replaced(hub: Hub) -> None:
    first = store(hub).body

    second = store(hub, accessToken="another-canary-token-of-the-user").body

    assert (second["id"], second["accessToken"]) == (first["id"], "anot...user")


def test_token_of_another_user_is_for_administrators(hub: Hub) -> None:
    refused = [store(hub, "u2"), find(hub, "u2")]

    allowed = [store(hub, "u2", "tenant_admin"), find(hub, "u2", "tenant_admin")]

    assert [each.status for each in refused] == [403, 403]
    assert [each.status for each in allowed] == [201, 200]
    assert hub.audit_entries()[-1]["actor"] == "u1"


def test_token_of_a_system_without_a_provider_is_stored_and_goes_nowhere(hub: Hub) -> None:
    from hub.core.resources import resources
    from hub.integrations.catalog import seeding
    from hub.providers import provider_files

    rest = [each for each in provider_files.load_all() if each.provider == "rest"]
    seeding.seed(resources().tables, rest)

    stored = store(hub, provider="custom")

    assert stored.status == 201, stored.body
    assert stored.body["provider"] == "custom"
    assert find(hub, provider="custom").body["id"] == stored.body["id"]


def test_revoked_token_is_not_found_any_more(hub: Hub) -> None:
    stored = store(hub).body

    answered = hub.call("DELETE", path(hub, f"/{stored['id']}"), roles="user")

    assert (answered.status, find(hub).status) == (204, 404)
    assert hub.call("DELETE", path(hub, f"/{stored['id']}"), roles="user").status == 404


def test_another_user_cannot_revoke_it(hub: Hub) -> None:
    stored = store(hub).body
    other = {"tenant": hub.tenant, "user": "u2", "roles": "user", "scopes": "", "keyId": ""}

    answered = hub.call("DELETE", path(hub, f"/{stored['id']}"), context=other)

    assert answered.status == 404
    assert find(hub).status == 200


def test_another_team_is_not_there(hub: Hub, other_hub: Hub) -> None:
    store(hub)
    foreign = f"/api/v1/teams/{hub.tenant}/oauth-tokens"

    answered = other_hub.get(foreign, query={"provider": "slack", "userId": "u1"})

    assert answered.status == 404
    assert find(other_hub).status == 404


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"provider": "nobody"}, "/provider"),
        ({"accessToken": ""}, "/accessToken"),
        ({"expiresAt": "soon"}, "/expiresAt"),
        ({"scopes": "all"}, "/scopes"),
    ],
)
def test_token_that_cannot_be_stored_is_named(hub: Hub, changed: Json, pointer: str) -> None:
    answered = store(hub, **changed)

    assert answered.status == 400
    assert pointer in [each["pointer"] for each in answered.body["error"]["details"]["problems"]]


# ---------------------------------------------------------------- users of an integration


def test_user_sees_and_ends_their_own_connection(hub: Hub) -> None:
    made = create(hub, userScoped=True)
    before = hub.get(f"/api/user/integrations/{made}/connection", roles="user")
    as_owner(hub, made)

    shown = hub.get(f"/api/user/integrations/{made}/connection", roles="user")
    ended = hub.post(f"/api/user/integrations/{made}/disconnect", roles="user")
    after = hub.get(f"/api/user/integrations/{made}/connection", roles="user")

    for each in (before, shown, after):
        UserConnection.model_validate(each.body)
    assert [each.body["connected"] for each in (before, shown, after)] == [False, True, False]
    assert ended.body["success"] is True


def test_user_cannot_end_what_the_tenant_shares(hub: Hub) -> None:
    made = connecting.connected(hub)

    answered = hub.post(f"/api/user/integrations/{made}/disconnect", roles="user")

    assert answered.status == 404
    assert connecting.connection(hub, made)["status"] == "active"


def test_integration_with_a_users_connection_does_not_show_it_to_another_user(hub: Hub) -> None:
    made = create(hub, userScoped=True)
    as_owner(hub, made)
    other = {"tenant": hub.tenant, "user": "u2", "roles": "user", "scopes": "", "keyId": ""}

    seen = hub.get(f"/api/v1/integrations/{made}/connections", context=other)
    own = hub.get(f"/api/v1/integrations/{made}/connections", roles="user")
    all_of_them = hub.get(f"/api/v1/integrations/{made}/connections")

    assert [len(each.body["data"]) for each in (seen, own, all_of_them)] == [0, 1, 1]


def as_owner(hub: Hub, integration_id: str) -> None:
    """Connect an integration for the user u1, as the end of a browser flow does."""
    from hub.core.answers import no_content
    from hub.core.caller import Caller, Tenant
    from hub.core.journal import Change
    from hub.core.resources import resources
    from hub.integrations import connected
    from hub.integrations.connections.connect import Desk, connect
    from hub.integrations.connections.methods import Entered
    from hub.outbound.guard import Guard
    from tests.api.sync_work import vault

    tables, tenant = resources().tables, Tenant(hub.tenant)
    change = Change(tables, Caller(tenant, "u1", frozenset({"user"}), frozenset()), "r1", 30)
    found = connected.load(tables.config, tenant, integration_id, user="u1")
    connect(Desk(change, vault(), Guard.from_text("")), found, Entered({"accessToken": ACCESS}, owner=found.owner))
    change.commit(no_content())
