"""What a GraphQL endpoint must be beyond the shape of its JSON, and, before it is saved, what its query must be.

The parser takes as long to load as the rest of a cold start, so that a call never parses: what is stored was parsed.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hub.connector.graphql_requests import graphql_body
from hub.connector.paging import PARAMS, in_variables, pagination_of
from hub.connector.request_config import Endpoint, GraphQL
from hub.connector.variables import BadText
from hub.core.errors import Problem
from hub.mapping.paths import BadPath, target_steps

if TYPE_CHECKING:
    from graphql.language import DocumentNode, OperationDefinitionNode

MOST_TOKENS = 20_000


def check_graphql(endpoint: Endpoint, place: str) -> Iterator[Problem]:
    config = endpoint.graphql
    if config is None:
        return
    if endpoint.method != "POST":
        yield Problem(f"{place}/method", f"expected POST, since the endpoint is a graphql one, found {endpoint.method}")
    if endpoint.body is not None:
        yield Problem(f"{place}/body", "is made from graphql's query and variables; leave it out")
    yield from _check_cursor(endpoint, config, place)
    try:
        graphql_body(config)
    except BadText as cause:
        yield Problem(f"{place}/graphql/variables", str(cause))


def check_variable(name: str, place: str) -> Iterator[Problem]:
    """Check the name of a variable, or the path of one or of something in it."""
    try:
        steps = target_steps(in_variables(name))
    except BadPath as cause:
        yield Problem(place, str(cause))
        return
    if len(steps) < 2 or steps[0] != "variables":
        yield Problem(
            place, f"expected the name of a variable or a path such as $.variables.after, found {name[:60]!r}"
        )


def _check_cursor(endpoint: Endpoint, config: GraphQL, place: str) -> Iterator[Problem]:
    if config.cursor_body_path is None:
        return
    where = f"{place}/graphql/cursorBodyPath"
    if endpoint.pagination is None or endpoint.pagination.type != "cursor":
        yield Problem(where, "needs a pagination of the type cursor, which this endpoint does not have")
    elif endpoint.pagination.cursor_param is not None:
        yield Problem(
            f"{place}/pagination/cursorParam", "graphql.cursorBodyPath says it already; leave one of them out"
        )
    yield from check_variable(config.cursor_body_path, where)


# Before it is saved


def check_query(endpoint: Endpoint, place: str) -> Iterator[Problem]:
    """Parse the query: it must be whole, say which operation is meant, and know the variables of the pagination."""
    if endpoint.graphql is None:
        return
    found = _parsed(endpoint.graphql.query)
    if isinstance(found, str):
        yield Problem(f"{place}/graphql/query", found)
        return
    operation = _operation(found, endpoint.graphql.operation_name)
    if isinstance(operation, Problem):
        yield Problem(f"{place}/graphql{operation.pointer}", operation.message)
    else:
        yield from _check_declared(operation, endpoint, place)


def _parsed(query: str) -> "DocumentNode | str":
    """Return the document, or what is wrong with its text."""
    from graphql import GraphQLSyntaxError
    from graphql.language import parse

    try:
        return parse(query, max_tokens=MOST_TOKENS)
    except GraphQLSyntaxError as cause:
        at = cause.locations[0] if cause.locations else None
        where = f"line {at.line}, column {at.column}: " if at else ""
        hint = "; a query takes no {{name}}, its variables do" if "{{" in query else ""
        return f"{where}{cause.message.removeprefix('Syntax Error: ').rstrip('.')}{hint}"
    except RecursionError:
        return "is nested too deep"


def _operation(document: "DocumentNode", name: str | None) -> "OperationDefinitionNode | Problem":
    """Return the operation that is meant, or a problem with its pointer inside of `graphql`."""
    from graphql.language import FragmentDefinitionNode, OperationDefinitionNode

    others = [node for node in document.definitions if not isinstance(node, FragmentDefinitionNode)]
    found = [node for node in others if isinstance(node, OperationDefinitionNode)]
    if not found or len(found) < len(others):
        return Problem("/query", "expected a query or a mutation, and fragments of it, nothing else")
    named = {node.name.value if node.name else None: node for node in found}
    if name is not None and name not in named:
        known = ", ".join(str(each) for each in named if each) or "none with a name"
        return Problem("/operationName", f"expected an operation of the query, found {name!r}; it has {known}")
    if name is None and len(found) > 1:
        return Problem("/operationName", f"expected a name, since the query has {len(found)} operations")
    operation = named[name] if name is not None else found[0]
    if operation.operation.value == "subscription":
        return Problem("/query", "a subscription is not answered; expected a query or a mutation")
    return operation


def _check_declared(operation: "OperationDefinitionNode", endpoint: Endpoint, place: str) -> Iterator[Problem]:
    """A server ignores variables that a query does not declare: every page would be the first."""
    declared = {node.variable.name.value for node in operation.variable_definitions or ()}
    for word, name in _set_by_the_hub(endpoint):
        variable = _variable(name)
        if variable is not None and variable not in declared:
            fault = f"expected the variable ${variable}, which {word} sets, among those the operation declares"
            yield Problem(f"{place}/graphql/query", fault)


def _set_by_the_hub(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    pages = pagination_of(endpoint)
    for name in (getattr(pages, param) for param in PARAMS) if pages else ():
        if name is not None:
            yield "the pagination", name
    if endpoint.incremental is not None:
        yield "incremental", in_variables(endpoint.incremental.param)


def _variable(path: str) -> Any:
    try:
        steps = target_steps(path)
    except BadPath:
        return None
    return steps[1] if len(steps) > 1 and steps[0] == "variables" else None
