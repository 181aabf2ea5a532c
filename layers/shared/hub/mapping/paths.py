"""JSONPath (RFC 9535): read values out of JSON and write values into it.

A path that names one place (`$.address.city`, `$['odd name']`, `$.phones[0].number`, `$.tags[-1]`) is plain: it
becomes a direct look-up and the query engine is never loaded, because its import takes as long as the rest of a cold
start. Everything else (`$..id`, `$.items[?@.active]`) goes through `hub.mapping.queries`. `email` and `address.city`
are short for `$.email` and `$.address.city`.
"""

import re
from collections.abc import Callable
from enum import Enum
from itertools import pairwise
from typing import Any, Final

MAX_PATH_CHARS = 1000
MAX_TARGET_INDEX = 999  # a target writes every element before it: `$.a[999999999]` would fill the memory

Steps = tuple[str | int, ...]
Get = Callable[[Any], Any]
Put = Callable[[Any, Any], None]


class Missing(Enum):
    """The type of `MISSING`: nothing is there, which is not the same as null."""

    MISSING = "MISSING"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING


class BadPath(ValueError):
    """The path cannot be used; the message names it, the position (counted from 0) and the reason."""

    def __init__(self, path: str, reason: str, position: int | None = None) -> None:
        where = "" if position is None else f" at character {position}"
        super().__init__(f"Path {_shorten(path)!r}{where}: {reason}")
        self.path, self.position, self.reason = path, position, reason


class PathFailed(BadPath):
    """The path is good, this JSON is not: nested too deep, too costly to search, or a text where an object must be."""


def getter(path: str) -> Get:
    """Return a function that gives the first value at `path`, or `MISSING`; it may raise `PathFailed`."""
    steps = steps_of(path)
    if steps is None:
        from hub.mapping import queries

        return queries.first(full_path(path), path)
    if len(steps) == 1 and isinstance(steps[0], str):
        return _name_getter(steps[0])
    return _steps_getter(steps)


def finder(path: str) -> Callable[[Any], list[Any]]:
    """Return a function that gives all values at `path` in document order; it may raise `PathFailed`."""
    steps = steps_of(path)
    if steps is None:
        from hub.mapping import queries

        return queries.every(full_path(path), path)
    get = _steps_getter(steps)
    return lambda document: [] if (value := get(document)) is MISSING else [value]


def setter(path: str) -> Put:
    """Return a function (document, value) that writes at `path` and creates what is missing on the way.

    A null on the way is replaced, a list is filled up with nulls; another kind of value there raises `PathFailed`.
    """
    steps = target_steps(path)
    return lambda document, value: _write(document, steps, value, path)


def target_steps(path: str) -> Steps:
    """Return the names and indices of the one place that `path` names for writing."""
    steps = steps_of(path)
    if steps is None:
        raise BadPath(path, "a target must name exactly one place, without wildcards, slices, filters or '..'")
    if not steps:
        raise BadPath(path, "a target must name a field, not the whole document")
    for step in steps:
        if isinstance(step, int) and not 0 <= step <= MAX_TARGET_INDEX:
            raise BadPath(path, f"a target's index must be between 0 and {MAX_TARGET_INDEX}, found {step}")
    return steps


def steps_of(path: str) -> Steps | None:
    """Return the names and indices of a path that selects at most one value; None if it may select several."""
    if len(path) > MAX_PATH_CHARS:
        raise BadPath(path, f"expected at most {MAX_PATH_CHARS} characters, found {len(path)}")
    text = full_path(path)
    if _PLAIN.fullmatch(text):
        return _plain_steps(text)
    from hub.mapping import queries

    return queries.single_steps(text, path)


def full_path(path: str) -> str:
    """Return the RFC 9535 form of a path: a bare name gets its `$.`."""
    return f"$.{path}" if _BARE.match(path) else path


FIRST = r"A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff"
NAME = rf"[{FIRST}][{FIRST}0-9]*"
_INDEX = r"0|-?[1-9][0-9]{0,14}"
_STEP = re.compile(
    rf"\.({NAME})|\['([^'\\\x00-\x1f\ud800-\udfff]*)'\]|\[\"([^\"\\\x00-\x1f\ud800-\udfff]*)\"\]|\[({_INDEX})\]"
)
_PLAIN = re.compile(rf"\$(?:{_STEP.pattern})*")
_BARE = re.compile(f"[{FIRST}]")


def _plain_steps(text: str) -> Steps:
    return tuple(_step(match) for match in _STEP.finditer(text))


def _step(match: re.Match[str]) -> str | int:
    index = match[4]
    return int(index) if index is not None else next(name for name in match.groups() if name is not None)


def _name_getter(name: str) -> Get:
    def get(document: Any) -> Any:
        return document.get(name, MISSING) if isinstance(document, dict) else MISSING

    return get


def _steps_getter(steps: Steps) -> Get:
    def get(document: Any) -> Any:
        for step in steps:
            document = child(document, step)
            if document is MISSING:
                return MISSING
        return document

    return get


def child(value: Any, step: str | int) -> Any:
    """Return what an object has under a name or a list at an index, else `MISSING`."""
    if isinstance(step, str):
        return value.get(step, MISSING) if isinstance(value, dict) else MISSING
    if not isinstance(value, list) or not -len(value) <= step < len(value):
        return MISSING
    return value[step]


def _write(document: Any, steps: Steps, value: Any, path: str) -> None:
    place = document
    for step, following in pairwise(steps):
        _make_room(place, step, path)
        if place[step] is None:
            place[step] = {} if isinstance(following, str) else []
        place = place[step]
    _make_room(place, steps[-1], path)
    place[steps[-1]] = value


def _make_room(place: Any, step: str | int, path: str) -> None:
    if isinstance(step, str) and isinstance(place, dict):
        place.setdefault(step, None)
    elif isinstance(step, int) and isinstance(place, list):
        place.extend([None] * (step + 1 - len(place)))
    else:
        expected = "an object" if isinstance(step, str) else "a list"
        raise PathFailed(path, f"expected {expected} to write {step!r} into, found {type(place).__name__}")


def _shorten(path: str) -> str:
    return path if len(path) <= 100 else f"{path[:100]}…"
