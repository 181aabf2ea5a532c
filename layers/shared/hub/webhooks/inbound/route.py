"""Routing: which rules of an endpoint an accepted event matches, and what type of event it is. Nothing is done here.

A rule is one of S000's `eventRouting`, as it is stored in the endpoint: all rules that match apply, in their order. A
body that is a list is as many events, each routed by itself. An endpoint without rules takes the types in its
`eventTypes`; none means all.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.mapping.config import Unfit, as_text
from hub.mapping.paths import finder, getter

Json = dict[str, Any]
Headers = Mapping[str, str]

# Where the type is looked for unless the endpoint or the rule says where: first the headers, then the body.
TYPE_HEADERS = (
    "x-github-event",
    "x-gitlab-event",
    "x-event-key",
    "x-event-type",
    "x-shopify-topic",
    "x-wc-webhook-topic",
    "x-webhook-event",
    "ce-type",
)
TYPE_PATHS = ("$.event.type", "$.type", "$.event", "$.event_type", "$.eventType", "$.subscriptionType", "$.topic")
MOST_TYPE_CHARS = 200
_KEPT = 256


@dataclass(frozen=True)
class Rule:
    """One entry of `eventRouting`; `matches` gives the type by which it takes an event, or None. May raise PathFailed.

    `raw` is the entry itself, for what the action needs beside this.
    """

    index: int
    action: str
    matches: Callable[[Headers, Any, Sequence[str]], str | None]
    raw: Json


@dataclass(frozen=True)
class Routing:
    """The compiled routing of an endpoint; `event_type` gives the type of one event, "" where it has none."""

    rules: tuple[Rule, ...]
    takes_type: Callable[[str], bool]
    event_type: Callable[[Headers, Any], str]


@dataclass(frozen=True)
class Match:
    """One event, counted from 0 in its body, that a rule takes; without a rule it is taken by its type."""

    event: int
    value: Any
    event_type: str
    rule: Rule | None


@dataclass(frozen=True)
class Decision:
    """What becomes of a body: `unmatched` holds the types of the events that nothing takes."""

    matches: list[Match]
    unmatched: list[str]
    event_type: str


def of_endpoint(endpoint: Item) -> Routing:
    """Return the compiled routing of an endpoint's item; raises BadPath for one that was stored unchecked."""
    return _compiled(endpoint["routing"] or "[]", endpoint.get("eventType") or "{}", tuple(endpoint["eventTypes"]))


def headers_read(endpoint: Item) -> set[str]:
    """Return the names, in lower case, of the headers that tell an event's type: they must be kept with the event."""
    rules, place = jsontext.load(endpoint["routing"] or "[]"), jsontext.load(endpoint.get("eventType") or "{}")
    named = [place.get("header"), *(rule.get("eventTypeHeader") for rule in rules)]
    return {*TYPE_HEADERS, *(name.lower() for name in named if name)}


def decide(routing: Routing, headers: Headers, payload: Any, may_go_on: Callable[[], None]) -> Decision:
    """Return what each event in the body matches; raises PathFailed for an event that is too costly to search.

    `may_go_on` is asked before each event and raises what is to stop it all.
    """
    matches: list[Match] = []
    unmatched: list[str] = []
    types: list[str] = []
    for index, value in enumerate(payload if isinstance(payload, list) else [payload]):
        may_go_on()
        event_type = routing.event_type(headers, value)
        found = list(_taken(routing, headers, Match(index, value, event_type, None)))
        matches += found
        types += [match.event_type for match in found] or [event_type]
        if not found:
            unmatched.append(event_type)
    return Decision(matches, unmatched, next(filter(None, types), ""))


def _taken(routing: Routing, headers: Headers, event: Match) -> Sequence[Match]:
    names = _names(event)
    if not routing.rules:
        return [event] if any(map(routing.takes_type, names)) else []
    found = [(rule, rule.matches(headers, event.value, names)) for rule in routing.rules]
    return [Match(event.event, event.value, name, rule) for rule, name in found if name is not None]


def _names(event: Match) -> list[str]:
    """Return what the event may be called: `issues`, and `issues.opened` for a body with an `action`."""
    action = event.value.get("action") if isinstance(event.value, dict) else None
    full = [f"{event.event_type}.{action}"] if isinstance(action, str) and event.event_type else []
    return [event.event_type, *full]


@lru_cache(maxsize=_KEPT)
def _compiled(rules: str, place: str, event_types: tuple[str, ...]) -> Routing:
    where: Json = jsontext.load(place)
    return Routing(
        rules=tuple(_rule(index, raw) for index, raw in enumerate(jsontext.load(rules))),
        takes_type=_any_of(event_types),
        event_type=_type_at(where.get("path"), where.get("header")) if where else _usual_type,
    )


def _rule(index: int, raw: Json) -> Rule:
    wanted, path, header = pattern(raw["eventTypeValue"]), raw.get("eventTypePath"), raw.get("eventTypeHeader")
    find_all = finder(path) if path else None

    def matches(headers: Headers, value: Any, usual: Sequence[str]) -> str | None:
        if header:
            names: Sequence[str] = [headers.get(header.lower(), "")]
        else:
            names = [_type_text(found) for found in find_all(value)] if find_all else usual
        return next((name for name in names if name and wanted(name)), None)

    return Rule(index, raw["action"], matches, raw)


def pattern(text: str) -> Callable[[str], bool]:
    """Return whether a type is meant by a name in which `*` stands for any characters, also none."""
    first, *rest = re.split(r"\*+", text)
    if not rest:
        return text.__eq__
    *middle, last = rest

    def means(name: str) -> bool:
        # One pass, whatever stands between the stars: a regular expression could be made to search for ever.
        if not name.startswith(first):
            return False
        place = len(first)
        for part in middle:
            at = name.find(part, place)
            if at < 0:
                return False
            place = at + len(part)
        return len(name) - len(last) >= place and name.endswith(last)

    return means


def _any_of(event_types: Sequence[str]) -> Callable[[str], bool]:
    wanted = [pattern(name) for name in event_types]
    return lambda name: not wanted or any(means(name) for means in wanted)


def _type_at(path: str | None, header: str | None) -> Callable[[Headers, Any], str]:
    if header:
        return lambda headers, _: headers.get(header.lower(), "")[:MOST_TYPE_CHARS]
    get = getter(path or "$.type")
    return lambda _, value: _type_text(get(value))


_usual_getters = [getter(path) for path in TYPE_PATHS]


def _usual_type(headers: Headers, value: Any) -> str:
    named = (headers.get(name, "")[:MOST_TYPE_CHARS] for name in TYPE_HEADERS)
    written = (_type_text(get(value)) for get in _usual_getters)
    return next(filter(None, (*named, *written)), "")


def _type_text(value: Any) -> str:
    try:
        return as_text(value)[:MOST_TYPE_CHARS] if value is not None else ""
    except Unfit:
        return ""
