"""Tests of a custom integration: what the caller expects is judged, and a faulty request refused."""

from typing import Any

import pytest

from tests.api.conftest import Hub
from tests.api.tested import PATH, Json, Provider, checked, create, endpoint, pages, reply, result_of

FOUND = {"status": "ok", "count": 2, "flag": True, "nothing": None, "list": [{"a": 1.0}]}


@pytest.mark.parametrize(
    ("path", "value", "passed"),
    [
        ("$.status", "ok", True),
        ("$.status", "bad", False),
        ("$.count", 2, True),
        ("$.count", 2.0, True),
        ("$.count", "2", False),
        ("$.flag", True, True),
        ("$.flag", 1, False),
        ("$.nothing", None, True),
        ("$.missing", None, False),
        ("$.list", [{"a": 1}], True),
        ("$..a", 1, True),
    ],
)
def test_json_path_is_judged_by_the_value_it_finds(
    hub: Hub, provider: Provider, path: str, value: Any, passed: bool
) -> None:
    provider.answer = lambda _: reply(FOUND)

    result = checked(hub, None, expectations={"jsonPath": [{"path": path, "value": value}]})

    (judged,) = result["expectations"]
    assert (judged["kind"], judged["path"], judged["expected"], judged["passed"]) == ("jsonPath", path, value, passed)
    assert result["success"] is passed


def test_each_expectation_is_judged_and_one_that_fails_fails_the_test(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply(FOUND)

    result = checked(hub, None, expectations={"statusCode": 200, "bodyContains": ['"ok"', "absent"]})

    assert result["expectations"] == [
        {"kind": "statusCode", "expected": 200, "found": 200, "passed": True},
        {"kind": "bodyContains", "expected": '"ok"', "found": '"ok"', "passed": True},
        {"kind": "bodyContains", "expected": "absent", "found": None, "passed": False},
    ]
    assert (result["success"], result["error"]) == (False, "1 of 3 expectations did not hold.")


def test_expectations_of_an_endpoint_are_judged_on_its_first_page(hub: Hub, provider: Provider) -> None:
    provider.answer = pages(20, 10)

    result = checked(hub, expectations={"statusCode": 200, "jsonPath": [{"path": "$.next", "value": "10"}]})

    assert result["success"]
    assert [each["passed"] for each in result["expectations"]] == [True, True]


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"expectation": {}}, "/expectation"),
        ({"expectations": {"status": 200}}, "/expectations/status"),
        ({"expectations": {"statusCode": 99}}, "/expectations/statusCode"),
        ({"expectations": {"jsonPath": [{"path": "$.a", "value": 1}, {"path": "$[", "value": 1}]}}, "/jsonPath/1/path"),
        ({"expectations": {"jsonPath": [{"path": "$.a"}]}}, "/expectations/jsonPath/0/value"),
        ({"testParams": []}, "/testParams"),
    ],
)
def test_faulty_body_is_refused_at_its_place_before_anything_is_sent(
    hub: Hub, provider: Provider, config: Json, pointer: str
) -> None:
    refused = hub.post(f"{PATH}/{create(hub)}/test", config)

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert pointer in refused.body["error"]["details"]["problems"][0]["pointer"]
    assert provider.calls == []


def test_missing_parameter_is_refused_before_anything_is_sent(hub: Hub, provider: Provider) -> None:
    needy = endpoint(path="/users/{userId}", pathParams=[{"name": "userId", "required": True}])
    made = create(hub, endpoints=[needy])

    refused = hub.post(f"{PATH}/{made}/test/list")

    assert (refused.status, refused.body["error"]["details"]["parameter"]) == (400, "userId")
    assert provider.calls == []
    assert result_of(hub, made, "list", testParams={"userId": "u/1"})["request"]["url"].endswith("/users/u%2F1")
