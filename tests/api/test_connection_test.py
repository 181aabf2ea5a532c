"""Tests of a custom integration (S000, "Testing & Validation"): what was sent, what came back, what it would become."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pytest

from hub.connector.excerpts import MAX_BODY_BYTES
from hub.connector.pages import REPEATS_A_SECRET
from hub.core.caller import Tenant
from hub.core.errors import Retryable, TargetForbidden
from hub.core.resources import resources
from hub.core.tables import key, partition
from hub.integrations import custom, testing, testing_models
from hub.integrations.testing import LIMIT_S
from hub.outbound.calls import Call, NeverSent, Reply
from local.http_events import Request, request_event
from tests.api.conftest import Cloud, Hub, StoppedClock, app, just_before, lose_connection, make_integration
from tests.api.sync_work import vault

Json = dict[str, Any]
PATH = "/api/v1/custom-integrations"
TOKEN = "canary-token-that-is-long-enough"
MASK = "****"

Answer = Callable[[Call], Reply]


def reply(value: Any = None, status: int = 200, *, body: bytes | None = None, **headers: str) -> Reply:
    content = json.dumps(value).encode() if body is None else body
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {"content-type": "application/json", **named}, content, elapsed_ms=7)


@dataclass
class Provider:
    """Another system in memory: answers, or fails, by a function; keeps every call."""

    answer: Answer
    calls: list[Call] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        self.calls.append(call)
        self.timeouts_s.append(timeout_s)
        return self.answer(call)


@pytest.fixture
def provider(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """What every test calls instead of the network: the function's `client` is made to be replaced."""
    made = Provider(lambda _: reply({"items": [], "next": None}))
    function = app(cloud.template.functions["IntegrationTests"].code_dir)
    monkeypatch.setattr(function, "client", lambda _request: made)
    return made


def pages(total: int, page_size: int) -> Answer:
    """Return cursor pages of records `{id, name, n}`."""

    def answer(call: Call) -> Reply:
        start = int(dict(call.params).get("after", 0))
        end = min(start + page_size, total)
        items = [{"id": f"c{number}", "name": f"Name {number}", "n": number} for number in range(start, end)]
        return reply({"items": items, "next": str(end) if end < total else None})

    return answer


def endpoint(**changed: Any) -> Json:
    return {
        "id": "list",
        "name": "list",
        "method": "GET",
        "path": "/contacts",
        "pagination": {"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"},
        "responseMapping": {
            "dataPath": "$.items",
            "identifierField": "$.id",
            "fieldMappings": [
                {"source": "$.name", "target": "label"},
                {"source": "$.n", "target": "n", "transform": {"type": "number"}},
            ],
        },
        **changed,
    }


def create(hub: Hub, **changed: Any) -> str:
    made = hub.post(PATH, make_integration(**{"endpoints": [endpoint()], **changed}))
    assert made.status == 201, made.body
    return str(made.body["id"])


def result_of(hub: Hub, integration_id: str, endpoint_id: str | None = None, **config: Any) -> Json:
    """Return the result of a test, which is one that the model describes."""
    path = f"{PATH}/{integration_id}/test" + (f"/{endpoint_id}" if endpoint_id else "")
    answered = hub.post(path, config or None)
    assert answered.status == 200, answered.body
    testing_models.TestResult.model_validate(answered.body)
    body: Json = answered.body
    return body


def checked(hub: Hub, endpoint_id: str | None = "list", **config: Any) -> Json:
    """Create an integration and return the result of its test."""
    return result_of(hub, create(hub), endpoint_id, **config)


# ---------------------------------------------------------------- the shape of S000


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


# ---------------------------------------------------------------- failures of an endpoint


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


# ---------------------------------------------------------------- the preview


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


# ---------------------------------------------------------------- limits


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
    found = custom.get(resources().tables.config, Tenant(hub.tenant), create(hub))
    tester = testing.Tester(vault(), provider, now=lambda: clock.epoch_s)
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


# ---------------------------------------------------------------- expectations


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


# ---------------------------------------------------------------- secrets


SECRET = 'se"cret/of {the} shop&co=1'
AUTHS: dict[str, Json] = {
    "bearer": {"type": "bearer", "token": SECRET},
    "header": {"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": SECRET},
    "query": {"type": "api_key", "keyName": "key", "keyLocation": "query", "keyValue": SECRET},
    "body": {"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": SECRET},
    "basic": {"type": "basic", "username": "me", "password": SECRET},
    "custom": {"type": "custom_headers", "headers": {"X-One": SECRET}},
}


