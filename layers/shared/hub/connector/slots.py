"""Where a parameter of the pagination stands in a request: in the query, in a header or in the body."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hub.connector.bodies import JSON, Body
from hub.connector.requests import Draft
from hub.core.errors import Refused
from hub.mapping.config import as_text
from hub.mapping.paths import MISSING, getter, setter
from hub.outbound.calls import HEADER_VALUE


@dataclass(frozen=True)
class Slot:
    """`read` gives what a draft has there, or MISSING; `write` returns the draft with another value there."""

    name: str
    read: Callable[[Draft], Any]
    write: Callable[[Draft, Any], Draft]


def slot(location: str, name: str) -> Slot:
    """Return the slot of a parameter; raises BadPath where its name is a path that cannot be written to."""
    return _KINDS[location](name)


def with_body(draft: Draft) -> Draft:
    """Return the draft with an empty JSON body where it has none."""
    return replace(draft, body=_body_of(draft))


def _query(name: str) -> Slot:
    def read(draft: Draft) -> Any:
        return next((text for key, text in draft.params if key == name), MISSING)

    def write(draft: Draft, value: Any) -> Draft:
        kept = [pair for pair in draft.params if pair[0] != name]
        return replace(draft, params=[*kept, (name, as_text(value))])

    return Slot(name, read, write)


def _header(name: str) -> Slot:
    key = name.lower()

    def write(draft: Draft, value: Any) -> Draft:
        text = as_text(value)
        if not HEADER_VALUE.fullmatch(text):
            raise Refused(f"The next page cannot be asked for: its place is no text for the header {name!r}.")
        return replace(draft, headers={**draft.headers, key: text})

    return Slot(name, lambda draft: draft.headers.get(key, MISSING), write)


def _body(name: str) -> Slot:
    """A name that begins with `$` is a path into the JSON; any other is a field as it is written."""
    get, put = (getter(name), setter(name)) if name.startswith("$") else (None, None)

    def read(draft: Draft) -> Any:
        if draft.body is None:
            return MISSING
        return draft.body.field(name) if get is None else get(draft.body.value)

    def write(draft: Draft, value: Any) -> Draft:
        body = _body_of(draft)
        return replace(draft, body=body.with_field(name, value) if put is None else body.with_value(put, value))

    return Slot(name, read, write)


def _body_of(draft: Draft) -> Body:
    return Body(JSON, {}) if draft.body is None else draft.body


_KINDS: dict[str, Callable[[str], Slot]] = {"query": _query, "header": _header, "body": _body}
