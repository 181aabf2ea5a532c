"""The registry of event types: built-in ones for everybody, and a tenant's own."""

from typing import Any

import pytest

from tests.api.conftest import Hub, just_before

TYPES = "/api/v1/event-types"
NINE = {
    "integration.created",
    "integration.connected",
    "integration.error",
    "webhook.received",
    "webhook.delivered",
    "webhook.failed",
    "sync.started",
    "sync.completed",
    "sync.failed",
}
# What the hub tells beyond the specifications.
OURS = {"webhook.subscription_disabled", "sync.deletes_held", "sync.conflict"}
ALIASES = {
    "contact.created": "CONTACT_CREATED",
    "card.viewed": "CARD_VIEW",
    "link.clicked": "LINK_CLICK",
    "subscription.updated": "SUBSCRIPTION_UPDATED",
}
PAID: dict[str, Any] = {
    "name": "order.paid",
    "description": "An order was paid.",
    "schema": {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]},
    "aliases": ["ORDER_PAID"],
    "example": {"total": 12.5},
}


def put(hub: Hub, **changed: Any) -> Any:
    return hub.call("PUT", TYPES, {**PAID, **changed})


def test_specified_types_are_there_from_the_start(hub: Hub) -> None:
    found = {each["name"]: each for each in hub.get(TYPES).body["items"]}

    assert found.keys() == NINE | ALIASES.keys() | OURS
    assert {name: found[name]["aliases"] for name in ALIASES} == {name: [alias] for name, alias in ALIASES.items()}
    assert all(
        each["builtIn"] and each["schema"] and each["example"] and each["description"] for each in found.values()
    )


@pytest.mark.parametrize(("name", "alias"), ALIASES.items())
def test_type_is_found_by_its_alias(hub: Hub, name: str, alias: str) -> None:
    assert hub.get(f"{TYPES}/{alias}").body == hub.get(f"{TYPES}/{name}").body


def test_own_type_is_kept_as_it_was_described(hub: Hub) -> None:
    made = put(hub)

    assert made.status == 200
    assert {name: made.body[name] for name in PAID} == PAID
    assert (made.body["builtIn"], made.body["version"]) == (False, 1)
    assert hub.get(f"{TYPES}/order.paid").body == hub.get(f"{TYPES}/ORDER_PAID").body == made.body


def test_own_type_is_replaced_as_a_whole(hub: Hub) -> None:
    put(hub)

    changed = hub.call("PUT", TYPES, {"name": "order.paid", "aliases": ["PAID"]})

    assert (changed.body["version"], changed.body["schema"], changed.body["aliases"]) == (2, None, ["PAID"])
    assert changed.body["createdAt"] <= changed.body["updatedAt"]
    assert hub.get(f"{TYPES}/ORDER_PAID").status == 404
    assert hub.get(f"{TYPES}/PAID").body == changed.body
    assert [entry["action"] for entry in hub.audit_entries()] == ["event_type.created", "event_type.replaced"]


def test_changed_schema_counts_for_the_next_event(hub: Hub) -> None:
    put(hub)
    body = {"type": "order.paid", "data": {"sum": 5}}
    before = hub.post("/api/v1/events", body).status

    put(hub, schema={"required": ["sum"]}, example=None)

    assert (before, hub.post("/api/v1/events", body).status) == (400, 202)


def test_deleted_type_is_gone_with_its_aliases_and_its_schema(hub: Hub) -> None:
    put(hub)
    refused = hub.post("/api/v1/events", {"type": "order.paid", "data": {}}).status

    deleted = hub.call("DELETE", f"{TYPES}/order.paid")

    assert (refused, deleted.status) == (400, 204)
    assert hub.get(f"{TYPES}/order.paid").status == hub.get(f"{TYPES}/ORDER_PAID").status == 404
    assert hub.post("/api/v1/events", {"type": "order.paid", "data": {}}).status == 202
    assert hub.post("/api/v1/events", {"type": "ORDER_PAID", "data": {}}).status == 400
    assert hub.call("DELETE", f"{TYPES}/order.paid").status == 404
    assert put(hub).status == 200


