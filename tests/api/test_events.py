"""Taking events in over the API: canonical, checked, and once per id."""

from typing import Any

import pytest

from hub.core.resources import resources
from hub.core.tables import Put, key
from tests.api.conftest import Hub, just_before
from tests.api.routing import CREATED, Routing
from tests.api.test_call_counts import counted

EVENTS = "/api/v1/events"


@pytest.fixture
def routing(hub: Hub) -> Routing:
    return Routing(hub)


def test_event_is_accepted_kept_and_hinted(hub: Hub, routing: Routing) -> None:
    answer = hub.post(EVENTS, {"type": "CONTACT_CREATED", "data": CREATED})

    assert answer.status == 202
    assert answer.body.keys() == {"id", "type", "createdAt"}
    assert answer.body["id"].startswith("evt_")
    assert answer.body["type"] == "contact.created"
    assert [hint["id"] for hint in routing.waiting("event")] == [answer.body["id"]]
    event = routing.event(answer.body["id"])
    assert (event["state"], event["source"], event["type"]) == ("pending", "api", "contact.created")
    assert event["dueShard"].startswith("event#")


def test_event_of_a_type_nobody_described_is_accepted(hub: Hub) -> None:
    assert hub.post(EVENTS, {"type": "order.line-item.added_2", "data": {}}).status == 202


def test_same_event_again_gets_the_same_answer_and_is_queued_once(hub: Hub, routing: Routing) -> None:
    first = hub.post(EVENTS, {"type": "order.paid", "data": {"a": 1, "b": [1.5]}, "id": "order-7:paid"})
    again = hub.post(EVENTS, {"id": "order-7:paid", "data": {"b": [1.5], "a": 1}, "type": "order.paid"})

    assert (again.status, again.body) == (first.status, first.body) == (202, first.body)
    assert len(routing.waiting("event")) == 1
    assert len(routing.events()) == 1


def test_same_event_after_it_was_routed_gets_the_same_answer(hub: Hub, routing: Routing) -> None:
    subscription = routing.subscribe("*")
    body = {"type": "contact.created", "data": CREATED, "id": "e-1"}
    first = hub.post(EVENTS, body)
    routing.route("e-1")

    again = hub.post(EVENTS, body)
    routing.route("e-1")

    assert again.body == first.body
    assert len(routing.deliveries(subscription)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {"a": 2}},
        {"type": "order.made"},
        {"orderingKey": "k"},
        {"userId": "u1"},
        {"data": {"a": True}},
        {"data": {"a": 1, "b": None}},
    ],
)
def test_other_event_with_the_same_id_is_a_conflict(hub: Hub, routing: Routing, changed: dict[str, Any]) -> None:
    body = {"type": "order.paid", "data": {"a": 1}, "id": "order-7"}
    hub.post(EVENTS, body)
    routing.waiting("event")

    refused = hub.post(EVENTS, {**body, **changed})

    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert routing.waiting("event") == []


def test_user_an_event_is_about_is_kept_and_shown(hub: Hub, routing: Routing) -> None:
    body = {"type": "contact.created", "data": CREATED, "userId": "u1"}

    answer = hub.post(EVENTS, body)

    assert answer.body["userId"] == "u1"
    assert routing.event(answer.body["id"])["userId"] == "u1"
    assert hub.get(f"{EVENTS}/{answer.body['id']}").body["userId"] == "u1"


@pytest.mark.parametrize("user_id", ["", 7, ["u1"], "u" * 257])
def test_user_that_is_none_is_refused(hub: Hub, user_id: object) -> None:
    refused = hub.post(EVENTS, {"type": "contact.created", "data": CREATED, "userId": user_id})

    assert (refused.status, refused.body["error"]["details"]["problems"][0]["pointer"]) == (400, "/userId")


def test_ids_of_tenants_do_not_meet(hub: Hub, other_hub: Hub) -> None:
    for number, each in enumerate((hub, other_hub)):
        assert each.post(EVENTS, {"type": "order.paid", "data": {"n": number}, "id": "order-7"}).status == 202


