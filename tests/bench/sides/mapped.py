"""The documents that both sides of the store write: the sandbox's contacts, mapped by the eight fields of the sync."""

from collections.abc import Iterator
from typing import Any

from hub.connector.definition import parse_definition
from hub.mapping.fields import compile_rules
from tests.bench.sides.contacts_api import records_of
from tests.bench.sides.hub_sync import definition

Json = dict[str, Any]


def documents(count: int, revision: int) -> list[tuple[str, Json]]:
    """Return (id, content); another revision has the same ids and another content."""
    return list(_documents(count, revision))


def _documents(count: int, revision: int) -> Iterator[tuple[str, Json]]:
    (endpoint,) = parse_definition(definition("http://127.0.0.1", "cursor")).endpoints
    mapping = endpoint.response_mapping
    assert mapping is not None
    mapped = compile_rules([field.rule() for field in mapping.field_mappings])
    for record in records_of(count):
        content = mapped(record)
        content["lastName"] += f" ({revision})"
        yield record["id"], content
