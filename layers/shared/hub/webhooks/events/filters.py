"""Filters: which events of a subscribed type are meant, as a pattern over `{"type", "data"}`.

    {"data": {"amount": {"$gt": 5}, "status": {"$in": ["new", "open"]}}}        nested, or with dots:
    {"data.amount": {"$gt": 5}, "$or": [{"type": "order.paid"}, {"data.vip": true}]}

Everything in an object must hold. A plain value means `$eq`. Comparisons are of one JSON type: numbers with numbers,
text with text (by code points, so ISO 8601 times compare as times do); 1 equals 1.0, and true does not equal 1.

- A field that is missing meets only `$exist: false`, `$neq`, `$nin` and `$not`; null is a value like others.
- A list meets a comparison when itself or one of its members does, and `$neq`, `$nin` when none does.
- An object with field names, asked of a list, looks for one member that meets all of it; with dots, each path looks
  for itself. A dot always divides: a key that holds one cannot be named.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from hub.core import jsontext
from hub.core.errors import Problem

Test = Callable[[Any], bool]

MAX_BYTES = 16 * 1024
MAX_DEPTH = 12
MAX_CONDITIONS = 64
MAX_VALUES = 100
MOST_FAULTS = 20
ROOTS = ("type", "data")
# What a field that is not there has as its value.
MISSING: Any = object()


def check_filter(raw: Any) -> list[Problem]:
    """Return what is wrong with a filter, each fault with its JSON pointer into it; empty when it can be compiled."""
    found = list(islice(_faults_of_object(raw, "", 0), MOST_FAULTS))
    if not found and len(jsontext.canonical(raw)) > MAX_BYTES:
        return [Problem("", f"A filter may have at most {MAX_BYTES} bytes.")]
    if not found and _conditions(raw) > MAX_CONDITIONS:
        return [Problem("", f"A filter may have at most {MAX_CONDITIONS} conditions.")]
    return found


@lru_cache(maxsize=1000)
def compiled(text: str) -> Test:
    """Return what says whether `{"type", "data"}` is meant by a stored filter; an empty text means every event."""
    return _compiled(jsontext.load(text)) if text else lambda _: True


# ---------------------------------------------------------------- what may be written


def _faults_of_object(raw: Any, pointer: str, depth: int) -> Iterator[Problem]:
    """Check a whole filter, or one of those in `$and`, `$or` and `$not` at the top."""
    if not isinstance(raw, dict):
        yield Problem(pointer, "Expected an object.")
        return
    for name, value in raw.items():
        if not name.startswith("$") and name.split(".")[0] not in ROOTS:
            yield Problem(_below(pointer, name), "Expected a path that begins with `type` or `data`.")
        elif name in _COMPARISONS:
            yield Problem(_below(pointer, name), "A comparison stands below the name of a field.")
        else:
            yield from _faults_of_entry(name, value, _below(pointer, name), depth + 1, _faults_of_object)


def _faults_of_condition(raw: Any, pointer: str, depth: int) -> Iterator[Problem]:
    if not isinstance(raw, dict):
        return
    if not raw:
        yield Problem(pointer, "Expected at least one condition; `{}` says nothing.")
    if any(name in _COMPARISONS for name in raw) and any(not name.startswith("$") for name in raw):
        yield Problem(pointer, "An object either compares a value or names fields below it, not both.")
        return
    for name, value in raw.items():
        yield from _faults_of_entry(name, value, _below(pointer, name), depth + 1, _faults_of_condition)


def _faults_of_entry(
    name: str, value: Any, pointer: str, depth: int, inner: Callable[[Any, str, int], Iterator[Problem]]
) -> Iterator[Problem]:
    depth += name.count(".")
    if depth > MAX_DEPTH:
        yield Problem(pointer, f"A filter may be nested at most {MAX_DEPTH} levels deep.")
    elif name in ("$and", "$or"):
        yield from _faults_of_list(value, pointer, depth, inner)
    elif name == "$not":
        yield from inner(value, pointer, depth) if value != {} else [Problem(pointer, "Expected a condition.")]
    elif name in _COMPARISONS:
        expected, holds = _OPERANDS[name]
        if not holds(value):
            yield Problem(pointer, f"Expected {expected}.")
    elif name.startswith("$"):
        yield Problem(
            pointer, f"Unknown operator; expected one of {', '.join([*_COMPARISONS, '$and', '$or', '$not'])}."
        )
    elif not all(name.split(".")):
        yield Problem(pointer, "A path has no empty parts.")
    else:
        yield from _faults_of_condition(value, pointer, depth)


def _faults_of_list(
    value: Any, pointer: str, depth: int, inner: Callable[[Any, str, int], Iterator[Problem]]
) -> Iterator[Problem]:
    if not isinstance(value, list) or not value:
        yield Problem(pointer, "Expected a list of at least one filter.")
        return
    for number, each in enumerate(value):
        yield from inner(each, f"{pointer}/{number}", depth)


def _conditions(raw: Any) -> int:
    if isinstance(raw, dict):
        return sum(1 + _conditions(value) for value in raw.values())
    return sum(map(_conditions, raw)) if isinstance(raw, list) and raw and isinstance(raw[0], dict) else 0


def _below(pointer: str, name: str) -> str:
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def _is_ordered(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_VALUES


_ANY = ("a value", lambda _: True)
_ORDERED = ("a number or text", _is_ordered)
_LIST = (f"a list of at most {MAX_VALUES} values", _is_list)
_TEXT = ("text", lambda value: isinstance(value, str))
_OPERANDS: dict[str, tuple[str, Test]] = {
    "$eq": _ANY,
    "$neq": _ANY,
    "$gt": _ORDERED,
    "$gte": _ORDERED,
    "$lt": _ORDERED,
    "$lte": _ORDERED,
    "$in": _LIST,
    "$nin": _LIST,
    "$startsWith": _TEXT,
    "$endsWith": _TEXT,
    "$exist": ("true or false", lambda value: isinstance(value, bool)),
}


# ---------------------------------------------------------------- what it means


def _compiled(raw: Any) -> Test:
    if not isinstance(raw, dict):
        return _equal(raw)
    tests = [_entry(name, value) for name, value in raw.items()]
    whole = tests[0] if len(tests) == 1 else _all(tests)
    names_fields = any(not name.startswith("$") for name in raw)
    return _of_one_member(whole) if names_fields else whole


def _entry(name: str, value: Any) -> Test:
    if name in _COMPARISONS:
        return _COMPARISONS[name](value)
    if name == "$and":
        return _all([_compiled(each) for each in value])
    if name == "$or":
        return _one_of([_compiled(each) for each in value])
    if name == "$not":
        return _negated(_compiled(value))
    return _at(name.split("."), _compiled(value))


def _at(path: list[str], test: Test) -> Test:
    """Apply `test` to what stands at the path; each step looks into the members of a list."""
    first, *rest = path
    below = _of_one_member(_at(rest, test)) if rest else test
    return lambda value: below(value.get(first, MISSING) if isinstance(value, dict) else MISSING)


def _of_one_member(test: Test) -> Test:
    def found(value: Any) -> bool:
        return any(map(found, value)) if isinstance(value, list) and value else test(value)

    return found


def _all(tests: list[Test]) -> Test:
    return lambda value: all(test(value) for test in tests)


def _one_of(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _negated(test: Test) -> Test:
    return lambda value: not test(value)


def _itself_or_member(test: Test) -> Test:
    return lambda value: test(value) or (isinstance(value, list) and any(map(test, value)))


def _equal(operand: Any) -> Test:
    return _among([operand])


def _among(operands: list[Any]) -> Test:
    wanted = frozenset(map(jsontext.identity, operands))
    if any(isinstance(each, dict | list) for each in operands):
        return _itself_or_member(lambda value: value is not MISSING and jsontext.identity(value) in wanted)
    return _itself_or_member(
        lambda value: value is not MISSING and not isinstance(value, dict | list) and jsontext.identity(value) in wanted
    )


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def made(operand: Any) -> Test:
        is_text = isinstance(operand, str)
        return _itself_or_member(
            lambda value: _is_ordered(value) and isinstance(value, str) == is_text and holds(value, operand)
        )

    return made


def _text(holds: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    return lambda operand: _itself_or_member(lambda value: isinstance(value, str) and holds(value, operand))


_COMPARISONS: dict[str, Callable[[Any], Test]] = {
    "$eq": _equal,
    "$neq": lambda operand: _negated(_equal(operand)),
    "$gt": _ordered(lambda value, operand: value > operand),
    "$gte": _ordered(lambda value, operand: value >= operand),
    "$lt": _ordered(lambda value, operand: value < operand),
    "$lte": _ordered(lambda value, operand: value <= operand),
    "$in": _among,
    "$nin": lambda operands: _negated(_among(operands)),
    "$startsWith": _text(str.startswith),
    "$endsWith": _text(str.endswith),
    "$exist": lambda wanted: lambda value: (value is not MISSING) == wanted,
}
