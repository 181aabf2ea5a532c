"""Integrations as the catalogue specification (S001, "Tenant Integration Endpoints") writes them."""

from typing import Any

import pytest

from hub.integrations.instances.tenant_models import (
    Activated,
    Deactivated,
    TenantIntegration,
    TenantIntegrationPage,
    WidgetStatus,
)
from tests.api.conftest import Hub, StoppedClock
from tests.api.custom_integrations import create as create_custom
from tests.api.instances import (
    CANARY,
    TENANT,
    V1,
    Json,
    enabled,
    of_user,
    plain,
    pointers,
    provider,
    refused,
    set_stored,
    stored,
)

WORDS = {"draft": "pending", "pending_auth": "pending", "active": "connected", "paused": "disabled", "error": "error"}
MISSING = "int_00000000000000000000000000"


def patch(hub: Hub, made: Json, body: Json, **options: Any) -> Any:
    return hub.call("PATCH", f"{TENANT}/{made['id']}", body, **options)


def test_create_answers_the_integration_as_pending(hub: Hub) -> None:
    body: dict[str, Any] = {
        "name": "Sales CRM",
        "description": "Ours",
        "icon": "https://icons.example.com/ours.png",
        "settings": {"pageSize": 20},
        "allowedShardTypes": ["contact"],
        "searchEnabled": True,
        "searchableEntities": ["contact"],
        "userScoped": False,
    }

    made = enabled(hub, **body)

    assert {name: made[name] for name in body} == body
    assert (made["integrationId"], made["providerName"], made["category"]) == ("acme", "acme", "crm")
    assert (made["status"], made["connectionStatus"], made["tenantId"]) == ("pending", None, hub.tenant)
    assert hub.get(f"{TENANT}/{made['id']}").body == made


def test_what_is_left_out_comes_from_the_provider(hub: Hub) -> None:
    made = enabled(hub)

    assert made["icon"] == "https://icons.example.com/acme.png"
    assert (made["searchEnabled"], made["searchableEntities"]) == (True, ["contact", "company"])
    assert (made["allowedShardTypes"], made["userScoped"], made["settings"]) == ([], False, {})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"settings": {"pageSize": 0}}, "/settings/pageSize"),
        ({"settings": {"unknown": 1}}, "/settings/unknown"),
        ({"settings": {"baseUrl": "http://169.254.169.254/x"}}, "/settings/baseUrl"),
        ({"settings": []}, "/settings"),
        ({"searchableEntities": ["contact", "invoice"]}, "/searchableEntities/1"),
        ({"allowedShardTypes": ["contact", "a b"]}, "/allowedShardTypes/1"),
        ({"name": ""}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"userScoped": "yes"}, "/userScoped"),
        ({"status": "connected"}, "/status"),
        ({"constructor": 1}, "/constructor"),
    ],
    ids=str,
)
def test_bad_input_is_refused_with_its_place(hub: Hub, change: Json, where: str) -> None:
    reply = hub.post(TENANT, {"integrationId": provider(), "name": "crm", **change})

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert where in pointers(reply)
    assert hub.get(TENANT).body["total"] == 0


def test_unknown_and_hidden_providers_are_not_found(hub: Hub) -> None:
    hidden = provider("hidden", audience="system")

    found = [refused(hub.post(TENANT, {"integrationId": slug, "name": "a"})) for slug in ("nobody", hidden)]

    assert found[0] == found[1]
    assert (found[0]["status"], found[0]["code"]) == (404, "PROVIDER_NOT_FOUND")


def test_name_is_taken_once(hub: Hub, other_hub: Hub) -> None:
    enabled(hub, "crm")

    again = hub.post(TENANT, {"integrationId": provider(), "name": "crm"})

    assert (again.status, again.code) == (409, "CONFLICT")
    enabled(other_hub, "crm")
    assert hub.get(TENANT).body["total"] == 1


def test_update_changes_what_is_given(hub: Hub) -> None:
    made = enabled(hub, settings={"pageSize": 20, "folder": {"name": "a", "depth": 1}}, description="Ours")

    reply = patch(
        hub, made, {"name": "New", "description": None, "settings": {"folder": {"depth": 2}, "pageSize": None}}
    )

    assert reply.status == 200, reply.body
    TenantIntegration.model_validate(reply.body)
    assert (reply.body["name"], reply.body["description"]) == ("New", None)
    assert reply.body["settings"] == {"folder": {"name": "a", "depth": 2}}
    assert reply.body["version"] == made["version"] + 1
    assert hub.get(f"{TENANT}/{made['id']}").body == reply.body