def test_twin_that_was_faster_is_the_one_that_counts(hub: Hub, routing: Routing) -> None:
    body = {"type": "order.paid", "data": {"a": 1}, "id": "order-7"}

    with just_before("PutItem", lambda: hub.post(EVENTS, body)):
        answer = hub.post(EVENTS, body)

    assert answer.status == 202
    assert len(routing.events()) == 1
    assert len(routing.waiting("event")) == 1


def test_idempotency_key_gives_the_same_answer_without_an_id(hub: Hub, routing: Routing) -> None:
    body, named = {"type": "order.paid", "data": {}}, {"Idempotency-Key": "k1"}

    first, again = hub.post(EVENTS, body, headers=named), hub.post(EVENTS, body, headers=named)

    assert first.body == again.body
    assert len(routing.events()) == 1


@pytest.mark.parametrize("event_id", ["a", "x" * 128, "evt_1NG8Du2eZvKYlo2CUI79vXWy", "!~a.b:c=d|é"[:-1], "recipe-7"])
def test_id_of_printable_ascii_is_kept_as_it_is(hub: Hub, event_id: str) -> None:
    answer = hub.post(EVENTS, {"type": "order.paid", "data": {}, "id": event_id})

    assert (answer.status, answer.body["id"]) == (202, event_id)


@pytest.mark.parametrize(
    "event_id",
    ["", "x" * 129, "a#b", "a/b", "a b", "a\n", "é", "\x7f", 7, "rec_1", "rpl_1", "evt_01JCZ8Y0M3V8T6W2Q9X4N5B7KD"],
)
def test_id_that_would_break_a_key_or_a_header_is_refused(hub: Hub, routing: Routing, event_id: object) -> None:
    refused = hub.post(EVENTS, {"type": "order.paid", "data": {}, "id": event_id})

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert routing.events() == []


@pytest.mark.parametrize(
    "event_type",
    ["integration.created", "sync.completed", "webhook.received", "webhook.failed", "webhook.of-mine", "webhook.test"],
)
def test_type_of_the_hub_is_refused(hub: Hub, event_type: str) -> None:
    refused = hub.post(EVENTS, {"type": event_type, "data": {"jobId": "j"}})

    assert refused.status == 400
    assert "published by the hub alone" in refused.body["error"]["message"]


@pytest.mark.parametrize(
    "event_type", ["", "NO_SUCH_ALIAS", "Contact.Created", "contact.", ".a", "a..b", "contact.*", "*"]
)
def test_type_that_is_no_name_and_no_alias_is_refused(hub: Hub, event_type: str) -> None:
    assert hub.post(EVENTS, {"type": event_type, "data": {}}).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "a.b"},
        {"data": {}},
        {"type": "a.b", "data": 1},
        {"type": "a.b", "data": [1]},
        {"type": 1, "data": {}},
        {"type": "a.b", "data": {}, "more": 1},
        {"type": "a.b", "data": {}, "orderingKey": ""},
        [],
        "x",
        None,
    ],
)
def test_body_of_another_shape_is_refused_with_the_place(hub: Hub, body: Any) -> None:
    refused = hub.post(EVENTS, body)

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")


def test_data_that_does_not_fit_its_type_is_refused_with_pointers(hub: Hub, routing: Routing) -> None:
    refused = hub.post(EVENTS, {"type": "CONTACT_CREATED", "data": {"email": "secret@example.com", "phone": 5}})

    assert refused.status == 400
    found = {problem["pointer"]: problem["message"] for problem in refused.body["error"]["details"]["problems"]}
    assert found.keys() == {"/data", "/data/phone"}
    assert "contactId" in found["/data"]
    assert "secret@example.com" not in str(refused.body)
    assert routing.events() == []


def test_contact_without_a_phone_is_what_the_specification_itself_sends(hub: Hub) -> None:
    data = {"contactId": "c", "firstName": "J", "lastName": None, "email": "j@example.com", "cardId": "card-1"}

    assert hub.post(EVENTS, {"type": "CONTACT_CREATED", "data": data}).status == 202


