"""The query engine behind `hub.mapping.paths`: python-jsonpath in its strict RFC 9535 mode, with a bounded cost.

A path comes from a tenant and the document from a provider, so neither may hold a worker: one search visits at most
`MAX_VISITS` values, spends at most `MAX_PATTERN_S` in `match()` and `search()`, and descends at most 100 levels.
Beyond that it raises `PathFailed`. python-jsonpath uses the package `regex` where it is installed; it must be, for the
time limit and for the Unicode classes of I-Regexp (RFC 9485).
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.function_extensions import Match, Search
from jsonpath.lex import Lexer
from jsonpath.parse import Parser
from jsonpath.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath.selectors import IndexSelector, NameSelector
from jsonpath.stream import TokenStream

from hub.mapping.paths import MISSING, NAME, BadPath, PathFailed, Steps

MAX_VISITS = 500_000  # about five times the values of a 1 MB document
MAX_PATTERN_S = 0.5
MAX_PATTERN_CHARS = 1000


class TooCostly(Exception):
    """Stops a search from the inside; the caller sees `PathFailed`."""


@dataclass
class Budget:
    """What one search may still spend."""

    visits: int = MAX_VISITS
    pattern_s: float = MAX_PATTERN_S

    def visit(self) -> None:
        self.visits -= 1
        if self.visits < 0:
            raise TooCostly(f"the search visits more than {MAX_VISITS} values")

    def run(self, search: Callable[..., Any], text: str) -> bool:
        started = time.perf_counter()
        try:
            return bool(search(text, timeout=self.pattern_s))
        except TimeoutError as cause:
            raise TooCostly(f"match() and search() took more than {MAX_PATTERN_S} s") from cause
        finally:
            self.pattern_s = max(self.pattern_s - (time.perf_counter() - started), 0.001)


_budget: ContextVar[Budget] = ContextVar("budget")


def every(text: str, shown: str) -> Callable[[Any], list[Any]]:
    """Return a function that gives all values at the path `text`; errors show the path as the caller wrote it."""
    search = _search(parse(text, shown), shown)
    return lambda document: search(document, list)


def first(text: str, shown: str) -> Callable[[Any], Any]:
    """Return a function that gives the first value at the path `text`, or `MISSING`."""
    search = _search(parse(text, shown), shown)
    return lambda document: search(document, lambda values: next(values, MISSING))


def single_steps(text: str, shown: str) -> Steps | None:
    """Return the names and indices of a path that selects at most one value, else None."""
    path = parse(text, shown)
    if not path.singular_query():
        return None
    return tuple(_step(segment.selectors[0]) for segment in path.segments)


def parse(text: str, shown: str) -> JSONPath:
    try:
        path = _environment.compile(text)
    except (JSONPathError, RecursionError, ValueError) as cause:
        raise _bad_path(text, shown, cause) from cause
    assert isinstance(path, JSONPath)  # noqa: S101  unions exist only outside strict mode
    return path


def _bad_path(text: str, shown: str, cause: Exception) -> BadPath:
    if isinstance(cause, RecursionError):
        return BadPath(shown, "nested too deep")
    token = getattr(cause, "token", None)
    position = None if token is None else max(min(token.index, len(text)) - (len(text) - len(shown)), 0)
    return BadPath(shown, str(getattr(cause, "message", cause)), position)


def _step(selector: object) -> str | int:
    if isinstance(selector, NameSelector):
        return selector.name
    assert isinstance(selector, IndexSelector)  # noqa: S101  a single path has no other selectors
    return selector.index


def _search(path: JSONPath, shown: str) -> Callable[[Any, Callable[[Iterator[Any]], Any]], Any]:
    def search(document: Any, take: Callable[[Iterator[Any]], Any]) -> Any:
        if not isinstance(document, (dict, list)):
            return take(iter(()))  # a scalar has no children, and the library would parse a text as JSON
        token = _budget.set(Budget())
        try:
            return take(match.obj for match in path.finditer(document))
        except (TooCostly, JSONPathError, RecursionError) as cause:
            raise PathFailed(shown, _why(cause)) from cause
        finally:
            _budget.reset(token)

    return search


def _why(cause: Exception) -> str:
    return "the document is nested too deep" if isinstance(cause, RecursionError) else str(cause)


class _Child(JSONPathChildSegment):
    def resolve(self, nodes: Iterable[JSONPathMatch]) -> Iterable[JSONPathMatch]:
        budget = _budget.get()
        for match in super().resolve(nodes):
            budget.visit()
            yield match


class _Descendants(JSONPathRecursiveDescentSegment):
    def _visit(self, node: JSONPathMatch, depth: int = 1) -> Iterable[JSONPathMatch]:
        _budget.get().visit()
        return super()._visit(node, depth)

    def resolve(self, nodes: Iterable[JSONPathMatch]) -> Iterable[JSONPathMatch]:
        budget = _budget.get()
        for match in super().resolve(nodes):
            budget.visit()
            yield match


class _Parser(Parser):
    def parse_query(self, stream: TokenStream) -> Iterable[JSONPathSegment]:
        return (_counted(segment) for segment in super().parse_query(stream))


def _counted(segment: JSONPathSegment) -> JSONPathSegment:
    kind = _Descendants if isinstance(segment, JSONPathRecursiveDescentSegment) else _Child
    return kind(env=segment.env, token=segment.token, selectors=segment.selectors)


class _Match(Match):
    def __call__(self, value: object, pattern: object) -> bool:
        compiled = _pattern(self, value, pattern)
        return compiled is not None and _budget.get().run(compiled.fullmatch, str(value))


class _Search(Search):
    def __call__(self, value: object, pattern: object) -> bool:
        compiled = _pattern(self, value, pattern)
        return compiled is not None and _budget.get().run(compiled.search, str(value))


def _pattern(function: Match | Search, value: object, pattern: object) -> Any:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    if len(pattern) > MAX_PATTERN_CHARS:
        raise TooCostly(f"a pattern has more than {MAX_PATTERN_CHARS} characters")
    return function.check_cache(pattern)


class _Lexer(Lexer):
    key_pattern = NAME  # the library's own lets `$.first-name` pass, which RFC 9535 does not


class _Environment(JSONPathEnvironment):
    lexer_class = _Lexer
    parser_class = _Parser

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions |= {"match": _Match(thread_safe=True), "search": _Search(thread_safe=True)}


_environment = _Environment(strict=True)
