"""The issues of a GitHub repository as a Relay connection; the queries are run by a GraphQL engine.

Source: https://docs.github.com/en/graphql/guides/using-pagination-in-the-graphql-api,
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api.
"""

import base64
from functools import cache
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "github-token-of-the-tests"
MOST_PER_PAGE = 100
# The engine knows errors' extensions; GitHub names the kind of an error beside its message.
TYPE = "type"

LIMITED = Answer(
    200,
    {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}]},
    {"retry-after": "0", "x-ratelimit-remaining": "0"},
)

SDL = """
type Query { repository(owner: String!, name: String!): Repository }
type Repository { issues(first: Int, after: String, states: [IssueState!], orderBy: IssueOrder): IssueConnection }
type IssueConnection { nodes: [Issue] edges: [IssueEdge] pageInfo: PageInfo! totalCount: Int! }
type IssueEdge { node: Issue cursor: String! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Issue {
  id: ID! number: Int! title: String! state: IssueState! createdAt: String! closedAt: String author: Actor url: String!
}
type Actor { login: String! }
enum IssueState { OPEN CLOSED }
input IssueOrder { field: IssueOrderField! direction: OrderDirection! }
enum IssueOrderField { CREATED_AT UPDATED_AT COMMENTS }
enum OrderDirection { ASC DESC }
"""


class Repository:
    def __init__(self, count: int) -> None:
        self._issues = [issue(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization", "").lower() != f"bearer {TOKEN}":
            raise Refusal(Answer(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com"}))
        if (request.method, request.path) != ("POST", "/graphql"):
            raise Refusal(Answer(404, {"message": "Not Found"}))
        body = request.json()
        result = graphql_sync(
            _schema(),
            body["query"],
            root_value={"repository": self._repository},
            variable_values=body.get("variables"),
            operation_name=body.get("operationName"),
        )
        errors = {"errors": [_error(error) for error in result.errors]} if result.errors else {}
        return Answer(200, ({"data": result.data} if result.data is not None else {}) | errors)

    def _repository(self, _info: Any, owner: str, name: str) -> Json:
        if (owner, name) != ("octocat", "hello"):
            raise _refused("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return {"issues": self._connection}

    def _connection(self, _info: Any, first: int | None = None, after: str | None = None, **_: Any) -> Json:
        if first is None:
            message = "You must provide a `first` or `last` value to properly paginate the `issues` connection."
            raise _refused("MISSING_PAGINATION_BOUNDARIES", message)
        if first > MOST_PER_PAGE:
            message = f"Requesting {first} records on the `issues` connection exceeds the `first` limit of 100 records."
            raise _refused("EXCESSIVE_PAGINATION", message)
        start = _place(after)
        shown = self._issues[start : start + first]
        info = {
            "hasNextPage": start + first < len(self._issues),
            "endCursor": _cursor(start + len(shown)) if shown else None,
        }
        edges = [{"node": node, "cursor": _cursor(start + index)} for index, node in enumerate(shown, 1)]
        return {"nodes": shown, "edges": edges, "pageInfo": info, "totalCount": len(self._issues)}


def issue(number: int) -> Json:
    return {
        "id": f"I_{number:08}",
        "number": number,
        "title": f"Entry {number} does not work",
        "state": "OPEN" if number % 2 else "CLOSED",
        "createdAt": "2024-03-01T10:00:00Z",
        "closedAt": None if number % 2 else "2024-05-01T00:00:00Z",
        # An account that was deleted leaves its issues behind.
        "author": {"login": f"user{number % 4}"} if number % 5 else None,
        "url": f"https://github.com/octocat/hello/issues/{number}",
    }


def _cursor(place: int) -> str:
    return base64.b64encode(f"cursor:v2:{place}".encode()).decode()


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("cursor:v2:"))
    except ValueError:
        raise _refused("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from None


def _refused(kind: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={TYPE: kind})


def _error(error: GraphQLError) -> Json:
    shown: Json = dict(error.formatted)
    kind = shown.pop("extensions", {}).get(TYPE)
    return ({"type": kind} if kind else {}) | shown


@cache
def _schema() -> GraphQLSchema:
    return build_schema(SDL)