def test_data_that_is_longer_as_the_hub_writes_it_is_refused(hub: Hub) -> None:
    """1e15 has four characters, 1000000000000000.0 has eighteen: the item would not hold it."""
    raw = b'{"type":"a.b","data":{"n":[' + b",".join([b"1e15"] * 40_000) + b"]}}"

    assert hub.post(EVENTS, raw).status == 413


def test_event_costs_a_put_and_a_message(hub: Hub) -> None:
    body = {"type": "contact.created", "data": CREATED}

    with counted() as cold:
        hub.post(EVENTS, body)

    assert dict(cold) == {"UpdateItem": 1, "PutItem": 1, "SendMessage": 1}


def test_event_of_an_own_type_costs_no_read_when_warm(hub: Hub) -> None:
    hub.call("PUT", "/api/v1/event-types", {"name": "order.paid", "schema": {"required": ["n"]}, "aliases": ["PAID"]})
    body = {"type": "PAID", "data": {"n": 1}}

    with counted() as cold:
        assert hub.post(EVENTS, body).status == 202
    with counted() as warm:
        assert hub.post(EVENTS, body).status == 202

    steady = {"UpdateItem": 1, "PutItem": 1, "SendMessage": 1}
    assert (dict(cold), dict(warm)) == ({**steady, "GetItem": 2}, steady)


@pytest.mark.parametrize(("roles", "scopes", "status"), [("user", "", 403), ("", "integrations:write", 403)])
@pytest.mark.parametrize(("method", "path"), [("POST", EVENTS), ("GET", EVENTS + "/x"), ("PUT", "/api/v1/event-types")])
def test_events_need_the_administrator_or_the_scope(
    hub: Hub, method: str, path: str, roles: str, scopes: str, status: int
) -> None:
    assert hub.call(method, path, {}, roles=roles, scopes=scopes).status == status


def test_program_with_the_scope_may_publish(hub: Hub) -> None:
    body = {"type": "order.paid", "data": {}}

    assert hub.post(EVENTS, body, roles="", scopes="webhooks:manage").status == 202


# ---------------------------------------------------------------- looking one up


def test_event_shows_its_deliveries_and_their_states(hub: Hub, routing: Routing) -> None:
    first, second = routing.subscribe("*"), routing.subscribe("*", status="paused")
    event_id = routing.publish(orderingKey="contact-123")
    before = hub.get(f"{EVENTS}/{event_id}").body
    routing.route(event_id)

    answer = hub.get(f"{EVENTS}/{event_id}")

    assert (before["state"], before["matched"], before["deliveries"]) == ("pending", 0, [])
    assert answer.status == 200
    assert answer.body["data"] == CREATED
    assert (answer.body["source"], answer.body["orderingKey"]) == ("api", "contact-123")
    assert (answer.body["state"], answer.body["matched"]) == ("routed", 2)
    states = [(each["subscriptionId"], each["state"]) for each in answer.body["deliveries"]]
    assert states == [(first, "queued"), (second, "skipped")]
    assert answer.body["deliveries"][0]["deliveryId"] == routing.deliveries(first)[0]["sk"]


def test_event_of_another_tenant_is_not_found_like_one_that_is_missing(hub: Hub, other_hub: Hub) -> None:
    made = other_hub.post(EVENTS, {"type": "order.paid", "data": {}, "id": "order-7"}).body

    foreign, missing = hub.get(f"{EVENTS}/{made['id']}"), hub.get(f"{EVENTS}/order-8")

    assert other_hub.get(f"{EVENTS}/{made['id']}").status == 200
    assert foreign.status == missing.status == 404
    assert foreign.body["error"] | {"requestId": ""} == missing.body["error"] | {"requestId": ""}


def test_test_event_shows_the_one_delivery_it_is_addressed_to(hub: Hub, routing: Routing) -> None:
    subscription, _other = routing.subscribe("a.b"), routing.subscribe("*")
    event_id = routing.publish()
    item = {**routing.event(event_id), "addressedTo": subscription}
    resources().tables.write(Put(resources().tables.activity, item))

    routing.route(event_id)

    assert [each["subscriptionId"] for each in hub.get(f"{EVENTS}/{event_id}").body["deliveries"]] == [subscription]
    assert resources().tables.activity.get(key(routing.tenant, "event", event_id)) is not None
