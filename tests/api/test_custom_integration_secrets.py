"""What becomes of stored secrets when an integration changes: kept by their handles, dropped with their origin."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.integrations.models import CustomIntegration
from tests.api.conftest import Hub, make_integration
from tests.api.sync_work import TOKEN, Json, vault
from tests.spec_examples import OAUTH2

PATH = "/api/v1/custom-integrations"
ELSEWHERE = {"baseUrl": "https://evil.example.net"}
OTHER_TOKEN_URL = {"auth": {"tokenUrl": "https://evil.example.net/oauth/token"}}
API_KEY = {"type": "api_key", "keyName": "X-Api", "keyLocation": "header", "keyValue": TOKEN}
HEADERS = {"type": "custom_headers", "headers": {"X-One": "first-secret", "X-Two": "second-secret"}}
FULL_OAUTH2 = {**OAUTH2, "accessToken": "access-secret", "refreshToken": "refresh-secret"}


def create(hub: Hub, **changed: Any) -> str:
    reply = hub.post(PATH, make_integration(**changed))
    assert reply.status == 201, reply.body
    return str(reply.body["id"])


def patch(hub: Hub, made_id: str, change: Json) -> Json:
    reply = hub.call("PATCH", f"{PATH}/{made_id}", change)
    assert reply.status == 200, reply.body
    CustomIntegration.model_validate(reply.body)
    body: Json = reply.body
    return body


def stored(hub: Hub, made_id: str) -> dict[str, str]:
    return vault().read(Tenant(hub.tenant), "connector", made_id)


DROPPED: list[tuple[Json, Json, list[str], list[str]]] = [
    ({"type": "bearer", "token": TOKEN}, ELSEWHERE, ["/auth/token"], []),
    (API_KEY, ELSEWHERE, ["/auth/keyValue"], []),
    ({"type": "basic", "username": "u", "password": "p"}, ELSEWHERE, ["/auth/password"], []),
    (HEADERS, ELSEWHERE, ["/auth/headers/X-One", "/auth/headers/X-Two"], []),
    (FULL_OAUTH2, ELSEWHERE, ["/auth/accessToken", "/auth/clientSecret", "/auth/refreshToken"], []),
    (FULL_OAUTH2, OTHER_TOKEN_URL, ["/auth/clientSecret", "/auth/refreshToken"], ["/auth/accessToken"]),
]


@pytest.mark.parametrize(("auth", "change", "dropped", "kept"), DROPPED)
def test_secret_is_dropped_when_the_origin_it_goes_to_changes(
    hub: Hub, auth: Json, change: Json, dropped: list[str], kept: list[str]
) -> None:
    """Whoever may edit the address must not get the secret sent to a host of their choice."""
    made_id = create(hub, auth=auth, status="active", webhookConfig={"webhookSecret": "hook-secret"})

    changed = patch(hub, made_id, change)

    assert (changed["secretsRequired"], changed["status"]) == (dropped, "inactive")
    assert sorted(stored(hub, made_id)) == sorted(kept)
    assert vault().read(Tenant(hub.tenant), "inbound", made_id)["secret.1"] == "hook-secret"
    refused = hub.post(f"{PATH}/{made_id}/sync", {"endpointId": "contacts"})
    assert (refused.status, [each["pointer"] for each in refused.body["error"]["details"]["problems"]]) == (
        400,
        dropped,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"baseUrl": "https://crm.example.com/v2"},
        {"baseUrl": "https://CRM.example.com:443"},
        {"timeout": 5000},
        {"auth": {"token": "{{encrypted:****}}"}},
    ],
    ids=str,
)
def test_secret_stays_while_the_origin_is_the_same(hub: Hub, change: Json) -> None:
    made_id = create(hub, status="active")

    changed = patch(hub, made_id, change)

    assert (changed["status"], "secretsRequired" in changed) == ("active", False)
    assert stored(hub, made_id) == {"/auth/token": TOKEN}


@pytest.mark.parametrize(
    "change",
    [
        {"baseUrl": "https://crm.example.com:8443"},
        {"baseUrl": "https://crm.example.com.evil.example.net"},
    ],
    ids=str,
)
def test_port_and_host_are_both_part_of_the_origin(hub: Hub, change: Json) -> None:
    made_id = create(hub)

    assert patch(hub, made_id, change)["secretsRequired"] == ["/auth/token"]
    assert stored(hub, made_id) == {}


def test_dropped_secret_does_not_come_back_with_the_old_address_or_its_handle(hub: Hub) -> None:
    made_id = create(hub)
    handle = patch(hub, made_id, ELSEWHERE)["auth"]["token"]

    back = patch(hub, made_id, {"baseUrl": "https://crm.example.com"})
    sent_again = patch(hub, made_id, {"auth": {"type": "bearer", "token": handle}})

    assert back["secretsRequired"] == sent_again["secretsRequired"] == ["/auth/token"]
    assert stored(hub, made_id) == {}


def test_entering_the_secrets_again_repairs_the_integration(hub: Hub) -> None:
    made_id = create(hub, auth=HEADERS)
    patch(hub, made_id, ELSEWHERE)

    half = patch(hub, made_id, {"auth": {"headers": {"X-One": "new-first"}}})
    whole = patch(hub, made_id, {"auth": {"headers": {"X-Two": "new-second"}}})

    assert half["secretsRequired"] == ["/auth/headers/X-Two"]
    assert "secretsRequired" not in whole
    assert stored(hub, made_id) == {"/auth/headers/X-One": "new-first", "/auth/headers/X-Two": "new-second"}
    assert hub.post(f"{PATH}/{made_id}/sync", {"endpointId": "contacts"}).status == 202


def test_answer_with_the_missing_secret_filled_in_repairs_the_integration(hub: Hub) -> None:
    """A form sends back all it was given; its `inactive` must not switch the integration off."""
    made_id = create(hub)
    shown = patch(hub, made_id, ELSEWHERE)

    patch(hub, made_id, {**shown, "auth": {"type": "bearer", "token": "new"}})

    assert stored(hub, made_id) == {"/auth/token": "new"}
    assert hub.post(f"{PATH}/{made_id}/sync", {"endpointId": "contacts"}).status == 202


def test_new_secret_may_come_with_the_new_address(hub: Hub) -> None:
    made_id = create(hub, status="active")

    changed = patch(hub, made_id, {**ELSEWHERE, "auth": {"token": "new-token"}})

    assert (changed["status"], "secretsRequired" in changed) == ("active", False)
    assert stored(hub, made_id) == {"/auth/token": "new-token"}


def test_other_kind_of_auth_replaces_the_secrets(hub: Hub) -> None:
    made_id = create(hub)

    changed = patch(hub, made_id, {"auth": API_KEY})

    assert changed["auth"] == {**API_KEY, "keyValue": "{{encrypted:cana...ough}}"}
    assert stored(hub, made_id) == {"/auth/keyValue": TOKEN}


def test_handle_does_not_follow_into_another_kind_of_auth(hub: Hub) -> None:
    made_id = create(hub)

    reply = hub.call("PATCH", f"{PATH}/{made_id}", {"auth": {**API_KEY, "keyValue": "{{encrypted:cana...ough}}"}})

    assert reply.status == 422
    assert stored(hub, made_id) == {"/auth/token": TOKEN}


def test_removed_secret_leaves_the_vault(hub: Hub) -> None:
    made_id = create(hub, auth=HEADERS)

    changed = patch(hub, made_id, {"auth": {"headers": {"X-One": None}}})

    assert changed["auth"]["headers"] == {"X-Two": "{{encrypted:****}}"}
    assert stored(hub, made_id) == {"/auth/headers/X-Two": "second-secret"}