def forms(secret: str) -> list[str]:
    plain = [secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], secret.replace("/", "\\/")]
    return [*plain, base64.b64encode(secret.encode()).decode(), base64.b64encode(f"me:{secret}".encode()).decode()]


def escaped(value: Any) -> bytes:
    """Return JSON in which every letter is written as `\\uXXXX`, which means the same."""
    text = json.dumps(value)
    return "".join(f"\\u{ord(char):04x}" if char in SECRET and char.isalpha() else char for char in text).encode()


def echo(call: Call, write: Callable[[Any], bytes] = lambda value: json.dumps(value).encode()) -> Reply:
    """Answer all that was sent, as an unkind provider may."""
    sent = [*call.headers.values(), *(value for _, value in call.params), (call.content or b"").decode(), SECRET]
    item = {"id": "a", "name": " ".join(sent), "n": 1, SECRET: sent}
    return Reply(200, {"x-echo": " ".join(sent), "set-cookie": "session=canary"}, write({"items": [item]}), 1)


ECHOES: dict[str, Answer] = {
    "JSON": echo,
    "escaped JSON": lambda call: echo(call, escaped),
    "text": lambda call: echo(call, lambda value: f"you said {value['items']}".encode()),
    "refusal": lambda call: Reply(401, {}, echo(call).body, 1),
    "long text": lambda call: echo(call, lambda _: b"x" * (MAX_BODY_BYTES - 60) + SECRET.encode() * 9000),
}


@pytest.mark.parametrize("form", ECHOES)
@pytest.mark.parametrize("auth", AUTHS)
def test_no_secret_is_in_a_result_whatever_the_provider_echoes(
    hub: Hub, provider: Provider, auth: str, form: str
) -> None:
    provider.answer = ECHOES[form]
    body = {"contentType": "application/json", "bodyType": "raw", "raw": '{"a": 1}'}
    made = create(hub, auth=AUTHS[auth], endpoints=[endpoint(method="POST", body=body)])
    wanted = {"bodyContains": [SECRET[:12]], "jsonPath": [{"path": "$.items[0].name", "value": 1}]}

    results = [result_of(hub, made, endpoint_id, expectations=wanted) for endpoint_id in (None, "list")]

    heard = repr([(call.headers, call.params, (call.content or b"").decode()) for call in provider.calls])
    heard += (provider.calls[-1].content or b"").decode()
    kept = repr([hub.audit_entries(), log_lines(hub, made)])
    asked = json.dumps([result.pop("expectations")[1:] for result in results]) + json.dumps(results) + kept
    assert any(each in heard for each in forms(SECRET))
    assert [each for each in [*forms(SECRET), SECRET[:12]] if each in asked or each in asked.replace('\\"', '"')] == []
    assert "canary" not in asked


def all_escaped(value: Any) -> bytes:
    """Return JSON in which the letters of `canary` are written as `\\uXXXX`."""
    return "".join(f"\\u{ord(char):04x}" if char in "cany" else char for char in json.dumps(value)).encode()


@pytest.mark.parametrize("answer", [echo, lambda call: echo(call, all_escaped)], ids=["plain", "escaped"])
def test_secret_cannot_be_guessed_or_taken_apart_at_an_echoing_provider(
    hub: Hub, provider: Provider, answer: Answer
) -> None:
    """A filter, a transform or an expectation sees the answer without its secrets."""
    provider.answer = answer
    split = {"type": "split", "config": {"separator": "-", "index": 0}}
    mapping = {
        "dataPath": "$.items",
        "identifierField": "$.id",
        "fieldMappings": [{"source": "$.name", "target": "part", "transform": split}],
    }
    guess = {"path": "$.items[?match(@.name, '.*Bearer canary.*')].id", "value": "a"}
    made = create(hub, endpoints=[endpoint(responseMapping=mapping)])

    result = result_of(hub, made, "list", expectations={"bodyContains": ["canary-t"], "jsonPath": [guess]})

    assert [each["passed"] for each in result["expectations"]] == [False, False]
    assert "canary" not in json.dumps(result["mappingPreview"])
    assert result["mappingPreview"]["errors"] == [f"record 0: {REPEATS_A_SECRET}"]


