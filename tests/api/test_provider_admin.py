"""Rows 12-18: the operator keeps the catalogue; nobody else may, and no secret comes back."""

import json
from collections.abc import Iterator

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import hub_key
from hub.core.vault import Vault
from hub.integrations.catalog import providers, uses
from hub.integrations.catalog.catalog_models import (
    AdminProviderPage,
    AudienceChanged,
    StatusChanged,
)
from tests.api.catalogue import (
    ADMIN,
    CANARY,
    Json,
    body,
    callable_body,
    checked,
    forget,
    fresh,
    item,
    made,
    operator,
    patch,
    place,
)
from tests.api.conftest import Hub


def secret_of(slug: str) -> dict[str, str]:
    here = resources()
    vault = Vault(here.kms, here.settings.kms_key_id, here.tables.credentials)
    return dict(providers.client_secret(vault, providers.get(here.tables.config, slug)))


def use(hub: Hub, slug: str, integration: str = "int_1") -> None:
    tables = resources().tables
    tables.write(*uses.added(tables.config, Tenant(hub.tenant), slug, integration))


def problems(reply: object) -> dict[str, str]:
    found = reply.body["error"]["details"]["problems"]  # type: ignore[attr-defined]
    return {each["pointer"]: each["message"] for each in found}


pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture(autouse=True)
def own_catalogue() -> Iterator[None]:
    """What a test adds to the catalogue goes with it."""
    yield
    forget()


# ---------------------------------------------------------------- create


def test_every_field_of_the_specification_is_kept_and_answered(hub: Hub) -> None:
    slug = fresh()
    sent = body(slug)

    answered = checked(operator(hub, "POST", ADMIN, sent))

    config = answered.pop("oauthConfig")
    plain = {name: value for name, value in sent.items() if name != "oauthConfig"}
    assert {name: answered[name] for name in plain} == plain
    assert config == {**sent["oauthConfig"], "hasClientSecret": False}
    assert answered["id"] == answered["provider"] == slug
    assert answered["createdAt"] == answered["updatedAt"]


def test_provider_without_a_connector_is_an_entry_that_cannot_be_called(hub: Hub) -> None:
    entry = checked(operator(hub, "POST", ADMIN, body(fresh())))
    whole = made(hub)

    assert (entry["isCallable"], whole["isCallable"]) == (False, True)
    assert "connector" not in entry


@pytest.mark.parametrize("roles", ["tenant_admin", "user", ""])
def test_only_a_super_admin_may_touch_the_catalogue(hub: Hub, roles: str) -> None:
    found = made(hub)
    calls = [
        ("POST", ADMIN, body(fresh())),
        ("GET", ADMIN, None),
        ("GET", place(found), None),
        ("PATCH", place(found), {"color": "#000000"}),
        ("DELETE", place(found), None),
        ("PATCH", f"{place(found)}/status", {"status": "disabled"}),
        ("PATCH", f"{place(found)}/audience", {"audience": "system"}),
    ]

    refused = [hub.call(method, path, sent, roles=roles, scopes="admin:full").status for method, path, sent in calls]

    assert refused == [403] * len(calls)
    assert checked(operator(hub, "GET", place(found))) == found


def test_same_name_twice_is_a_conflict(hub: Hub) -> None:
    found = made(hub)

    reply = operator(hub, "POST", ADMIN, callable_body(found["id"]))

    assert (reply.status, reply.code) == (409, "CONFLICT")


def test_upper_case_category_is_the_same_category(hub: Hub) -> None:
    found = made(hub, category="LOAD_BOARD")

    assert found["category"] == "load_board"
    assert operator(hub, "GET", f"{ADMIN}/LOAD_BOARD/{found['id']}").status == 200
    assert operator(hub, "GET", f"{ADMIN}/load_board/{found['id']}").status == 200


