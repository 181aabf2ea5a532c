"""`{{name}}` in a definition: which value it stands for when a request is built, and texts that contain it.

A name is looked up in the caller's params, then in the integration's settings, then in the state of the sync;
`params.x`, `settings.x` and `state.x` name one of them. Dots lead into objects, digits into lists. What stands behind a
`|` is a filter, see `filters`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.connector.filters import FILTERS, Filter
from hub.core import jsontext
from hub.core.errors import BadRequest
from hub.mapping.config import Unfit, as_text
from hub.mapping.paths import MISSING, child

PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
SCOPES = ("params", "settings", "state")
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII)


class BadText(ValueError):
    """A text of a definition cannot be filled in, whatever the variables are; found on save."""


@dataclass(frozen=True)
class Variables:
    params: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)


Find = Callable[[Variables], Any]


def variable(text: str) -> Find:
    """Return a function that gives the value of `name` or `name | filter`, or MISSING; it may raise BadRequest."""
    name, *filters = (part.strip() for part in text.split("|"))
    find = _named(name)
    for filter_name in filters:
        find = _filtered(find, name, _filter(filter_name))
    return find


def _named(name: str) -> Find:
    if not _NAME.fullmatch(name):
        raise BadText(f"expected a name such as contact.email between '{{{{' and '}}}}', found {name[:60]!r}")
    steps = name.split(".")
    if steps[0] in SCOPES and len(steps) > 1:
        return lambda variables: _at(getattr(variables, steps[0]), steps[1:])
    return lambda variables: _first(variables, steps)


def _filter(name: str) -> Filter:
    if name not in FILTERS:
        raise BadText(f"expected a filter behind '|', one of {', '.join(FILTERS)}, found {name[:60]!r}")
    return FILTERS[name]


def _filtered(find: Find, name: str, change: Filter) -> Find:
    def get(variables: Variables) -> Any:
        value = find(variables)
        try:
            return MISSING if value is MISSING else change(value)
        except Unfit as cause:
            raise BadRequest(f"The value of {name!r} does not fit its place: {cause}.", parameter=name) from cause

    return get


def needed(text: str) -> Find:
    """Return a function that gives the variable's value; a missing one raises BadRequest, null is a value."""
    find, name = variable(text), text.partition("|")[0].strip()

    def get(variables: Variables) -> Any:
        value = find(variables)
        if value is MISSING:
            raise BadRequest(f"The request needs a value for {name!r}, which is not given.", parameter=name)
        return value

    return get


def single(text: str) -> str | None:
    """Return the name when the text is one placeholder and nothing else."""
    match = PLACE.fullmatch(text.strip())
    return match[1] if match and "{{" not in match[1] else None


def filler(text: str) -> Callable[[Variables], str]:
    """Return a function that fills the placeholders of a text; lists and objects are written as JSON."""
    literals, places = PLACE.split(text)[::2], [needed(match[1]) for match in PLACE.finditer(text)]
    if any("{{" in literal for literal in literals):
        raise BadText("expected '}}' after every '{{'")
    if not places:
        return lambda _: text
    pattern = "%s".join(literal.replace("%", "%%") for literal in literals)
    return lambda variables: pattern % tuple(_text(place(variables)) for place in places)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return jsontext.dump(value) if isinstance(value, (dict, list)) else as_text(value)


def _first(variables: Variables, steps: Sequence[str]) -> Any:
    scopes = (variables.params, variables.settings, variables.state)
    return next((value for scope in scopes if (value := _at(scope, steps)) is not MISSING), MISSING)


def _at(scope: Mapping[str, Any], steps: Sequence[str]) -> Any:
    value = scope.get(steps[0], MISSING)
    for step in steps[1:]:
        value = child(value, int(step) if isinstance(value, list) and step.isdigit() else step)
    return value
