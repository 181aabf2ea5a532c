"""The route table: method and path template to handler."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from local.sandbox.messages import Refusal, Request, Response

Handler = Callable[[Request], Response | Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    methods: frozenset[str]
    pattern: re.Pattern[str]
    handler: Handler


class Routes:
    """Finds the handler of a request; the first route that fits wins."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(self, methods: str, template: str, handler: Handler) -> None:
        """Add a route: methods separated by blanks, `{name}` for one path segment."""
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
        self._routes.append(Route(frozenset(methods.split()), pattern, handler))

    def find(self, request: Request) -> tuple[Handler, Request]:
        """The handler and the request with its path parameters; raises Refusal 404 or 405."""
        method = "GET" if request.method == "HEAD" else request.method
        allowed: set[str] = set()
        for route in self._routes:
            match = route.pattern.fullmatch(request.path)
            if match and method in route.methods:
                return route.handler, replace(request, params=match.groupdict())
            allowed |= route.methods if match else set()
        if allowed:
            raise Refusal(405, f"{request.path} does not answer {method}", (("allow", ", ".join(sorted(allowed))),))
        raise Refusal(404, f"There is nothing at {request.path}; GET / lists what is here")
