"""Requests and results have the shapes of payload format 2.0."""

import base64
from typing import Any

import pytest

from local.authorizer import authorizer_event
from local.http_events import BadAnswer, Request, answer_of, request_event
from local.routes import Match
from local.template import Route

MATCH = Match(Route("POST", "/docs/{type}", "F", "A"), {"type": "a b"})


def make_request(body: bytes = b"", *headers: tuple[str, str], query: str = "") -> Request:
    return Request("POST", "/docs/a%20b", query, headers, body, "127.0.0.1", id="r1")


def test_event_describes_the_request() -> None:
    request = make_request(b'{"a":1}', ("content-type", "application/json"), query="x=1&y=%20&x=2&z")

    event = request_event(request, MATCH, {"tenant": "acme"})

    context = event.pop("requestContext")
    assert event == {
        "version": "2.0",
        "routeKey": "POST /docs/{type}",
        "rawPath": "/docs/a b",
        "rawQueryString": "x=1&y=%20&x=2&z",
        "headers": {"content-type": "application/json", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"},
        "queryStringParameters": {"x": "1,2", "y": " ", "z": ""},
        "pathParameters": {"type": "a b"},
        "body": '{"a":1}',
        "isBase64Encoded": False,
    }
    assert context["authorizer"] == {"lambda": {"tenant": "acme"}}
    assert context["http"]["method"] == "POST"
    assert (context["requestId"], context["stage"]) == ("r1", "$default")


def test_event_leaves_out_what_the_request_lacks() -> None:
    event = request_event(make_request(), Match(Route("GET", "/docs", "F", None), {}), None)

    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & set(event)
    assert "authorizer" not in event["requestContext"]


def test_repeated_header_is_joined_and_cookies_have_their_own_list() -> None:
    request = make_request(b"", ("accept", "a"), ("accept", "b"), ("cookie", "k=1; l=2"), ("cookie", "m=3"))

    event = request_event(request, MATCH, None)

    assert event["headers"]["accept"] == "a,b"
    assert event["cookies"] == ["k=1", "l=2", "m=3"]
    assert "cookie" not in event["headers"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\x00\xff", [("content-type", "application/octet-stream")]),
        (b"\xff", [("content-type", "application/json")]),
        (b"abc", [("content-type", "application/json"), ("content-encoding", "gzip")]),
        (b"abc", []),
    ],
)
def test_body_is_base64_when_it_may_not_be_text(body: bytes, headers: list[tuple[str, str]]) -> None:
    event = request_event(make_request(body, *headers), MATCH, None)

    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == body


@pytest.mark.parametrize("kind", ["text/plain", "application/problem+json", "application/x-www-form-urlencoded"])
def test_body_is_text_when_the_type_says_so(kind: str) -> None:
    event = request_event(make_request("é".encode(), ("content-type", f"{kind}; charset=utf-8")), MATCH, None)

    assert (event["body"], event["isBase64Encoded"]) == ("é", False)


def test_authorizer_event_is_a_request_event_without_the_body() -> None:
    event = authorizer_event(("Bearer t",), make_request(b"secret"), MATCH)

    assert (event["version"], event["type"], event["identitySource"]) == ("2.0", "REQUEST", ["Bearer t"])
    assert event["routeArn"].endswith("/$default/POST/docs/a%20b")
    assert "body" not in event


def test_answer_takes_status_headers_cookies_and_body() -> None:
    result = {"statusCode": "201", "headers": {"X-A": 1}, "cookies": ["a=1"], "body": "AP8=", "isBase64Encoded": True}

    answer = answer_of(result)

    assert (answer.status, answer.body) == (201, b"\x00\xff")
    assert ("x-a", "1") in answer.headers
    assert ("set-cookie", "a=1") in answer.headers


@pytest.mark.parametrize(("result", "body"), [({"a": 1}, b'{"a":1}'), ("hello", b"hello"), (None, b"null")])
def test_answer_is_200_when_the_result_has_no_status(result: Any, body: bytes) -> None:
    answer = answer_of(result)

    assert (answer.status, answer.body) == (200, body)
    assert answer.headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "many"},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["x"]},
    ],
)
def test_answer_is_refused_when_api_gateway_would_refuse_it(result: Any) -> None:
    with pytest.raises(BadAnswer):
        answer_of(result)
