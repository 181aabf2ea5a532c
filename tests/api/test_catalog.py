"""Rows 20, 21, 87-91: what tenants see of the catalogue, as three specifications write it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.core.caller import Caller, Tenant
from hub.core.errors import Conflict, Denied, HubError, ProviderNotFound
from hub.core.journal import Change
from hub.core.resources import resources
from hub.integrations import tenant_settings
from hub.integrations.catalog import availability, categories, providers
from hub.integrations.catalog.catalog_models import (
    CatalogPage,
    CatalogProvider,
    Marketplace,
    V1Categories,
    V1Provider,
    V1ProviderPage,
)
from tests.api.catalogue import Json, forget, fresh, item, made, operator, place, seeded
from tests.api.conftest import Hub

LIST, MARKETPLACE, V1 = "/api/integrations", "/api/v1/marketplace/integrations", "/api/v1/integrations/providers"
# S001, "Create Integration Provider": what a provider's document has.
S001 = set(
    "id name displayName description category provider status audience capabilities supportedSyncDirections"
    " supportsRealtime supportsWebhooks supportsNotifications supportsSearch searchableEntities searchCapabilities"
    " requiresUserScoping authType availableEntities entityMappings icon color version isPremium createdAt"
    " updatedAt".split()
)
# S004, "IntegrationProvider Model".
S004 = set(
    "id code name category description configSchema authType baseUrl apiVersion supportsWebhooks supportsBatch"
    " supportsRealtime rateLimitRequests rateLimitWindow status createdAt updatedAt documentationUrl"
    " oauthConfig".split()
)


def category() -> str:
    return fresh("cat").replace("-", "_")


def listed(hub: Hub, **query: str) -> list[Json]:
    reply = hub.get(LIST, query=query)
    assert reply.status == 200, reply.body
    CatalogPage.model_validate(reply.body)
    found: list[Json] = reply.body["providers"]
    return found


def ids(found: list[Json]) -> set[str]:
    return {each["id"] for each in found}


def with_plans(hub: Hub, *plans: str) -> None:
    tables = resources().tables
    caller = Caller(Tenant(hub.tenant), "operator", frozenset({"super_admin"}), frozenset())
    change = Change(tables, caller, "test", 1)
    current = tenant_settings.get(tables.config, caller.tenant)
    tenant_settings.put(change, current, list(current.return_origins), list(plans))
    tables.write(*change._writes)


pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture(autouse=True)
def own_catalogue() -> Iterator[None]:
    """What a test adds to the catalogue goes with it."""
    yield
    forget()


# ---------------------------------------------------------------- S001


def test_list_shows_active_providers_for_tenants_and_no_others(hub: Hub) -> None:
    here = category()
    shown = made(hub, category=here)
    for hidden in ({"status": "beta"}, {"status": "deprecated"}, {"status": "disabled"}, {"audience": "system"}):
        made(hub, category=here, **hidden)

    assert ids(listed(hub, category=here)) == {shown["id"]}
    assert ids(listed(hub, category=here.upper())) == {shown["id"]}


def test_document_has_every_field_of_the_specification(hub: Hub) -> None:
    found = made(hub, requiredPlan="enterprise")

    shown = hub.get(f"{LIST}/{found['category']}/{found['id']}").body

    CatalogProvider.model_validate(shown)
    assert shown.keys() >= S001 | {"requiredPlan"}
    assert shown["authMethods"] == [{"kind": "oauth2", "fields": []}]
    assert shown["available"] is False


@pytest.mark.parametrize("roles", ["tenant_admin", "user", "super_admin"])
def test_every_member_may_read_the_catalogue(hub: Hub, roles: str) -> None:
    assert hub.get(LIST, roles=roles).status == 200


def test_program_needs_the_scope_to_read_the_catalogue(hub: Hub) -> None:
    assert hub.get(LIST, roles="", scopes="integrations:read").status == 200
    assert hub.get(LIST, roles="", scopes="contacts:read").status == 403


def test_search_finds_by_name_and_capability_in_any_case(hub: Hub) -> None:
    word = fresh("zebra")
    by_name = made(hub, displayName=f"The {word} CRM")
    by_capability = made(hub, capabilities=[f"{word}.list"])

    assert ids(listed(hub, search=word.upper())) == {by_name["id"], by_capability["id"]}
    assert ids(listed(hub, search=f"{word}.list")) == {by_capability["id"]}


def test_pages_go_on_by_offset_and_cursor_and_miss_nothing(hub: Hub) -> None:
    here = category()
    wanted = {made(hub, category=here)["id"] for _ in range(5)}

    first = hub.get(LIST, query={"category": here, "limit": "2"}).body
    second = hub.get(LIST, query={"category": here, "limit": "2", "cursor": first["nextCursor"]}).body
    third = hub.get(LIST, query={"category": here, "limit": "2", "offset": "4"}).body

    pages = (first, second, third)
    assert {"total": 5, "limit": 2, "offset": 0, "hasMore": True}.items() <= first.items()
    assert {each["id"] for page in pages for each in page["providers"]} == wanted


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"offset": "-1"}, {"sortBy": "secret"}])
def test_page_that_cannot_be_is_refused(hub: Hub, query: dict[str, str]) -> None:
    assert hub.get(LIST, query=query).status == 400


@pytest.mark.parametrize(("status", "found"), [("active", 200), ("beta", 200), ("deprecated", 200), ("disabled", 404)])
def test_single_provider_shows_while_its_integrations_may_run(hub: Hub, status: str, found: int) -> None:
    there = made(hub, status=status)

    assert hub.get(f"{LIST}/crm/{there['id']}").status == found
    assert hub.get(f"{V1}/{there['id']}").status == found


def test_hidden_provider_looks_like_one_that_is_not_there(hub: Hub) -> None:
    hidden = made(hub, audience="system")

    replies = [hub.get(f"{LIST}/crm/{name}") for name in (hidden["id"], "nothing")]
    replies += [hub.get(f"{V1}/{name}") for name in (hidden["id"], "nothing")]
    replies += [hub.get(f"{LIST}/storage/{made(hub)['id']}")]

    assert {reply.status for reply in replies} == {404}
    assert len({json.dumps({**reply.body["error"], "requestId": ""}) for reply in replies}) == 1


def test_connector_is_not_shown_to_tenants(hub: Hub) -> None:
    shown = hub.get(f"{LIST}/crm/{made(hub)['id']}").body

    assert not {"connector", "methods", "createdBy"} & shown.keys()


# ---------------------------------------------------------------- plans


def test_provider_is_available_with_its_plan(hub: Hub) -> None:
    here = category()
    made(hub, category=here, requiredPlan="enterprise")
    before = [each["available"] for each in listed(hub, category=here)]

    with_plans(hub, "basic", "enterprise")

    assert (before, [each["available"] for each in listed(hub, category=here)]) == ([False], [True])


def test_premium_provider_without_a_named_plan_takes_any(hub: Hub) -> None:
    here = category()
    made(hub, category=here, isPremium=True)
    before = [each["available"] for each in listed(hub, category=here)]

    with_plans(hub, "basic")

    assert (before, [each["available"] for each in listed(hub, category=here)]) == ([False], [True])


def refusal(slug: str, *plans: str) -> HubError | None:
    try:
        availability.must_be_open(item(slug), plans)
    except HubError as error:
        return error
    return None


def test_new_integration_needs_the_plan_and_is_told_which(hub: Hub) -> None:
    named = made(hub, requiredPlan="enterprise")["id"]
    premium = made(hub, isPremium=True)["id"]

    refused = [refusal(named), refusal(named, "basic"), refusal(premium)]

    assert [type(each) for each in refused] == [Denied] * 3
    assert [each.details["requiredPlan"] for each in refused if each] == ["enterprise", "enterprise", "any"]
    assert (refusal(named, "enterprise"), refusal(premium, "basic")) == (None, None)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"status": "active"}, None),
        ({"status": "beta"}, None),
        ({"status": "deprecated"}, Conflict),
        ({"status": "disabled"}, ProviderNotFound),
        ({"audience": "system"}, ProviderNotFound),
    ],
    ids=["active", "beta", "deprecated", "disabled", "system"],
)
def test_new_integrations_take_active_and_beta_providers(hub: Hub, changed: Json, error: Any) -> None:
    refused = refusal(made(hub, **changed)["id"])

    assert refused is None if error is None else isinstance(refused, error)


# ---------------------------------------------------------------- S004


def test_v1_provider_has_every_field_of_the_model(hub: Hub) -> None:
    found = made(hub, category="load_board", rateLimitRequests=100, rateLimitWindow=60, apiVersion="v2")
    also = {"documentationUrl": "https://docs.acme.example"}
    operator(hub, "PATCH", place(found), also)

    shown = hub.get(f"{V1}/{found['id']}").body

    V1Provider.model_validate(shown)
    assert shown.keys() == S004 | {"available"}
    assert (shown["category"], shown["status"], shown["authType"]) == ("LOAD_BOARD", "ACTIVE", "OAUTH2")
    assert (shown["code"], shown["name"]) == (found["id"], "Acme CRM")
    assert shown["baseUrl"] == "https://api.acme.example/v1"


def test_v1_list_hides_what_is_not_active_unless_asked(hub: Hub) -> None:
    here = category()
    names = {status: made(hub, category=here, status=status)["id"] for status in ("active", "beta", "disabled")}

    def found(**query: str) -> set[str]:
        reply = hub.get(V1, query={"category": here.upper(), **query})
        V1ProviderPage.model_validate(reply.body)
        return ids(reply.body["data"])

    assert found() == {names["active"]}
    assert found(status="BETA") == found(status="beta") == {names["beta"]}
    assert found(status="DISABLED") == set()
    assert hub.get(V1, query={"status": "PAUSED"}).status == 400


def test_v1_schema_is_the_json_schema_itself(hub: Hub) -> None:
    found = made(hub)

    reply = hub.get(f"{V1}/{found['id']}/schema")

    assert reply.body == found["configSchema"]


def test_categories_are_those_of_the_text_and_then_the_others(hub: Hub) -> None:
    here = category()
    made(hub, category=here)

    reply = hub.get(f"{V1}/categories", query={"limit": "100"})

    names = V1Categories.model_validate(reply.body).data
    assert names[:8] == ["LOAD_BOARD", "ACCOUNTING", "ELD", "CRM", "RATING", "TRACKING", "PAYMENT", "EDI"]
    assert here.upper() in names
    assert len(names) == len(set(names))


# ---------------------------------------------------------------- S003


def test_marketplace_is_a_bare_array_with_counts_in_headers(hub: Hub) -> None:
    here = category()
    first, second = made(hub, category=here, displayName="A"), made(hub, category=here, displayName="B")

    reply = hub.get(MARKETPLACE, query={"category": here, "limit": "1"})

    Marketplace.model_validate(reply.body)
    assert [each["id"] for each in reply.body] == [first["id"]]
    assert reply.headers["X-Total-Count"] == "2"
    assert reply.headers["Cache-Control"] == "private, max-age=3600"
    path, _, query = reply.headers["Link"].removeprefix("<").partition(">")[0].partition("?")
    following = hub.get(path, query=dict(pair.split("=") for pair in query.replace("%3D", "=").split("&")))
    assert [each["id"] for each in following.body] == [second["id"]]


def test_marketplace_names_types_as_the_specification_does(hub: Hub) -> None:
    seeded()

    shown = {each["id"]: each for each in hub.get(MARKETPLACE).body}

    assert {shown[name]["type"] for name in ("rest", "graphql", "webhook")} == {"rest", "graphql", "webhook"}


def test_answer_that_has_not_changed_is_not_sent_again(hub: Hub) -> None:
    tag = hub.get(f"{V1}/{made(hub)['id']}").headers["ETag"]
    path = f"{V1}/{sorted(each['sk'] for each in providers.list_all(resources().tables.config))[0]}"
    again = hub.get(path).headers["ETag"]

    assert hub.get(path, headers={"if-none-match": again}).status == 304
    assert hub.get(path, headers={"if-none-match": tag}).status in (200, 304)


# ---------------------------------------------------------------- what others build on


def test_provider_is_found_by_what_another_surface_calls_it(hub: Hub) -> None:
    name = fresh("CARDS").upper()
    found = made(hub, aliases={"cards": name})
    config = resources().tables.config

    assert providers.find_by_alias(config, "cards", name).id == found["id"]
    for surface, unknown in (("teams", name), ("cards", "UNKNOWN"), ("cards", "")):
        with pytest.raises(ProviderNotFound):
            providers.find_by_alias(config, surface, unknown)


def test_category_reads_the_same_in_both_ways_of_writing() -> None:
    assert {categories.canonical(name) for name in ("LOAD_BOARD", " load_board")} == {"load_board"}
    assert categories.in_v1("load_board") == "LOAD_BOARD"
