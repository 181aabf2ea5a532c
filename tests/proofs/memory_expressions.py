"""DynamoDB's conditions and updates, compiled once per text: the part of its language that the hub writes.

An expression knows the placeholders it uses, so that whoever gives more or fewer is refused as DynamoDB refuses them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from hub.core.attributes import decode, encode

Attributes = dict[str, Any]
Values = Mapping[str, Any]
Operand = Callable[[Attributes, Values], Any]
Condition = Callable[[Attributes, Values], bool]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),.+-]|[#:]?\w+)")
_FUNCTIONS = frozenset({"attribute_exists", "attribute_not_exists", "begins_with", "contains"})


class WrongExpression(Exception):
    """DynamoDB answers ValidationException."""


class _Missing:
    """What an attribute that is not there compares as: with nothing."""


MISSING = _Missing()


@dataclass
class Words:
    """The tokens of one expression, and the placeholders seen on the way."""

    text: str
    names: Mapping[str, str]
    at: int = 0
    used: set[str] = field(default_factory=set)
    tokens: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = _TOKEN.findall(self.text)

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        found = self.next
        if not found or (expected and found != expected):
            raise WrongExpression(f"expected {expected or 'a word'}, found {found!r} in {self.text!r}")
        self.at += 1
        return found

    def takes(self, word: str) -> bool:
        if self.next != word:
            return False
        self.at += 1
        return True

    def name(self) -> str:
        found = self.take()
        if found.startswith("#"):
            self.used.add(found)
            if found not in self.names:
                raise WrongExpression(f"no name is given for {found}")
            return self.names[found]
        raise WrongExpression(f"expected a placeholder, found {found!r} in {self.text!r}: some words are reserved")

    def path(self) -> tuple[str, ...]:
        found = [self.name()]
        while self.takes("."):
            found.append(self.name())
        return tuple(found)

    def value(self) -> str:
        found = self.take()
        if not found.startswith(":"):
            raise WrongExpression(f"expected a value, found {found!r} in {self.text!r}")
        self.used.add(found)
        return found


def at(item: Attributes, path: tuple[str, ...]) -> Any:
    """Return the attribute at a path as it is stored, `{"S": ...}`; None where there is none."""
    found: Any = item.get(path[0])
    for name in path[1:]:
        found = found.get("M", {}).get(name) if found else None
    return found


def _read(words: Words) -> Operand:
    if words.next.startswith(":"):
        name = words.value()
        return lambda _item, values: decode(values[name])
    if words.takes("size"):
        words.take("(")
        sized = words.path()
        words.take(")")
        return lambda item, _values: _size(at(item, sized))
    path = words.path()
    return lambda item, _values: MISSING if at(item, path) is None else decode(at(item, path))


def _size(attribute: Any) -> Any:
    return MISSING if attribute is None else len(decode(attribute))


def _same_kind(left: Any, right: Any) -> bool:
    numbers = {int, float}
    return type(left) is type(right) or {type(left), type(right)} <= numbers


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: _same_kind(left, right) and left == right,
    "<>": lambda left, right: not (_same_kind(left, right) and left == right),
    "<": lambda left, right: _same_kind(left, right) and left < right,
    "<=": lambda left, right: _same_kind(left, right) and left <= right,
    ">": lambda left, right: _same_kind(left, right) and left > right,
    ">=": lambda left, right: _same_kind(left, right) and left >= right,
}


def _any(words: Words) -> Condition:
    parts = [_all(words)]
    while words.takes("OR"):
        parts.append(_all(words))
    return parts[0] if len(parts) == 1 else lambda item, values: any(part(item, values) for part in parts)


def _all(words: Words) -> Condition:
    parts = [_one(words)]
    while words.takes("AND"):
        parts.append(_one(words))
    return parts[0] if len(parts) == 1 else lambda item, values: all(part(item, values) for part in parts)


def _one(words: Words) -> Condition:
    if words.takes("NOT"):
        denied = _one(words)
        return lambda item, values: not denied(item, values)
    if words.takes("("):
        inner = _any(words)
        words.take(")")
        return inner
    return _function(words) if words.next in _FUNCTIONS else _comparison(words)


def _function(words: Words) -> Condition:
    name = words.take()
    words.take("(")
    path = words.path()
    if name in ("attribute_exists", "attribute_not_exists"):
        words.take(")")
        return lambda item, _values: (at(item, path) is not None) == (name == "attribute_exists")
    words.take(",")
    sought = _read(words)
    words.take(")")
    if name == "begins_with":
        return lambda item, values: str(_text(item, path)).startswith(sought(item, values))
    return lambda item, values: _contains(at(item, path), sought(item, values))


def _text(item: Attributes, path: tuple[str, ...]) -> str:
    return str((at(item, path) or {}).get("S", ""))


def _contains(attribute: Any, sought: Any) -> bool:
    return attribute is not None and sought in decode(attribute)


def _comparison(words: Words) -> Condition:
    left = _read(words)
    if words.takes("BETWEEN"):
        low = _read(words)
        words.take("AND")
        high = _read(words)
        above, below = _COMPARE[">="], _COMPARE["<="]
        return lambda item, values: (
            above(left(item, values), low(item, values)) and below(left(item, values), high(item, values))
        )
    if words.takes("IN"):
        words.take("(")
        choices = [_read(words)]
        while words.takes(","):
            choices.append(_read(words))
        words.take(")")
        equal = _COMPARE["="]
        return lambda item, values: any(equal(left(item, values), choice(item, values)) for choice in choices)
    compare, right = _COMPARE[words.take()], _read(words)
    return lambda item, values: compare(left(item, values), right(item, values))


Change = Callable[[Attributes, Attributes, Values], None]


def _updates(words: Words) -> list[Change]:
    changes: list[Change] = []
    clauses: set[str] = set()
    while words.next:
        clause = words.take()
        if clause in clauses or clause not in _CLAUSES:
            raise WrongExpression(f"unexpected {clause!r} in {words.text!r}")
        clauses.add(clause)
        changes.append(_CLAUSES[clause](words))
        while words.takes(","):
            changes.append(_CLAUSES[clause](words))
    return changes


def _set(words: Words) -> Change:
    path = words.path()
    words.take("=")
    value = _sum(words)
    return lambda old, new, values: _put(new, path, value(old, values))


def _sum(words: Words) -> Operand:
    left = _term(words)
    if words.next not in ("+", "-"):
        return left
    sign, right = (1 if words.take() == "+" else -1), _term(words)

    def added(item: Attributes, values: Values) -> Any:
        return encode(decode(left(item, values)) + sign * decode(right(item, values)))

    return added


def _term(words: Words) -> Operand:
    """Return what gives an attribute as it is stored."""
    if words.next in ("if_not_exists", "list_append"):
        name = words.take()
        words.take("(")
        first = _term(words)
        words.take(",")
        second = _term(words)
        words.take(")")
        if name == "list_append":
            return lambda item, values: {"L": first(item, values)["L"] + second(item, values)["L"]}
        return lambda item, values: first(item, values) or second(item, values)
    if words.next.startswith(":"):
        value = words.value()
        return lambda _item, values: values[value]
    path = words.path()
    return lambda item, _values: at(item, path)


def _put(item: Attributes, path: tuple[str, ...], attribute: Any) -> None:
    if attribute is None:
        raise WrongExpression(f"what is to be put at {'.'.join(path)} does not exist")
    if len(path) == 1:
        item[path[0]] = attribute
        return
    (name, *rest), inner = path, dict(item.get(path[0], {}).get("M", {}))
    if name not in item:
        raise WrongExpression(f"{name} does not exist, so nothing can be put into it")
    _put(inner, tuple(rest), attribute)
    item[name] = {"M": inner}


def _remove(words: Words) -> Change:
    path = words.path()
    if len(path) > 1:
        raise WrongExpression("the memory removes whole attributes only")
    return lambda _old, new, _values: new.pop(path[0], None) and None


def _add(words: Words) -> Change:
    path, value = words.path(), words.value()

    def change(old: Attributes, new: Attributes, values: Values) -> None:
        present, added = at(old, path), values[value]
        (kind, _), *_ = added.items()
        if kind not in ("N", "SS") or (present and kind not in present):
            raise WrongExpression("ADD takes a number or a set, and what is there must be of the same kind")
        both = decode(added) if present is None else _joined(decode(present), decode(added))
        _put(new, path, encode(both))

    return change


def _joined(present: Any, added: Any) -> Any:
    return present | added if isinstance(present, set) else present + added


def _delete(words: Words) -> Change:
    (name,), value = words.path(), words.value()

    def change(old: Attributes, new: Attributes, values: Values) -> None:
        left = decode(old[name]) - decode(values[value]) if name in old else set()
        new.pop(name, None)
        if left:
            new[name] = encode(left)

    return change


_CLAUSES: dict[str, Callable[[Words], Change]] = {"SET": _set, "REMOVE": _remove, "ADD": _add, "DELETE": _delete}


@dataclass(frozen=True)
class Compiled:
    holds: Condition | None
    changes: tuple[Change, ...]
    used: frozenset[str]


@lru_cache(maxsize=4096)
def _compiled(condition: str, update: str, names: tuple[tuple[str, str], ...]) -> Compiled:
    known = dict(names)
    asked, asking = Words(condition, known), Words(update, known)
    holds = _any(asked) if condition else None
    if asked.next:
        raise WrongExpression(f"what follows {asked.next!r} in {condition!r} is no condition")
    return Compiled(holds, tuple(_updates(asking)), frozenset(asked.used | asking.used))


def compiled(condition: str, update: str, names: Mapping[str, str], values: Values) -> Compiled:
    """Return both expressions of a request; raises WrongExpression, also for placeholders that nobody uses."""
    found = _compiled(condition, update, tuple(names.items()))
    if found.used != set(names) | set(values):
        raise WrongExpression(f"placeholders that differ from those used: {found.used ^ (set(names) | set(values))}")
    return found
