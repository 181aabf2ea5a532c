"""Integrations as the cards product (S002, "Integration Management") writes them: each user's own."""

from typing import Any

import pytest

from hub.integrations.instances.cards_models import CardsIntegrations
from tests.api.conftest import Cloud, Hub
from tests.api.instances import (
    CANARY,
    CARDS,
    KEY_METHOD,
    TENANT,
    V1,
    Json,
    connection_of,
    enabled,
    of_user,
    provider,
    refused,
    set_stored,
    team,
)

WORDS = {"draft": "INACTIVE", "pending_auth": "INACTIVE", "active": "ACTIVE", "paused": "INACTIVE", "error": "ERROR"}
CREDENTIALS = {"apiKey": CANARY, "audienceId": "list-1"}


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:  # noqa: ARG001 - the tables must be there
    provider("cards-mail", KEY_METHOD, aliases={"cards": "MAIL"})
    provider("cards-crm", KEY_METHOD, aliases={"cards": "CRM"})


def connect(hub: Hub, user: str = "u1", name: str = "MAIL") -> Json:
    reply = of_user(hub, "POST", f"{CARDS}/connect", {"provider": name, "credentials": CREDENTIALS}, user)
    assert reply.status == 201, reply.body
    made: Json = reply.body
    return made


def listed(hub: Hub, user: str = "u1", **options: Any) -> list[Json]:
    reply = of_user(hub, "GET", CARDS, user=user, **options)
    CardsIntegrations.model_validate(reply.body)
    rows: list[Json] = reply.body
    return rows


def test_list_has_the_shape_of_the_specification(hub: Hub) -> None:
    made = connect(hub)

    reply = of_user(hub, "GET", CARDS)

    (row,) = reply.body
    assert list(row) == ["id", "provider", "status", "credentials", "lastSyncAt"]
    assert (row["id"], row["provider"], row["status"], row["lastSyncAt"]) == (made["id"], "MAIL", "ACTIVE", None)
    assert reply.headers["X-Total-Count"] == "1"


def test_credentials_keep_their_names_and_secrets_are_masked(hub: Hub) -> None:
    connect(hub)

    (row,) = listed(hub)

    assert row["credentials"].keys() == CREDENTIALS.keys()
    assert row["credentials"]["audienceId"] == "list-1"
    assert CANARY not in repr(row)
    assert row["credentials"]["apiKey"][:4] == CANARY[:4]


def test_each_user_sees_their_own(hub: Hub, other_hub: Hub) -> None:
    mine, theirs = connect(hub, "u1"), connect(hub, "u2")
    connect(other_hub, "u1")
    enabled(hub)  # of the tenant

    assert [row["id"] for row in listed(hub, "u1")] == [mine["id"]]
    assert [row["id"] for row in listed(hub, "u2")] == [theirs["id"]]
    assert listed(hub, "u3") == []


@pytest.mark.parametrize(("status", "word"), WORDS.items())
def test_every_status_has_its_word(hub: Hub, status: str, word: str) -> None:
    set_stored(hub, connect(hub)["id"], status=status)

    assert [row["status"] for row in listed(hub)] == [word]


def test_integration_of_a_user_is_there_for_nobody_else(hub: Hub) -> None:
    """Not even for an administrator: what a user connected is the user's own."""
    made = connect(hub, "u2")
    missing = "int_00000000000000000000000000"

    for path in (TENANT, V1, team(hub)):
        foreign, absent = hub.get(f"{path}/{made['id']}"), hub.get(f"{path}/{missing}")
        assert refused(foreign) == refused(absent)
    assert hub.get(V1).body["total"] == 0
    assert of_user(hub, "GET", f"{V1}/{made['id']}", user="u2").body["owner"] == "u2"  # the control


def test_disconnect_takes_it_away_with_its_credentials(hub: Hub) -> None:
    made = connect(hub)

    reply = of_user(hub, "DELETE", f"{CARDS}/MAIL")

    connection = connection_of(hub, made["id"], "user:u1")
    assert connection is not None
    assert (reply.status, reply.body) == (200, {"success": True})
    assert (listed(hub), connection["expiresEpochS"] > 0) == ([], True)
    assert of_user(hub, "DELETE", f"{CARDS}/MAIL").status == 404


def test_provider_is_named_as_the_specification_does(hub: Hub) -> None:
    connect(hub, name="CRM")
    connect(hub, name="MAIL")

    assert of_user(hub, "DELETE", f"{CARDS}/crm").status == 200
    assert [row["provider"] for row in listed(hub)] == ["MAIL"]


def test_disconnect_of_what_only_another_user_has_is_not_found(hub: Hub) -> None:
    connect(hub, "u2")

    foreign, absent = of_user(hub, "DELETE", f"{CARDS}/MAIL"), of_user(hub, "DELETE", f"{CARDS}/CRM")

    assert refused(foreign) == refused(absent)
    assert (foreign.status, foreign.code, len(listed(hub, "u2"))) == (404, "INTEGRATION_NOT_FOUND", 1)


def test_provider_can_be_connected_again(hub: Hub) -> None:
    first = connect(hub)
    of_user(hub, "DELETE", f"{CARDS}/MAIL")

    second = connect(hub)

    assert first["id"] != second["id"]
    assert [row["id"] for row in listed(hub)] == [second["id"]]


def test_program_is_not_admitted(hub: Hub) -> None:
    for scopes in ("integrations:write", "admin:full"):
        assert hub.get(CARDS, roles="", scopes=scopes).status == 403
        assert hub.call("DELETE", f"{CARDS}/MAIL", roles="", scopes=scopes).status == 403


def test_long_list_goes_on_by_its_link(hub: Hub) -> None:
    connect(hub, name="MAIL")
    connect(hub, name="CRM")

    first = of_user(hub, "GET", CARDS, query={"limit": 1})
    cursor = first.headers["Link"].partition("cursor=")[2].partition(">")[0]
    second = of_user(hub, "GET", CARDS, query={"limit": 1, "cursor": cursor})

    assert [row["provider"] for row in (*first.body, *second.body)] == ["MAIL", "CRM"]
    assert "Link" not in second.headers
