"""Integrations as the teams product (S003, "Integration Interface") writes them."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.integrations.connections import connections
from hub.integrations.instances.teams_models import TeamsIntegration, TeamsIntegrations
from tests.api.conftest import Cloud, Hub
from tests.api.custom_integrations import create as create_custom
from tests.api.instances import (
    CANARY,
    KEY_METHOD,
    V1,
    Json,
    connection_of,
    created_v1,
    enabled,
    of_user,
    plain,
    pointers,
    provider,
    refused,
    set_stored,
    stored,
    team,
)
from tests.api.sync_work import vault

ENABLED = {"draft": False, "pending_auth": True, "active": True, "paused": False, "error": True}
MISSING = "int_00000000000000000000000000"


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:  # noqa: ARG001 - the tables must be there
    """Providers under the names of S003's types, listed before those that other tests seed."""
    provider("a-team-slack", KEY_METHOD, aliases={"teams": "slack"})
    plain("a-team-webhook", aliases={"teams": "webhook"})


def create(hub: Hub, name: str = "alerts", **changed: Any) -> Json:
    reply = hub.post(team(hub), {"type": "slack", "name": name, "enabled": True, "config": {}, **changed})
    assert reply.status == 201, reply.body
    TeamsIntegration.model_validate(reply.body)
    made: Json = reply.body
    return made


def patch(hub: Hub, made: Json, body: Json) -> Any:
    return hub.call("PATCH", f"{team(hub)}/{made['id']}", body)


def test_create_answers_the_integration(hub: Hub) -> None:
    made = create(hub, config={"pageSize": 9})

    assert {name: made[name] for name in ("teamId", "type", "name", "enabled", "config", "lastSyncAt")} == {
        "teamId": hub.tenant,
        "type": "slack",
        "name": "alerts",
        "enabled": True,
        "config": {"pageSize": 9},
        "lastSyncAt": None,
    }
    assert (made["status"], "credentials" in made) == ("pending_auth", False)
    assert hub.get(f"{team(hub)}/{made['id']}").body == made


def test_credentials_connect_at_once_and_are_masked(hub: Hub) -> None:
    made = create(hub, credentials={"apiKey": CANARY, "audienceId": "list-1"})

    connection = connection_of(hub, made["id"])
    assert connection is not None
    assert made["status"] == "active"
    assert made["credentials"]["audienceId"] == "list-1"
    assert made["credentials"]["apiKey"] not in ("", CANARY)
    assert CANARY not in repr(hub.get(team(hub)).body)
    assert list(vault().read(Tenant(hub.tenant), connections.KIND, connection["sk"]).values()) == [CANARY]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"enabled": False}, "paused"),
        ({"enabled": False, "credentials": {"apiKey": CANARY}}, "paused"),
        ({"type": "webhook"}, "active"),
        ({"type": "webhook", "enabled": False}, "paused"),
    ],
    ids=["key, off", "key given, off", "no key", "no key, off"],
)
def test_start_says_whether_it_runs(hub: Hub, change: Json, status: str) -> None:
    made = create(hub, **change)

    assert (made["status"], made["enabled"]) == (status, status == "active")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"type": "fax"}, "/type"),
        ({"config": {"pageSize": "many"}}, "/config/pageSize"),
        ({"config": {"baseUrl": "http://127.0.0.1:9001"}}, "/config/baseUrl"),
        ({"credentials": {"password": CANARY}}, "/credentials"),
        ({"credentials": {}}, "/credentials"),
        ({"credentials": {"apiKey": 7}}, "/credentials"),
        ({"enabled": "yes"}, "/enabled"),
    ],
    ids=["type", "config", "address", "other key", "no key", "number", "enabled"],
)
def test_bad_input_is_refused_with_its_place(hub: Hub, change: Json, where: str) -> None:
    reply = hub.post(team(hub), {"type": "slack", "name": "a", "enabled": True, "config": {}, **change})

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert any(each.startswith(where) for each in pointers(reply))
    assert CANARY not in repr(reply.body)
    assert hub.get(team(hub)).body == []


def test_name_is_taken_once(hub: Hub) -> None:
    create(hub, "alerts")

    reply = hub.post(team(hub), {"type": "webhook", "name": "alerts", "enabled": True, "config": {}})

    assert (reply.status, reply.code) == (409, "CONFLICT")
    enabled(hub, "alerts")  # the names of another surface are its own


def test_update_changes_what_is_given(hub: Hub) -> None:
    made = create(hub, config={"pageSize": 9, "folder": {"name": "a"}})

    reply = patch(hub, made, {"name": "New", "config": {"pageSize": None, "folder": {"depth": 1}}})

    TeamsIntegration.model_validate(reply.body)
    assert (reply.body["name"], reply.body["config"]) == ("New", {"folder": {"name": "a", "depth": 1}})
    assert hub.get(f"{team(hub)}/{made['id']}").body == reply.body


def test_update_with_everything_is_one_change(hub: Hub) -> None:
    made = create(hub, enabled=False)

    reply = patch(
        hub, made, {"name": "New", "enabled": True, "credentials": {"apiKey": CANARY}, "config": {"pageSize": 3}}
    )

    assert reply.status == 200, reply.body
    assert (reply.body["name"], reply.body["status"], reply.body["config"]) == ("New", "active", {"pageSize": 3})
    assert reply.body["version"] == made["version"] + 1
    assert hub.get(f"{team(hub)}/{made['id']}").body == reply.body


