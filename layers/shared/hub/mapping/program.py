"""Writes one Python function for a set of mapping rules: the hot loop of every sync.

The source text is built from the fixed fragments below only. Everything that comes from a rule (names, paths,
defaults, functions) is bound in the function's namespace as k0, k1, ... and never becomes source text. For
`$.mail` -> `email`, and `$.state` -> `status` with a transform and a default, it writes:

    def map_record(record):
        get = record.get if isinstance(record, dict) else nothing
        out = {}
        x = get(k0, MISSING)
        if x is not MISSING:
            out[k1] = x
        try:
            x = get(k2, MISSING)
            if x is None or x is MISSING:
                x = k3
            else:
                x = k4(x)
                if x is MISSING:
                    x = k3
        except (Unfit, PathFailed) as cause:
            x = k5(cause)
        out[k6] = x
        return out
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hub.mapping.config import Unfit, fresh
from hub.mapping.expressions import Failed
from hub.mapping.paths import MISSING, BadPath, PathFailed, Put, Steps
from hub.mapping.texts import Pattern
from hub.mapping.transforms import Lookup

SHORT_TARGET = 4


def taken(value: Any) -> Any:
    """Return a prepared value; raises Unfit where preparing it failed."""
    if isinstance(value, Failed):
        raise Unfit(value.reason)
    return value


VOCABULARY: dict[str, Any] = {
    "MISSING": MISSING,
    "NUMBERS": (int, float),  # 0 and false are falsy, but they are not empty
    "Unfit": Unfit,
    "PathFailed": PathFailed,
    "taken": taken,
    "nothing": {}.get,
}


@dataclass(frozen=True)
class Line:
    """One rule, checked: `source` are the steps of a plain path, else `load` finds the value in the record."""

    target: Steps
    put: Put
    source: Steps | None
    load: Callable[[Any], Any] | None
    convert: Any  # a function of the value or of the record; of a prepared line what prepares it; None copies
    of_record: bool
    default: Any
    skip_if_empty: bool
    on_error: Callable[[Unfit | BadPath], Any]
    prepared: int | None = None  # where its value is among those that were prepared for the whole page


def assemble(lines: Sequence[Line]) -> Callable[..., dict[str, Any]]:
    """Return the function that writes the fields of all lines; with prepared ones it also takes their values."""
    names = Names()
    body = [statement for line in lines for statement in _statements(line, names)]
    start = ["get = record.get if isinstance(record, dict) else nothing", "out = {}"]
    arguments = "record" if all(line.prepared is None for line in lines) else "record, prepared"
    source = "\n".join([f"def map_record({arguments}):", *_indent([*start, *body, "return out"])])
    namespace = VOCABULARY | names.bound
    exec(compile(source, "<mapping>", "exec"), namespace)  # noqa: S102  fixed fragments only, see above
    function: Callable[..., dict[str, Any]] = namespace["map_record"]
    return function


class Names:
    """Gives what comes from rules its generated names."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        name = f"k{len(self.bound)}"
        self.bound[name] = value
        return name


def _statements(line: Line, names: Names) -> Iterator[str]:
    read = [*_load(line, names), *_convert(line, names)]
    if line.convert or line.load:
        handler = f"x = {names.bind(line.on_error)}(cause)"
        yield from ("try:", *_indent(read), "except (Unfit, PathFailed) as cause:", *_indent([handler]))
    else:
        yield from read
    yield from _store(line, names)


def _load(line: Line, names: Names) -> Iterator[str]:
    if line.prepared is not None:
        yield f"x = taken(prepared[{names.bind(line.prepared)}])"
    elif line.of_record and line.convert:
        yield from _of_record(line.convert, names)
    elif line.source is None:
        yield f"x = {names.bind(line.load)}(record)"
    else:
        yield from _look_up("x", line.source, names)


