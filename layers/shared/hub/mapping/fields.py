"""Field mapping: rules of a connector become one function from a record to the fields of a document.

- A source that is missing or null gives the default, which is taken as it is. Without a default a missing source
  leaves the target absent, and null stays null. `skip_if_empty` also leaves it absent for null, "", [] and {}.
- A result shares nested lists and objects with its record (change neither in place), never with the rules or with
  another record's result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.mapping.config import BadConfig, Config, Unfit, found, fresh
from hub.mapping.paths import MISSING, BadPath, Steps, getter, setter, steps_of, target_steps
from hub.mapping.program import Line, assemble
from hub.mapping.transforms import TRANSFORMS, Convert, Transform

ON_ERROR = ("reject", "null", "default")


@dataclass(frozen=True)
class FieldRule:
    """One field: `transform` is a name of `hub.mapping.transforms`, `config` is what that transform takes."""

    source: str
    target: str
    transform: str = "direct"
    config: Mapping[str, Any] = field(default_factory=dict)
    default: Any = MISSING
    skip_if_empty: bool = False


class MappingFailed(Exception):
    """One record cannot be mapped; others can."""

    def __init__(self, target: str, source: str, reason: str) -> None:
        super().__init__(f"Field {target!r} from {source!r}: {reason}")
        self.target, self.source, self.reason = target, source, reason


class BadRule(ValueError):
    """A rule cannot be compiled; `index` counts from 0, `pointer` is a JSON pointer inside the rule."""

    def __init__(self, index: int, pointer: str, message: str) -> None:
        super().__init__(f"Rule {index}, {pointer}: {message}")
        self.index, self.pointer, self.message = index, pointer, message


def compile_rules(
    rules: Sequence[FieldRule], extra: Mapping[str, Transform] | None = None
) -> Callable[[Any], dict[str, Any]]:
    """Return a function from a record to its fields; it raises MappingFailed, this raises BadRule.

    `extra` adds transforms to the table by name. Rules that work on pages are for `hub.mapping.pages`.
    """
    lines = compile_lines(rules, extra)
    for index, line in enumerate(lines):
        if line.prepared is not None:
            raise BadRule(index, "/transform/type", f"{rules[index].transform!r} needs a page of records")
    return assemble(lines)


def compile_lines(rules: Sequence[FieldRule], extra: Mapping[str, Transform] | None = None) -> list[Line]:
    """Return the rules, checked; raises BadRule."""
    transforms = {**TRANSFORMS, **(extra or {})}
    lines = [_line(index, rule, transforms) for index, rule in enumerate(rules)]
    _refuse_conflicts(lines)
    return _numbered(lines, [transforms[rule.transform].of_page for rule in rules])


def _numbered(lines: Sequence[Line], of_page: Sequence[bool]) -> list[Line]:
    """Give the lines that work on pages their places among the prepared values."""
    places = iter(range(len(lines)))
    return [
        replace(line, prepared=next(places)) if is_prepared else line
        for line, is_prepared in zip(lines, of_page, strict=True)
    ]


def _line(index: int, rule: FieldRule, transforms: Mapping[str, Transform]) -> Line:
    try:
        source, target = _source(rule.source), _target(rule.target)
        transform, convert, on_error = _transform(rule, transforms)
    except BadConfig as cause:
        raise BadRule(index, cause.pointer, cause.message) from cause
    return Line(
        target=target,
        put=setter(rule.target),
        source=source,
        load=getter(rule.source) if source is None or transform.of_page else None,
        convert=None if rule.transform == "direct" and transform is TRANSFORMS["direct"] else convert,
        of_record=transform.of_record,
        default=rule.default,
        skip_if_empty=rule.skip_if_empty,
        on_error=_on_error(on_error, rule),
    )


def _source(path: str) -> Steps | None:
    try:
        return steps_of(path)
    except BadPath as cause:
        raise BadConfig("/source", str(cause)) from cause


def _target(path: str) -> Steps:
    try:
        steps = target_steps(path)
    except BadPath as cause:
        raise BadConfig("/target", str(cause)) from cause
    if isinstance(steps[0], int):
        raise BadConfig("/target", f"a document is an object: expected a name first, found {path!r}")
    return steps


def _transform(rule: FieldRule, transforms: Mapping[str, Transform]) -> tuple[Transform, Convert, str]:
    transform = transforms.get(rule.transform)
    if transform is None:
        raise BadConfig("/transform/type", f"expected one of {', '.join(transforms)}, found {rule.transform!r}")
    config = Config(rule.config)
    try:
        convert, on_error = transform.build(config), config.text("onError", "reject")
        config.refuse_unknown()
        _check_on_error(on_error, rule)
    except BadConfig as cause:
        raise BadConfig(f"/transform/config{cause.pointer}", cause.message) from cause
    return transform, convert, on_error


def _check_on_error(on_error: str, rule: FieldRule) -> None:
    if on_error not in ON_ERROR:
        raise BadConfig("/onError", f"expected one of {', '.join(ON_ERROR)}, found {found(on_error)}")
    if on_error == "default" and rule.default is MISSING:
        raise BadConfig("/onError", "'default' needs a default in the rule")


def _on_error(on_error: str, rule: FieldRule) -> Callable[[Unfit | BadPath], Any]:
    def reject(cause: Unfit | BadPath) -> Any:
        raise MappingFailed(rule.target, rule.source, str(cause)) from cause

    actions: dict[str, Callable[[Unfit | BadPath], Any]] = {
        "reject": reject,
        "null": lambda _: None,
        "default": lambda _: fresh(rule.default),
    }
    return actions[on_error]


def _refuse_conflicts(lines: Sequence[Line]) -> None:
    kinds: dict[Steps, type] = {}
    written: set[Steps] = set()
    for index, line in enumerate(lines):
        for length, step in enumerate(line.target):
            place = line.target[:length]
            if place in written or kinds.setdefault(place, type(step)) is not type(step):
                raise BadRule(index, "/target", f"an earlier rule writes something else at {_shown(place)}")
        if line.target in written or line.target in kinds:
            raise BadRule(index, "/target", f"an earlier rule writes {_shown(line.target)} or into it")
        written.add(line.target)


def _shown(place: Steps) -> str:
    return "$" + "".join(f"[{step!r}]" for step in place)
