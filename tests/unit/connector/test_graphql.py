from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.definition import check_definition
from hub.connector.graphql_requests import operations
from hub.connector.plan import Page
from hub.core.errors import BadRequest, Refused, Retryable
from tests.unit.connector.factories import Asked, Json, Provider, definition, endpoint, mapping, reply, run
from tests.unit.connector.test_pages import ids, walk

QUERY = (
    "query People($first: Int!, $after: String) {"
    " people(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"
)
RELAY: Json = {
    "type": "cursor",
    "cursorPath": "$.data.people.pageInfo.endCursor",
    "limitParam": "$.variables.first",
    "endCondition": {"type": "has_more_field", "field": "$.data.people.pageInfo.hasNextPage"},
}


def graphql(query: str = QUERY, pagination: Json | None = None, **changes: Any) -> Json:
    """Return a definition with one GraphQL endpoint; `of_endpoint` and `of_response` add words there."""
    of_endpoint = changes.pop("of_endpoint", {})
    mapped = mapping(dataPath="$.data.people.nodes", **changes.pop("of_response", {}))
    paged = {"pagination": pagination} if pagination else {}
    made = endpoint(method="POST", graphql={"query": query, **changes}, responseMapping=mapped, **paged, **of_endpoint)
    return check_definition(definition(made, integrationType="graphql"))


def connection(total: int) -> Any:
    """A Relay connection, whose last page has a cursor as the others have."""

    def answer(asked: Asked) -> Any:
        variables = asked.json["variables"]
        start = int((variables.get("after") or "c0")[1:])
        end = min(start + variables["first"], total)
        info = {"hasNextPage": end < total, "endCursor": f"c{end}" if end > start else None}
        return {"data": {"people": {"nodes": [{"id": number} for number in range(start, end)], "pageInfo": info}}}

    return answer


@given(total=st.integers(0, 30), limit=st.integers(1, 12))
def test_connection_is_walked_to_its_end(total: int, limit: int) -> None:
    provider = Provider(connection(total))

    pages = list(walk(run(graphql(pagination={**RELAY, "maxLimit": limit}), provider)))

    assert ids(pages) == [str(number) for number in range(total)]
    assert pages[-1].stop_reason == "has_more_false"
    assert len(provider.requests) == max(1, -(-total // limit))


def test_connection_is_asked_for_by_variables() -> None:
    provider = Provider(connection(5))

    list(walk(run(graphql(pagination={**RELAY, "maxLimit": 3, "limitParam": "first"}), provider)))

    assert [asked.json for asked in provider.requests] == [
        {"query": QUERY, "variables": {"first": 3}},
        {"query": QUERY, "variables": {"first": 3, "after": "c3"}},
    ]
    assert all(asked.headers["content-type"] == "application/json" for asked in provider.requests)


def test_cursor_goes_where_the_definition_says() -> None:
    query = "query Q($in: In) { people(in: $in) { nodes { id } } }"
    raw = graphql(query, {**RELAY, "limitParam": "$.variables.in.size"}, cursorBodyPath="$.variables.in.cursor")
    info = {"hasNextPage": True, "endCursor": "c1"}
    provider = Provider(lambda _: {"data": {"people": {"nodes": [{"id": 1}], "pageInfo": info}}})
    pages = run(raw, provider)

    pages.fetch(pages.fetch().next)

    assert provider.requests[1].json["variables"] == {"in": {"size": 100, "cursor": "c1"}}


def test_variables_keep_the_types_of_their_values() -> None:
    given = {"n": 5, "all": [{"a": 1}]}
    variables = {"n": "{{n}}", "text": "n={{n}}", "deep": {"list": ["{{all}}", 1, None]}, "yes": True}
    raw = graphql("query A { people { nodes { id } } }", operationName="A", variables=variables)

    provider = Provider(lambda _: {"data": DATA})

    run(raw, provider, given).fetch()

    assert provider.requests[0].json == {
        "query": "query A { people { nodes { id } } }",
        "operationName": "A",
        "variables": {"n": 5, "text": "n=5", "deep": {"list": [[{"a": 1}], 1, None]}, "yes": True},
    }


def test_variable_without_a_value_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="'region'"):
        run(graphql(variables={"region": "{{region}}"}), Provider(connection(0)))


# Errors


def answered(answer: Any, **changes: Any) -> Page:
    return run(graphql(**changes), Provider(lambda _: answer)).fetch()


ERRORS = [{"message": "No field 'x'", "path": ["people"]}, {"message": "Too deep"}]
DATA = {"people": {"nodes": [{"id": 1, "name": None}]}}


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {"people": None}}, {"data": DATA}])
def test_answer_with_errors_fails_with_their_messages(data: Json) -> None:
    """What failed reads null in the data: stored, it would overwrite what was there."""
    with pytest.raises(Refused, match="No field 'x'; Too deep"):
        answered({"errors": ERRORS, **data})


