"""The conditions that providers take as text (SOQL, SGQL, Drive's q, OData), read strictly: one grammar, four dialects.

condition = and {"or" and};  and = not {"and" not};  not = ["not"] one
one = "(" condition ")" | operand [operator operand];  operand = text | number | word | name "(" operands ")"
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.parity.serving import Json

TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")|(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)|(?P<word>[^\s'"=<>!(),]+))"""
)
Value = Callable[[Json], Any]
Condition = Callable[[Json], bool]
LIKE_SIGNS = {"%": ".*", "_": "."}


class Malformed(ValueError):
    """The text is not a condition of the dialect."""


class UnknownField(ValueError):
    """The condition names a field that there is not."""


@dataclass(frozen=True)
class Dialect:
    """`field` returns the value of a named field and raises UnknownField, also for an empty record.

    `unescape` returns what a quoted text means.
    """

    field: Callable[[Json, str], Any]
    operators: Mapping[str, Callable[[Any, Any], bool]]
    unescape: Callable[[str], str]
    functions: Mapping[str, Callable[..., Any]] | None = None


@dataclass(frozen=True)
class Bare:
    """A literal without quotes, such as a time or a number."""

    text: str


def backslashes(inner: str) -> str:
    r"""Return a text with \' and \\ undone; a quote that is doubled is none."""
    if "'" in re.sub(r"\\.", "", inner):
        raise Malformed("unexpected '")
    return re.sub(r"\\(.)", r"\1", inner)


def doubled(inner: str) -> str:
    """Return a text with '' undone; a backslash means itself."""
    if "'" in inner.replace("''", ""):
        raise Malformed("unexpected '")
    return inner.replace("''", "'")


def read(text: str, dialect: Dialect) -> Condition:
    """Return the condition that the text says; raises Malformed."""
    reader = _Reader(_tokens(text), dialect)
    condition = reader.either()
    if reader.peek():
        raise Malformed(f"unexpected token: {reader.peek()}")
    return lambda record: bool(condition(record))


def like(value: Any, pattern: Any) -> bool:
    """Return whether the value is like the pattern with % and _, capital letters or not."""
    form = "".join(LIKE_SIGNS.get(sign, re.escape(sign)) for sign in str(pattern))
    return value is not None and re.fullmatch(form, str(value), re.IGNORECASE | re.DOTALL) is not None


def equal(value: Any, other: Any) -> bool:
    if isinstance(other, Bare):
        return bool(_comparable(value) == _comparable(other))
    return bool(str(value).lower() == str(other).lower()) if value is not None else other in (None, "")


def ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return an operator for times, numbers and texts; nothing is before or after null."""
    return lambda value, other: value is not None and holds(_comparable(value), _comparable(other))


def moment(text: str) -> datetime:
    """Return a time of ISO 8601, of UTC where it does not say; raises ValueError."""
    at = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _comparable(value: Any) -> Any:
    text = value.text if isinstance(value, Bare) else value
    if text in ("null", "true", "false"):
        return {"null": None, "true": True, "false": False}[text]
    if not isinstance(text, str):
        return text
    try:
        return moment(text) if re.match(r"\d{4}-\d\d-\d\d", text) else float(text)
    except ValueError:
        return text


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        token = TOKEN.match(text, place)
        if token is None:
            raise Malformed(f"unexpected token: '{text[place : place + 10]}'")
        found.append(token[0].strip())
        place = token.end()
    return found


class _Reader:
    def __init__(self, tokens: list[str], dialect: Dialect) -> None:
        self._tokens, self._place, self._dialect = tokens, 0, dialect

    def peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def either(self) -> Value:
        parts = [self._both()]
        while self._took("or"):
            parts.append(self._both())
        return lambda record: any(part(record) for part in parts)

    def _both(self) -> Value:
        parts = [self._negated()]
        while self._took("and"):
            parts.append(self._negated())
        return lambda record: all(part(record) for part in parts)

    def _negated(self) -> Value:
        if not self._took("not"):
            return self._one()
        negated = self._one()
        return lambda record: not negated(record)

    def _one(self) -> Value:
        if self._took("("):
            inner = self.either()
            self._must_take(")")
            return inner
        left = self._operand()
        operator = self._dialect.operators.get(self.peek().lower())
        if operator is None:
            return left
        self._next()
        right = self._operand()
        return lambda record: operator(left(record), right(record))

    def _operand(self) -> Value:
        token = self._next()
        if token[0] in "'\"":
            text = self._dialect.unescape(token[1:-1])
            return lambda _: text
        if not re.match(r"[\w$@+-]", token):
            raise Malformed(f"unexpected token: {token}")
        if self.peek() == "(":
            return self._call(token)
        if re.match(r"[\d+-]", token) or token.lower() in ("null", "true", "false"):
            return lambda _: Bare(token.lower() if token.isalpha() else token)
        self._dialect.field({}, token)
        return lambda record: self._dialect.field(record, token)

    def _call(self, name: str) -> Value:
        function = (self._dialect.functions or {}).get(name.lower())
        if function is None:
            raise Malformed(f"unknown function: {name}")
        self._must_take("(")
        operands = [self._operand()]
        while self._took(","):
            operands.append(self._operand())
        self._must_take(")")
        return lambda record: function(*(operand(record) for operand in operands))

    def _next(self) -> str:
        token = self.peek()
        if not token:
            raise Malformed("unexpected end of the condition")
        self._place += 1
        return token

    def _took(self, word: str) -> bool:
        if self.peek().lower() != word:
            return False
        self._place += 1
        return True

    def _must_take(self, sign: str) -> None:
        if not self._took(sign):
            raise Malformed(f"expected {sign}, found {self.peek() or 'the end'}")
