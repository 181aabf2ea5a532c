from typing import Any

import pytest

from hub.connector.definition import parse_definition
from hub.connector.plan import compile_endpoint
from hub.core.errors import HubError, Refused, Retryable
from hub.outbound.calls import NeverSent
from hub.outbound.retry import RetryPolicy, next_delay
from tests.unit.connector.factories import Json, Provider, definition, endpoint, mapping, reply, run

RULES: list[Json] = [
    {"source": "$.first_name", "target": "firstName"},
    {"source": "$.address.city", "target": "address.city"},
    {"source": "$.age", "target": "age", "transform": {"type": "number"}},
]


def page(answer: Any, method: str = "GET", **changes: Any) -> Any:
    raw = definition(endpoint(method=method, responseMapping=mapping(**changes)))
    return run(raw, Provider(lambda _: answer)).fetch()


def refusal(answer: Any, **changes: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        page(answer, **changes)
    return caught.value


def test_record_becomes_a_document() -> None:
    item = {"id": 7, "first_name": "Ada", "address": {"city": "London", "zip": "1"}, "age": "36"}

    records = page({"items": [item]}, fieldMappings=RULES).records

    assert records[0].external_id == "7"
    assert records[0].content == {"firstName": "Ada", "address": {"city": "London"}, "age": 36}
    assert (records[0].rejected, records[0].index) == (None, 0)


def test_record_without_rules_stays_as_it_is() -> None:
    assert page({"items": [{"id": 7, "a": [1]}]}).records[0].content == {"id": 7, "a": [1]}


@pytest.mark.parametrize(
    ("path", "answer", "ids"),
    [
        ("$", [{"id": 1}, {"id": 2}], ["1", "2"]),
        ("$", {"id": 1}, ["1"]),
        ("$.data.items", {"data": {"items": [{"id": 1}]}}, ["1"]),
        ("$.data", {"data": {"id": 1}}, ["1"]),
        ("$.data", {"data": None}, []),
        ("$.data", {"data": []}, []),
        ("$.data[*].contact", {"data": [{"contact": {"id": 1}}, {"contact": {"id": 2}}]}, ["1", "2"]),
        ("$.data[?@.ok]", {"data": [{"id": 1, "ok": 1}, {"id": 2}]}, ["1"]),
        ("$.data.*", {"data": {"a": {"id": 1}, "b": {"id": 2}}}, ["1", "2"]),
        ("$.data.*", {"data": {}}, []),
    ],
)
def test_data_path_leads_to_the_records(path: str, answer: Any, ids: list[str]) -> None:
    assert [record.external_id for record in page(answer, dataPath=path).records] == ids


@pytest.mark.parametrize(
    ("answer", "contents"),
    [
        ({"b": {"n": 2}, "a": {"n": 1, "key": "own"}}, [{"n": 2, "key": "b"}, {"n": 1, "key": "a"}]),
        ({"EUR": 1.1, "USD": None}, [{"value": 1.1, "key": "EUR"}, {"value": None, "key": "USD"}]),
        ([{"key": "x"}], [{"key": "x"}]),
        ({}, []),
        (None, []),
    ],
)
def test_each_entry_of_an_object_is_a_record_when_its_key_has_a_name(answer: Any, contents: list[Any]) -> None:
    made = page({"items": answer}, keyField="key", identifierField="key")

    assert [record.content for record in made.records] == contents


@pytest.mark.parametrize(
    ("name", "record", "external_id"),
    [
        ("id", {"id": "a"}, "a"),
        ("$.id", {"id": 5}, "5"),
        ("id", {"id": 5.0}, "5"),
        ("id", {"id": 0}, "0"),
        ("meta.id", {"meta": {"id": "x"}}, "x"),
        ("contact-id", {"contact-id": "x"}, "x"),
        ("$['contact-id']", {"contact-id": "x"}, "x"),
        ("id", {"id": "x" * 512}, "x" * 512),
    ],
)
def test_identifier_is_a_text(name: str, record: Json, external_id: str) -> None:
    assert page({"items": [record]}, identifierField=name).records[0].external_id == external_id


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "the identifier is missing"),
        ({"id": None}, "the identifier is missing"),
        ({"id": True}, "found true or false"),
        ({"id": {"a": 1}}, "found an object"),
        ({"id": [1]}, "found a list"),
        ({"id": ""}, "found 0"),
        ({"id": "ü" * 257}, "found 514"),
        ({"id": 123456789012345678901234}, "more digits"),
        ("text", "the record must be an object, found a text"),
        ([1], "the record must be an object, found a list"),
        (None, "the record must be an object, found null"),
    ],
)
def test_record_without_an_identity_is_rejected_and_the_others_stay(record: Any, reason: str) -> None:
    records = page({"items": [{"id": 1}, record, {"id": 3}]}).records

    assert reason in str(records[1].rejected)
    assert (records[1].index, records[1].content) == (1, None)
    assert [made.external_id for made in records] == ["1", None, "3"]


