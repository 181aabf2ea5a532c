"""A provider with a wrong type in any place is refused with that place, whoever wrote it: nothing breaks over it."""

from collections.abc import Iterator
from typing import Any

from hub.core.errors import BadDefinition
from hub.core.problems import parse_as
from hub.integrations.catalog import checks, provider_writes
from hub.integrations.catalog.catalog_models import NewProvider
from tests.api.catalogue import callable_body

Json = dict[str, Any]
Place = tuple[Any, ...]

WRONG: tuple[Any, ...] = (None, True, 7, "text", "", [], [7], [None], {}, {"a": 1})
PARTS = ("connector", "methods", "configSchema", "oauthConfig")
RESULTS = {"match": "position", "path": "$.results", "success": {"path": "$.ok", "value": True}, "idPath": "$.id"}
RULES = [{"source": "$.a", "target": "b"}]
BATCH = {"itemsPath": "$.items", "size": 2, "fieldMappings": RULES, "results": RESULTS}
KEY_METHOD = {
    "kind": "custom",
    "auth": {"type": "custom_headers", "headers": {"X-Key": "{{key}}"}},
    "fields": [{"name": "key", "title": "Key", "secret": True, "pattern": "^k", "derive": {"region": "-([a-z]+)$"}}],
}


def provider() -> Json:
    found = callable_body("wrong-types")
    read = found["connector"]["endpoints"][0]
    write = {"id": "write", "name": "write", "method": "POST", "path": "/contacts", "batch": BATCH}
    connector = {**found["connector"], "endpoints": [read, write]}
    return {**found, "connector": connector, "methods": [*found["methods"], KEY_METHOD]}


def places_in(value: Any, at: Place = ()) -> Iterator[Place]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield (*at, name)
        yield from places_in(child, (*at, name))


def with_value(document: Any, at: Place, value: Any) -> Any:
    """Return a copy of JSON with another value in one place."""
    if not at:
        return value
    copy = list(document) if isinstance(document, list) else dict(document)
    copy[at[0]] = with_value(copy[at[0]], at[1:], value)
    return copy


def broken_by(document: Json) -> str:
    """Return what breaks over a provider; "" where it is taken, or refused as it should be."""
    try:
        found = parse_as(NewProvider, document).document()
        if not checks.faults(found):
            provider_writes.stored_fields(found, has_secret=False)
    except BadDefinition:
        return ""
    except Exception as error:  # noqa: BLE001 - the caller would be answered with a 500
        return repr(error)
    return ""


def test_provider_itself_has_no_fault() -> None:
    assert checks.faults(parse_as(NewProvider, provider()).document()) == []


def test_wrong_type_in_any_place_breaks_nothing() -> None:
    places = [at for at in places_in(provider()) if at[0] in PARTS]

    found = {(at, repr(value)): broken_by(with_value(provider(), at, value)) for at in places for value in WRONG}

    assert {place: error for place, error in found.items() if error} == {}
    assert len(found) > 500
