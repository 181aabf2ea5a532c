"""JSON against a schema that somebody wrote: JSON Schema 2020-12, within bounds that no schema can widen.

Schemas are foreign text, of events or of settings, so nothing is fetched (`$ref` only within the schema), each keyword
costs a step of a budget, all patterns of one check together may take half a second, and those of `patternProperties`,
which the library matches without a bound, are refused. `format` is an annotation, as the dialect has it.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from hub.core import jsontext
from hub.core.errors import Problem

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES = 64 * 1024
MAX_PATTERN = 500
MAX_PATTERN_STEPS = 5000
MAX_STEPS = 200_000
# Keywords within keywords. The library must not reach Python's own limit: a part of it, written in Rust, ends the whole
# process when it does.
MAX_DEPTH = 130
PATTERNS_S = 0.5
MOST_PROBLEMS = 20


@dataclass
class Budget:
    """What one check may still cost."""

    steps: int = MAX_STEPS
    depth: int = 0
    patterns_s: float = PATTERNS_S


_budget: ContextVar[Budget] = ContextVar("budget")


class OutOfBounds(Exception):
    """The check was given up: the schema asks for more work than one check may cost."""


def check_schema(schema: Any) -> list[Problem]:
    """Return what is wrong with a schema, each fault with its pointer into it."""
    if not isinstance(schema, dict):
        return [Problem("", "Expected an object: a JSON Schema of the dialect 2020-12.")]
    if len(jsontext.canonical(schema)) > MAX_BYTES:
        return [Problem("", f"A schema may have at most {MAX_BYTES} bytes.")]
    return list(islice(_own_faults(schema, "", schema), MOST_PROBLEMS)) or _faults(
        _validator(_meta_schema()), schema, ""
    )


def faults(schema_text: str, data: Any, pointer: str = "/data") -> list[Problem]:
    """Return where data does not fit a stored schema; the pointers begin with `pointer`."""
    return _faults(compiled(schema_text), data, pointer)


@lru_cache(maxsize=200)
def compiled(schema_text: str) -> "Validator":
    return _validator(jsontext.load(schema_text))


def _faults(validator: "Validator", data: Any, pointer: str) -> list[Problem]:
    token = _budget.set(Budget())
    from referencing.exceptions import Unresolvable

    try:
        found = (problem for error in validator.iter_errors(data) for problem in _problems(error, pointer))
        return list(islice(found, MOST_PROBLEMS))
    except Unresolvable:
        return [Problem(pointer, "The schema refers to a part of it that is not there.")]
    except (OutOfBounds, RecursionError, TimeoutError):
        return [Problem(pointer, "The schema asks for more work than one check may cost; make it simpler.")]
    finally:
        _budget.reset(token)


def _problems(error: "ValidationError", pointer: str) -> Iterator[Problem]:
    """Say what was expected, without what was found: it may be long, and nobody else's business."""
    from hub.core.problems import pointer as pointer_of

    where = pointer + pointer_of(tuple(error.absolute_path))
    if error.validator == "required":
        yield Problem(where, error.message)
    elif error.validator == "additionalProperties" and error.validator_value is False:
        for name in _unknown(error):
            yield Problem(where + pointer_of((name,)), "The schema has no such property.")
    else:
        expected = "false" if error.validator is None else f"`{error.validator}` {_short(error.validator_value)}"
        yield Problem(where, f"Does not fit the schema: {expected}.")


def _unknown(error: Any) -> list[str]:
    """Return the properties that a schema does not name, which takes no others."""
    known = error.schema.get("properties", {})
    return [name for name in error.instance if name not in known]


def _short(value: Any) -> str:
    text = jsontext.dump(value)
    return text if len(text) <= 200 else text[:200] + "..."


# ---------------------------------------------------------------- what a schema may hold


def _own_faults(schema: Any, pointer: str, root: Json) -> Iterator[Problem]:
    """Yield what the hub refuses beyond the dialect; looked for everywhere, also where it would only be an example."""
    if isinstance(schema, list):
        for number, each in enumerate(schema):
            yield from _own_faults(each, f"{pointer}/{number}", root)
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        below = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        fault = _RULES[name](value, root) if name in _RULES and isinstance(value, _TYPES.get(name, str)) else None
        if fault:
            yield Problem(below, fault)
        yield from _own_faults(value, below, root)


