"""Values of a declared type: what a parameter or a field of a body takes, and where it comes from."""

import math
import re
from collections.abc import Callable
from typing import Any

from hub.connector.faults import kind_of
from hub.connector.variables import SCOPES, BadText, Find, Variables, filler, single, variable
from hub.core.errors import BadRequest
from hub.mapping.config import Unfit, as_text
from hub.mapping.expressions import BadExpression, checked, evaluated, reads
from hub.mapping.paths import MISSING

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?", re.ASCII)


def typed(kind: str, value: Any) -> Any:
    """Return the value as the declared type; a text that says a number or a boolean is one. Raises Unfit."""
    return _TYPES[kind](value)


def source(kind: str | None, value: Any, own_name: str) -> Find:
    """Return where a value comes from: static, variable, expression, or what the caller gives under its own name.

    `kind` is the declared source; a value without one is static. Raises BadText for what cannot work.
    """
    if kind == "expression":
        return _expression(value, own_name)
    if kind == "static" or (kind is None and value is not None):
        return _static(value)
    if value is None:
        return lambda variables: _by_own_name(variables, own_name)
    return _from_text(value)


def texts(value: Any) -> list[str]:
    """Return how a typed value is written in a URL or a form: a list gives several."""
    return [as_text(item) for item in value] if isinstance(value, list) else [as_text(value)]


def _static(value: Any) -> Find:
    if value is None:
        raise BadText("expected a value, since its source is static")
    return lambda _: value


def _expression(text: Any, own_name: str) -> Find:
    """Return a function that evaluates JavaScript over params, settings and state; it may raise BadRequest."""
    if not isinstance(text, str):
        raise BadText(f"expected an expression such as 'params.page + 1', found {kind_of(text)}")
    try:
        checked(text, SCOPES)
    except BadExpression as cause:
        raise BadText(str(cause)) from cause

    def find(variables: Variables) -> Any:
        # A scope that is not asked for is not read: the state of a sync is kept in a table.
        scope = {name: dict(getattr(variables, name)) if reads(text, name) else None for name in SCOPES}
        try:
            return evaluated(text, scope)
        except Unfit as cause:
            raise BadRequest(f"The expression of {own_name!r} failed: {cause}.", parameter=own_name) from cause

    return find


def _by_own_name(variables: Variables, name: str) -> Any:
    scopes = (variables.params, variables.settings, variables.state)
    found = next((scope[name] for scope in scopes if name in scope), MISSING)
    return variable(name)(variables) if found is MISSING and "." in name else found


def _from_text(text: Any) -> Find:
    if not isinstance(text, str):
        raise BadText(f"expected a text such as '{{{{name}}}}', found {kind_of(text)}")
    if "{{" not in text:
        return variable(text)
    name = single(text)
    return filler(text) if name is None else variable(name)


def _string(value: Any) -> str:
    return as_text(value)


def _number(value: Any) -> int | float:
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value.strip())):
        return float(match[0]) if match[1] else int(match[0])
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Unfit(f"expected a number, found {kind_of(value)}")
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise Unfit(f"expected true or false, found {kind_of(value)}")


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unfit(f"expected a list, found {kind_of(value)}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"expected an object, found {kind_of(value)}")
    return value


_TYPES: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "array": _array,
    "object": _object,
}
