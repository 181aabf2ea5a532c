"""What strangers write and what happens at the same moment: an answer that says why, never a failure of the hub."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.tables import key
from hub.webhooks.deliveries import deliveries, lanes
from hub.webhooks.subscriptions import subscribe as subscribe_module
from hub.webhooks.subscriptions import subscriptions
from hub.webhooks.subscriptions.subscription_models import NewSubscription
from tests.api.conftest import Hub, just_before
from tests.api.subscriptions import (
    CARDS,
    PATH,
    Json,
    deliver,
    hints,
    problems,
    put,
    secrets,
    stored,
    subscribe,
    tables,
    wanted,
)
from tests.api.test_subscriptions import routes

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    1.5,
    1e308,
    "",
    " ",
    "\x00",
    "é ☃ 𝒳",
    "x" * 20_000,
    "{{encrypted:****}}",
    "$.a[?(@.b=~/(a+)+$/)]",
    [],
    [None],
    [[]],
    ["a", "a", 1],
    {},
    {"": None},
    {"a": {"b": [1, {"c": None}]}},
    {"$each": "$.a", "do": {}},
    {"type": {"$in": []}},
    {"$or": 1},
    {"x" * 300: "v"},
]
FIELDS = [
    *NewSubscription.model_fields,
    "authConfig/BASIC",
    "authConfig/API_KEY",
    "authConfig/OAUTH2",
    "authConfig/BEARER",
]


@pytest.mark.parametrize("field", FIELDS)
def test_odd_value_of_a_field_is_taken_or_refused(hub: Hub, field: str) -> None:
    name, _, auth_type = field.partition("/")
    auth = {"authType": auth_type} if auth_type else {}
    for odd in ODD:
        reply = hub.post(PATH, wanted(**auth, **{name: odd}))

        assert reply.status in (201, 400, 422), (odd, reply.body)
        if reply.status != 201:
            assert all(place.startswith(f"/{name}") for place in problems(reply)), (odd, reply.body)


CONFIGS: list[tuple[str, Json]] = [
    ("BASIC", {"username": "u", "password": "p"}),
    ("BEARER", {"token": "t"}),
    ("API_KEY", {"apiKey": "k", "headerName": "X-Key", "queryName": None}),
    (
        "OAUTH2",
        {"tokenUrl": "https://a.example.com", "clientId": "c", "clientSecret": "s", "scope": "x", "audience": "y"},
    ),
]


@pytest.mark.parametrize(("auth_type", "config"), CONFIGS)
def test_odd_value_in_an_auth_config_is_taken_or_refused(hub: Hub, auth_type: str, config: Json) -> None:
    assert hub.post(PATH, wanted(authType=auth_type, authConfig=config)).status == 201  # the control
    for name in config:
        for odd in ODD:
            reply = hub.post(PATH, wanted(authType=auth_type, authConfig={**config, name: odd}))

            assert reply.status in (201, 400, 422), (name, odd, reply.body)
            if reply.status != 201:
                assert all(place.startswith("/authConfig/") for place in problems(reply)), (name, odd, reply.body)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b"\xff", b'{"name": NaN}', b"[" * 2000], ids=repr)
@pytest.mark.parametrize(("method", "end"), [("POST", ""), ("PUT", "/{id}"), ("POST", "/{id}/recover")])
def test_body_that_is_no_object_is_refused(hub: Hub, method: str, end: str, body: bytes) -> None:
    made = subscribe(hub)

    reply = hub.call(method, PATH + end.format(id=made["id"]), body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"{", b"\xff"], ids=repr)
@pytest.mark.parametrize("end", ["/rotate-secret", "/test"])
def test_optional_body_that_is_no_object_is_refused(hub: Hub, end: str, body: bytes) -> None:
    made = subscribe(hub)

    assert hub.post(f"{PATH}/{made['id']}{end}", body).status == 400


@pytest.mark.parametrize("odd", ["é", "a" * 2000, "%00", "..", "sub_%23x", "SUB_"])
def test_odd_id_is_not_found(hub: Hub, odd: str) -> None:
    assert hub.get(f"{PATH}/{odd}").status == 404
    assert hub.call("DELETE", f"{CARDS}/{odd}").status == 404


def test_what_the_hub_keeps_beside_the_subscriptions_is_none(hub: Hub) -> None:
    subscribe(hub)

    asked = [hub.call(*each) for each in routes(subscriptions.REVISION)]
    asked += [hub.call(method, f"{CARDS}/{subscriptions.REVISION}", {}) for method in ("PATCH", "DELETE")]

    assert {reply.status for reply in asked} == {404}


def test_change_that_lost_a_race_is_refused(hub: Hub) -> None:
    made = subscribe(hub)

    with just_before("TransactWriteItems", lambda: rename(hub, made)):
        reply = put(hub, made, name="mine", secretKey="a secret of my own")

    assert (reply.status, reply.code) == (409, "CONFLICT")
    assert hub.get(f"{PATH}/{made['id']}").body["name"] == "theirs"
    assert secrets(hub, made) == {"secret.1": made["secretKey"]}


def test_tenant_has_room_for_so_many(hub: Hub, other_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribe_module, "MOST_OF_TENANT", 1)
    subscribe(hub)

    refused = hub.post(PATH, wanted())

    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert subscribe(other_hub)["id"]


def test_retry_that_lost_a_race_is_refused(hub: Hub) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, state="failed", attempts=1)
    place = {"pk": delivery["pk"], "sk": delivery["sk"]}

    def claim() -> None:
        with hub.cloud.running("nobody"):
            tables().activity.update(place, "SET state = :state", {"state": "delivering"})

    with just_before("TransactWriteItems", claim):
        reply = hub.post(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}/retry")

    assert (reply.status, reply.code) == (409, "CONFLICT")
    assert hints(hub) == []


def test_cancelling_the_first_of_a_lane_lets_the_next_one_go(hub: Hub) -> None:
    made = subscribe(hub)
    lane = lanes.lane_of("order-1")
    first, second = (deliver(hub, made, lane=lane, turn=turn) for turn in (1, 2))
    tables().write(*[write for each in (first, second) for write in deliveries.rejoined(tables(), each)])

    reply = hub.post(f"{PATH}/{made['id']}/deliveries/{first['sk']}/cancel")

    assert reply.status == 200
    assert [each["id"] for each in hints(hub)] == [f"{made['id']}/{second['sk']}"]


def rename(hub: Hub, made: Json) -> None:
    place = key(Tenant(hub.tenant), subscriptions.KIND, made["id"])
    with hub.cloud.running("nobody"):
        tables().config.update(place, "SET name = :name, version = :next", {"name": "theirs", "next": 7})


def test_change_does_not_undo_that_the_hub_disabled_it_meanwhile(hub: Hub) -> None:
    made = subscribe(hub)

    with just_before("TransactWriteItems", lambda: disable(hub, made)):
        reply = put(hub, made, name="mine")

    assert reply.status == 409
    assert stored(hub, made).item["status"] == "disabled"


def disable(hub: Hub, made: Json) -> None:
    place = key(Tenant(hub.tenant), subscriptions.KIND, made["id"])
    with hub.cloud.running("nobody"):
        tables().config.update(place, "SET status = :status", {"status": "disabled"})
