"""JavaScript expressions: checked when a definition is saved, evaluated in one call for all records of a page.

An expression is one expression, not a list of statements; where it gives a function, that is called with the names in
scope and its result counts: `(value, record) => { ... return ...; }`. `undefined` is no value; Date and whatever else
has a toJSON become JSON; NaN, Infinity, BigInt beyond 53 bits and promises fail. Whole numbers beyond 2^53 lose digits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from hub.mapping.config import BadConfig, Config, Unfit, found
from hub.mapping.paths import MISSING

LONGEST_SOURCE = 10_000
LONGEST_RESULT = 64 * 1024
PAGE_NAMES = ("value", "record")
# CPU time for every started hundred of records, and for the largest page.
BATCH, BATCH_MS, LONGEST_MS = 100, 200, 10_000
SINGLE_MS = 50
ROUND, SQUARE = ("(", ")"), ("[", "]")

# Beside the expressions, so that they see nothing of it. A line of the input is the number of an expression and its
# arguments as JSON, divided by tabs: nothing is undefined, `^` is the same as in the line before. A line of the answer
# is `=` and JSON, `-` for undefined, `!` and a message as JSON.
_DRIVER = """
((rules) => {
  "use strict";
  const { parse, stringify } = JSON, { isFinite, isSafeInteger } = Number, text = input;
  delete globalThis.input;
  const sayable = (_, value) => {
    if (typeof value === "number" && !isFinite(value)) throw new RangeError(`the result holds ${value}`);
    if (typeof value !== "bigint") return value;
    if (!isSafeInteger(Number(value))) throw new RangeError("the result holds a BigInt of more than 53 bits");
    return Number(value);
  };
  const called = (rule, args) => {
    const result = rule(...args);
    return typeof result === "function" ? result(...args) : result;
  };
  const told = (rule, args) => {
    const result = called(rule, args);
    if (result instanceof Promise) throw new TypeError("the result is a promise");
    const json = stringify(result, sayable);
    if (json === undefined) return "-";
    if (json.length > LONGEST) throw new RangeError(`the result has ${json.length} characters, at most LONGEST fit`);
    return "=" + json;
  };
  const reason = (error) => {
    if (error === null) return "ran out of memory, or threw null";
    try {
      return error instanceof Error ? `${error.name}: ${error.message}` : `threw ${stringify(error)}`;
    } catch {
      return "threw something that cannot be shown";
    }
  };
  let before = [];
  return text.split("\\n").map((line) => {
    const [number, ...given] = line.split("\\t");
    before = given.map((arg, place) => (arg === "^" ? before[place] : arg));
    try {
      return told(rules[number], before.map((arg) => (arg === "" ? undefined : parse(arg))));
    } catch (error) {
      return "!" + stringify(reason(error).slice(0, 300));
    }
  }).join("\\n");
})""".replace("LONGEST", str(LONGEST_RESULT))


class BadExpression(ValueError):
    """The text is no expression; the message says the line and the column, counted from 1."""


@dataclass(frozen=True)
class Expression:
    """A checked expression of a mapping rule, over `value` and `record`."""

    source: str

    @property
    def reads_record(self) -> bool:
        return reads(self.source, "record")


@dataclass(frozen=True)
class Failed:
    """No result, and why."""

    reason: str


def expression(config: Config) -> Expression:
    """Build the transform `expression`."""
    source = config.text("expression")
    try:
        return Expression(checked(source, PAGE_NAMES))
    except BadExpression as cause:
        raise BadConfig("/expression", str(cause)) from cause


@lru_cache(maxsize=1024)
def checked(source: str, names: tuple[str, ...]) -> str:
    """Return the source if it can be compiled as one expression; it is not run. Raises BadExpression."""
    if not source.strip() or len(source) > LONGEST_SOURCE:
        raise BadExpression(f"expected an expression of 1 to {LONGEST_SOURCE} characters, found {len(source)}")
    from hub.mapping import engine

    # What closes one kind of bracket to go on behind it does not fit into the other.
    for brackets in (ROUND, SQUARE):
        try:
            engine.run(f"{_function(source, names, brackets)}; ''", "", engine.Limits(SINGLE_MS))
        except engine.EngineFailed as failure:
            raise BadExpression(_located(source, failure.reason, failure.place)) from None
    return source


def reads(source: str, name: str) -> bool:
    """Say whether an expression may read what is in scope under a name; a function has names of its own."""
    return any(word in source for word in (name, "=>", "function", "arguments"))


def results(
    sources: Sequence[str], names: Sequence[str], calls: Sequence[tuple[int, Sequence[str]]], cpu_ms: int
) -> list[Any]:
    """Return a value, MISSING or Failed for each call: the number of a source and its arguments as JSON.

    One call of the engine, in a context that nothing else has used; where it fails as a whole, every call has Failed.
    """
    if not calls:
        return []
    from hub.mapping import engine

    program = f"{_DRIVER}([{','.join(_function(source, names) for source in sources)}])"
    try:
        lines = engine.run(program, _lines(calls), engine.Limits(cpu_ms)).split("\n")
    except engine.EngineFailed as failure:
        return [Failed(f"JavaScript {failure}")] * len(calls)
    if len(lines) != len(calls):
        return [Failed("JavaScript gave another number of results than was asked for")] * len(calls)
    return [_read(line) for line in lines]


def evaluated(source: str, scope: Mapping[str, Any]) -> Any:
    """Return the value of one expression over the names of `scope`, or MISSING; raises Unfit."""
    result = results([source], list(scope), [(0, [as_json(value) for value in scope.values()])], SINGLE_MS)[0]
    if isinstance(result, Failed):
        raise Unfit(result.reason)
    return result


def as_json(value: Any) -> str:
    """Return a value on its way into JavaScript; raises Unfit for what is nested too deep or too large a number."""
    try:
        return orjson.dumps(value).decode()
    except TypeError as cause:
        raise Unfit(f"JavaScript cannot read {found(value)}: {cause}") from cause


def page_ms(records: int) -> int:
    return min(BATCH_MS * -(-records // BATCH), LONGEST_MS)


def _function(source: str, names: Sequence[str], brackets: tuple[str, str] = ROUND) -> str:
    opening, closing = brackets
    return f'(function ({", ".join(names)}) {{ "use strict"; return {opening}\n{source}\n{closing}; }})'


def _lines(calls: Sequence[tuple[int, Sequence[str]]]) -> str:
    lines: list[str] = []
    before: Sequence[str] = ()
    for number, args in calls:
        same = [place < len(before) and before[place] == arg != "" for place, arg in enumerate(args)]
        shown = ["^" if is_same else arg for arg, is_same in zip(args, same, strict=True)]
        lines.append("\t".join([str(number), *shown]))
        before = args
    return "\n".join(lines)


def _read(line: str) -> Any:
    mark, text = line[:1], line[1:]
    if mark == "-":
        return MISSING
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as cause:
        return Failed(f"the result is not JSON: {cause}")
    return value if mark == "=" else Failed(str(value))


def _located(source: str, reason: str, place: tuple[int, int] | None) -> str:
    """Return the engine's reason with the place in the source, whose first line is the second of the program."""
    lines = source.split("\n")
    if place is None:
        return reason
    line, byte = place[0] - 1, place[1] - 1
    if line > len(lines):
        return f"line {len(lines)}, column {len(lines[-1]) + 1}: unexpected end of the expression"
    column = len(lines[line - 1].encode(errors="replace")[:byte].decode(errors="replace")) + 1
    return f"line {line}, column {column}: {reason.removeprefix('SyntaxError: ')}"
