"""What a definition with batches is refused for when it is saved, and where the fault is said to be."""

from typing import Any

import pytest

from hub.connector.batches import compile_batch
from hub.connector.definition import parse_definition
from hub.core.errors import BadDefinition
from tests.unit.connector.batch_words import BY_KEY, BY_POSITION, ERRORS_BY_KEY, JOB, STATUS, batch, without, writes
from tests.unit.connector.factories import Json, definition, endpoint, mapping, problems_of

HERE = "/endpoints/0"
WORDS = f"{HERE}/batch/results"
FORM = {"contentType": "application/x-www-form-urlencoded", "bodyType": "template", "template": "a=1"}
LIST = {"contentType": "application/json", "bodyType": "template", "template": "[]"}
OBJECT = {"contentType": "application/json", "bodyType": "template", "template": "{}"}
QUERY = {"query": "mutation { a }"}
AUTH_IN_BODY = {"type": "api_key", "keyName": "k", "keyLocation": "body", "keyValue": "v"}


ENDPOINTS: list[tuple[str, Json, str]] = [
    (f"{HERE}/method", {"method": "GET"}, "expected POST, PUT or PATCH"),
    (f"{HERE}/method", {"method": "DELETE"}, "expected POST, PUT or PATCH"),
    (f"{HERE}/operation", {"operation": "list"}, "expected upsert or post"),
    (f"{HERE}/body/contentType", {"body": FORM}, "expected application/json"),
    (f"{HERE}/batch/itemsPath", {"body": LIST}, "expected a JSON object as the body"),
    (f"{HERE}/graphql", {"graphql": QUERY}, "does not go together with batch"),
    (f"{HERE}/incremental", {"incremental": {"field": "$.a", "param": "a"}}, "does not go together with batch"),
    (
        f"{HERE}/pagination",
        {"pagination": {"type": "page", "pageParam": "p"}},
        "does not go together with batch",
    ),
    (f"{HERE}/responseMapping/dataPath", {"responseMapping": mapping()}, "only errorPath counts here"),
    (f"{HERE}/responseMapping/dataPath", {"responseMapping": {"identifierField": "id"}}, "expected a value"),
    (f"{HERE}/responseMapping/errorPath", {"responseMapping": {"errorPath": "$["}}, "Path"),
    (f"{HERE}/entity", {"entity": "no type!"}, "expected a text like"),
    (f"{HERE}/operation", {"operation": "write"}, "expected one of"),
]
BATCHES: list[tuple[str, Json, str]] = [
    ("/size", {"size": 0}, "at least 1"),
    ("/maxBytes", {"maxBytes": 10}, "at least 1000"),
    ("/itemsPath", {"itemsPath": "$.a[*]"}, "a target must name exactly one place"),
    ("/itemsPath", {"itemsPath": "$.["}, "Path"),
    ("/required/1", {"required": ["$.a", "$["]}, "Path"),
    ("/fieldMappings/0/source", {"fieldMappings": [{"source": "$[", "target": "a"}]}, "Path"),
    (
        "/fieldMappings/0/transform/type",
        {"fieldMappings": [{"source": "a", "target": "a", "transform": {"type": "x"}}]},
        "expected one of",
    ),
    ("/sizes", {"sizes": 5}, "did you mean"),
    ("/job", {"job": JOB}, "needs results whose match is 'job'"),
    ("/job", {"results": {"match": "job"}}, "expected a value, since match is 'job'"),
    ("/results/match", {"results": {"match": "luck"}}, "expected one of"),
]
RESULTS: list[tuple[str, Json, str]] = [
    ("/path", without(BY_POSITION, "path"), "expected a value, since match is 'position'"),
    ("/path/0", {**BY_POSITION, "path": "$["}, "Path"),
    ("/path/1", {**BY_POSITION, "path": ["$.a", "$["]}, "Path"),
    ("/keyPath", {**BY_POSITION, "keyPath": "$.a"}, "means nothing where match is 'position'"),
    ("/errorsPath", {**BY_POSITION, "errorsPath": "$.a"}, "means nothing where match is 'position'"),
    ("/success/path", {**BY_POSITION, "success": {"path": "$["}}, "Path"),
    ("/created/path", {**BY_POSITION, "created": {"path": "$["}}, "Path"),
    ("/idPath", {**BY_POSITION, "idPath": "$["}, "Path"),
    ("/keyPath", without(BY_KEY, "keyPath"), "expected a value, since match is 'key'"),
    ("/itemKeyPath", without(BY_KEY, "itemKeyPath"), "expected a value, since match is 'key'"),
    ("/errorKeyPath", without(BY_KEY, "errorKeyPath"), "expected a value, since there is errorsPath"),
    ("/errorsPath", without(BY_KEY, "errorsPath"), "expected a value, since there is errorKeyPath"),
    ("/errorsPath", without(ERRORS_BY_KEY, "errorsPath"), "expected a value, since match is 'errors_by_key'"),
    ("/keyPath", without(ERRORS_BY_KEY, "keyPath"), "expected a value, since there is path"),
    ("/createdIn", {**ERRORS_BY_KEY, "createdIn": "$.others"}, "expected one of the paths in path"),
    ("/createdIn", {**ERRORS_BY_KEY, "created": {"path": "$.a"}}, "leave one of them out"),
    ("/codePath", {**ERRORS_BY_KEY, "codePath": "$["}, "Path"),
]
JOBS: list[tuple[str, Json, str]] = [
    ("/endpoint", {"endpoint": "nowhere"}, "expected the id of another endpoint (status)"),
    ("/endpoint", {"endpoint": "write"}, "expected the id of another endpoint (status)"),
    ("/param", {"param": "id"}, "expected a parameter or a variable of the endpoint 'status'"),
    ("/idPath", {"idPath": "$["}, "Path"),
    ("/statusPath", {"statusPath": "$["}, "Path"),
    ("/counts/created", {"counts": {"created": "$["}}, "Path"),
    ("/counts/lost", {"counts": {"lost": "$.a"}}, "expected one of"),
    ("/done", {"done": []}, "at least 1"),
    ("/failed", {"failed": ["done"]}, "'done' is in done already"),
]