def test_renaming_frees_the_former_name_and_keeps_the_new_one(hub: Hub) -> None:
    made, other = enabled(hub, "one"), enabled(hub, "two")

    assert patch(hub, made, {"name": "two"}).status == 409
    assert patch(hub, made, {"name": "three"}).status == 200
    assert patch(hub, other, {"name": "one"}).status == 200
    assert hub.post(TENANT, {"integrationId": provider(), "name": "three"}).status == 409


def test_what_get_answered_may_be_sent_back(hub: Hub) -> None:
    made = enabled(hub)

    reply = patch(hub, made, {**made, "description": "Ours"})

    assert (reply.status, reply.body["description"]) == (200, "Ours")
    assert patch(hub, made, {**made, "status": "connected"}).status == 400


def test_if_match_guards_a_change(hub: Hub) -> None:
    made = enabled(hub)

    stale = patch(hub, made, {"description": "a"}, headers={"If-Match": '"9"'})
    fresh = patch(hub, made, {"description": "a"}, headers={"If-Match": f'"{made["version"]}"'})

    assert (stale.status, fresh.status) == (409, 200)


def test_list_is_a_page_with_filters(hub: Hub, stopped_clock: StoppedClock) -> None:
    for name in ("alpha", "beta", "gamma"):
        stopped_clock.advance(1)
        enabled(hub, name)
    stopped_clock.advance(1)
    enabled(hub, "delta", plain())

    first = hub.get(TENANT, query={"limit": 3})
    TenantIntegrationPage.model_validate(first.body)
    second = hub.get(TENANT, query={"limit": 3, "cursor": first.body["nextCursor"]})

    names = [each["name"] for page in (first, second) for each in page.body["integrations"]]
    assert names == ["alpha", "beta", "gamma", "delta"]
    assert {name: first.body[name] for name in ("total", "limit", "offset", "hasMore", "nextOffset")} == {
        "total": 4,
        "limit": 3,
        "offset": 0,
        "hasMore": True,
        "nextOffset": 3,
    }
    assert [each["name"] for each in hub.get(TENANT, query={"providerName": "plain"}).body["integrations"]] == ["delta"]
    assert [each["name"] for each in hub.get(TENANT, query={"search": "ALPH"}).body["integrations"]] == ["alpha"]
    assert hub.get(TENANT, query={"status": "connected"}).body["total"] == 0
    assert hub.get(TENANT, query={"status": "pending"}).body["total"] == 4


@pytest.mark.parametrize("query", [{"status": "ACTIVE"}, {"limit": 101}, {"sortBy": "settings"}, {"cursor": "x"}])
def test_bad_query_is_refused(hub: Hub, query: Json) -> None:
    assert hub.get(TENANT, query=query).status == 400


@pytest.mark.parametrize(("status", "word"), WORDS.items())
def test_every_status_has_its_word(hub: Hub, status: str, word: str) -> None:
    made = enabled(hub)
    set_stored(hub, made["id"], status=status)

    shown = hub.get(f"{TENANT}/{made['id']}").body

    assert shown["status"] == word
    assert [each["id"] for each in hub.get(TENANT, query={"status": word}).body["integrations"]] == [made["id"]]
    assert hub.get(f"{TENANT}/{made['id']}/widgets/status").body["status"] == word


def test_integration_without_credentials_cannot_be_activated(hub: Hub) -> None:
    made = enabled(hub)

    reply = hub.post(f"{TENANT}/{made['id']}/activate")

    assert (reply.status, reply.code) == (409, "CONFLICT")
    assert reply.body["error"]["details"]["reason"] == "never_connected"
    assert f"{TENANT}/{made['id']}/connect/" in reply.body["error"]["details"]["nextStep"]
    assert stored(hub, made["id"])["status"] == "pending_auth"


def test_provider_without_credentials_is_activated_and_deactivated(hub: Hub) -> None:
    made = enabled(hub, slug=plain())
    path = f"{TENANT}/{made['id']}"

    on, off = hub.post(f"{path}/activate"), hub.post(f"{path}/deactivate")

    Activated.model_validate(on.body)
    Deactivated.model_validate(off.body)
    assert (on.body["status"], on.body["enabledBy"], off.body["status"]) == ("connected", "u1", "disabled")
    assert hub.get(path).body["status"] == "disabled"
    assert hub.post(f"{path}/activate").body["status"] == "connected"


def test_switching_twice_says_the_same(hub: Hub) -> None:
    path = f"{TENANT}/{enabled(hub, slug=plain())['id']}"

    assert [hub.post(f"{path}/activate").status for _ in range(2)] == [200, 200]
    assert [hub.post(f"{path}/deactivate").status for _ in range(2)] == [200, 200]


