"""Whether a provider can work: its settings' schema, its ways to connect, and the definition that they resolve to.

What tenants will enter is not known yet, so sample values stand for it: a URL where a name leads an address, a word
elsewhere.
"""

import re
from collections.abc import Iterator
from typing import Any

from hub.connector.definition import check_definition
from hub.core import json_schema, jsontext
from hub.core.errors import BadDefinition, Problem
from hub.outbound.guard import Guard
from hub.providers.resolve import HANDLE, resolve

Json = dict[str, Any]

SAMPLE, SAMPLE_URL = "sample", "https://provider.example.com"
_AUTH_ADDRESSES = ("tokenUrl", "authorizationUrl", "revocationUrl")
_ADDRESSES = frozenset({"baseUrl", *_AUTH_ADDRESSES})
_LEADING = re.compile(r"\{\{\s*(\w+)\s*\}\}", re.ASCII)


def faults(document: Json, guard: Guard | None = None) -> list[Problem]:
    """Return what is wrong with a provider beyond the shape of its JSON; with a guard also where it may not lead."""
    connector, methods, schema = document.get("connector"), document.get("methods") or [], document["configSchema"]
    found = [*_schema_faults(schema), *_field_faults(methods)]
    if bool(connector) != bool(methods):
        found.append(Problem("/methods" if connector else "/connector", "connector and methods come together"))
    if found or not connector:
        return found
    for index, method in enumerate(methods):
        found += _definition_faults(connector, method, schema, index, guard)
    return list(dict.fromkeys(found))


def sample_values(connector: Json, method: Json, schema: Json) -> Json:
    """Return a value for each name that may stand in an address: settings, fields, and what tokens come with."""
    texts = _urls([connector, method["auth"], method.get("connector")])
    leading = {found[1] for url in texts if (found := _LEADING.match(url))}
    properties = schema.get("properties") or {}
    named = {name: SAMPLE_URL if name in leading else SAMPLE for name in (*_field_names(method), *properties)}
    return {**named, **{name: _given(each) for name, each in properties.items() if _given(each) is not None}}


def _schema_faults(schema: Json) -> Iterator[Problem]:
    found = json_schema.check_schema(schema)
    yield from (Problem(f"/configSchema{each.pointer}", each.message) for each in found)
    if found:
        return
    if schema.get("type", "object") != "object":
        yield Problem("/configSchema/type", "expected 'object': settings are one")
    for name, each in (schema.get("properties") or {}).items():
        if isinstance(each, dict) and "default" in each:
            place = f"/configSchema/properties/{name}/default"
            yield from json_schema.faults(jsontext.dump(each), each["default"], place)


def _field_faults(methods: list[Json]) -> Iterator[Problem]:
    for index, method in enumerate(methods):
        for number, field in enumerate(method.get("fields", [])):
            patterns = {"pattern": field.get("pattern"), **field.get("derive", {})}
            for name, pattern in patterns.items():
                place = f"/methods/{index}/fields/{number}/{name if name == 'pattern' else f'derive/{name}'}"
                if pattern and (fault := json_schema.pattern_fault(pattern)):
                    yield Problem(place, fault)
                elif pattern and name != "pattern" and not re.compile(pattern).groups:
                    yield Problem(place, "expected a group: what is found there becomes the field")


def _definition_faults(
    connector: Json, method: Json, schema: Json, index: int, guard: Guard | None
) -> Iterator[Problem]:
    try:
        resolved = resolve(connector, _with_client(method), sample_values(connector, method, schema))
        definition = check_definition(resolved)
    except BadDefinition as fault:
        yield from (Problem(_place(each.pointer, index), each.message) for each in fault.problems)
        return
    for place, url in _addresses(definition).items() if guard else ():
        if guard and (reason := guard.refusal(url)):
            yield Problem(_place(place, index), reason)


def _with_client(method: Json) -> Json:
    """Return an OAuth method as it is once the operator has entered a client."""
    auth = method["auth"]
    if auth.get("type") != "oauth2":
        return method
    return {**method, "auth": {"clientId": SAMPLE, "clientSecret": HANDLE, **auth}}


def _addresses(definition: Json) -> dict[str, str]:
    auth, endpoints = definition["auth"], definition.get("endpoints", [])
    found = {"/baseUrl": definition.get("baseUrl"), **{f"/auth/{name}": auth.get(name) for name in _AUTH_ADDRESSES}}
    found |= {f"/endpoints/{index}/baseUrl": each.get("baseUrl") for index, each in enumerate(endpoints)}
    return {place: url for place, url in found.items() if url}


def _place(place: str, index: int) -> str:
    """Return where a fault of the resolved definition stands in the provider."""
    return f"/methods/{index}{place}" if place.startswith("/auth") else f"/connector{place}"


def _field_names(method: Json) -> Iterator[str]:
    for field in method.get("fields", []):
        yield from field.get("derive", {})
        yield f"{field['name']}Origin" if field.get("type") == "url" and field.get("secret") else field["name"]
    yield from (method["auth"].get("tokenFields") or {}).get("fields", {})


def _given(schema: Any) -> Any:
    """Return a value that a setting's schema names itself."""
    if not isinstance(schema, dict):
        return None
    options = schema.get("enum") or [schema.get("const")]
    return schema.get("default", options[0])


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (url for name, url in value.items() if name in _ADDRESSES and isinstance(url, str))
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _urls(child)
