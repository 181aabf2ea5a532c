"""Selects the route of a request as an HTTP API does."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from local.template import Route

_VARIABLE = re.compile(r"\{(\w+)(\+?)\}")
_EXACT, _ONE, _GREEDY, _DEFAULT = range(4)


@dataclass(frozen=True)
class Match:
    """The selected route and the values of its path variables."""

    route: Route
    variables: dict[str, str]


class RouteTable:
    """The routes of the API, the most specific one first: exact, then `{name}`, then `{name+}`, then `$default`."""

    def __init__(self, routes: Iterable[Route]) -> None:
        ordered = sorted(routes, key=_specificity)
        self._routes = [(re.compile(_pattern(route.path)), route) for route in ordered]

    def select(self, method: str, path: str) -> Match | None:
        """Return the route for an undecoded request path, or None."""
        for pattern, route in self._routes:
            found = pattern.fullmatch(path)
            if found and route.method in (method, "ANY"):
                return Match(route, {name: unquote(value) for name, value in found.groupdict().items()})
        return None


def _specificity(route: Route) -> tuple[list[int], bool]:
    if route.path == "$default":
        return [_DEFAULT], True
    return [_rank(segment) for segment in route.path.strip("/").split("/")], route.method == "ANY"


def _rank(segment: str) -> int:
    variable = _VARIABLE.fullmatch(segment)
    if not variable:
        return _EXACT
    return _GREEDY if variable[2] else _ONE


def _pattern(path: str) -> str:
    if path == "$default":
        return ".*"
    return "/".join(_segment_pattern(segment) for segment in path.split("/"))


def _segment_pattern(segment: str) -> str:
    variable = _VARIABLE.fullmatch(segment)
    if not variable:
        return re.escape(segment)
    return f"(?P<{variable[1]}>.+)" if variable[2] else f"(?P<{variable[1]}>[^/]+)"