def test_record_that_cannot_be_mapped_is_rejected_with_its_identity() -> None:
    record = page({"items": [{"id": 1, "age": "old"}]}, fieldMappings=RULES).records[0]

    assert (record.external_id, record.content) == ("1", None)
    assert "'age'" in str(record.rejected)


def test_records_that_are_no_objects_are_mapped_where_a_rule_reads_them() -> None:
    rows = page([["a", 1]], dataPath="$", identifierField="$[0]", fieldMappings=[{"source": "$[1]", "target": "n"}])
    names = page(["a", "b"], dataPath="$", identifierField="$", fieldMappings=[{"source": "$", "target": "name"}])

    assert [(record.external_id, record.content) for record in rows.records] == [("a", {"n": 1})]
    assert [record.content for record in names.records] == [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("value", "total"), [(5, 5), ("17", 17), (None, None), ("many", None), (True, None), (-1, None), ({}, None)]
)
def test_total_is_a_whole_number_or_unknown(value: Any, total: int | None) -> None:
    assert page({"items": [], "total": value}, metadataMapping={"totalCount": "$.total"}).total == total


# Answers that cannot be read


def test_missing_data_is_refused_with_the_keys_that_are_there() -> None:
    error = refusal({"results": [], "count": 0})

    assert error.message == "dataPath '$.items' found nothing; keys at top level: ['count', 'results']."
    assert error.details == {"status": 200}


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        ({"error": {"message": "Quota used up"}}, {}),
        ({"items": None, "error": {"message": "Quota used up"}}, {}),
        ({"error": {"message": "Quota used up"}}, {"dataPath": "$"}),
        ({"error": {"message": "Quota used up"}}, {"dataPath": "$.items[*]"}),
    ],
)
def test_error_in_a_successful_answer_is_the_providers_message(answer: Json, changes: Json) -> None:
    error = refusal(answer, errorPath="$.error.message", **changes)

    assert error.message == "The provider answered with an error: Quota used up"


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_blank_error_is_no_error(nothing: Any) -> None:
    assert page({"items": [{"id": 1}], "error": nothing}, errorPath="$.error").records
    assert page({"id": 1, "error": nothing}, errorPath="$.error", dataPath="$").records


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"<html>", "text/html"), (b"", "application/json"), (b'{"a": NaN}', "x"), (b"\xff", "x")],
)
def test_answer_that_is_not_json_is_refused(body: bytes, content_type: str) -> None:
    error = refusal(reply(body=body, content_type=content_type))

    assert error.message == f"The answer is not JSON: status 200, {len(body)} bytes, {content_type}."


def test_answer_nested_without_end_is_refused() -> None:
    assert "not JSON" in refusal(reply(body=b"[" * 100_000)).message


@pytest.mark.parametrize("value", ["text", 5, True])
def test_data_that_is_no_record_is_refused(value: Any) -> None:
    assert "expected a list or an object" in refusal({"items": value}).message


@pytest.mark.parametrize(("method", "status"), [("GET", 204), ("DELETE", 200), ("DELETE", 204)])
def test_answer_without_content_has_no_records(method: str, status: int) -> None:
    answered = page(reply(body=b"", status=status), method=method)

    assert (answered.records, answered.stop_reason) == ([], "single_page")


# Statuses


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_failure_that_may_pass_is_retryable(status: int) -> None:
    raw = definition(retryConfig={"maxRetries": 0})

    with pytest.raises(Retryable) as caught:
        run(raw, Provider(lambda _: reply({"error": "busy"}, status=status, retry_after="30"))).fetch()

    assert caught.value.retry_after_s == 30
    assert caught.value.details["status"] == status


@pytest.mark.parametrize("status", [300, 302, 304, 400, 401, 403, 404, 409, 410, 422])
def test_failure_that_stays_is_refused_with_the_providers_words(status: int) -> None:
    error = refusal(reply({"error": {"message": "No such list"}}, status=status), errorPath="$.error.message")

    assert error.message.startswith(f"GET https://api.example.com/v1/items answered {status}")
    assert error.message.endswith(": No such list")
    assert error.details["status"] == status


def test_failure_without_an_error_path_shows_the_beginning_of_the_answer() -> None:
    error = refusal(reply(body=b"<h1>Not\n  found</h1>" + b"x" * 1000, status=404))

    assert "answered 404: <h1>Not found</h1>xxx" in error.message
    assert len(error.message) < 600


def test_call_is_repeated_as_the_definition_says() -> None:
    answers = iter([reply(status=503), reply(status=429, retry_after="0"), reply({"items": [{"id": 1}]})])

    made = run(definition(), Provider(lambda _: next(answers))).fetch()

    assert len(made.records) == 1
    assert made.attempts == 3


def test_retries_wait_the_same_time_where_the_definition_says_how_long() -> None:
    config = {"maxRetries": 2, "retryDelay": 1500, "retryOn": [500]}

    given = compile_endpoint(parse_definition(definition(retryConfig=config)), "list").exchange.policy
    absent = compile_endpoint(parse_definition(definition(retryConfig=None)), "list").exchange.policy

    assert [next_delay(given, retry, None, chance) for retry, chance in ((1, 0.0), (2, 0.9))] == [1.5, 1.5]
    assert (given.max_retries, given.retry_on) == (2, frozenset({500}))
    assert absent == RetryPolicy()


