"""Request bodies: from the schema of a document, or from a body that was seen."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from hub.core import jsontext
from hub.core.errors import BadRequest
from hub.integrations.importing.credentials import holds_secret, is_secret_field
from hub.integrations.importing.exchange import Posted
from hub.integrations.importing.names import is_variable, variable_for
from hub.integrations.importing.references import References
from hub.integrations.importing.schemas import Schema, Schemas, sample_schema
from hub.integrations.importing.warnings import Place, Warnings

Json = dict[str, Any]

JSON, FORM, MULTIPART, TEXT = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
)
DEEPEST_FIELDS = 4
MOST_FIELDS = 300
# Of fields that are looked at: those that are only read count for no body, and can be many.
MOST_VISITS = 10 * MOST_FIELDS
LONGEST_BODY = 100_000
_JSON_TYPE = re.compile(r"(?:application|text)/(?:[\w.+-]+\+)?json(?:[-\w]*)|\*/\*", re.I)
_KIND = {"integer": "number", "": "string"}
_WHOLE = "{{body}}"


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    return _JSON_TYPE.fullmatch(media_type(content_type)) is not None


# From a schema


def chosen_content(content: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the format's content type and the document's own word for it: JSON first, then forms, then text."""
    for kind, fits in ((JSON, is_json), (FORM, _is(FORM)), (MULTIPART, _is(MULTIPART)), (TEXT, _is_text)):
        own = next((name for name in content if isinstance(name, str) and fits(name)), None)
        if own is not None:
            return kind, own
    return None


def _is(kind: str) -> Any:
    return lambda name: media_type(name) == kind


def _is_text(name: str) -> bool:
    return media_type(name).startswith("text/") or media_type(name).endswith(("/xml", "+xml"))


def from_schema(raw: Any, content_type: str, schemas: Schemas, where: Place, warnings: Warnings) -> Json:
    """Return a body whose fields the caller gives under their names; a body without named fields as `body`."""
    schema = schemas.flat(raw, where)
    reader = _FieldReader(schemas, content_type, warnings)
    fields = reader.fields(schema, "", where) if schema.kind == "object" and content_type != TEXT else {}
    if not fields:
        return {"contentType": content_type, "bodyType": "template", "template": _WHOLE}
    return {"contentType": content_type, "bodyType": "schema", "schema": {"type": "object", "properties": fields}}


class _FieldReader:
    """Reads the fields of one body; after `MOST_FIELDS` of them the others are left out."""

    def __init__(self, schemas: Schemas, content_type: str, warnings: Warnings) -> None:
        self._schemas = schemas
        self._has_files = content_type == MULTIPART
        self._warnings = warnings
        self._left = MOST_FIELDS
        self._visits = 0

    def fields(self, schema: Schema, parent: str, where: Place) -> Json:
        found: Json = {}
        for name, raw in schema.properties.items():
            if self._left <= 0 or self._visits >= MOST_VISITS:
                self._warnings.add(where, f"the body has more than {MOST_FIELDS} fields; the others were left out")
                break
            self._visits += 1
            field = self._read(raw, name, parent, schema, where) if name else None
            if field is not None:
                found[name] = field
        return found

    def _read(self, raw: Any, name: str, parent: str, of: Schema, where: Place) -> Json | None:
        path, place = (f"{parent}.{name}" if parent else name), (*where, "properties", name)
        schema = self._schemas.flat(raw, place)
        if schema.words.get("readOnly") is True:
            return None
        if "." in path and not is_variable(path):
            self._warnings.add(place, "the name of this field cannot be a variable; the field was left out")
            return None
        self._left -= 1
        return self._field(schema, path, name in of.required, place)

    def _field(self, schema: Schema, path: str, is_required: bool, where: Place) -> Json:
        field: Json = {"type": _KIND.get(schema.kind, schema.kind), **({"required": True} if is_required else {})}
        fixed = schema.words.get("const")
        if isinstance(fixed, (str, int, float)) and not holds_secret(str(fixed)):
            return {**field, "source": "static", "value": fixed}
        if self._has_files and "." not in path and _is_file(schema):
            return {**field, "filename": path.replace("{{", "")}
        if schema.kind == "object" and path.count(".") < DEEPEST_FIELDS:
            inner = self.fields(schema, path, where)
            return {**field, "properties": inner} if inner else field
        return field


def _is_file(schema: Schema) -> bool:
    """Say whether a field of a form is a file: OpenAPI 3.0 says format, 3.1 says contentMediaType."""
    return schema.words.get("format") in ("binary", "byte") or "contentMediaType" in schema.words


# From a body that was seen


