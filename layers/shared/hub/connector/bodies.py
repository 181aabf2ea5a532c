"""Request bodies: a template, a schema or raw text becomes a function from the variables to a body."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hub.connector.faults import kind_of
from hub.connector.multipart import MULTIPART, Part, encode, parts_of
from hub.connector.request_config import BodySchema, PropertySchema, RequestBody
from hub.connector.values import source, texts, typed
from hub.connector.variables import BadText, Variables, filler, needed, single
from hub.core import jsontext
from hub.core.errors import BadRequest
from hub.mapping.config import Unfit, as_text
from hub.mapping.paths import MISSING, PathFailed, Put

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
    """`value` is a JSON value, the pairs of a form, the parts of a multipart body, or a text.

    `raw` is sent instead while nothing was added to it.
    """

    content_type: str
    value: Any
    raw: bytes | None = None

    def field(self, name: str) -> Any:
        """Return the value of a field at the top, MISSING where there is none."""
        if isinstance(self.value, dict):
            return self.value.get(name, MISSING)
        pairs = self.value if self.content_type == FORM else ()
        if self.content_type == MULTIPART:
            pairs = [(part.name, part.content) for part in self.value]
        return next((text for key, text in pairs if key == name), MISSING)

    def with_field(self, name: str, value: Any) -> "Body":
        """Return the body with one more field at its top; raises BadRequest where there is no such place."""
        if self.content_type == FORM:
            return self._holding([pair for pair in self.value if pair[0] != name] + [(name, as_text(value))])
        if self.content_type == MULTIPART:
            return self._holding([part for part in self.value if part.name != name] + [Part(name, as_text(value))])
        if isinstance(self.value, dict):
            return self._holding({**self.value, name: value})
        raise BadRequest(f"The body has no place for {name!r}: expected a form or a JSON object.")

    def with_value(self, put: Put, value: Any) -> "Body":
        """Return the JSON body with a value where `put` writes it; raises BadRequest where something else is."""
        copy = deepcopy(self.value)
        try:
            put(copy, value)
        except PathFailed as cause:
            raise BadRequest(f"The body has no such place. {cause}") from cause
        return self._holding(copy)

    def sent(self, headers: Mapping[str, str]) -> tuple[Mapping[str, str], bytes]:
        """Return the headers with the body's content type, which a given one replaces, and its bytes."""
        if self.content_type == MULTIPART:
            content_type, content = encode(self.value)
            return {**headers, "content-type": content_type}, content  # no other knows the boundary
        return {"content-type": self.content_type, **headers}, self._encoded()

    def _holding(self, value: Any) -> "Body":
        return replace(self, value=value, raw=None)

    def _encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.content_type == FORM:
            return urlencode(self.value).encode()
        return (jsontext.dump(self.value) if self.content_type == JSON else str(self.value)).encode()


def body_builder(config: RequestBody) -> Callable[[Variables], Body]:
    """Return a function that builds the body; raises BadBody for what could never be built."""
    given = {"template": config.template, "schema": config.schema_, "raw": config.raw}[config.body_type]
    if given is None:
        raise BadBody(f"/{config.body_type}", f"expected a value, since bodyType is {config.body_type!r}")
    if config.body_type == "raw":
        return _raw(config.content_type, str(config.raw))
    build = _template(config) if config.template is not None and config.body_type == "template" else _schema(config)
    return lambda variables: Body(config.content_type, build(variables))


def _raw(content_type: str, text: str) -> Callable[[Variables], Body]:
    if content_type == MULTIPART:
        hint = "use template or schema, which make one"
        raise BadBody("/bodyType", f"a multipart body cannot be sent as it is: it needs a boundary; {hint}")
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
        parsed = _parsed(_STRING_OR_PLACE.sub(_quoted, text), "/template")
        build = filled(parsed)
        _check_parts(config.content_type, parsed)
    except BadBody:
        raise
    except BadText as cause:
        raise BadBody("/template", str(cause)) from cause
    return _shaped(config.content_type, build)


def _shaped(content_type: str, build: Build) -> Build:
    shape = {FORM: _as_form, MULTIPART: parts_of}.get(content_type)
    return build if shape is None else lambda variables: shape(build(variables))


def _check_parts(content_type: str, template: Any) -> None:
    try:
        if content_type == MULTIPART:
            parts_of(template)
    except BadRequest as cause:
        raise BadBody("/template", cause.message) from cause


def _quoted(match: re.Match[str]) -> str:
    """Make a bare placeholder a text: `{"count": {{n}}}` means the same as `{"count": "{{n}}"}`."""
    return f'"{match[0]}"' if match[0].startswith("{{") else match[0]


def filled(template: Any) -> Build:
    """Return a function that fills a JSON value; a text that is one placeholder keeps the type of its value."""
    if isinstance(template, str):
        name = single(template)
        return filler(template) if name is None else needed(name)
    if isinstance(template, list):
        items = [filled(item) for item in template]
        return lambda variables: [item(variables) for item in items]
    if isinstance(template, dict):
        fields = {_literal(name): filled(value) for name, value in template.items()}
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
    for place in _file_words(config.schema_, "/schema") if config.content_type != MULTIPART else ():
        raise BadBody(place, f"belongs to a file, and only a {MULTIPART} body has files")
    return _shaped(config.content_type, _structure(config.schema_, "", "/schema"))


def _file_words(schema: BodySchema | PropertySchema, pointer: str) -> Iterator[str]:
    if isinstance(schema, PropertySchema):
        words = {"filename": schema.filename, "contentType": schema.content_type}
        yield from (f"{pointer}/{word}" for word, text in words.items() if text is not None)
    for key, child in (schema.properties or {}).items():
        yield from _file_words(child, f"{pointer}/properties/{_escaped(key)}")
    if schema.items is not None:
        yield from _file_words(schema.items, f"{pointer}/items")


def _structure(schema: BodySchema | PropertySchema, name: str, pointer: str) -> Build:
    if schema.type == "array":
        if schema.items is None:
            raise BadBody(pointer, "expected items or a value for an array")
        item = _property(schema.items, name, f"{pointer}/items")
        return lambda variables: [value for value in [item(variables)] if value is not MISSING]
    fields = {key: _field(key, child, name, pointer) for key, child in (schema.properties or {}).items()}
    return lambda variables: {key: value for key, build in fields.items() if (value := build(variables)) is not MISSING}


def _field(key: str, schema: PropertySchema, parent: str, pointer: str) -> Build:
    name, place = f"{parent}.{key}" if parent else key, f"{pointer}/properties/{_escaped(key)}"
    return _property(schema, name, place)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _file(schema: PropertySchema, content: Build, pointer: str) -> Build:
    words = {"filename": schema.filename, "contentType": schema.content_type}
    fillers = {word: _text(text, f"{pointer}/{word}") for word, text in words.items() if text is not None}

    def build(variables: Variables) -> Any:
        found = content(variables)
        if found is MISSING:
            return MISSING
        return {"content": found, **{word: fill(variables) for word, fill in fillers.items()}}

    return build


def _text(text: str, pointer: str) -> Callable[[Variables], str]:
    try:
        return filler(text)
    except BadText as cause:
        raise BadBody(pointer, str(cause)) from cause


def _property(schema: PropertySchema, name: str, pointer: str) -> Build:
    build = _content(schema, name, pointer)
    return build if schema.filename is None and schema.content_type is None else _file(schema, build, pointer)


def _content(schema: PropertySchema, name: str, pointer: str) -> Build:
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
