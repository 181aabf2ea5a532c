"""Routing: which rules take an event, by what type, and what of a body is an event."""

import json
from typing import Any

import pytest

from hub.core.errors import BadRequest
from hub.mapping.paths import PathFailed
from hub.webhooks.inbound import payloads
from hub.webhooks.inbound.route import Decision, decide, headers_read, of_endpoint, pattern

RULE = {"eventTypePath": "$.type", "eventTypeValue": "contact.created", "action": "create_shard"}


def endpoint(*rules: Any, types: Any = (), **event_type: str) -> dict[str, Any]:
    place = json.dumps(event_type) if event_type else ""
    return {"routing": json.dumps(rules), "eventType": place, "eventTypes": list(types)}


def decided(item: dict[str, Any], payload: Any, **headers: str) -> Decision:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return decide(of_endpoint(item), named, payload, lambda: None)


def taken(item: dict[str, Any], payload: Any, **headers: str) -> list[tuple[int, int | None, str]]:
    """Return event, rule and type of each match."""
    found = decided(item, payload, **headers).matches
    return [(match.event, match.rule.index if match.rule else None, match.event_type) for match in found]


@pytest.mark.parametrize(
    ("rule", "payload", "is_taken"),
    [
        ({}, {"type": "contact.created"}, True),
        ({}, {"type": "contact.updated"}, False),
        ({}, {"type": "Contact.created"}, False),
        ({}, {}, False),
        ({}, "text", False),
        ({}, None, False),
        ({"eventTypeValue": "contact.*"}, {"type": "contact."}, True),
        ({"eventTypeValue": "*"}, {"type": ""}, False),
        ({"eventTypeValue": "*"}, {"type": None}, False),
        ({"eventTypeValue": "7"}, {"type": 7}, True),
        ({"eventTypeValue": "true"}, {"type": True}, True),
        ({"eventTypeValue": "a"}, {"type": ["a"]}, False),
        ({"eventTypePath": "$.list[*].type", "eventTypeValue": "b"}, {"list": [{"type": "a"}, {"type": "b"}]}, True),
    ],
)
def test_a_rule_takes_the_events_of_its_type(rule: Any, payload: Any, is_taken: bool) -> None:
    assert bool(taken(endpoint({**RULE, **rule}), payload)) == is_taken


def test_every_rule_that_matches_applies_in_order() -> None:
    item = endpoint({**RULE, "eventTypeValue": "*"}, {**RULE, "eventTypeValue": "x"}, RULE)

    assert taken(item, {"type": "contact.created"}) == [(0, 0, "contact.created"), (0, 2, "contact.created")]


def test_a_header_names_the_type_whatever_its_case() -> None:
    rule = {"eventTypeHeader": "X-GitHub-Event", "eventTypeValue": "push", "action": "custom"}

    assert taken(endpoint(rule), {}, x_github_event="push") == [(0, 0, "push")]
    assert taken(endpoint(rule), {"type": "push"}) == []


def test_a_list_is_as_many_events() -> None:
    found = decided(endpoint(RULE), [{"type": "contact.created"}, {"type": "other"}, {"type": "contact.created"}, 1])

    assert [match.event for match in found.matches] == [0, 2]
    assert found.unmatched == ["other", ""]
    assert decided(endpoint(RULE), []).matches == []


@pytest.mark.parametrize(
    ("types", "event_type", "is_taken"),
    [
        ((), "any", True),
        (("*",), "any", True),
        (("order.paid",), "order.paid", True),
        (("order.*",), "order.paid", True),
        (("order.*",), "orders.paid", False),
        (("a", "b"), "b", True),
    ],
)
def test_an_endpoint_without_rules_takes_its_types(types: Any, event_type: str, is_taken: bool) -> None:
    assert bool(taken(endpoint(types=types), {"type": event_type})) == is_taken