def test_endpoint_has_its_own_time_and_retries_before_those_of_the_definition() -> None:
    own = endpoint(id="own", name="own", timeout=5000, retryConfig={"maxRetries": 1, "retryDelay": 0, "retryOn": [404]})
    raw = definition(endpoint(), own, timeout=20_000)
    answers = iter([reply(status=404), reply({"items": []}), reply({"items": []})])
    provider = Provider(lambda _: next(answers))

    run(raw, provider, endpoint_id="own").fetch()
    run(raw, provider).fetch()

    assert provider.timeouts_s == [5.0, 5.0, 20.0]


@pytest.mark.parametrize(
    ("is_marked", "status", "failure", "requests"),
    [(False, 503, Refused, 1), (True, 503, Retryable, 3), (False, 429, Retryable, 1)],
)
def test_post_is_repeated_only_when_it_is_marked_or_was_not_carried_out(
    is_marked: bool, status: int, failure: type[HubError], requests: int
) -> None:
    """What is Refused is not repeated by a later run either."""
    provider = Provider(lambda _: reply(status=status))

    with pytest.raises(failure):
        run(definition(endpoint(method="POST", idempotent=is_marked)), provider).fetch()

    assert len(provider.requests) == requests


def test_post_whose_answer_was_lost_is_not_repeated_and_one_that_never_left_is() -> None:
    raw = definition(endpoint(method="POST"))

    with pytest.raises(Refused, match="not marked `idempotent`"):
        run(raw, Provider(lambda _: fail(Retryable("the connection broke")))).fetch()
    with pytest.raises(NeverSent):
        run(raw, Provider(lambda _: fail(NeverSent("no connection")))).fetch()


def fail(error: Exception) -> None:
    raise error


def test_time_of_the_caller_ends_the_tries() -> None:
    with pytest.raises(Retryable):
        run(definition(), Provider(lambda _: {"items": []})).fetch(give_up_at=0.0)


# Pages as a whole


def test_expression_and_lookup_map_the_records_of_a_page() -> None:
    rules = [
        {"source": "$.lines", "target": "total", "transform": expression("value.reduce((sum, n) => sum + n, 0)")},
        {"source": "$.company", "target": "company", "transform": LOOKUP},
    ]
    items = [{"id": 1, "lines": [1, 2], "company": "c1"}, {"id": 2, "lines": "none"}, {"lines": []}, {"id": 4}]
    asked: list[Any] = []

    def find(document_type: str, ids: Any) -> Json:
        asked.append((document_type, list(ids)))
        return {"c1": {"name": "Engines"}}

    raw = definition(endpoint(responseMapping=mapping(fieldMappings=rules)))
    records = run(raw, Provider(lambda _: {"items": items}), find_documents=find).fetch().records

    assert [record.index for record in records] == [0, 1, 2, 3]
    assert records[0].content == {"total": 3, "company": "Engines"}
    assert "TypeError" in str(records[1].rejected)
    assert records[2].rejected == "the identifier is missing"
    assert records[3].content == {}
    assert asked == [("company", ["c1"])]


def test_record_that_repeats_a_secret_is_not_seen_by_its_page() -> None:
    """An expression sees the others of its page in its global scope: there is nothing of this one there."""
    remember = expression("(() => { (globalThis.all ??= []).push(value); return [...all]; })()")
    rules = [{"source": "$.name", "target": "seen", "transform": remember}]
    auth = {"type": "bearer", "token": "canary-token-that-is-long"}
    items = [{"id": 1, "name": "a"}, {"id": 2, "name": "canary-token-that-is-long"}, {"id": 3, "name": "c"}]

    raw = definition(endpoint(responseMapping=mapping(fieldMappings=rules)), auth=auth)
    records = run(raw, Provider(lambda _: {"items": items})).fetch().records

    assert [(record.index, record.content) for record in records] == [
        (0, {"seen": ["a"]}),
        (1, None),
        (2, {"seen": ["a", "c"]}),
    ]
    assert "repeats a secret" in str(records[1].rejected)


def test_expression_has_no_secret_of_the_connector_in_scope() -> None:
    everything = (
        "Object.getOwnPropertyNames(globalThis).map(name => String(globalThis[name])).join() + JSON.stringify(record)"
    )
    rules = [{"source": "$.id", "target": "all", "transform": expression(everything)}]
    auth = {"type": "bearer", "token": "canary-token-that-is-long"}

    raw = definition(endpoint(responseMapping=mapping(fieldMappings=rules)), auth=auth)
    content = run(raw, Provider(lambda _: {"items": [{"id": 1}]})).fetch().records[0].content

    assert '{"id":1}' in str(content)
    assert "canary" not in str(content)


LOOKUP = {"type": "lookup", "config": {"type": "company", "field": "name"}}


def expression(source: str) -> Json:
    return {"type": "expression", "config": {"expression": source}}
