"""A tenant describes an event type of its own: what is checked before it counts."""

from collections.abc import Iterator

from hub.core import json_schema, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition, NotFound, Problem
from hub.core.journal import Change
from hub.core.tables import Table
from hub.webhooks.events import event_types
from hub.webhooks.events.event_type_models import NewEventType


def present(config: Table, tenant: Tenant, name: str) -> Item | None:
    """Return the type of this very name as it is now; raises Conflict for one that is built in."""
    event_types.must_be_own(name)
    try:
        found = event_types.get(config, tenant, name)
    except NotFound:
        return None
    return found if found["sk"] == name else None


def put(change: Change, current: Item | None, wanted: NewEventType) -> Item:
    """Add the type to `change` and return it; raises BadDefinition, BadRequest, Conflict."""
    problems = list(_faults(wanted))
    if problems:
        raise BadDefinition("The event type cannot be used; `details.problems` says where.", problems)
    described = event_types.described(
        change.caller.tenant,
        wanted.name,
        description=wanted.description,
        schema=wanted.data_schema,
        aliases=list(dict.fromkeys(wanted.aliases)),
        example=wanted.example,
    )
    return event_types.put(change, current, described)


def _faults(wanted: NewEventType) -> Iterator[Problem]:
    if not event_types.is_name(wanted.name):
        yield Problem("/name", "Expected dotted lowercase words, such as contact.created.")
    if event_types.is_reserved(wanted.name):
        yield Problem("/name", "Types that begin with `webhook.` are the hub's own.")
    for number, alias in enumerate(wanted.aliases):
        if not event_types.is_alias(alias) or alias == wanted.name or event_types.is_reserved(alias):
            yield Problem(f"/aliases/{number}", "Expected another name of letters, digits, '_', '.', ':' and '-'.")
    if wanted.data_schema is None:
        return
    found = json_schema.check_schema(wanted.data_schema)
    yield from (Problem(f"/schema{each.pointer}", each.message) for each in found)
    if not found and wanted.example is not None:
        yield from json_schema.faults(jsontext.dump(wanted.data_schema), wanted.example, "/example")
