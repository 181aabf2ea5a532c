"""Connecting as the cards product does it (spec S002): each user's own, one per provider."""

from typing import Any

import pytest

from hub.integrations.instances.cards_models import ConnectedCardsIntegration
from tests.api import connecting
from tests.api.conftest import Cloud, Hub, Reply
from tests.api.connecting import ACCESS, KEY, REFRESH

Json = dict[str, Any]
PATH = "/integrations/connect"
OTHER = {"user": "u2", "roles": "user", "scopes": "", "keyId": ""}


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:
    with cloud.running(""):
        connecting.put_provider()


def connect(hub: Hub, credentials: Json | None = None, **options: Any) -> Reply:
    body = {"provider": "DESK", "credentials": credentials or {"apiKey": KEY}, **options.pop("more", {})}
    return hub.post(PATH, body, **{"roles": "user", **options})


def test_user_connects_a_provider(hub: Hub) -> None:
    answered = connect(hub, {"apiKey": KEY, "listId": "7"})

    assert answered.status == 201, answered.body
    ConnectedCardsIntegration.model_validate(answered.body)
    assert (answered.body["provider"], answered.body["status"]) == ("DESK", "ACTIVE")
    assert answered.body["credentials"] == {"apiKey": "cana...ough", "listId": "7"}
    assert connecting.connection(hub, answered.body["id"], "user:u1")["status"] == "active"


def test_tokens_keep_their_names_and_their_end(hub: Hub) -> None:
    entered = {"accessToken": ACCESS, "refreshToken": REFRESH, "expiresAt": "2090-01-01T00:00:00Z"}

    shown = connect(hub, entered).body["credentials"]

    assert shown == {
        "accessToken": "cana...ough",
        "refreshToken": "cana...ough",
        "expiresAt": "2090-01-01T00:00:00.000Z",
    }


def test_connecting_again_replaces_the_credentials(hub: Hub) -> None:
    first = connect(hub, {"apiKey": KEY})

    again = connect(hub, {"accessToken": ACCESS})

    assert (again.status, again.body["id"], again.body["status"]) == (201, first.body["id"], "ACTIVE")
    assert again.body["createdAt"] == first.body["createdAt"]
    assert set(again.body["credentials"]) == {"accessToken"}
    assert len(hub.get("/integrations", roles="user").body) == 1


def test_each_user_has_their_own(hub: Hub) -> None:
    mine = connect(hub)

    theirs = connect(hub, context={"tenant": hub.tenant, **OTHER})

    assert theirs.status == 201
    assert theirs.body["id"] != mine.body["id"]
    listed = hub.get("/integrations", context={"tenant": hub.tenant, **OTHER}).body
    assert [row["id"] for row in listed] == [theirs.body["id"]]


def test_program_has_no_cards(hub: Hub) -> None:
    context = {"tenant": hub.tenant, "user": "", "roles": "", "scopes": "admin:full", "keyId": "key_1"}

    assert connect(hub, context=context).status == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"provider": "NOBODY", "credentials": {"apiKey": KEY}}, "/provider"),
        ({"provider": "DESK"}, "/credentials"),
        ({"provider": "DESK", "credentials": {}}, "/credentials/accessToken"),
        ({"provider": "DESK", "credentials": {"apiKey": KEY}, "settings": {"colour": 1}}, "/settings"),
    ],
)
def test_what_cannot_be_connected_is_named(hub: Hub, body: Json, pointer: str) -> None:
    answered = hub.post(PATH, body, roles="user")

    assert (answered.status, answered.code) == (400, "VALIDATION_ERROR")
    assert any(each["pointer"].startswith(pointer) for each in answered.body["error"]["details"]["problems"])


def test_nothing_is_left_of_a_connecting_that_was_refused(hub: Hub) -> None:
    connect(hub, {"appKey": KEY})

    assert hub.get("/integrations", roles="user").body == []


def test_settings_are_kept_when_none_are_given(hub: Hub) -> None:
    made = connect(hub, more={"settings": {"region": "us"}}).body["id"]

    connect(hub, {"apiKey": KEY})

    assert "us" in connecting.integration(hub, made)["settings"]


def test_repeat_with_the_same_key_answers_the_same_and_writes_once(hub: Hub) -> None:
    headers = {"Idempotency-Key": "once"}

    first, second = (connect(hub, headers=headers) for _ in range(2))

    assert first.body == second.body
    assert connecting.connection(hub, first.body["id"], "user:u1")["generation"] == 1


def test_events_of_a_user_concern_no_other(hub: Hub) -> None:
    from hub.core.resources import resources

    connect(hub)

    told = list(resources().tables.activity.query_all("pk = :pk", {"pk": f"{hub.tenant}#event"}))
    assert {each["type"]: each.get("userId") for each in told} == {
        "integration.created": "u1",
        "integration.connected": "u1",
    }
