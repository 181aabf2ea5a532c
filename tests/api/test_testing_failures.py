"""Tests of a custom integration that fail, and how they say it."""

import pytest

from hub.core.errors import Retryable, TargetForbidden
from hub.outbound.calls import Call, NeverSent, Reply
from tests.api.conftest import Hub
from tests.api.tested import MASK, Answer, Provider, checked, pages, reply


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, "Redirects are not followed"),
        (400, "Compare the request"),
        (401, 'answered 401 (the credentials were refused): {"message": "no"}. Enter the credentials again'),
        (404, "Check baseUrl, the path and its parameters."),
        (429, "wait, then test again"),
        (500, "test again later"),
        (503, "test again later"),
    ],
)
def test_endpoint_fails_with_the_answer_when_the_provider_refuses(
    hub: Hub, provider: Provider, status: int, error: str
) -> None:
    """One try: nobody waits for the retries of a sync."""
    provider.answer = lambda _: reply({"message": "no"}, status)

    result = checked(hub)

    assert not result["success"]
    assert error in result["error"]
    assert result["response"]["statusCode"] == status
    assert (result["pages"], result["stopReason"]) == (0, "failed")
    assert "mappingPreview" not in result
    assert len(provider.calls) == 1


def failing(error: Exception) -> Answer:
    def fail(_: Call) -> Reply:
        raise error

    return fail


NETWORK = {
    "no connection": (NeverSent("crm.example.com could not be connected"), "could not be connected. Check the address"),
    "no answer": (Retryable("crm.example.com did not answer completely in time"), "in time. Check the address"),
    "a forbidden address": (TargetForbidden("Expected a public address, found 10.0.0.1"), "public https addresses"),
}


@pytest.mark.parametrize("kind", NETWORK)
@pytest.mark.parametrize("endpoint_id", [None, "list"])
def test_failure_without_an_answer_is_told_in_plain_words(
    hub: Hub, provider: Provider, kind: str, endpoint_id: str | None
) -> None:
    raised, said = NETWORK[kind]
    provider.answer = failing(raised)

    result = checked(hub, endpoint_id, expectations={"statusCode": 200})

    assert not result["success"]
    assert said in result["error"]
    assert "response" not in result
    assert result["request"]["headers"]["authorization"] == MASK
    assert result["expectations"] == [{"kind": "statusCode", "expected": 200, "found": None, "passed": False}]
    assert len(provider.calls) == 1


def test_answer_that_is_no_json_is_shown_as_text(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply(body=b"<h1>Welcome</h1>", content_type="text/html")

    result = checked(hub)

    assert "The answer is not JSON: status 200, 16 bytes, text/html" in result["error"]
    assert result["response"]["body"] == "<h1>Welcome</h1>"


def test_data_path_that_finds_nothing_is_named_with_the_keys_there_are(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply({"results": []})

    result = checked(hub)

    assert "dataPath '$.items' found nothing; keys at top level: ['results']" in result["error"]
    assert result["response"]["body"] == {"results": []}


def test_failure_of_a_later_page_shows_that_page_and_what_was_read_before(hub: Hub, provider: Provider) -> None:
    first = pages(20, 10)
    provider.answer = lambda call: reply({}, 500) if dict(call.params) else first(call)

    result = checked(hub)

    assert (result["success"], result["pages"], result["records"]) == (False, 1, 10)
    assert result["request"]["url"] == "https://crm.example.com/contacts?after=10"
    assert result["response"]["statusCode"] == 500


def test_provider_that_repeats_itself_fails_the_test(hub: Hub, provider: Provider) -> None:
    """The sync of such an endpoint fails too."""
    provider.answer = lambda _: reply({"items": [{"id": "a", "name": "A", "n": 1}], "next": "same"})

    result = checked(hub)

    assert (result["success"], result["stopReason"]) == (False, "repeated_page")
    assert "answered before" in result["error"]
