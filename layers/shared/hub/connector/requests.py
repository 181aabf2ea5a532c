"""Requests before authentication: an endpoint becomes a function from the variables to a draft of its request."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from hub.connector.bodies import Body, body_builder
from hub.connector.graphql_requests import graphql_body
from hub.connector.request_config import Endpoint, Param
from hub.connector.urls import LITERAL_PATH, has_dot_segment
from hub.connector.values import source, texts, typed
from hub.connector.variables import BadText, Variables, filler
from hub.core.errors import BadRequest
from hub.mapping.config import Unfit
from hub.mapping.paths import MISSING
from hub.outbound.calls import HEADER_VALUE

PATH_VARIABLE = re.compile(r"\{([^{}/]+)\}")
DEFAULT_HEADERS = {"accept": "application/json"}

Texts = Callable[[Variables], list[str]]


class BadPart(BadText):
    """A part of an endpoint cannot work; `pointer` is relative to that part."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


@dataclass(frozen=True)
class Draft:
    """A request without credentials: `url` has a query only when it is a link that the provider gave.

    A key that belongs into the path is still its `{name}` there, so that the URL may be shown.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    params: Sequence[tuple[str, str]]
    body: Body | None


def draft_builder(
    base_url: str, default_headers: Mapping[str, str], endpoint: Endpoint, path_key: str | None = None
) -> Callable[[Variables], Draft]:
    """Return a function that builds the request; it raises BadRequest naming the parameter, this raises BadText.

    `path_key` is the path variable that authentication fills.
    """
    path = path_builder(endpoint.path, {param.name: parameter(param) for param in endpoint.path_params}, path_key)
    query = [(param.name, parameter(param)) for param in endpoint.query_params]
    body = _body(endpoint)
    headers = header_builder(default_headers, endpoint.headers)
    base = base_url.rstrip("/")

    def build(variables: Variables) -> Draft:
        params = [(name, text) for name, values in query for text in values(variables)]
        url = base + path(variables)
        return Draft(endpoint.method, url, headers(variables), params, body(variables) if body else None)

    return build


def _body(endpoint: Endpoint) -> Callable[[Variables], Body] | None:
    if endpoint.graphql:
        return graphql_body(endpoint.graphql)
    return body_builder(endpoint.body) if endpoint.body else None


def parameter(param: Param) -> Texts:
    """Return a function that gives the parameter's texts: none when it is absent, several for a list."""
    find = _source(param)
    default = _fixed(param, "/default", param.default)
    if param.value_source == "static" or (param.value_source is None and param.value is not None):
        _fixed(param, "/value", param.value)

    def get(variables: Variables) -> list[str]:
        value = find(variables)
        if value is MISSING or value is None:
            if param.required and param.default is None:
                raise BadRequest(f"Parameter {param.name!r} is required and not given.", parameter=param.name)
            return default
        try:
            return texts(typed(param.type, value))
        except Unfit as cause:
            raise BadRequest(f"Parameter {param.name!r}: {cause}.", parameter=param.name) from cause

    return get


def path_builder(
    path: str, variables_of: Mapping[str, Texts], path_key: str | None = None
) -> Callable[[Variables], str]:
    """Return a function that fills `/users/{id}`; a value becomes one segment and never leaves it.

    `{path_key}` stays as it is written.
    """
    literals, names = PATH_VARIABLE.split(path)[::2], PATH_VARIABLE.findall(path)
    _check_literals(path, literals)
    if unknown := [name for name in names if name not in variables_of and name != path_key]:
        raise BadPart("", f"expected a pathParam named {unknown[0]!r}, found none")
    places = [f"{{{name}}}".replace("%", "%%") if name == path_key else "%s" for name in names]
    pattern = "".join(
        literal.replace("%", "%%") + place for literal, place in zip(literals, [*places, ""], strict=True)
    )
    parts = [(name, variables_of[name]) for name in names if name != path_key]

    return lambda variables: pattern % tuple(_segment(name, texts_of(variables)) for name, texts_of in parts)


def header_builder(*levels: Mapping[str, str]) -> Callable[[Variables], dict[str, str]]:
    """Return a function that gives the headers in lower case; the later level wins."""
    given = {name.lower(): value for headers in (DEFAULT_HEADERS, *levels) for name, value in headers.items()}
    fillers = {name: filler(value) for name, value in given.items()}

    def build(variables: Variables) -> dict[str, str]:
        headers = {name: fill(variables) for name, fill in fillers.items()}
        for name, value in headers.items():
            if not HEADER_VALUE.fullmatch(value):
                raise BadRequest(f"Header {name!r}: expected printable ASCII, found other characters.", header=name)
        return headers

    return build


def _source(param: Param) -> Callable[[Variables], object]:
    try:
        return source(param.value_source, param.value, param.name)
    except BadText as cause:
        raise BadPart("/value", str(cause)) from cause


def _fixed(param: Param, pointer: str, value: object) -> list[str]:
    try:
        return [] if value is None else texts(typed(param.type, value))
    except Unfit as cause:
        raise BadPart(pointer, str(cause)) from cause


def _check_literals(path: str, literals: Sequence[str]) -> None:
    if not path.startswith("/"):
        raise BadPart("", "expected a path that begins with '/'")
    if "?" in path or "#" in path:
        raise BadPart("", "expected a path without '?' and '#'; the query belongs into queryParams")
    if any("{" in literal or "}" in literal for literal in literals):
        raise BadPart("", "expected path variables such as {id}")
    if not all(LITERAL_PATH.fullmatch(literal) for literal in literals):
        raise BadPart("", "expected other characters than letters, digits and -._~!$&'()*+,;=:@ percent-encoded")
    if has_dot_segment(path):
        raise BadPart("", "expected a path without the segments '.' and '..'")


def _segment(name: str, values: Sequence[str]) -> str:
    text = values[0] if values else ""
    if not text:
        raise BadRequest(f"Path parameter {name!r} is not given or empty.", parameter=name)
    # Some servers decode %2F before they resolve dots.
    if any(part in (".", "..") for part in re.split(r"[/\\]", text)):
        raise BadRequest(f"Path parameter {name!r}: '.' and '..' cannot stand in a path.", parameter=name)
    return quote(text, safe="")
