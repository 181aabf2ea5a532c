"""Pydantic's findings in the words of the format: where, what was expected, what was found; never a secret."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hub.connector.strict import vocabulary
from hub.core.errors import Problem
from hub.core.problems import pointer

Place = tuple[str | int, ...]
Facts = Mapping[str, Any]
Say = Callable[[Place, Any, Facts], str]

AUTH_TYPES = frozenset("none api_key bearer basic oauth2 custom_headers".split())
SET_BY_HUB = frozenset(
    "id tenantId status version publishedVersion lastTestedAt lastTestResult"
    " createdAt createdBy updatedAt updatedBy".split()
)
_KIND = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def problems_in(error: ValidationError, prefix: Place = ()) -> list[Problem]:
    """Return one Problem per fault; `prefix` is the place of what was validated."""
    return [_problem(fault, prefix) for fault in error.errors(include_url=False)]


def kind_of(value: Any) -> str:
    return "null" if value is None else _KIND.get(type(value), "another value")


def shown(value: Any) -> str:
    """Return a foreign word for a message: short, and only its kind when it is no text."""
    return repr(value[:60]) if isinstance(value, str) else kind_of(value)


def _problem(fault: ErrorDetails, prefix: Place) -> Problem:
    place = _place((*prefix, *fault["loc"]), fault["type"])
    say = _MESSAGES.get(fault["type"], _as_pydantic_says)
    return Problem(pointer(place), say(place, fault["input"], {"msg": fault["msg"], **fault.get("ctx", {})}))


def _place(location: Place, kind: str) -> Place:
    """Leave out what is no name in the JSON: the kind of auth that pydantic chose, and its mark for a key."""
    if kind == "union_tag_invalid":
        return (*location, "type")
    if len(location) > 1 and location[0] == "auth" and location[1] in AUTH_TYPES:
        location = ("auth", *location[2:])
    return location[:-1] if location and location[-1] == "[key]" else location


def _unknown(place: Place, _: Any, __: Facts) -> str:
    name = str(place[-1])
    if len(place) == 1 and name in SET_BY_HUB:
        return "is set by the hub; leave it out"
    if place == ("type",):
        return "differs from integrationType; leave one of them out"
    near = get_close_matches(name, vocabulary(), n=1)
    return f"unknown key; did you mean {near[0]!r}?" if near and near[0] != name else "unknown key here; leave it out"


def _one_of(_: Place, found: Any, facts: Facts) -> str:
    return f"expected one of {facts['expected']}, found {shown(found)}"


def _kind_of_auth(_: Place, found: Any, facts: Facts) -> str:
    kind = found.get("type") if isinstance(found, dict) else found
    return f"expected an object whose type is one of {facts['expected_tags']}, found {shown(kind)}"


def _pattern(_: Place, found: Any, facts: Facts) -> str:
    return f"expected a text like {facts['pattern']}, found {shown(found)}"


def _number(_: Place, found: Any, facts: Facts) -> str:
    bound = f"at least {facts['ge']}" if "ge" in facts else f"at most {facts['le']}"
    return f"expected a number that is {bound}, found {found}"


def _expect(expected: str) -> Say:
    return lambda _, found, __: f"expected {expected}, found {kind_of(found)}"


def _as_pydantic_says(_: Place, __: Any, facts: Facts) -> str:
    text = str(facts["msg"])
    return text[:1].lower() + text[1:]


_MESSAGES: dict[str, Say] = {
    "missing": lambda *_: "expected a value, found nothing",
    "extra_forbidden": _unknown,
    "literal_error": _one_of,
    "union_tag_invalid": _kind_of_auth,
    "union_tag_not_found": lambda *_: f"expected an object with a type, one of {', '.join(sorted(AUTH_TYPES))}",
    "string_pattern_mismatch": _pattern,
    "greater_than_equal": _number,
    "less_than_equal": _number,
    "string_type": _expect("a text"),
    "int_type": _expect("a whole number"),
    "bool_type": _expect("true or false"),
    "list_type": _expect("a list"),
    "dict_type": _expect("an object"),
    "model_type": _expect("an object"),
    "model_attributes_type": _expect("an object"),
}
