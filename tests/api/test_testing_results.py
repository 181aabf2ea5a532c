"""Tests of a custom integration (S000, "Testing & Validation"): the result and the verdict on a connection."""

import json

import pytest

from tests.api.conftest import Hub
from tests.api.tested import (
    MASK,
    TOKEN,
    Provider,
    checked,
    create,
    endpoint,
    pages,
    reply,
    result_of,
)


def test_endpoint_test_answers_the_test_result_of_the_specification(hub: Hub, provider: Provider) -> None:
    provider.answer = pages(2, 10)

    assert checked(hub) == {
        "success": True,
        "request": {
            "url": "https://crm.example.com/contacts",
            "method": "GET",
            "headers": {"accept": "application/json", "authorization": MASK},
        },
        "response": {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": {
                "items": [{"id": "c0", "name": "Name 0", "n": 0}, {"id": "c1", "name": "Name 1", "n": 1}],
                "next": None,
            },
            "latencyMs": 7,
            "truncated": False,
        },
        "mappingPreview": {
            "rawData": [{"id": "c0", "name": "Name 0", "n": 0}, {"id": "c1", "name": "Name 1", "n": 1}],
            "mappedData": [{"label": "Name 0", "n": 0}, {"label": "Name 1", "n": 1}],
            "errors": [],
            "truncated": False,
        },
        "pages": 1,
        "records": 2,
        "stopReason": "cursor_null",
        "expectations": [],
    }
    assert provider.calls[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_connection_test_gets_the_base_url_as_it_is_written(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply({"status": "ok"})
    made = create(hub, baseUrl="https://crm.example.com/v1/", defaultHeaders={"X-App": "hub {{name}}"})

    assert result_of(hub, made, testParams={"name": "one"}) == {
        "success": True,
        "request": {
            "url": "https://crm.example.com/v1/",
            "method": "GET",
            "headers": {"accept": "application/json", "x-app": "hub one", "authorization": MASK},
        },
        "response": {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": {"status": "ok"},
            "latencyMs": 7,
            "truncated": False,
        },
        "expectations": [],
    }


def test_endpoint_test_sends_the_body_and_shows_it(hub: Hub, provider: Provider) -> None:
    body = {"contentType": "application/json", "bodyType": "template", "template": '{"q": "{{q}}", "n": {{n}}}'}
    made = create(hub, endpoints=[endpoint(method="POST", body=body)])

    result = result_of(hub, made, "list", testParams={"q": "a"}, testBody={"q": "b", "n": 2})

    assert json.loads(provider.calls[0].content or b"") == {"q": "a", "n": 2}
    assert result["request"]["body"] == {"q": "a", "n": 2}
    assert result["request"]["method"] == "POST"


# ---------------------------------------------------------------- the verdict on a connection


@pytest.mark.parametrize("status", [200, 204, 299])
def test_connection_succeeds_when_the_address_answers(hub: Hub, provider: Provider, status: int) -> None:
    provider.answer = lambda _: reply({}, status)

    result = checked(hub, None)

    assert (result["success"], result["response"]["statusCode"]) == (True, status)
    assert "note" not in result


@pytest.mark.parametrize(
    ("status", "note"), [(301, "Redirects are not followed"), (400, "bare address"), (404, "test an endpoint next")]
)
def test_connection_succeeds_with_a_note_when_the_bare_address_has_nothing(
    hub: Hub, provider: Provider, status: int, note: str
) -> None:
    """Many APIs answer 404 there; what a test of the connection can show is that nobody refuses the credentials."""
    provider.answer = lambda _: reply({}, status)

    result = checked(hub, None)

    assert result["success"]
    assert note in result["note"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, "The credentials were refused: https://crm.example.com answered 401. Enter the credentials again"),
        (403, "The credentials do not allow this"),
        (429, "wait, then test again"),
        (503, "test again later"),
    ],
)
def test_connection_fails_and_says_what_to_do(hub: Hub, provider: Provider, status: int, error: str) -> None:
    provider.answer = lambda _: reply({"message": "no"}, status)

    result = checked(hub, None)

    assert not result["success"]
    assert error in result["error"]
    assert result["response"]["body"] == {"message": "no"}
    assert len(provider.calls) == 1