def test_other_category_and_unknown_id_are_the_same_404(hub: Hub) -> None:
    found = made(hub)

    elsewhere = operator(hub, "GET", f"{ADMIN}/storage/{found['id']}")
    unknown = operator(hub, "GET", f"{ADMIN}/crm/nothing")

    assert (elsewhere.status, elsewhere.code) == (404, "PROVIDER_NOT_FOUND")
    assert {**elsewhere.body["error"], "requestId": ""} == {**unknown.body["error"], "requestId": ""}


def test_every_fault_of_a_provider_is_told_with_its_place(hub: Hub) -> None:
    wrong = callable_body(fresh())
    wrong["connector"]["endpoints"][0]["path"] = "contacts"
    wrong["connector"]["baseUrl"] = "https://{{region}}.acme.example"
    wrong["methods"][0]["auth"]["tokenUrl"] = "no address"

    first = operator(hub, "POST", ADMIN, wrong)
    wrong["connector"]["baseUrl"] = "https://acme.example"
    second = operator(hub, "POST", ADMIN, wrong)

    assert (first.status, list(problems(first))) == (400, ["/connector/baseUrl"])
    assert "'region'" in problems(first)["/connector/baseUrl"]
    assert {"/connector/endpoints/0/path", "/methods/0/auth/tokenUrl"} <= problems(second).keys()


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"status": "retired"}, "/status"),
        ({"audience": "world"}, "/audience"),
        ({"category": "with spaces"}, "/category"),
        ({"provider": "Not A Slug"}, "/provider"),
        ({"supportedSyncDirections": ["sideways"]}, "/supportedSyncDirections/0"),
        ({"colour": "#fff"}, "/colour"),
        ({"methods": []}, "/methods"),
        ({"authType": "basic"}, "/authType"),
        ({"oauthConfig": {"tokenUrl": "https://other.example/token"}}, "/oauthConfig/tokenUrl"),
        ({"oauthConfig": {"clientSecret": CANARY}}, "/oauthConfig/clientId"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(hub: Hub, changed: Json, pointer: str) -> None:
    reply = operator(hub, "POST", ADMIN, callable_body(fresh(), **changed))

    assert reply.status == 400
    assert pointer in problems(reply)
    assert CANARY not in json.dumps(reply.body)


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "https://127.0.0.1/", "http://hub.test/api"])
def test_address_that_the_hub_never_calls_is_refused_in_the_catalogue(hub: Hub, address: str) -> None:
    wrong = callable_body(fresh())
    wrong["connector"]["baseUrl"] = address
    also = callable_body(fresh())
    also["methods"][0]["auth"]["tokenUrl"] = address
    default = callable_body(fresh())
    default["configSchema"]["properties"]["baseUrl"]["default"] = address

    replies = [operator(hub, "POST", ADMIN, each) for each in (wrong, also, default)]

    assert [reply.status for reply in replies] == [400] * 3
    assert list(problems(replies[0])) == ["/connector/baseUrl"]
    assert list(problems(replies[1])) == ["/methods/0/auth/tokenUrl"]
    assert list(problems(replies[2])) == ["/connector/baseUrl"]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "objekt"}, "/configSchema/type"),
        ({"type": "string"}, "/configSchema/type"),
        ({"properties": {"a": {"pattern": "("}}}, "/configSchema/properties/a/pattern"),
        ({"properties": {"a": {"pattern": "(a{1,500}){1,500}"}}}, "/configSchema/properties/a/pattern"),
        ({"properties": {"a": {"$ref": "https://evil.example/schema"}}}, "/configSchema/properties/a/$ref"),
        ({"properties": {"a": {"type": "string", "default": 7}}}, "/configSchema/properties/a/default"),
        ({"description": "x" * 70_000}, "/configSchema"),
    ],
    ids=["type", "no-object", "broken-pattern", "exploding-pattern", "far-reference", "wrong-default", "huge"],
)
def test_bad_schema_of_settings_is_refused(hub: Hub, schema: Json, pointer: str) -> None:
    reply = operator(hub, "POST", ADMIN, body(fresh(), configSchema=schema))

    assert reply.status == 400
    assert pointer in problems(reply)


