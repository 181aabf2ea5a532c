"""The incremental words: what is kept of the records that came, and how changes are asked for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.connector.definition import check_definition, parse_definition
from hub.connector.incremental import Increment, Value
from hub.connector.plan import compile_endpoint
from hub.core.errors import BadDefinition
from tests.unit.connector.factories import Json, Provider, definition, endpoint, mapping, run, sent

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
NOON_S = NOON.timestamp()
NOON_US = int(NOON_S) * 1_000_000


def words(**changes: Any) -> Json:
    return {"field": "$.at", "param": "since", **changes}


def incremental(connector: Json | None = None, changed: Json | None = None, **changes: Any) -> Json:
    return definition(endpoint(incremental=words(**changes), **(changed or {})), **(connector or {}))


def increment(raw: Json) -> Increment:
    found = compile_endpoint(parse_definition(raw), "list").increment
    assert found is not None
    return found


def watermark(records: list[Any], began_s: float = NOON_S + 3600, **changes: Any) -> Value | None:
    return increment(incremental(**changes)).highest([{"at": value} for value in records], began_s)


# What was seen


@pytest.mark.parametrize(
    ("format_", "values"),
    [
        ("ISO8601", ["2024-06-01", "2024-06-01T12:00:00Z", "2024-06-01T13:59:59+02:00"]),
        ("UNIX", [int(NOON_S), NOON_S - 0.5, "1"]),
        ("UNIX_MS", [int(NOON_S * 1000), "1"]),
        ("DD.MM.YYYY HH:mm", ["31.05.2024 23:00", "01.06.2024 12:00", "02.01.2024 00:00"]),
    ],
)
def test_watermark_is_the_highest_time_that_was_seen(format_: str, values: list[Any]) -> None:
    assert watermark(values, format=format_) == NOON_US


@pytest.mark.parametrize(
    ("values", "highest"),
    [([3, 12, 5], 12), (["9", "10"], 10), ([0.5, "0.25"], 0.5), (["9007199254740993", 1], 2**53 + 1), ([-3, -7], -3)],
)
def test_watermark_of_numbers_is_the_highest_one(values: list[Any], highest: float) -> None:
    assert watermark(values, format="number") == highest


@pytest.mark.parametrize("value", ["", None, "soon", {}, [], True, 10**400, "9" * 400, 1.5e300, "2024-13-01"])
@pytest.mark.parametrize("format_", ["ISO8601", "UNIX", "UNIX_MS", "number", "YYYY-MM-DD HH:mm"])
def test_value_that_cannot_be_read_does_not_count(value: Any, format_: str) -> None:
    assert watermark([value], format=format_) is None


def test_values_that_can_be_read_count_beside_those_that_cannot() -> None:
    made = increment(incremental())

    assert made.highest([{}, "x", None, {"at": "2024-06-01T12:00:00Z"}, {"at": 5}], NOON_S + 1) == NOON_US
    assert made.highest([], NOON_S) is None


@pytest.mark.parametrize("value", ["2024-06-01T12:00:01Z", "2025-06-01", "9999-12-31T23:59:59-14:00"])
def test_no_time_is_later_than_the_beginning_of_the_walk(value: str) -> None:
    assert watermark([value], began_s=NOON_S) == NOON_US


def test_number_knows_no_clock() -> None:
    assert watermark([2**62], began_s=0, format="number") == 2**62


def test_page_says_the_watermark_of_its_records_before_they_are_mapped() -> None:
    raw = incremental(changed={"responseMapping": mapping(fieldMappings=[{"source": "$.id", "target": "id"}])})
    items = [{"id": 1, "at": "2024-06-01T12:00:00Z"}, {"at": "2024-01-01"}, {"id": 3, "at": None}]

    page = run(raw, Provider(lambda _: {"items": items})).fetch()

    assert page.watermark == NOON_US
    assert [record.rejected is None for record in page.records] == [True, False, True]


def test_endpoint_that_is_not_incremental_has_no_watermark() -> None:
    page = run(definition(), Provider(lambda _: {"items": [{"id": 1, "at": "2024-06-01"}]})).fetch()

    assert page.watermark is None


def test_secret_that_a_provider_repeats_is_no_watermark() -> None:
    """It would be shown in the job and sent as a parameter."""
    auth = {"auth": {"type": "bearer", "token": "98765432109876"}}
    items = [{"id": 1, "at": 98765432109876}, {"id": 2, "at": 7}]

    page = run(incremental(auth, format="number"), Provider(lambda _: {"items": items})).fetch()

    assert page.watermark == 7
    assert run(incremental(format="number"), Provider(lambda _: {"items": items})).fetch().watermark == 98765432109876


# What is asked from


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, "2024-06-01T11:55:00.000Z"),
        ({"overlapSeconds": 0}, "2024-06-01T12:00:00.000Z"),
        ({"overlapSeconds": 86_400}, "2024-05-31T12:00:00.000Z"),
        ({"format": "UNIX"}, int(NOON_S) - 300),
        ({"format": "UNIX_MS", "paramFormat": "UNIX"}, int(NOON_S) - 300),
        ({"format": "UNIX", "paramFormat": "YYYY-MM-DDTHH:mm:ss[Z]"}, "2024-06-01T11:55:00Z"),
        ({"paramFormat": "YYYY-MM-DD"}, "2024-06-01"),
        ({"paramFormat": "YYYY-MM-DD", "overlapSeconds": 43_201}, "2024-05-31"),
        ({"format": "number"}, NOON_US),
    ],
)
def test_parameter_is_the_watermark_less_the_overlap(changes: Json, value: Value) -> None:
    assert increment(incremental(**changes)).value(NOON_US) == value


def test_parameter_is_rounded_down_and_never_up() -> None:
    late = NOON_US + 999_999

    assert increment(incremental(overlapSeconds=0, paramFormat="UNIX")).value(late) == int(NOON_S)
    assert increment(incremental(overlapSeconds=0)).value(late) == "2024-06-01T12:00:00.999Z"


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_first_of_all_times_has_nothing_before_it(value: str) -> None:
    made = increment(incremental())
    lowest = made.highest([{"at": value}], NOON_S)
    assert lowest is not None

    assert made.value(lowest) == "0001-01-01T00:00:00.000Z"


# Where it goes

JSON_BODY: Json = {
    "method": "POST",
    "body": {"contentType": "application/json", "bodyType": "raw", "raw": '{"a": 1, "filter": {"from": "2020"}}'},
}
FORM: Json = {
    "method": "POST",
    "body": {
        "contentType": "application/x-www-form-urlencoded",
        "bodyType": "template",
        "template": "since=2020&a=1",
    },
}


def test_parameter_is_in_the_query_by_default() -> None:
    assert sent(incremental(), since="2024").query == {"since": "2024"}


def test_parameter_is_where_the_location_says() -> None:
    header = sent(incremental(location="header", param="X-Since"), since=5)
    body = sent(incremental(changed=JSON_BODY, location="body", param="$.filter.from"), since=5)
    form = sent(incremental(changed=FORM, location="body"), since=5)
    alone = sent(incremental(changed={"method": "POST"}, location="body"), since=5)

    assert (header.headers["x-since"], header.query) == ("5", {})
    assert body.json == {"a": 1, "filter": {"from": 5}}
    assert form.body == b"a=1&since=5"
    assert alone.json == {"since": 5}


def test_parameter_of_a_graphql_query_is_a_variable() -> None:
    query = "query Q($since: Time) { a(since: $since) { id } }"
    raw = incremental(changed={"method": "POST", "graphql": {"query": query}})

    assert sent(raw, since="2024").json["variables"] == {"since": "2024"}
    assert sent(raw).json["variables"] == {}


@pytest.mark.parametrize(("since", "asked"), [(None, {"since": "2020-01-01"}), ("2024", {"since": "2024"})])
def test_start_date_of_the_endpoint_counts_until_there_is_a_watermark(since: str | None, asked: Json) -> None:
    start = [{"name": "since", "valueSource": "static", "value": "2020-01-01"}]

    assert sent(incremental(changed={"queryParams": start}), since=since).query == asked


def test_parameter_is_left_out_as_long_as_there_is_no_watermark() -> None:
    assert sent(incremental()).query == {}


@pytest.mark.parametrize(
    "pagination",
    [
        {"type": "offset", "offsetParam": "offset", "limitParam": "limit", "maxLimit": 2},
        {"type": "page", "pageParam": "page"},
        {"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"},
    ],
)
@pytest.mark.parametrize("most_ahead", [0, 4])
def test_every_page_is_asked_for_with_the_same_parameter(pagination: Json, most_ahead: int) -> None:
    def answer(asked: Any) -> Json:
        place = int(asked.query.get("after") or asked.query.get("page") or asked.query.get("offset") or 0)
        items = [{"id": 2 * place}, {"id": 2 * place + 1}] if place < 6 else []
        return {"items": items, "next": place + 1 if items else None}

    provider = Provider(answer)
    pages = run(incremental(changed={"pagination": pagination}), provider, since="2024", most_ahead=most_ahead)
    page = pages.fetch()
    while page.next is not None:
        page = pages.fetch(page.next)
    pages.close()

    assert len(provider.requests) > 3
    assert {asked.query["since"] for asked in provider.requests} == {"2024"}


# For which definition it counts

NAMED: Json = {"name": "another", "description": "for people", "tags": ["a"], "timeout": 5000}


@pytest.mark.parametrize(
    "raw",
    [
        incremental(changed=NAMED),
        incremental({"displayName": "Another", "color": "red", "timeout": 2000}),
        incremental(changed={"retryConfig": {"maxRetries": 1}, "rateLimit": {"requestsPerMinute": 5}}),
    ],
    ids=["for people", "of the connector", "pace"],
)
def test_watermark_outlives_a_change_that_changes_no_document(raw: Json) -> None:
    assert increment(raw).footprint == increment(incremental()).footprint


BASIC = {"auth": {"type": "basic", "username": "a", "password": "b"}}


@pytest.mark.parametrize(
    "raw",
    [
        incremental(field="$.changed"),
        incremental(param="from"),
        incremental(format="UNIX"),
        incremental(changed={"path": "/others"}),
        incremental(changed={"responseMapping": mapping(identifierField="$.key")}),
        incremental(changed={"queryParams": [{"name": "a", "valueSource": "static", "value": 1}]}),
        incremental({"baseUrl": "https://other.example.com"}),
        incremental({"defaultHeaders": {"X-Account": "2"}}),
        incremental(BASIC),
    ],
)
def test_watermark_of_another_definition_does_not_count(raw: Json) -> None:
    assert increment(raw).footprint != increment(incremental()).footprint


def test_new_password_is_no_other_definition_but_another_user_is() -> None:
    def footprint(**changes: str) -> str:
        return increment(incremental({"auth": {**BASIC["auth"], **changes}})).footprint

    assert footprint() == footprint(password="c")
    assert footprint() != footprint(username="c")


# What is refused

PAGES = {"type": "cursor", "cursorParam": "since", "cursorPath": "$.next"}
HEADER_PAGES = {**PAGES, "location": "header", "cursorParam": "X-AFTER"}
QUERY_KEY = {"auth": {"type": "api_key", "keyName": "key", "keyLocation": "query", "keyValue": "v"}}
GRAPHQL: Json = {"method": "POST", "graphql": {"query": "query Q($since: T) { a(since: $since) { id } }"}}
TEXT_BODY: Json = {"method": "POST", "body": {"contentType": "text/plain", "bodyType": "raw", "raw": "a"}}

REFUSED: list[tuple[str, Json]] = [
    ("/field", incremental(field="$.a[")),
    ("/field", incremental(field="")),
    ("/param", incremental(param="")),
    ("/format", incremental(format="someday")),
    ("/format", incremental(format="HH:mm")),
    ("/format", incremental(format="Number")),
    ("/paramFormat", incremental(paramFormat="MM-DD")),
    ("/paramFormat", incremental(paramFormat="number")),
    ("/paramFormat", incremental(format="number", paramFormat="UNIX")),
    ("/overlapSeconds", incremental(format="number", overlapSeconds=0)),
    ("/overlapSeconds", incremental(overlapSeconds=-1)),
    ("/overlapSeconds", incremental(overlapSeconds=7 * 86_400 + 1)),
    ("/location", incremental(location="path")),
    ("/location", incremental(location="body")),
    ("/location", incremental(changed=TEXT_BODY, location="body")),
    ("/location", incremental(changed=GRAPHQL, location="query")),
    ("/param", incremental(location="header", param="not a header")),
    ("/param", incremental(changed=FORM, location="body", param="$.since")),
    ("/param", incremental(changed=JSON_BODY, location="body", param="$.*")),
    ("/param", incremental(changed=GRAPHQL, param="$.query")),
    ("/param", incremental(QUERY_KEY, param="key")),
    ("/param", incremental(changed={"pagination": PAGES})),
    ("/param", incremental(changed={"pagination": HEADER_PAGES}, location="header", param="x-after")),
    ("/since", incremental(since="2024")),
]


@pytest.mark.parametrize(("pointer", "raw"), REFUSED)
def test_words_that_cannot_work_are_refused_at_the_place_of_the_fault(pointer: str, raw: Json) -> None:
    with pytest.raises(BadDefinition) as caught:
        check_definition(raw)

    assert [problem.pointer for problem in caught.value.problems] == [f"/endpoints/0/incremental{pointer}"]


def test_variable_that_a_query_does_not_declare_is_refused() -> None:
    """A server ignores it, and every sync would read everything."""
    with pytest.raises(BadDefinition) as caught:
        check_definition(incremental(changed=GRAPHQL, param="after"))

    assert [problem.pointer for problem in caught.value.problems] == ["/endpoints/0/graphql/query"]
    assert "$after, which incremental sets" in caught.value.problems[0].message


@pytest.mark.parametrize(
    "raw",
    [
        incremental(overlapSeconds=7 * 86_400),
        incremental(format="number", paramFormat="number"),
        incremental(QUERY_KEY, location="header", param="key"),
        incremental(changed={"pagination": {**PAGES, "location": "header"}}),
        incremental(changed=GRAPHQL, param="$.variables.since"),
        incremental(changed=JSON_BODY, location="body", param="$.filters[0].value"),
    ],
)
def test_words_without_those_faults_are_accepted(raw: Json) -> None:
    assert check_definition(raw) == raw
