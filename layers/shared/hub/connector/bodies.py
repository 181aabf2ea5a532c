"""Request bodies: a template, a schema or raw text becomes a function from the variables to a body."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hub.connector.faults import kind_of
from hub.connector.request_config import BodySchema, PropertySchema, RequestBody
from hub.connector.values import source, texts, typed
from hub.connector.variables import BadText, Variables, filler, needed, single
from hub.core import jsontext
from hub.core.errors import BadRequest
from hub.mapping.config import Unfit
from hub.mapping.paths import MISSING

JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"
Build = Callable[[Variables], Any]
_STRING_OR_PLACE = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{.*?\}\}', re.DOTALL)


class BadBody(BadText):
    """`pointer` is relative to the body."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


@dataclass(frozen=True)
class Body:
    """`value` is a JSON value, the pairs of a form, or a text; `raw` is sent instead while nothing was added to it."""

    content_type: str
    value: Any
    raw: bytes | None = None

    def with_field(self, name: str, value: str) -> "Body":
        """Return the body with one more field at its top; raises BadRequest where there is no such place."""
        if self.content_type == FORM:
            return replace(self, value=[pair for pair in self.value if pair[0] != name] + [(name, value)], raw=None)
        if isinstance(self.value, dict):
            return replace(self, value={**self.value, name: value}, raw=None)
        raise BadRequest(f"The body has no place for the key {name!r}: expected a form or a JSON object.")

    def encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.content_type == FORM:
            return urlencode(self.value).encode()
        return (jsontext.dump(self.value) if self.content_type == JSON else str(self.value)).encode()


def body_builder(config: RequestBody) -> Callable[[Variables], Body]:
    """Return a function that builds the body; raises BadBody for what could never be built."""
    if config.content_type == "multipart/form-data":
        raise BadBody("/contentType", "multipart/form-data is not available yet; use JSON, a form or text")
    given = {"template": config.template, "schema": config.schema_, "raw": config.raw}[config.body_type]
    if given is None:
        raise BadBody(f"/{config.body_type}", f"expected a value, since bodyType is {config.body_type!r}")
    if config.body_type == "raw":
        return _raw(config.content_type, str(config.raw))
    build = _template(config) if config.template is not None and config.body_type == "template" else _schema(config)
    return lambda variables: Body(config.content_type, build(variables))


def _raw(content_type: str, text: str) -> Callable[[Variables], Body]:
    value = {JSON: _parsed, FORM: _pairs}.get(content_type, lambda text, _: text)(text, "/raw")
    body = Body(content_type, value, text.encode())
    return lambda _: body


def _template(config: RequestBody) -> Build:
    text = str(config.template)
    try:
        if config.content_type == TEXT:
            return filler(text)
        if config.content_type == FORM and not text.lstrip().startswith("{"):
            return _form([(filler(name), filler(value)) for name, value in _pairs(text, "/template")])
        build = _filled(_parsed(_STRING_OR_PLACE.sub(_quoted, text), "/template"))
    except BadBody:
        raise
    except BadText as cause:
        raise BadBody("/template", str(cause)) from cause
    return build if config.content_type == JSON else lambda variables: _as_form(build(variables))


def _quoted(match: re.Match[str]) -> str:
    """Make a bare placeholder a text: `{"count": {{n}}}` means the same as `{"count": "{{n}}"}`."""
    return f'"{match[0]}"' if match[0].startswith("{{") else match[0]


def _filled(template: Any) -> Build:
    """Return a function that fills a JSON value; a text that is one placeholder keeps the type of its value."""
    if isinstance(template, str):
        name = single(template)
        return filler(template) if name is None else needed(name)
    if isinstance(template, list):
        items = [_filled(item) for item in template]
        return lambda variables: [item(variables) for item in items]
    if isinstance(template, dict):
        fields = {_literal(name): _filled(value) for name, value in template.items()}
        return lambda variables: {name: value(variables) for name, value in fields.items()}
    return lambda _: template


def _literal(name: str) -> str:
    if "{{" in name:
        raise BadText(f"expected a name without placeholders, found {name[:60]!r}")
    return name


def _form(pairs: Sequence[tuple[Callable[[Variables], str], Callable[[Variables], str]]]) -> Build:
    return lambda variables: [(name(variables), value(variables)) for name, value in pairs]


def _as_form(value: Any) -> list[tuple[str, str]]:
    """Return the pairs of a flat object: lists are repeated, nulls left out."""
    if not isinstance(value, dict):
        raise BadRequest(f"A form needs an object, found {kind_of(value)}.")
    try:
        return [(name, text) for name, item in value.items() if item is not None for text in texts(item)]
    except Unfit as cause:
        raise BadRequest(f"A form takes texts, numbers, booleans and lists of them: {cause}.") from cause


def _parsed(text: str, pointer: str) -> Any:
    try:
        return jsontext.parse(text.encode())
    except BadRequest as cause:
        raise BadBody(pointer, f"expected JSON: {cause.message}") from cause


def _pairs(text: str, pointer: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError as cause:
        raise BadBody(pointer, "expected a form such as name={{name}}&city={{city}}") from cause


# Schemas


def _schema(config: RequestBody) -> Build:
    if config.content_type == TEXT or config.schema_ is None:
        raise BadBody("/bodyType", "expected a template or raw for text/plain")
    build = _structure(config.schema_, "", "/schema")
    return build if config.content_type == JSON else lambda variables: _as_form(build(variables))


def _structure(schema: BodySchema | PropertySchema, name: str, pointer: str) -> Build:
    if schema.type == "array":
        if schema.items is None:
            raise BadBody(pointer, "expected items or a value for an array")
        item = _property(schema.items, name, f"{pointer}/items")
        return lambda variables: [value for value in [item(variables)] if value is not MISSING]
    fields = {key: _field(key, child, name, pointer) for key, child in (schema.properties or {}).items()}
    return lambda variables: {key: value for key, build in fields.items() if (value := build(variables)) is not MISSING}


def _field(key: str, schema: PropertySchema, parent: str, pointer: str) -> Build:
    place = key.replace("~", "~0").replace("/", "~1")
    return _property(schema, f"{parent}.{key}" if parent else key, f"{pointer}/properties/{place}")


def _property(schema: PropertySchema, name: str, pointer: str) -> Build:
    """Return a function that gives the field's value or MISSING; a missing required one raises BadRequest."""
    has_parts = schema.properties is not None or schema.items is not None
    if has_parts and schema.source is None and schema.value is None:
        return _structure(schema, name, pointer)
    try:
        find = source(schema.source, schema.value, name)
    except BadText as cause:
        raise BadBody(f"{pointer}/value", str(cause)) from cause
    return lambda variables: _checked(schema, name, find(variables))


def _checked(schema: PropertySchema, name: str, value: Any) -> Any:
    if value is MISSING or value is None:
        if schema.required:
            raise BadRequest(f"The body needs a value for {name!r}, which is not given.", parameter=name)
        return MISSING
    try:
        return typed(schema.type, value)
    except Unfit as cause:
        raise BadRequest(f"Field {name!r} of the body: {cause}.", parameter=name) from cause