# ---------------------------------------------------------------- list


def test_list_filters_by_category_status_and_audience(hub: Hub) -> None:
    category = fresh("cat").replace("-", "_")
    for status, audience in (("active", "tenant"), ("beta", "tenant"), ("active", "system")):
        made(hub, category=category, status=status, audience=audience)

    def total(**query: str) -> int:
        reply = operator(hub, "GET", ADMIN, query={"category": category, **query})
        return AdminProviderPage.model_validate(reply.body).total

    assert (total(), total(status="beta"), total(audience="system"), total(status="disabled")) == (3, 1, 1, 0)
    assert operator(hub, "GET", ADMIN, query={"status": "ACTIVE?"}).status == 400


def test_list_goes_on_by_offset_and_by_cursor(hub: Hub) -> None:
    category = fresh("cat").replace("-", "_")
    names = {made(hub, category=category)["id"] for _ in range(3)}

    first = operator(hub, "GET", ADMIN, query={"category": category, "limit": "2"}).body
    by_offset = operator(hub, "GET", ADMIN, query={"category": category, "offset": str(first["nextOffset"])}).body
    by_cursor = operator(hub, "GET", ADMIN, query={"category": category, "cursor": first["nextCursor"]}).body

    assert (first["total"], first["hasMore"], by_offset["hasMore"]) == (3, True, False)
    assert by_offset["providers"] == by_cursor["providers"]
    assert {each["id"] for page in (first, by_offset) for each in page["providers"]} == names


# ---------------------------------------------------------------- change


def test_patch_changes_what_it_names_and_nothing_else(hub: Hub) -> None:
    before = made(hub)

    after = checked(patch(hub, before, {"displayName": "Acme 2", "description": None, "isPremium": True}))

    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert differing <= {"displayName", "description", "isPremium", "updatedAt", "revision"}
    assert "description" not in after
    assert after["connectorVersion"] == 1


def test_whole_answer_may_be_sent_back(hub: Hub) -> None:
    before = made(hub, oauthConfig={"clientId": "our-client", "clientSecret": CANARY})

    after = checked(patch(hub, before, {**before, "color": "#445566"}))

    assert {**after, "updatedAt": ""} == {**before, "color": "#445566", "revision": 2, "updatedAt": ""}
    assert secret_of(before["id"]) == {"/auth/clientSecret": CANARY}


def test_changed_connector_is_a_version_and_the_former_one_stays(hub: Hub) -> None:
    before = made(hub)
    endpoint = {**before["connector"]["endpoints"][0], "path": "/people"}

    after = checked(patch(hub, before, {"connector": {"endpoints": [endpoint]}}))

    config = resources().tables.config
    entry = providers.get(config, before["id"])
    assert (after["connectorVersion"], entry.version) == (2, 2)
    assert providers.at_version(config, entry, 1).connector["endpoints"][0]["path"] == "/contacts"
    assert providers.at_version(config, entry, 2).connector["endpoints"][0]["path"] == "/people"


def test_change_that_makes_the_connector_wrong_changes_nothing(hub: Hub) -> None:
    before = made(hub)

    reply = patch(hub, before, {"connector": {"baseUrl": "{{missing}}"}})

    assert (reply.status, list(problems(reply))) == (400, ["/connector/baseUrl"])
    assert checked(operator(hub, "GET", place(before))) == before


@pytest.mark.parametrize(
    "change", [{"provider": "other"}, {"id": "other"}, {"createdAt": "2020-01-01"}, {"name": None}]
)
def test_what_is_fixed_cannot_be_changed(hub: Hub, change: Json) -> None:
    before = made(hub)

    assert patch(hub, before, change).status == 400
    assert checked(operator(hub, "GET", place(before))) == before