def test_alias_made_elsewhere_a_moment_ago_is_known_at_once(hub: Hub) -> None:
    """What a process remembers of the names is ten seconds old at most, and never the reason to refuse one."""
    assert hub.post("/api/v1/events", {"type": "other.type", "data": {}}).status == 202
    with just_before("GetItem", lambda: put(hub)):
        answer = hub.post("/api/v1/events", {"type": "ORDER_PAID", "data": {"total": 1}})

    assert answer.status == 202


def test_built_in_type_cannot_be_replaced_or_deleted(hub: Hub) -> None:
    assert put(hub, name="contact.created", aliases=[]).code == "CONFLICT"
    assert put(hub, name="webhook.failed", aliases=[]).code == "CONFLICT"
    assert hub.call("DELETE", f"{TYPES}/contact.created").code == "CONFLICT"
    assert hub.call("DELETE", f"{TYPES}/CONTACT_CREATED").code == "CONFLICT"


@pytest.mark.parametrize(
    ("name", "aliases"),
    [
        ("order.made", ["ORDER_PAID"]),
        ("order.made", ["order.paid"]),
        ("order.made", ["CONTACT_CREATED"]),
        ("order.made", ["contact.created"]),
        ("order.alias", []),
    ],
)
def test_name_of_another_type_is_a_conflict(hub: Hub, name: str, aliases: list[str]) -> None:
    put(hub, aliases=["ORDER_PAID", "order.alias"])

    refused = put(hub, name=name, aliases=aliases)

    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert hub.get(f"{TYPES}/order.made").status == 404


def test_two_types_cannot_take_one_alias_at_the_same_moment(hub: Hub) -> None:
    with just_before("TransactWriteItems", lambda: put(hub, name="order.made")):
        second = put(hub)

    assert second.status == 409
    assert hub.get(f"{TYPES}/ORDER_PAID").body["name"] == "order.made"


def test_other_tenants_do_not_see_a_type(hub: Hub, other_hub: Hub) -> None:
    put(hub)

    assert other_hub.get(f"{TYPES}/order.paid").status == 404
    assert "order.paid" not in {each["name"] for each in other_hub.get(TYPES).body["items"]}
    assert put(other_hub).status == 200


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"name": "Order Paid"}, "/name"),
        ({"name": "webhook.paid"}, "/name"),
        ({"name": "a.*"}, "/name"),
        ({"aliases": ["a b"]}, "/aliases/0"),
        ({"aliases": ["A", "order.*"]}, "/aliases/1"),
        ({"aliases": ["webhook.paid"]}, "/aliases/0"),
        ({"aliases": ["order.paid"]}, "/aliases/0"),
        ({"aliases": [f"A{number}" for number in range(6)]}, "/aliases"),
        ({"schema": {"type": "strin"}}, "/schema/type"),
        ({"schema": {"properties": {"a": {"$ref": "https://example.com/s"}}}}, "/schema/properties/a/$ref"),
        ({"schema": {"$ref": "#/$defs/none"}}, "/schema/$ref"),
        ({"schema": {"pattern": "("}}, "/schema/pattern"),
        ({"schema": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "/schema/$schema"),
        ({"schema": [1]}, "/schema"),
        ({"schema": {"description": "x" * 65_536}}, "/schema"),
        ({"example": {"total": "much"}}, "/example/total"),
        ({"example": [1]}, "/example"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_bad_type_is_refused_with_the_place(hub: Hub, changed: dict[str, Any], pointer: str) -> None:
    refused = put(hub, **changed)

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert pointer in {problem["pointer"] for problem in refused.body["error"]["details"]["problems"]}
    assert hub.get(f"{TYPES}/order.paid").status == 404


def test_if_match_names_the_version_that_is_replaced(hub: Hub) -> None:
    put(hub)

    stale = hub.call("PUT", TYPES, PAID, headers={"If-Match": '"7"'})
    right = hub.call("PUT", TYPES, PAID, headers={"If-Match": '"1"'})

    assert (stale.status, right.status) == (409, 200)


def test_list_goes_on_behind_its_cursor(hub: Hub) -> None:
    put(hub)
    first = hub.get(TYPES, query={"limit": 10}).body
    second = hub.get(TYPES, query={"limit": 10, "cursor": first["nextCursor"]}).body

    names = [each["name"] for each in (*first["items"], *second["items"])]
    assert names == sorted({*NINE, *ALIASES, *OURS, "order.paid"})
    assert (first["total"], second["hasMore"]) == (17, False)