@pytest.mark.parametrize("errors", [None, []])
def test_answer_without_errors_is_read(errors: Any) -> None:
    assert ids([answered({"data": DATA, "errors": errors})]) == ["1"]


def test_data_beside_errors_is_read_where_the_definition_says_so() -> None:
    own = {"errorPath": "$.errors"}

    assert ids([answered({"data": DATA, "errors": ERRORS}, of_response=own)]) == ["1"]
    with pytest.raises(Refused, match="No field 'x'; Too deep"):
        answered({"data": None, "errors": ERRORS}, of_response=own)


def test_refusal_shows_the_messages() -> None:
    with pytest.raises(Refused, match=r"400: No field 'x'; Too deep$"):
        answered(reply({"errors": ERRORS}, status=400))


# Repetition

READ, WRITE = "{ people { nodes { id } } }", "mutation { people { nodes { id } } }"


@pytest.mark.parametrize(
    ("query", "words", "tries"),
    [
        (READ, {}, 3),
        (READ, {"idempotent": False}, 1),
        (WRITE, {}, 1),
        (WRITE, {"idempotent": True}, 3),
    ],
)
def test_query_is_repeated_and_a_mutation_is_not(query: str, words: Json, tries: int) -> None:
    provider = Provider(lambda _: reply({}, status=503))

    with pytest.raises(Retryable if tries > 1 else Refused):
        run(graphql(query, of_endpoint=words), provider).fetch()

    assert len(provider.requests) == tries


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("{ mutation { a } }", [("query", None)]),
        ("query { a }", [("query", None)]),
        ("query A @mutation(if: {a: 1}) { a }", [("query", "A")]),
        ("query A($mutation: M = {a: {b: 1}}, $t: [Int!]! = [1]) { a(x: {y: $t}) { b } }", [("query", "A")]),
        ("# mutation {\nquery A { a }", [("query", "A")]),
        ('query A { a(text: "} mutation B {", more: """ \\""" } mutation C { """) }', [("query", "A")]),
        ("mutation M { a } query Q { b } { c }", [("mutation", "M"), ("query", "Q"), ("query", None)]),
        ("fragment query on T { a } mutation mutation { b }", [("fragment", "query"), ("mutation", "mutation")]),
    ],
)
def test_operations_of_a_document_are_found_without_a_parser(
    document: str, found: list[tuple[str, str | None]]
) -> None:
    assert list(operations(document)) == found


def test_named_operation_says_whether_it_may_be_repeated() -> None:
    provider = Provider(lambda _: reply({}, status=503))
    both = "query A { ...F } fragment F on T { people { nodes { id } } } mutation B { b }"

    for name, failure in (("A", Retryable), ("B", Refused)):
        with pytest.raises(failure):
            run(graphql(both, operationName=name), provider).fetch()

    assert [asked.json["operationName"] for asked in provider.requests] == ["A", "A", "A", "B"]
