"""Tests of a custom integration: the preview of the mapping, and the limits of a test."""

import json
import time

import pytest

from hub.connector.excerpts import MAX_BODY_BYTES
from hub.core.caller import Tenant
from hub.core.errors import Retryable
from hub.core.resources import resources
from hub.integrations import connected, testing, testing_models
from hub.integrations.testing import LIMIT_S
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub, StoppedClock, just_before, lose_connection
from tests.api.sync_work import vault
from tests.api.tested import PATH, Json, Provider, checked, create, endpoint, pages, reply, result_of


def test_rejected_records_are_named_and_the_others_mapped(hub: Hub, provider: Provider) -> None:
    records = [{"id": "a", "name": "A", "n": 1}, {"name": "B", "n": 2}, {"id": "c", "name": "C", "n": "many"}]
    provider.answer = lambda _: reply({"items": records, "next": None})

    result = checked(hub)

    preview = result["mappingPreview"]
    assert result["success"]
    assert preview["rawData"] == records
    assert preview["mappedData"] == [{"label": "A", "n": 1}, None, None]
    assert [text.partition(":")[0] for text in preview["errors"]] == ["record 1", "record 2"]
    assert "the identifier is missing" in preview["errors"][0]


def test_test_fails_when_every_record_is_rejected(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply({"items": [{"nr": 1}, {"nr": 2}], "next": None})

    result = checked(hub)

    assert not result["success"]
    assert "All 2 records were rejected" in result["error"]


def test_test_of_an_empty_list_succeeds(hub: Hub, provider: Provider) -> None:
    provider.answer = pages(0, 10)

    result = checked(hub)

    assert (result["success"], result["records"]) == (True, 0)


def test_test_stores_no_documents(hub: Hub, provider: Provider) -> None:
    provider.answer = pages(3, 10)

    checked(hub)

    assert hub.documents("record") == []


@pytest.mark.parametrize(
    ("total", "page_size", "calls", "records", "reason"),
    [
        (50, 10, 5, 50, "cursor_null"),
        (51, 10, 5, 50, "test_limit"),
        (100, 50, 2, 100, "cursor_null"),
        (101, 50, 2, 100, "test_limit"),
        (500, 500, 1, 100, "test_limit"),
    ],
)
def test_test_ends_after_5_pages_or_100_records(
    hub: Hub, provider: Provider, total: int, page_size: int, calls: int, records: int, reason: str
) -> None:
    provider.answer = pages(total, page_size)

    result = checked(hub)

    preview = result["mappingPreview"]
    assert (result["success"], len(provider.calls), result["stopReason"]) == (True, calls, reason)
    assert result["records"] == len(preview["rawData"]) == len(preview["mappedData"]) == records
    assert preview["mappedData"][-1] == {"label": f"Name {records - 1}", "n": records - 1}


def test_request_and_response_are_those_of_the_first_page(hub: Hub, provider: Provider) -> None:
    provider.answer = pages(20, 10)

    result = checked(hub)

    assert result["pages"] == 2
    assert result["request"]["url"] == "https://crm.example.com/contacts"
    assert result["response"]["body"]["next"] == "10"


def test_no_call_may_outlast_the_test(hub: Hub, provider: Provider) -> None:
    """The endpoint allows 120 s; API Gateway would have given up after 30."""
    checked_endpoint = endpoint(timeout=120_000)

    result_of(hub, create(hub, endpoints=[checked_endpoint]), "list")

    assert 0 < provider.timeouts_s[0] <= LIMIT_S


def within(hub: Hub, provider: Provider, clock: StoppedClock) -> Json:
    """Return the result of an endpoint's test in which time passes by this clock."""
    found = connected.load(resources().tables.config, Tenant(hub.tenant), create(hub))
    tables = resources().tables
    tester = testing.Tester(vault(), provider, tables, now=lambda: clock.epoch_s)
    return tester.test_endpoint(found, "list", testing_models.EndpointTestConfig())


def test_page_is_not_begun_in_the_last_second(hub: Hub, provider: Provider) -> None:
    clock = StoppedClock(time.monotonic())

    def slow(call: Call) -> Reply:
        clock.advance(LIMIT_S - 0.5)
        return pages(20, 10)(call)

    provider.answer = slow

    result = within(hub, provider, clock)

    assert (result["success"], result["pages"], result["stopReason"]) == (True, 1, "test_limit")


def test_test_that_runs_out_of_time_says_what_a_sync_would_do(hub: Hub, provider: Provider) -> None:
    clock = StoppedClock(time.monotonic())

    def too_slow(_: Call) -> Reply:
        clock.advance(LIMIT_S)
        raise Retryable("crm.example.com did not answer completely in time")

    provider.answer = too_slow

    result = within(hub, provider, clock)

    assert not result["success"]
    assert "The test ended after 25 s without a complete answer. A sync may wait" in result["error"]


def test_long_body_is_cut_at_20_kilobytes(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply(body=b"ab" * MAX_BODY_BYTES, content_type="text/plain")

    shown = checked(hub, None)["response"]

    assert shown["truncated"]
    assert MAX_BODY_BYTES - 100 < len(shown["body"]) <= MAX_BODY_BYTES


def test_long_json_stays_json_and_loses_its_end(hub: Hub, provider: Provider) -> None:
    items = [{"id": f"c{number}", "name": "é" * 1000, "n": number} for number in range(100)]
    provider.answer = lambda _: reply({"items": items, "next": None})

    result = checked(hub)

    shown = result["response"]
    assert shown["truncated"]
    assert shown["body"]["items"][0] == items[0]
    assert len(json.dumps(shown["body"], ensure_ascii=False).encode()) < MAX_BODY_BYTES * 1.1
    assert (result["success"], result["stopReason"]) == (True, "test_limit")
    assert result["mappingPreview"]["truncated"]
    assert result["mappingPreview"]["rawData"][0] == items[0]
    assert all(result["mappingPreview"]["rawData"])
    assert 30 < result["records"] < 50


NESTED = b'{"items":' + b"[" * 1000 + b"]" * 1000 + b"}"
HOSTILE = {
    "control characters": json.dumps({"items": [{"id": "\x01" * 300_000}]}).encode(),
    "many keys": json.dumps({"items": [{f"k{number}": 1 for number in range(50_000)}]}).encode(),
    "deep nesting": NESTED,
    "many rejections": json.dumps({"items": [{"n": "\x01" * 5000}] * 100}).encode(),
    "long words": json.dumps({"items": [{"id": f"{n}", "name": "😀" * 3000, "n": 1} for n in range(100)]}).encode(),
    "not JSON": b"\xff" * 1_000_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_answer_is_too_large_to_be_kept_for_a_repeat(hub: Hub, provider: Provider, kind: str) -> None:
    """An item of DynamoDB holds 400 KB."""
    long_headers = {f"x-{number}": "v" * 2000 for number in range(40)}
    provider.answer = lambda _: Reply(200, long_headers, HOSTILE[kind], 1)
    wanted = {"bodyContains": ["x" * 1000] * 20, "jsonPath": [{"path": "$", "value": "v" * 5000}] * 20}
    made = create(hub)

    answers = [
        hub.post(f"{PATH}/{made}/test/list", {"expectations": wanted}, headers={"Idempotency-Key": "again"})
        for _ in range(2)
    ]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert len(provider.calls) == 1
    assert len(json.dumps(answers[0].body, ensure_ascii=False).encode()) < 390_000


@pytest.mark.usefixtures("stopped_clock", "provider")
def test_31st_test_of_a_minute_is_refused(hub: Hub, other_hub: Hub) -> None:
    made, of_other = create(hub), create(other_hub)
    taken = [hub.post(f"{PATH}/{made}/test" + ("/list" if number % 2 else "")) for number in range(30)]

    refused = hub.post(f"{PATH}/{made}/test")

    assert {each.status for each in taken} == {200}
    assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.headers["X-RateLimit-Limit"] == "30"
    assert hub.get(f"{PATH}/{made}").status == 200
    assert other_hub.post(f"{PATH}/{of_other}/test").status == 200


def test_tests_are_closed_when_the_counter_cannot_be_reached(hub: Hub, provider: Provider) -> None:
    made = create(hub)

    with just_before("UpdateItem", lose_connection):
        refused = hub.post(f"{PATH}/{made}/test")

    assert (refused.status, refused.code) == (503, "SERVICE_UNAVAILABLE")
    assert provider.calls == []