def _reference_fault(value: Any, root: Json) -> str | None:
    if not value.startswith("#"):
        return "A reference must stay within the schema: it begins with `#`."
    found: Any = root
    for step in value[2:].split("/") if value.startswith("#/") else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return "The schema has nothing at this place."
    return None


def _dialect_fault(value: Any, _root: Json) -> str | None:
    return None if value.rstrip("#") == DIALECT else f"Expected {DIALECT}."


def _pattern_fault(value: Any, _root: Json) -> str | None:
    if len(value) > MAX_PATTERN:
        return f"A pattern may have at most {MAX_PATTERN} characters."
    if _steps_of(value) > MAX_PATTERN_STEPS:
        return f"With its counted repetitions written out, a pattern may have at most {MAX_PATTERN_STEPS} steps."
    try:
        re.compile(value)
        _pattern(value)
    except (re.error, _regex().error, RecursionError, OverflowError):
        return "Expected a regular expression."
    return None


def _steps_of(pattern: str) -> int:
    """Return how long a pattern is with `a{3}` written as `aaa`: compiling does that, and nested counts multiply."""
    lengths, last = [0], 0
    for token in _TOKENS.finditer(pattern):
        if token[0] == "(":
            lengths.append(0)
        elif token[0] == ")" and len(lengths) > 1:
            last = lengths.pop()
            lengths[-1] += last
        elif token["least"] is not None:
            times = max(1, int(token["least"] or 0), int(token["most"] or 0))
            lengths[-1] += last * (times - 1)
            last *= times
        else:
            lengths[-1], last = lengths[-1] + 1, 1
    return sum(lengths)


_TOKENS = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<least>\d{0,9})(?:,(?P<most>\d{0,9}))?\}|.", re.DOTALL | re.ASCII
)
_RULES: dict[str, Callable[[Any, Json], str | None]] = {
    "$ref": _reference_fault,
    "$dynamicRef": _reference_fault,
    "$schema": _dialect_fault,
    "$id": lambda _value, root: None if root.get("$id") == _value else "Only the schema as a whole may have an `$id`.",
    "pattern": _pattern_fault,
    "patternProperties": lambda _value, _root: (
        "`patternProperties` is not supported; use `propertyNames` with a `pattern`."
    ),
}
_TYPES: dict[str, type] = {"patternProperties": dict}


# ---------------------------------------------------------------- the library, bounded


def _validator(schema: Any) -> "Validator":
    from referencing import Registry

    made: Validator = _validator_class()(schema, registry=_registry() if schema is _meta_schema() else Registry())
    return made


@cache
def _meta_schema() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator.META_SCHEMA


@cache
def _registry() -> Any:
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    return REGISTRY


@cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator, validators

    own = {"pattern": _match, "uniqueItems": _unique}
    keywords = {**Draft202012Validator.VALIDATORS, **own}
    extend: Any = validators.extend
    return extend(Draft202012Validator, {name: _counted(keyword) for name, keyword in keywords.items()})


def _counted(keyword: Any) -> Any:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        budget = _budget.get()
        budget.steps -= 1
        budget.depth += 1
        if budget.steps < 0 or budget.depth > MAX_DEPTH:
            raise OutOfBounds
        try:
            yield from keyword(validator, value, instance, schema) or ()
        finally:  # also where the library has seen enough
            budget.depth -= 1

    return counted


def search(pattern: str, text: str) -> Any:
    """Return the match of a foreign pattern in a text, or None, also where it would take longer than it may."""
    try:
        return _pattern(pattern).search(text, timeout=PATTERNS_S)
    except TimeoutError:
        return None


def pattern_fault(pattern: str) -> str | None:
    """Return what is wrong with a foreign pattern."""
    return _pattern_fault(pattern, {})


def _match(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not isinstance(instance, str):
        return
    budget, started = _budget.get(), time.perf_counter()
    matched = _pattern(pattern).search(instance, timeout=max(budget.patterns_s, 0.001))
    budget.patterns_s -= time.perf_counter() - started
    if not matched:
        yield ValidationError("does not match")


def _unique(_validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[Any]:
    """The library compares each with each."""
    from jsonschema import ValidationError

    if wanted and isinstance(instance, list) and len(set(map(jsontext.identity, instance))) < len(instance):
        yield ValidationError("has members that are equal")


@lru_cache(maxsize=500)
def _pattern(text: str) -> Any:
    return _regex().compile(text)


def _regex() -> Any:
    import regex  # type: ignore[import-untyped] # the standard module cannot be stopped once it backtracks

    return regex