def test_widget_shows_what_is_known(hub: Hub) -> None:
    made = enabled(hub)

    before = of_user(hub, "GET", f"{TENANT}/{made['id']}/widgets/status").body
    set_stored(hub, made["id"], status="error", lastError="refused", lastSyncAt="2026-01-01T00:00:00.000Z")
    after = of_user(hub, "GET", f"{TENANT}/{made['id']}/widgets/status").body

    for shown in (before, after):
        WidgetStatus.model_validate(shown)
    assert before == {"integrationId": made["id"], "name": "crm", "status": "pending"}
    assert (after["status"], after["error"], after["lastSyncAt"]) == ("error", "refused", "2026-01-01T00:00:00.000Z")


def routes(integration_id: str) -> list[tuple[str, str, Any]]:
    one = f"{TENANT}/{integration_id}"
    return [
        ("GET", one, None),
        ("PATCH", one, {"name": "x"}),
        ("DELETE", one, None),
        ("POST", f"{one}/activate", None),
        ("POST", f"{one}/deactivate", None),
        ("GET", f"{one}/widgets/status", None),
        ("GET", f"{V1}/{integration_id}/health", None),
        ("GET", f"{V1}/{integration_id}/logs", None),
    ]


@pytest.mark.parametrize("number", range(8))
def test_integration_of_another_tenant_answers_as_a_missing_one(hub: Hub, other_hub: Hub, number: int) -> None:
    made = enabled(other_hub, slug=plain())
    method, path, body = routes(made["id"])[number]

    foreign, absent = hub.call(method, path, body), hub.call(method, routes(MISSING)[number][1], body)

    assert refused(foreign) == refused(absent)
    assert (foreign.status, foreign.code) == (404, "INTEGRATION_NOT_FOUND")
    assert other_hub.call(method, path, body).status in (200, 204)  # the control


@pytest.mark.parametrize("number", range(5))
def test_user_is_not_admitted(hub: Hub, number: int) -> None:
    made = enabled(hub)
    method, path, body = routes(made["id"])[number]

    assert of_user(hub, method, path, body).status == 403
    assert of_user(hub, "GET", TENANT).status == 403
    assert of_user(hub, "POST", TENANT, {"integrationId": provider(), "name": "a"}).status == 403


def test_program_reads_and_writes_by_its_scope(hub: Hub) -> None:
    made = enabled(hub)
    reader, writer = {"roles": "", "scopes": "integrations:read"}, {"roles": "", "scopes": "integrations:write"}

    assert hub.get(f"{TENANT}/{made['id']}", **reader).status == 200
    assert patch(hub, made, {"name": "x"}, **reader).status == 403
    assert patch(hub, made, {"name": "x"}, **writer).status == 200


def test_custom_integration_is_shown_and_switched_and_not_changed(hub: Hub) -> None:
    made = create_custom(hub, status="active")
    path = f"{TENANT}/{made['id']}"

    shown = hub.get(path).body
    TenantIntegration.model_validate(shown)
    refusal = hub.call("PATCH", path, {"name": "other"})
    off, on = hub.post(f"{path}/deactivate"), hub.post(f"{path}/activate")

    assert (shown["providerName"], shown["integrationId"], shown["status"]) == ("custom", None, "connected")
    assert (refusal.status, refusal.code) == (409, "CONFLICT")
    assert "/api/v1/custom-integrations" in refusal.body["error"]["message"]
    assert (off.body["status"], on.body["status"]) == ("disabled", "connected")
    assert hub.call("DELETE", path).status == 204
    assert hub.get(f"/api/v1/custom-integrations/{made['id']}").status == 404


def test_repeat_of_a_create_gets_the_first_answer(hub: Hub) -> None:
    body, headers = {"integrationId": provider(), "name": "crm"}, {"Idempotency-Key": "k1"}

    first, second = (hub.post(TENANT, body, headers=headers) for _ in range(2))

    assert (first.status, first.body) == (second.status, second.body)
    assert hub.get(TENANT).body["total"] == 1


def test_no_secret_is_in_any_answer(hub: Hub) -> None:
    made = hub.post(V1, {"providerId": provider(), "name": "a", "config": {}, "apiKey": CANARY}).body

    for path in (
        TENANT,
        f"{TENANT}/{made['id']}",
        V1,
        f"{V1}/{made['id']}",
        f"/api/v1/teams/{hub.tenant}/integrations",
    ):
        assert CANARY not in repr(hub.get(path).body)
    assert CANARY not in repr(hub.audit_entries())