def _look_up(variable: str, steps: Steps, names: Names) -> Iterator[str]:
    if steps and isinstance(steps[0], str):
        yield f"{variable} = get({names.bind(steps[0])}, MISSING)"
        steps = steps[1:]
    else:
        yield f"{variable} = record"
    for step in steps:
        yield _descend(variable, step, names.bind(step))


def _descend(x: str, step: str | int, name: str) -> str:
    if isinstance(step, str):
        return f"{x} = {x}.get({name}, MISSING) if isinstance({x}, dict) else MISSING"
    return f"{x} = {x}[{name}] if isinstance({x}, list) and -len({x}) <= {name} < len({x}) else MISSING"


def _of_record(convert: Callable[[Any], Any], names: Names) -> Iterator[str]:
    general = f"x = {names.bind(convert)}(record)"
    steps = convert.parts if isinstance(convert, Pattern) else [None]
    plain = [each for each in steps if each is not None]
    if not isinstance(convert, Pattern) or len(plain) < len(steps):
        yield general
        return
    parts = [f"p{number}" for number in range(len(plain))]
    for part, where in zip(parts, plain, strict=True):
        yield from _look_up(part, where, names)
    yield from _filled(convert, parts, names, general)


def _filled(pattern: Pattern, parts: Sequence[str], names: Names, general: str) -> Iterator[str]:
    literals = [f"{{{names.bind(literal)}}}" if literal else "" for literal in pattern.literals]
    text = "".join(literal + f"{{{part}}}" for literal, part in zip(literals, parts, strict=False)) + literals[-1]
    texts = " is ".join(["str", *(f"{part}.__class__" for part in parts)])
    blank = "".join(f" and {part}" for part in parts) if pattern.skips_blank else ""
    yield from (f"if {texts}{blank}:", f'    x = f"{text}"', "else:", f"    {general}")


def _convert(line: Line, names: Names) -> Iterator[str]:
    default = _default(line, names)
    if line.prepared is not None:
        yield from _when("x is MISSING", default)
        return
    if line.convert is None or line.of_record:
        yield from _when("x is None or x is MISSING", default)
        return
    yield from ("if x is None or x is MISSING:", *_indent(default or ["pass"]), "else:")
    yield from _indent([*_apply(line.convert, names), *_when("x is MISSING", default)])


def _apply(convert: Callable[[Any], Any], names: Names) -> Iterator[str]:
    general = names.bind(convert)
    if not isinstance(convert, Lookup):
        yield f"x = {general}(x)"
        return
    table, otherwise = names.bind(convert.table), names.bind(convert.otherwise)
    yield f"y = {table}.get(x, {otherwise}) if x.__class__ is str else MISSING"
    yield f"x = {general}(x) if y is MISSING else y"


def _default(line: Line, names: Names) -> list[str]:
    if line.default is MISSING:
        return []
    name = names.bind(line.default)
    if not isinstance(line.default, (dict, list)):
        return [f"x = {name}"]
    return [f"x = {names.bind(fresh)}({name})"]


def _store(line: Line, names: Names) -> list[str]:
    if line.skip_if_empty:
        return _when("x or isinstance(x, NUMBERS)", [_assign(line, names)])
    if line.default is MISSING:
        return _when("x is not MISSING", [_assign(line, names)])
    return [_assign(line, names)]


def _assign(line: Line, names: Names) -> str:
    if len(line.target) > SHORT_TARGET or not all(isinstance(step, str) for step in line.target):
        return f"{names.bind(line.put)}(out, x)"
    *parents, last = [names.bind(step) for step in line.target]
    place = "".join(f".setdefault({name}, {{}})" for name in parents)
    return f"out{place}[{last}] = x"


def _when(condition: str, statements: Sequence[str]) -> list[str]:
    return [f"if {condition}:", *_indent(statements)] if statements else []


def _indent(statements: Iterable[str]) -> list[str]:
    return [f"    {statement}" for statement in statements]
