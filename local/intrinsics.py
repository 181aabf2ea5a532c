"""Evaluates the CloudFormation intrinsic functions that a SAM template may use."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _SafeLoader  # ten times as fast as the other
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

Json = dict[str, Any]
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")
_NO_VALUE = object()


class TemplateError(Exception):
    """The template holds something that the local stack cannot run; the message names it."""


@dataclass(frozen=True)
class Scope:
    """What a value of the template may refer to."""

    parameters: Mapping[str, Any]
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """Return `value` with every intrinsic function replaced by its result; `AWS::NoValue` disappears."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        function = next(iter(value)) if len(value) == 1 else ""
        if function in _INTRINSICS:
            return _INTRINSICS[function](self, value[function])
        if isinstance(function, str) and function.startswith("Fn::"):
            raise TemplateError(f"{function} is not supported by the local stack")
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def holds(self, condition: str) -> bool:
        """Say whether the named condition of the template is true."""
        if condition not in self.conditions:
            raise TemplateError(f"There is no condition {condition!r}")
        return bool(self.resolve(self.conditions[condition]))


def _ref(scope: Scope, name: str) -> Any:
    if name == "AWS::NoValue":
        return _NO_VALUE
    if name in scope.parameters:
        return scope.parameters[name]
    if "Ref" in scope.attributes.get(name, {}):
        return scope.attributes[name]["Ref"]
    raise TemplateError(f"!Ref {name}: there is no parameter and no resource of that name")


def _get_att(scope: Scope, path: str | list[str]) -> str:
    name, attribute = path.split(".", 1) if isinstance(path, str) else path
    try:
        return scope.attributes[name][attribute]
    except KeyError:
        raise TemplateError(f"!GetAtt {name}.{attribute}: the local stack knows no such attribute") from None


def _sub(scope: Scope, argument: str | list[Any]) -> str:
    text, extra = (argument, {}) if isinstance(argument, str) else argument
    local = scope.resolve(extra)

    def replacement(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return f"${{{name}}}"
        if name in local:
            return as_text(local[name])
        return as_text(_get_att(scope, name) if "." in name else _ref(scope, name))

    return _PLACEHOLDER.sub(replacement, text)


def _join(scope: Scope, argument: list[Any]) -> str:
    separator, items = argument
    return str(separator).join(as_text(item) for item in scope.resolve(items))


def _if(scope: Scope, argument: list[Any]) -> Any:
    condition, when_true, when_false = argument
    return scope.resolve(when_true if scope.holds(condition) else when_false)


def _select(scope: Scope, argument: list[Any]) -> Any:
    index, items = argument
    return scope.resolve(items)[int(scope.resolve(index))]


def _split(scope: Scope, argument: list[Any]) -> list[str]:
    separator, text = argument
    return str(scope.resolve(text)).split(separator)


def _equals(scope: Scope, argument: list[Any]) -> bool:
    left, right = (as_text(scope.resolve(side)) for side in argument)
    return left == right


_INTRINSICS: dict[str, Callable[[Scope, Any], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::If": _if,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Equals": _equals,
    "Fn::Not": lambda scope, argument: not scope.resolve(argument[0]),
    "Fn::And": lambda scope, argument: all(scope.resolve(argument)),
    "Fn::Or": lambda scope, argument: any(scope.resolve(argument)),
    "Condition": lambda scope, argument: scope.holds(argument),
}


def as_text(value: Any) -> str:
    """Write a scalar as CloudFormation does: `true`, `30`, `a,b`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(as_text(item) for item in value)
    return str(value)


class _TemplateLoader(_SafeLoader):
    """YAML with CloudFormation's short tags: `!Ref A` becomes `{"Ref": "A"}`."""


def _short_tag(loader: _SafeLoader, suffix: str, node: yaml.Node) -> Json:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise TemplateError(f"!{suffix} takes a text or a list")


_TemplateLoader.add_multi_constructor("!", _short_tag)


def parse_yaml(text: str) -> Json:
    """Return the template as plain data, with the intrinsic functions in their long form."""
    document = yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 - a SafeLoader
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError("The template has no Resources")
    return document