def test_short_secret_is_hidden_and_disturbs_no_mapping(hub: Hub, provider: Provider) -> None:
    """Nobody can tell a password of four digits from a number."""
    provider.answer = lambda _: reply({"items": [{"id": "a", "name": "A1234", "n": 12345}], "next": None})
    made = create(hub, auth={"type": "basic", "username": "me", "password": "1234"})

    result = result_of(hub, made, "list", expectations={"bodyContains": ["1234"]})

    assert result["mappingPreview"]["errors"] == []
    assert result["mappingPreview"]["mappedData"] == [{"label": f"A{MASK}", "n": MASK}]
    assert not result["expectations"][0]["passed"]
    assert "1234" not in json.dumps([result["response"], result["mappingPreview"]])


def test_cursor_that_carries_a_secret_fails_the_test_as_it_fails_a_sync(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply({"items": [{"id": "a", "name": "A", "n": 1}], "next": f"x{TOKEN}"})

    result = checked(hub)

    assert not result["success"]
    assert "The next page's address carries a secret; it was not followed." in result["error"]
    assert len(provider.calls) == 1


def test_missing_secret_is_refused_before_anything_is_sent(hub: Hub, provider: Provider) -> None:
    made = create(hub)
    moved = hub.call("PATCH", f"{PATH}/{made}", {"baseUrl": "https://other.example.com"})
    assert moved.body["secretsRequired"] == ["/auth/token"]

    for path in ("test", "test/list"):
        refused = hub.post(f"{PATH}/{made}/{path}")
        assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
        assert refused.body["error"]["message"] == "Secrets are missing since the address was changed."
        assert refused.body["error"]["details"]["problems"][0]["pointer"] == "/auth/token"
    assert provider.calls == []


# ---------------------------------------------------------------- who may, and when


@pytest.mark.parametrize("status", ["draft", "active", "paused"])
def test_integration_can_be_tested_whatever_its_status(hub: Hub, provider: Provider, status: str) -> None:
    """A test is how one finds out whether it may be switched on."""
    made = create(hub, **({} if status == "draft" else {"status": "active"}))
    if status == "paused":
        assert hub.call("PATCH", f"{PATH}/{made}", {"status": "inactive"}).status == 200

    assert result_of(hub, made)["success"]
    assert result_of(hub, made, "list")["success"]
    assert len(provider.calls) == 2
    assert stored(hub, made)["status"] == status


def test_user_may_not_test(hub: Hub, provider: Provider) -> None:
    made = create(hub)

    for path in ("test", "test/list"):
        refused = hub.post(f"{PATH}/{made}/{path}", roles="user")
        assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")
    assert provider.calls == []
    assert hub.post(f"{PATH}/{made}/test", roles="", scopes="integrations:write").status == 200


@pytest.mark.parametrize("path", ["test", "test/list", "test/none"])
def test_foreign_integration_answers_as_a_missing_one_does(
    hub: Hub, other_hub: Hub, provider: Provider, path: str
) -> None:
    made = create(hub)

    foreign = other_hub.post(f"{PATH}/{made}/{path}")
    missing = other_hub.post(f"{PATH}/int_00000000000000000000000000/{path}")

    assert (foreign.status, foreign.code) == (404, "INTEGRATION_NOT_FOUND")
    assert without_request_id(foreign.body) == without_request_id(missing.body)
    assert provider.calls == []


def without_request_id(body: Json) -> Json:
    return {name: value for name, value in body["error"].items() if name != "requestId"}


def test_endpoint_that_is_not_there_is_not_found(hub: Hub, provider: Provider) -> None:
    refused = hub.post(f"{PATH}/{create(hub)}/test/none")

    assert (refused.status, refused.code) == (404, "NOT_FOUND")
    assert provider.calls == []


def test_connector_that_only_receives_has_nothing_to_test(hub: Hub, provider: Provider) -> None:
    webhook = {"webhookSecret": "canary-secret-of-a-webhook"}
    received = {"name": "hook", "displayName": "Hook", "integrationType": "webhook", "webhookConfig": webhook}
    made = hub.post(PATH, received).body["id"]

    refused = hub.post(f"{PATH}/{made}/test")

    assert (refused.status, refused.body["error"]["details"]["problems"][0]["pointer"]) == (400, "/baseUrl")
    assert provider.calls == []


# ---------------------------------------------------------------- what stays of a test


def stored(hub: Hub, integration_id: str) -> Json:
    item = resources().tables.config.get(key(Tenant(hub.tenant), "integration", integration_id))
    assert item is not None
    return item


def log_lines(hub: Hub, integration_id: str) -> list[Json]:
    pk = partition(Tenant(hub.tenant), f"requests#{integration_id}")
    return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))