@pytest.mark.parametrize(
    ("payload", "headers", "event_type"),
    [
        ({"type": "a"}, {}, "a"),
        ({"event": "a"}, {}, "a"),
        ({"event_type": "a"}, {}, "a"),
        ({"eventType": "a"}, {}, "a"),
        ({"type": "event_callback", "event": {"type": "message"}}, {}, "message"),
        ({"subscriptionType": "contact.creation"}, {}, "contact.creation"),
        ({"type": "a"}, {"x_github_event": "push"}, "push"),
        ({"id": "gid://1"}, {"x_shopify_topic": "orders/create"}, "orders/create"),
        ({}, {}, ""),
    ],
)
def test_the_type_is_found_where_senders_usually_write_it(payload: Any, headers: Any, event_type: str) -> None:
    assert decided(endpoint(), payload, **headers).event_type == event_type


def test_an_action_makes_the_type_more_precise() -> None:
    assert taken(endpoint(types=["issues.opened"]), {"action": "opened"}, x_github_event="issues")
    assert not taken(endpoint(types=["issues.opened"]), {"action": "closed"}, x_github_event="issues")


def test_an_endpoint_can_say_where_the_type_is() -> None:
    assert taken(endpoint(types=["a"], path="$.meta.kind"), {"meta": {"kind": "a"}, "type": "b"})
    assert taken(endpoint(types=["a"], header="X-Kind"), {"type": "b"}, x_kind="a")


@pytest.mark.parametrize(
    ("text", "name", "means"),
    [
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a*c", "acd", False),
        ("*b*", "abc", True),
        ("ab*ba", "aba", False),
        ("**", "", True),
        ("a.c", "abc", False),
        ("*a*a*a*", "aa", False),
    ],
)
def test_a_star_stands_for_anything(text: str, name: str, means: bool) -> None:
    assert pattern(text)(name) == means


def test_many_stars_are_no_burden() -> None:
    """A regular expression would search for ever."""
    assert not pattern("a*" * 100 + "b")("a" * 200)


def test_the_headers_that_are_read_are_known_to_the_receiver() -> None:
    item = endpoint({**RULE, "eventTypeHeader": "X-Kind"}, header="X-Other")

    assert {"x-kind", "x-other", "x-github-event"} <= headers_read(item)


def test_deciding_stops_when_it_may_not_go_on() -> None:
    def stop() -> None:
        raise PathFailed("$", "enough")

    with pytest.raises(PathFailed):
        decide(of_endpoint(endpoint(RULE)), {}, [{}], stop)


# ---------------------------------------------------------------- bodies

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "body", "payload"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/vnd.api+json; charset=utf-8", b"[1]", [1]),
        ("text/plain", b' {"a": 1}', {"a": 1}),
        ("", b"\xef\xbb\xbf[]", []),
        ("application/json", b'"text"', "text"),
        ("application/json", b"", {}),
        ("", b" \n", {}),
        (FORM, b"a=1&b=&a=2&c=%C3%A9", {"a": ["1", "2"], "b": "", "c": "é"}),
        (FORM, b"payload=%7B%22a%22%3A1%7D", {"a": 1}),
        (FORM, b"payload=%7B%22a%22%3A1%7D&token=t", {"payload": {"a": 1}, "token": "t"}),
        (FORM, b"payload=text", {"payload": "text"}),
        (FORM, b'{"a": 1}', {"a": 1}),
        ("text/xml", b"<a/>", {"raw": "<a/>"}),
        ("application/octet-stream", b"\xff\x00", {"rawBase64": "/wA="}),
    ],
)
def test_a_body_becomes_json(content_type: str, body: bytes, payload: Any) -> None:
    assert payloads.parse(content_type, body) == payload


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"text"),
        ("application/json", b"[" * 100),
        (FORM, b"payload=%7B%22a%22"),
        (FORM, b"&".join([b"a=1"] * 1001)),
        (FORM, b"\xff=1"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(BadRequest):
        payloads.parse(content_type, body)