def test_status_and_audience_have_routes_of_their_own(hub: Hub) -> None:
    found = made(hub)

    status = operator(hub, "PATCH", f"{place(found)}/status", {"status": "beta"})
    audience = operator(hub, "PATCH", f"{place(found)}/audience", {"audience": "system"})

    assert StatusChanged.model_validate(status.body).status == "beta"
    assert AudienceChanged.model_validate(audience.body).audience == "system"
    shown = checked(operator(hub, "GET", place(found)))
    assert (shown["status"], shown["audience"]) == ("beta", "system")
    assert operator(hub, "PATCH", f"{place(found)}/status", {"status": "gone"}).status == 400


def test_change_of_a_version_that_is_no_longer_the_present_one_is_refused(hub: Hub) -> None:
    found = made(hub)
    stale, present = {"if-match": '"7"'}, {"if-match": f'"{found["revision"]}"'}

    assert patch(hub, found, {"color": "#000000"}, headers=stale).status == 409
    assert patch(hub, found, {"color": "#000000"}, headers=present).status == 200
    assert operator(hub, "DELETE", place(found), headers=stale).status == 409


def test_every_change_is_audited_without_secrets(hub: Hub) -> None:
    found = made(hub)
    patch(hub, found, {"oauthConfig": {"clientId": "our-client", "clientSecret": CANARY}})
    operator(hub, "PATCH", f"{place(found)}/status", {"status": "beta"})
    operator(hub, "DELETE", place(found))

    entries = hub.audit_entries()

    assert [entry["action"] for entry in entries] == [
        "provider.created",
        "provider.updated",
        "provider.updated",
        "provider.deleted",
    ]
    assert {entry["target"] for entry in entries} == {found["id"]}
    assert CANARY not in json.dumps([entry["facts"] for entry in entries])


# ---------------------------------------------------------------- the operator's OAuth client


def test_client_secret_is_stored_and_never_comes_back(hub: Hub) -> None:
    found = made(hub)

    reply = patch(hub, found, {"oauthConfig": {"clientId": "our-client", "clientSecret": CANARY}})

    config = checked(reply)["oauthConfig"]
    assert (config["clientId"], config["hasClientSecret"]) == ("our-client", True)
    assert config["clientSecret"] == "{{encrypted:****}}"
    shown = [
        reply.body,
        operator(hub, "GET", place(found)).body,
        operator(hub, "GET", ADMIN).body,
        hub.get(catalog(found)).body,
    ]
    assert CANARY not in json.dumps([*shown, item(found["id"])], default=str)
    assert "our-client" not in json.dumps(hub.get(catalog(found)).body)
    assert secret_of(found["id"]) == {"/auth/clientSecret": CANARY}


def catalog(found: Json) -> str:
    return f"/api/integrations/{found['category']}/{found['id']}"


@pytest.mark.parametrize(
    "change",
    [
        {"oauthConfig": {"clientId": "another-client"}},
        {"oauthConfig": {"clientSecret": None}},
        {"oauthConfig": None},
    ],
    ids=["another-client", "no-secret", "nothing"],
)
def test_secret_goes_with_its_client(hub: Hub, change: Json) -> None:
    found = made(hub, oauthConfig={"clientId": "our-client", "clientSecret": CANARY})

    after = checked(patch(hub, found, change))

    assert after["oauthConfig"]["hasClientSecret"] is False
    assert secret_of(found["id"]) == {}


def moved(found: Json, name: str, url: str) -> Json:
    method = found["methods"][0]
    return {"methods": [{**method, "auth": {**method["auth"], name: url}}]}


@pytest.mark.parametrize("name", ["tokenUrl", "revocationUrl"])
def test_secret_does_not_follow_a_change_of_where_it_is_sent(hub: Hub, name: str) -> None:
    found = made(hub, oauthConfig={"clientId": "our-client", "clientSecret": CANARY})

    after = checked(patch(hub, found, moved(found, name, "https://evil.example/token")))

    assert after["oauthConfig"]["hasClientSecret"] is False
    assert secret_of(found["id"]) == {}