def found(place: str, message: str, raw: Any) -> None:
    problems = problems_of(raw)

    assert list(problems) == [place]
    assert message in problems[place]


@pytest.mark.parametrize(("place", "change", "message"), ENDPOINTS)
def test_endpoint_that_cannot_write_batches_is_refused_at_its_place(place: str, change: Json, message: str) -> None:
    assert message in problems_of(definition(writes(**change)))[place]


@pytest.mark.parametrize(("place", "change", "message"), BATCHES)
def test_bad_batch_is_refused_at_its_place(place: str, change: Json, message: str) -> None:
    found(f"{HERE}/batch{place}", message, definition(writes(batch(**change)), STATUS))


@pytest.mark.parametrize(("place", "results", "message"), RESULTS)
def test_bad_results_are_refused_at_their_place(place: str, results: Json, message: str) -> None:
    found(WORDS + place, message, definition(writes(batch(results))))


@pytest.mark.parametrize(("place", "change", "message"), JOBS)
def test_bad_job_is_refused_at_its_place(place: str, change: Json, message: str) -> None:
    found(
        f"{HERE}/batch/job{place}", message, definition(writes(batch({"match": "job"}, job={**JOB, **change})), STATUS)
    )


def test_records_that_are_the_whole_body_leave_no_room_for_another() -> None:
    found(
        f"{HERE}/batch/itemsPath",
        "the records are the whole body",
        definition(writes(batch(itemsPath="$"), body=OBJECT)),
    )
    found(
        f"{HERE}/body",
        "since auth puts its key into the body",
        definition(writes(batch(itemsPath="$")), auth=AUTH_IN_BODY),
    )


def test_every_fault_is_named_at_once() -> None:
    raw = definition(writes(batch({"match": "key"}, required=["$["]), method="GET"), auth={"type": "nonsense"})

    assert {f"{HERE}/method", f"{HERE}/batch/required/0", f"{WORDS}/path", "/auth/type"} <= problems_of(raw).keys()


@pytest.mark.parametrize("word", ["dataPath", "identifierField"])
def test_endpoint_that_reads_records_says_where_they_are(word: str) -> None:
    found(
        f"{HERE}/responseMapping/{word}",
        "expected a value, found nothing",
        definition(endpoint(responseMapping=without(mapping(), word))),
    )


@pytest.mark.parametrize("operation", [None, "list", "search"])
def test_endpoint_that_reads_records_needs_a_response_mapping(operation: str | None) -> None:
    found(
        f"{HERE}/responseMapping",
        "expected a value, found nothing",
        definition(without(endpoint(operation=operation), "responseMapping")),
    )


@pytest.mark.parametrize(
    "query", [{"name": "job"}, {"name": "q", "valueSource": "variable", "value": "{{job | lower}}"}]
)
def test_job_may_be_asked_for_by_a_variable(query: Json) -> None:
    status = {**without(STATUS, "pathParams"), "path": "/jobs", "queryParams": [query]}

    assert parse_definition(definition(writes(batch({"match": "job"}, job=JOB)), status))


def test_endpoint_without_a_batch_is_no_batch() -> None:
    with pytest.raises(BadDefinition, match="does not write batches"):
        compile_batch(parse_definition(definition()), "list")