def test_enabled_switches_it(hub: Hub) -> None:
    made = create(hub, credentials={"apiKey": CANARY})

    off, on = patch(hub, made, {"enabled": False}), patch(hub, made, {"enabled": True})

    assert (off.body["status"], on.body["status"]) == ("paused", "active")
    assert patch(hub, made, {"enabled": True}).body["version"] == on.body["version"]


@pytest.mark.parametrize(("status", "is_enabled"), ENABLED.items())
def test_every_status_has_its_word(hub: Hub, status: str, is_enabled: bool) -> None:
    made = create(hub)
    set_stored(hub, made["id"], status=status)

    assert hub.get(f"{team(hub)}/{made['id']}").body["enabled"] is is_enabled


def test_list_is_a_bare_array_that_a_browser_may_keep(hub: Hub) -> None:
    made = [create(hub, name)["id"] for name in ("a", "b", "c")]

    first = hub.get(team(hub), query={"limit": 2})
    again = hub.get(team(hub), query={"limit": 2}, headers={"If-None-Match": first.headers["ETag"]})

    TeamsIntegrations.model_validate(first.body)
    assert [each["id"] for each in first.body] == made[:2]
    assert (first.headers["Cache-Control"], first.headers["X-Total-Count"]) == ("private, max-age=600", "3")
    assert 'rel="next"' in first.headers["Link"]
    assert again.status == 304


def test_other_integrations_have_a_type_too(hub: Hub) -> None:
    tenants, custom = enabled(hub), create_custom(hub, integrationType="graphql")

    types = {each["id"]: (each["type"], each["provider"]) for each in hub.get(team(hub)).body}

    assert types == {tenants["id"]: ("rest", "acme"), custom["id"]: ("graphql", "custom")}


def test_custom_integration_is_switched_and_not_changed(hub: Hub) -> None:
    made = create_custom(hub, status="active")

    assert patch(hub, made, {"enabled": False}).body["status"] == "paused"
    assert patch(hub, made, {"name": "other"}).status == 409
    assert patch(hub, made, {"credentials": {"apiKey": CANARY}}).status == 409


def routes(base: str, integration_id: str) -> list[tuple[str, str, Any]]:
    log = {"method": "GET", "endpoint": "/x", "statusCode": 200, "duration": 1, "success": True}
    one = f"{base}/{integration_id}"
    return [
        ("GET", one, None),
        ("PATCH", one, {"name": "x"}),
        ("POST", f"{one}/request-logs", log),
        ("GET", f"{one}/request-logs", None),
        ("DELETE", one, None),
    ]


@pytest.mark.parametrize("number", range(5))
def test_integration_of_another_team_answers_as_a_missing_one(hub: Hub, other_hub: Hub, number: int) -> None:
    """Also where the path names the caller's own team, or a missing integration of the other team."""
    made = create(other_hub)
    places = [(team(other_hub), made["id"]), (team(hub), made["id"]), (team(other_hub), MISSING), (team(hub), MISSING)]

    answers = [refused(hub.call(*routes(*place)[number])) for place in places]

    assert all(each == answers[-1] for each in answers)
    assert (answers[-1]["status"], answers[-1]["code"]) == (404, "INTEGRATION_NOT_FOUND")
    assert other_hub.call(*routes(team(other_hub), made["id"])[number]).status in (200, 201, 204)  # the control


def test_list_of_another_team_is_not_found(hub: Hub, other_hub: Hub) -> None:
    body = {"type": "slack", "name": "a", "enabled": True, "config": {}}

    assert hub.get(team(other_hub)).status == hub.post(team(other_hub), body).status == 404
    assert hub.get(team(other_hub)).code == "INTEGRATION_NOT_FOUND"


def test_member_reads_and_does_not_write(hub: Hub) -> None:
    made = create(hub)

    answers = [of_user(hub, *route).status for route in routes(team(hub), made["id"])]

    assert answers == [200, 403, 403, 403, 403]
    assert of_user(hub, "GET", team(hub)).status == 200


def test_settings_that_lead_elsewhere_end_the_connection(hub: Hub) -> None:
    made = create(hub, credentials={"apiKey": CANARY})

    reply = patch(hub, made, {"config": {"baseUrl": "https://evil.example.com"}})

    assert reply.body["status"] == "pending_auth"
    assert "apiKey" not in reply.body["credentials"]
    assert stored(hub, made["id"])["status"] == "pending_auth"


def test_address_and_credentials_together_connect_anew(hub: Hub) -> None:
    made = create(hub, credentials={"apiKey": CANARY})

    change = {"config": {"baseUrl": "https://new.example.com"}, "credentials": {"apiKey": f"{CANARY}-2"}}
    reply = patch(hub, made, change)

    connection = connection_of(hub, made["id"])
    assert connection is not None
    assert (reply.body["status"], connection["status"]) == ("active", "active")
    assert connection["boundTo"] == ["https://new.example.com:443"]


def test_one_of_v1_is_found_by_the_team(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)

    shown = hub.get(f"{team(hub)}/{made['id']}").body

    assert (shown["type"], shown["enabled"], CANARY in repr(shown)) == ("rest", True, False)
    assert hub.call("DELETE", f"{team(hub)}/{made['id']}").status == 204
    assert hub.get(f"{V1}/{made['id']}").status == 404


def test_team_may_be_told_in_the_body_and_no_other(hub: Hub) -> None:
    """S003's own examples send `teamId` with what they create."""
    body = {"type": "slack", "name": "a", "enabled": True, "config": {}}

    own, foreign = (hub.post(team(hub), {**body, "teamId": told}) for told in (hub.tenant, "other"))

    assert (own.status, own.body["teamId"]) == (201, hub.tenant)
    assert refused(foreign) == refused(hub.get(f"{team(hub)}/{MISSING}"))