def test_secret_does_not_follow_a_default_that_leads_elsewhere(hub: Hub) -> None:
    wanted = callable_body(fresh(), oauthConfig={"clientId": "our-client", "clientSecret": CANARY})
    wanted["methods"][0]["auth"]["tokenUrl"] = "{{baseUrl}}/token"
    found = checked(operator(hub, "POST", ADMIN, wanted))

    change = {"configSchema": {"properties": {"baseUrl": {"default": "https://evil.example"}}}}
    checked(patch(hub, found, change))

    assert secret_of(found["id"]) == {}


def test_secret_stays_where_only_the_path_or_the_consent_page_changes(hub: Hub) -> None:
    """The control of the tests above."""
    found = made(hub, oauthConfig={"clientId": "our-client", "clientSecret": CANARY})

    checked(patch(hub, found, moved(found, "tokenUrl", "https://login.acme.example/v2/token")))
    after = checked(patch(hub, found, {"oauthConfig": {"scopes": ["read", "write"]}}))

    assert after["oauthConfig"]["hasClientSecret"] is True
    assert secret_of(found["id"]) == {"/auth/clientSecret": CANARY}


def test_scopes_of_the_operator_are_those_that_are_asked_for(hub: Hub) -> None:
    found = made(hub)

    checked(patch(hub, found, {"oauthConfig": {"scopes": ["read", "write"]}}))

    (method,) = providers.get(resources().tables.config, found["id"]).methods
    assert method["auth"]["scope"] == "read write"


# ---------------------------------------------------------------- delete


def test_deleted_provider_is_gone_for_everybody(hub: Hub) -> None:
    found = made(hub, oauthConfig={"clientId": "our-client", "clientSecret": CANARY})

    assert operator(hub, "DELETE", place(found)).status == 204

    assert operator(hub, "GET", place(found)).status == 404
    assert hub.get(catalog(found)).status == 404
    assert resources().tables.credentials.get(hub_key("provider", found["id"])) is None


def test_provider_in_use_is_deleted_only_by_force(hub: Hub) -> None:
    found = made(hub)
    use(hub, found["id"], "int_1")
    use(hub, found["id"], "int_2")

    refused = operator(hub, "DELETE", place(found))
    forced = operator(hub, "DELETE", place(found), query={"force": "true"})

    assert (refused.status, refused.body["error"]["details"]) == (409, {"integrations": 2})
    assert forced.status == 204
    assert hub.audit_entries()[-1]["facts"] == '{"force":true,"integrations":2}'


def test_provider_whose_last_integration_went_can_be_deleted(hub: Hub) -> None:
    found = made(hub)
    use(hub, found["id"])
    tables = resources().tables
    tables.write(*uses.removed(tables.config, Tenant(hub.tenant), found["id"], "int_1"))

    assert operator(hub, "DELETE", place(found)).status == 204


def test_deleted_name_can_be_taken_again(hub: Hub) -> None:
    found = made(hub)
    operator(hub, "DELETE", place(found))

    again = operator(hub, "POST", ADMIN, callable_body(found["id"], displayName="Another"))

    assert checked(again)["displayName"] == "Another"


def test_force_must_be_a_plain_word(hub: Hub) -> None:
    assert operator(hub, "DELETE", place(made(hub)), query={"force": "yes"}).status == 400


def test_repeat_with_an_idempotency_key_is_one_provider(hub: Hub) -> None:
    slug, key = fresh(), {"idempotency-key": "the-same"}
    sent = callable_body(slug, oauthConfig={"clientId": "our-client", "clientSecret": CANARY})

    first = operator(hub, "POST", ADMIN, sent, headers=key)
    second = operator(hub, "POST", ADMIN, sent, headers=key)

    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
