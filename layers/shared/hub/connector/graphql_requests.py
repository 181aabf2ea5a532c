"""GraphQL over HTTP: a query and its variables become a JSON body; an answer with errors is one that failed.

Source: GraphQL over HTTP, "Request" and "Response".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hub.connector.bodies import JSON, Body, filled
from hub.connector.request_config import Endpoint, GraphQL
from hub.connector.response_config import ResponseMapping
from hub.connector.select import Selection, selection
from hub.connector.variables import Variables
from hub.core.errors import Refused

ERROR_PATH = "$.errors"
# What a name outside of braces is not: a text, a comment, a variable or a directive.
_TOKEN = re.compile(
    r'"""(?:\\"""|.)*?"""|"(?:\\.|[^"\\\n])*"|#[^\n\r]*|[$@][_A-Za-z]\w*|(?P<mark>[{}()]|[_A-Za-z]\w*)',
    re.DOTALL | re.ASCII,
)


def graphql_body(config: GraphQL) -> Callable[[Variables], Body]:
    """Return a function that builds the body; raises BadText for a placeholder that cannot be filled."""
    fixed = {"query": config.query}
    if config.operation_name is not None:
        fixed["operationName"] = config.operation_name
    variables_of = filled(config.variables)
    return lambda variables: Body(JSON, {**fixed, "variables": variables_of(variables)})


def selection_of(endpoint: Endpoint) -> Selection:
    """Return the compiled response mapping; a GraphQL answer with errors fails unless an errorPath is given.

    What failed reads null in the data beside the errors: it would overwrite what is stored.
    """
    config = endpoint.response_mapping or ResponseMapping()
    if endpoint.graphql is None or config.error_path is not None:
        return selection(config)
    chosen = selection(config.model_copy(update={"error_path": ERROR_PATH}))

    def data(document: Any) -> list[Any]:
        if message := chosen.error(document):
            raise Refused(f"The provider answered with an error: {message}")
        return chosen.data(document)

    return replace(chosen, data=data)


def is_idempotent(endpoint: Endpoint) -> bool:
    """Say whether a request may be repeated: what the endpoint says, else a GraphQL query may, a mutation not."""
    if endpoint.graphql is None or "idempotent" in endpoint.model_fields_set:
        return endpoint.idempotent
    name = endpoint.graphql.operation_name
    return all(kind == "query" for kind, own in operations(endpoint.graphql.query) if name is None or own == name)


def operations(document: str) -> Iterator[tuple[str, str | None]]:
    """Yield kind and name of each definition at the top of a document that parses: `("query", "Contacts")`.

    It loads no parser: that takes as long as the rest of a cold start.
    """
    depth, names = 0, list[str]()
    for match in _TOKEN.finditer(document):
        mark = match["mark"]
        if mark is None:
            continue
        if mark in "{(":
            depth += 1
        elif mark in "})":
            depth -= 1
            if mark == "}" and depth == 0:
                yield names[0] if names else "query", names[1] if len(names) > 1 else None
                names = []
        elif depth == 0:
            names.append(mark)
