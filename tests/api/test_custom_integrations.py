"""Custom integrations through their routes: create, list, change, delete, and nobody else's."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from tests.api.conftest import Hub, Reply, just_before, make_integration
from tests.api.custom_integrations import PATH, checked, create, delete, names, page, patch
from tests.api.sync_work import TOKEN, Json, vault
from tests.spec_examples import API_KEY, FIELD_MAPPINGS, LEAD, OAUTH2, PATH_PARAMETERS, WEBHOOK

MAPPING: Json = {"dataPath": "$.items", "identifierField": "$.id"}
EXPIRY_S = 31 * 86_400


# Create


def test_created_integration_has_the_fields_that_the_hub_sets(hub: Hub) -> None:
    made = create(hub)

    assert re.fullmatch(r"int_[0-9A-HJKMNP-TV-Z]{26}", made["id"])
    assert (made["tenantId"], made["status"], made["version"]) == (hub.tenant, "inactive", 1)
    assert (made["createdBy"], made["updatedBy"], made["createdAt"]) == ("u1", "u1", made["updatedAt"])
    assert (made["integrationType"], made["type"]) == ("rest_api", "rest")
    assert checked(hub.get(f"{PATH}/{made['id']}")) == made


def test_created_integration_is_active_when_the_body_says_so(hub: Hub) -> None:
    assert create(hub, status="active")["status"] == "active"


def test_secret_is_answered_and_stored_as_a_handle_only(hub: Hub) -> None:
    made = create(hub)

    shown = hub.get(f"{PATH}/{made['id']}").body["auth"]["token"]
    tables = resources().tables
    stored = [tables.config.get(key(Tenant(hub.tenant), kind, made["id"])) for kind in ("integration", "connector")]
    credentials = tables.credentials.get(key(Tenant(hub.tenant), "connector", made["id"]))

    assert shown == made["auth"]["token"] == "{{encrypted:cana...ough}}"
    assert TOKEN not in repr([made, page(hub), stored, credentials, hub.audit_entries()])
    assert vault().read(Tenant(hub.tenant), "connector", made["id"]) == {"/auth/token": TOKEN}


SPECIFIED: dict[str, Json] = {
    "mappings": {
        "endpoints": [
            {
                "id": "contacts",
                "name": "getContacts",
                "method": "GET",
                "path": "/contacts",
                "responseMapping": {**MAPPING, "fieldMappings": FIELD_MAPPINGS},
            }
        ]
    },
    "path parameters": {
        "endpoints": [{"id": "orders", "name": "getOrders", **PATH_PARAMETERS, "responseMapping": MAPPING}]
    },
    "body template": {"endpoints": [{"id": "lead", "name": "createLead", **LEAD, "responseMapping": MAPPING}]},
    "webhook": {"webhookConfig": WEBHOOK},
    "api key": {"auth": API_KEY},
    "oauth2": {"auth": OAUTH2},
}
SECRETS = ("webhookSecret", "keyValue", "clientSecret")


@pytest.mark.parametrize("example", SPECIFIED)
def test_example_of_the_specification_is_accepted_and_comes_back_equal(hub: Hub, example: str) -> None:
    sent = make_integration(**SPECIFIED[example])

    answered = hub.get(f"{PATH}/{create(hub, **SPECIFIED[example])['id']}").body

    for name in SPECIFIED[example]:
        assert without_secrets(answered[name]) == without_secrets(sent[name])


def without_secrets(value: Any) -> Any:
    """Return a part of a definition with short secrets as they are answered, and without what the hub adds."""
    if not isinstance(value, dict):
        return value
    written = {name: part for name, part in value.items() if name != "webhookUrl"}
    return {name: "{{encrypted:****}}" if name in SECRETS else part for name, part in written.items()}


def test_second_integration_of_the_same_name_is_a_409(hub: Hub, other_hub: Hub) -> None:
    create(hub)

    second = hub.post(PATH, make_integration())

    assert (second.status, second.code, second.body["error"]["details"]) == (409, "CONFLICT", {"field": "name"})
    assert create(other_hub)["name"] == "crm"


# Change


def test_patch_makes_the_next_version_and_null_removes(hub: Hub) -> None:
    made = create(hub, description="old", defaultHeaders={"X-A": "1", "X-B": "2"})

    changed = checked(patch(hub, made, {"description": None, "defaultHeaders": {"X-B": None, "X-C": "3"}}))

    assert changed["version"] == 2
    assert "description" not in changed
    assert changed["defaultHeaders"] == {"X-A": "1", "X-C": "3"}
    assert {**changed, "updatedAt": "", "version": 1} == {
        **{name: value for name, value in made.items() if name != "description"},
        "defaultHeaders": {"X-A": "1", "X-C": "3"},
        "updatedAt": "",
    }


def test_answer_can_be_sent_back_as_a_patch(hub: Hub) -> None:
    made = create(hub, status="active", webhookConfig=WEBHOOK)
    shown = hub.get(f"{PATH}/{made['id']}").body

    changed = checked(patch(hub, made, shown))

    assert {**changed, "version": 1, "updatedAt": ""} == {**shown, "updatedAt": ""}
    assert vault().read(Tenant(hub.tenant), "connector", made["id"]) == {"/auth/token": TOKEN}
    assert vault().read(Tenant(hub.tenant), "inbound", made["id"])["secret.1"] == "wh_secret_abc123"


@pytest.mark.parametrize("name", ["id", "tenantId", "version", "createdBy", "updatedAt"])
def test_field_of_the_hub_cannot_be_changed(hub: Hub, name: str) -> None:
    made = create(hub)

    reply = patch(hub, made, {name: "other"})

    assert reply.status == 400
    assert [problem["pointer"] for problem in reply.body["error"]["details"]["problems"]] == [f"/{name}"]


def test_if_match_guards_against_a_lost_update(hub: Hub) -> None:
    made = create(hub)

    first = patch(hub, made, {"color": "red"}, headers={"If-Match": '"1"'})
    late = patch(hub, made, {"color": "blue"}, headers={"If-Match": '"1"'})
    late_delete = delete(hub, made, headers={"If-Match": '"1"'})
    listed = patch(hub, made, {"color": "red"}, headers={"If-Match": '"1", W/"2"'})

    assert (first.status, listed.status) == (200, 200)
    assert (late.status, late.code, late.body["error"]["details"]) == (409, "CONFLICT", {"version": 2})
    assert (late_delete.status, hub.get(f"{PATH}/{made['id']}").body["color"]) == (409, "red")


def test_changed_name_frees_the_old_one_and_takes_the_new_one(hub: Hub) -> None:
    made = create(hub, "old")

    assert patch(hub, made, {"name": "new"}).status == 200

    assert hub.post(PATH, make_integration("new")).code == "CONFLICT"
    second = create(hub, "old")
    refused = patch(hub, second, {"name": "new"})
    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert checked(hub.get(f"{PATH}/{second['id']}"))["name"] == "old"


def test_status_follows_what_the_tenant_sets(hub: Hub) -> None:
    """draft -> active -> paused; a draft that is set inactive stays one, since it was never active."""
    made = create(hub)
    kept: list[str] = []
    shown: list[str] = []
    for status in ("inactive", "active", "inactive"):
        shown.append(patch(hub, made, {"status": status}).body["status"])
        item = resources().tables.config.get(key(Tenant(hub.tenant), "integration", made["id"]))
        kept.append(item["status"] if item else "gone")

    assert shown == ["inactive", "active", "inactive"]
    assert kept == ["draft", "active", "paused"]


@pytest.mark.parametrize("status", ["error", "draft", "", None, 1])
def test_status_that_only_the_hub_sets_is_a_400(hub: Hub, status: Any) -> None:
    made = create(hub)

    assert patch(hub, made, {"status": status}).status == 400
    assert hub.post(PATH, make_integration("other", status=status)).status == 400
    assert hub.get(f"{PATH}/{made['id']}").body["version"] == 1


# Delete


def test_deleted_integration_is_a_404_everywhere_and_its_name_is_free(hub: Hub) -> None:
    made = create(hub)

    gone = delete(hub, made)

    assert (gone.status, gone.body) == (204, None)
    assert [call(hub, made["id"]).status for call in EVERY_ROUTE.values()] == [404] * 4
    assert names(page(hub)) == []
    assert create(hub)["id"] != made["id"]


def test_deleted_integration_expires_with_its_credentials_after_31_days(hub: Hub) -> None:
    made = create(hub)
    delete(hub, made)

    tables, tenant = resources().tables, Tenant(hub.tenant)
    places = [(tables.config, "integration"), (tables.config, "connector"), (tables.credentials, "connector")]
    found = [table.get(key(tenant, kind, made["id"])) for table, kind in places]

    assert [round(item["expiresEpochS"] - time.time() - EXPIRY_S, -2) for item in found if item] == [0, 0, 0]


def test_change_under_way_does_not_bring_a_deleted_integration_back(hub: Hub) -> None:
    made = create(hub)

    with just_before("TransactWriteItems", lambda: delete(hub, made)):
        late = patch(hub, made, {"color": "red"})

    assert (late.status, late.code) == (409, "CONFLICT")
    assert hub.get(f"{PATH}/{made['id']}").status == 404


def test_second_deletion_under_way_does_not_free_the_name_of_a_successor(hub: Hub) -> None:
    made = create(hub)

    def delete_and_replace() -> None:
        delete(hub, made)
        create(hub)

    with just_before("TransactWriteItems", delete_and_replace):
        late = delete(hub, made)

    assert late.status == 409
    assert hub.post(PATH, make_integration()).code == "CONFLICT"


# Who may

EVERY_ROUTE: dict[str, Callable[..., Reply]] = {
    "get": lambda hub, made_id, **who: hub.get(f"{PATH}/{made_id}", **who),
    "patch": lambda hub, made_id, **who: hub.call("PATCH", f"{PATH}/{made_id}", {"color": "red"}, **who),
    "sync": lambda hub, made_id, **who: hub.post(f"{PATH}/{made_id}/sync", {"endpointId": "contacts"}, **who),
    "delete": lambda hub, made_id, **who: hub.call("DELETE", f"{PATH}/{made_id}", **who),
}
CALLERS: list[tuple[str, str, bool, bool]] = [
    ("tenant_admin", "", True, True),
    ("user", "", True, False),
    ("", "integrations:read", True, False),
    ("", "integrations:read integrations:write", True, True),
    ("", "integrations:write", False, True),
    ("", "admin:full", True, True),
    ("", "contacts:write", False, False),
]


@pytest.mark.parametrize(("roles", "scopes", "reads", "writes"), CALLERS)
def test_role_or_scope_decides_who_reads_and_who_writes(
    hub: Hub, roles: str, scopes: str, reads: bool, writes: bool
) -> None:
    made_id, who = create(hub)["id"], {"roles": roles, "scopes": scopes}

    read = [hub.get(PATH, **who).status, EVERY_ROUTE["get"](hub, made_id, **who).status]
    made = hub.post(PATH, make_integration("second"), **who)
    written = [made.status, *(EVERY_ROUTE[name](hub, made_id, **who).status for name in ("patch", "sync", "delete"))]

    assert read == ([200, 200] if reads else [403, 403])
    assert written == ([201, 200, 202, 204] if writes else [403] * 4)


@pytest.mark.parametrize("route", EVERY_ROUTE)
def test_foreign_integration_answers_byte_for_byte_like_a_missing_one(hub: Hub, other_hub: Hub, route: str) -> None:
    theirs = create(other_hub)["id"]
    call = EVERY_ROUTE[route]

    foreign, missing = call(hub, theirs), call(hub, "int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD")

    assert (foreign.status, foreign.code) == (404, "INTEGRATION_NOT_FOUND")
    assert anonymous(foreign) == anonymous(missing)
    assert call(other_hub, theirs).status in (200, 202, 204)


def anonymous(reply: Reply) -> str:
    """Return the answer without what differs between any two requests."""
    error = {name: value for name, value in reply.body["error"].items() if name != "requestId"}
    headers = {name: value for name, value in reply.headers.items() if not name.startswith(("X-Request", "X-Rate"))}
    return json.dumps([reply.status, headers, error])