def from_seen(posted: Posted, keep_values: bool, where: str, warnings: Warnings) -> Json | None:
    """Return the body: as it was sent when values are kept, else with a variable for every field; never a secret."""
    kind = media_type(posted.content_type)
    if posted.fields is not None:
        return _from_fields(dict(posted.fields), FORM if kind == FORM else MULTIPART, keep_values, where, warnings)
    if len(posted.text) > LONGEST_BODY:
        warnings.add(where, f"the body has more than {LONGEST_BODY} characters; it was left out")
        return None
    value = _json_in(posted.text)
    if is_json(kind) or (kind == FORM and isinstance(value, (dict, list))):
        if not is_json(kind):
            warnings.add(where, "the body is JSON and was sent as a form; application/json was taken")
        return _from_json(value, posted.text, keep_values, where, warnings)
    if kind == FORM and (pairs := parse_qsl(posted.text, keep_blank_values=True)):
        return _from_fields(dict(pairs), FORM, keep_values, where, warnings, pairs)
    return _from_text(posted.text, keep_values, where, warnings)


def _json_in(text: str) -> Any:
    try:
        return jsontext.parse(text.encode(errors="replace"))
    except BadRequest:
        return None


def _from_json(value: Any, text: str, keep_values: bool, where: str, warnings: Warnings) -> Json:
    if value is None:
        warnings.add(where, "the body is announced as JSON and is none; the caller gives it as `body`")
        return {"contentType": JSON, "bodyType": "template", "template": _WHOLE}
    if not keep_values:
        return _from_sample(value, JSON, where, warnings)
    open_value, names = without_secrets(value)
    if names:
        warnings.add(where, f"secrets in the body are not stored; the caller gives {_listed(names)}")
        return _template(open_value)
    return {"contentType": JSON, **_as_written(text)}


def _template(value: Any) -> Json:
    """Return a template of a JSON value; a text with `{{` that is no variable cannot be written in one."""
    text = jsontext.dump(value)
    return {"contentType": JSON, "bodyType": "template", "template": text}


def _as_written(text: str) -> Json:
    return {"bodyType": "template", "template": text} if "{{" in text else {"bodyType": "raw", "raw": text}


def _from_fields(
    fields: dict[str, str | None],
    kind: str,
    keep_values: bool,
    where: str,
    warnings: Warnings,
    pairs: list[tuple[str, str]] | None = None,
) -> Json:
    if not keep_values:
        return _from_sample(dict.fromkeys(fields, ""), kind, where, warnings)
    secret = sorted(name for name, value in fields.items() if value is not None and _is_secret(name, value))
    if secret:
        warnings.add(where, f"secrets in the body are not stored; the caller gives {_listed(secret)}")
    if pairs is not None:
        # Names that repeat are possible in a form and not in an object.
        text = "&".join(f"{quote(name)}={_form_value(name, value, secret)}" for name, value in pairs)
        return {"contentType": FORM, "bodyType": "template", "template": text}
    properties = {name: _known_field(name, value, secret) for name, value in fields.items() if name}
    return {"contentType": kind, "bodyType": "schema", "schema": {"type": "object", "properties": properties}}


def _form_value(name: str, value: str, secret: list[str]) -> str:
    return f"{{{{{variable_for(name)}}}}}" if name in secret else quote(value, safe="{}")


def _known_field(name: str, value: str | None, secret: list[str]) -> Json:
    if value is None:
        return {"type": "string", "filename": name}
    if name in secret:
        return {"type": "string", "required": True}
    return {"type": "string", "source": "static", "value": value}


def _from_text(text: str, keep_values: bool, where: str, warnings: Warnings) -> Json:
    if keep_values and not holds_secret(text):
        return {"contentType": TEXT, **_as_written(text)}
    warnings.add(where, "the text of the body is not stored; the caller gives it as `body`")
    return {"contentType": TEXT, "bodyType": "template", "template": _WHOLE}


def _from_sample(value: Any, kind: str, where: str, warnings: Warnings) -> Json:
    schemas = Schemas(References({}, warnings), warnings)
    query = value.get("query") if isinstance(value, dict) else None
    made = from_schema(sample_schema(value), kind, schemas, (where,), Warnings())
    if isinstance(query, str) and re.match(r"\s*(?:query|mutation|\{)", query) and not holds_secret(query):
        # The text of a GraphQL request is its endpoint, not a value.
        made["schema"]["properties"] = {
            "query": {"type": "string", "source": "static", "value": query},
            "variables": {"type": "object"},
        }
    return made


# Secrets


def without_secrets(value: Any, name: str = "") -> tuple[Any, list[str]]:
    """Return a JSON value with a variable for each secret in it, and the names of the variables."""
    if isinstance(value, dict):
        return _each(value, {key: without_secrets(child, key) for key, child in value.items()})
    if isinstance(value, list):
        parts = [without_secrets(child, name) for child in value]
        return [part for part, _ in parts], [each for _, names in parts for each in names]
    if isinstance(value, (str, int)) and not isinstance(value, bool) and _is_secret(name, str(value)):
        variable = variable_for(name)
        return f"{{{{{variable}}}}}", [variable]
    return value, []


def _each(value: Json, parts: Mapping[str, tuple[Any, list[str]]]) -> tuple[Json, list[str]]:
    return {key: parts[key][0] for key in value}, [each for _, names in parts.values() for each in names]


def _is_secret(name: str, value: str) -> bool:
    return is_secret_field(name, value) and not (value.startswith("{{") and value.endswith("}}"))


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name[:60]) for name in dict.fromkeys(names))[:300]