@pytest.mark.parametrize(("status", "outcome"), [(200, "success"), (500, "failure")])
def test_integration_says_when_it_was_tested_and_how_that_went(
    hub: Hub, provider: Provider, stopped_clock: StoppedClock, status: int, outcome: str
) -> None:
    made = create(hub)
    before = stored(hub, made)
    stopped_clock.advance(5)
    provider.answer = lambda _: reply({"items": [], "next": None}, status)

    result_of(hub, made, "list")

    after = stored(hub, made)
    shown = hub.get(f"{PATH}/{made}").body
    assert shown["lastTestResult"] == outcome
    assert shown["lastTestedAt"] == after["lastTestedAt"] > before["createdAt"]
    assert {**before, "lastTestedAt": after["lastTestedAt"], "lastTestResult": outcome} == after


def test_test_leaves_an_audit_entry_and_a_line_in_the_request_log(hub: Hub, provider: Provider) -> None:
    made = create(hub, auth=AUTHS["query"])
    provider.answer = pages(60, 10)

    result_of(hub, made, "list")

    entry = hub.audit_entries()[-1]
    (line,) = log_lines(hub, made)
    assert (entry["action"], entry["target"], entry["actor"]) == ("integration.tested", made, "u1")
    assert json.loads(entry["facts"]) == {"endpointId": "list", "result": "success"}
    assert (line["kind"], line["message"]) == ("test", "the test succeeded")
    assert line["expiresEpochS"] > time.time()
    assert json.loads(line["facts"]) == {
        "endpointId": "list",
        "method": "GET",
        "url": "https://crm.example.com/contacts",
        "status": 200,
        "durationMs": 7,
        "pages": 5,
        "records": 50,
        "stopReason": "test_limit",
        "success": True,
    }


def test_integration_that_is_deleted_during_its_test_stays_deleted(hub: Hub, provider: Provider) -> None:
    made = create(hub)

    def delete(_: Call) -> Reply:
        with hub.cloud.running("CustomIntegrations"):
            assert hub.call("DELETE", f"{PATH}/{made}").status == 204
        hub.cloud.rights.function = "IntegrationTests"
        return reply({})

    provider.answer = delete

    refused = hub.post(f"{PATH}/{made}/test")

    assert (refused.status, refused.code) == (404, "INTEGRATION_NOT_FOUND")
    assert "lastTestedAt" not in stored(hub, made)
    assert log_lines(hub, made) == []


def test_change_that_happens_during_a_test_is_not_undone(hub: Hub, provider: Provider) -> None:
    made = create(hub)

    def rename(_: Call) -> Reply:
        assert hub.call("PATCH", f"{PATH}/{made}", {"displayName": "Renamed"}).status == 200
        hub.cloud.rights.function = "IntegrationTests"
        return reply({})

    provider.answer = rename

    result_of(hub, made)

    shown = hub.get(f"{PATH}/{made}").body
    assert (shown["displayName"], shown["lastTestResult"], shown["version"]) == ("Renamed", "success", 2)


# ---------------------------------------------------------------- the way out


def sent_to(hub: Hub, host: str, path: str) -> Json:
    """Return the answer to a request that reached the hub under this name."""
    match = hub.cloud.routes.select("POST", path)
    assert match is not None
    caller = {"tenant": hub.tenant, "user": "u1", "roles": "tenant_admin", "scopes": "", "keyId": ""}
    event = request_event(Request("POST", path, "", (("host", host),), b"", "127.0.0.1"), match, caller)
    body: Json = hub.send("IntegrationTests", event).body
    return body


def test_hub_itself_is_never_called(hub: Hub) -> None:
    """Without the provider in memory: the address is refused before anything is dialled."""
    made = create(hub, baseUrl="https://hub.example.com/v1")

    result = sent_to(hub, "hub.example.com", f"{PATH}/{made}/test")

    assert not result["success"]
    assert "found the hub itself" in result["error"]


def test_default_address_of_the_api_is_the_hub_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template cannot name it in a function that the API calls; the requests do."""
    made = create(hub, baseUrl="https://local.execute-api.us-east-1.amazonaws.com")
    named = hub.cloud.template.functions["IntegrationTests"].environment["OWN_HOSTS"]
    settings = replace(resources().settings, own_hosts=tuple(filter(None, named.split(","))))
    monkeypatch.setattr(resources(), "settings", settings)

    assert "found the hub itself" in result_of(hub, made)["error"]
