"""OpenAPI's parameters as the format's: path and query parameters with types and defaults, headers as texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.connector.checks import is_secret_name
from hub.integrations.importing.credentials import is_secret_field, is_secret_header
from hub.integrations.importing.names import is_variable, text_in, variable_for
from hub.integrations.importing.pagination import Parameter
from hub.integrations.importing.references import References
from hub.integrations.importing.schemas import Schema, Schemas, kind_of_value
from hub.integrations.importing.warnings import Place, Warnings
from hub.outbound.calls import CLIENT_HEADERS, HEADER_NAME, HEADER_VALUE

Json = dict[str, Any]

LONGEST_DESCRIPTION = 500
# What an endpoint holds. Each field of an object is one, and a document can give many parameters one large object.
MOST_IN_QUERY = 100
_KIND = {"integer": "number", "number": "number", "boolean": "boolean", "array": "array"}
_JOINED = {"spaceDelimited": " ", "pipeDelimited": "|", "form": ",", "simple": ","}
# OpenAPI itself ignores header parameters of these names.
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})


@dataclass
class Parameters:
    """The parameters of one operation: `for_pages` says of each in the query what pagination wants to know."""

    path: list[Json] = field(default_factory=list)
    query: list[Json] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    for_pages: list[Parameter] = field(default_factory=list)


@dataclass(frozen=True)
class _Declared:
    """A parameter as the document declares it, with its schema."""

    node: Mapping[str, Any]
    schema: Schema
    where: Place

    @property
    def name(self) -> str:
        return str(self.node["name"])

    @property
    def is_required(self) -> bool:
        return self.node.get("required") is True

    @property
    def style(self) -> str:
        return str(self.node.get("style") or ("simple" if self.node["in"] in ("path", "header") else "form"))

    @property
    def is_joined(self) -> bool:
        """Say whether a list is written as one text."""
        explode = self.node.get("explode", self.style == "form")
        return self.node["in"] != "query" or explode is not True

    @property
    def description(self) -> str | None:
        parts = [self.node.get("description"), _choice(self.schema), _example(self.node, self.schema)]
        return text_in(" ".join(part for part in parts if isinstance(part, str)), LONGEST_DESCRIPTION)


class ParameterReader:
    def __init__(self, references: References, schemas: Schemas, warnings: Warnings) -> None:
        self._references = references
        self._schemas = schemas
        self._warnings = warnings

    def read(self, item: Mapping[str, Any], operation: Mapping[str, Any], where: Place, method: str) -> Parameters:
        """Return the parameters of a path item and its operation; the operation's replace those of the same name."""
        declared: dict[tuple[str, str], _Declared] = {}
        for node, place in ((item, where), (operation, (*where, method))):
            listed = node.get("parameters")
            for index, raw in enumerate(listed if isinstance(listed, list) else []):
                found = self._declared(raw, (*place, "parameters", index))
                if found is not None:
                    declared[found.node["in"], found.name] = found
        made = Parameters()
        for each in declared.values():
            self._add(made, each)
        return made

    def _declared(self, raw: Any, where: Place) -> _Declared | None:
        node, _ = self._references.resolved(raw, where)
        name, place = node.get("name"), node.get("in")
        if not isinstance(name, str) or not 0 < len(name) <= 200 or place not in ("path", "query", "header", "cookie"):
            self._warnings.add(where, "expected a parameter with name and in (path, query, header); it was left out")
            return None
        schema = node.get("schema")
        content = node.get("content")
        if isinstance(content, dict) and content:
            schema = {"type": "string"}
            self._warnings.add(where, "the parameter is JSON in a text; the caller gives it as a text")
        return _Declared(node, self._schemas.flat(schema, (*where, "schema")), where)

    def _add(self, made: Parameters, each: _Declared) -> None:
        place = each.node["in"]
        if place == "path":
            made.path.append({**_param(each), "required": True})
        elif place == "query":
            room = MOST_IN_QUERY - len(made.query)
            found = self._query(each, room + 1)
            if len(found) > room:
                message = f"has more than {MOST_IN_QUERY} query parameters; the others were left out"
                self._warnings.add(each.where[:-1], message)
            made.query += found[:room]
            words = each.schema.words
            made.for_pages.append(Parameter(each.name, words.get("maximum"), words.get("default")))
        elif place == "header":
            self._header(made, each)
        else:
            self._warnings.add(each.where, "a parameter in a cookie cannot be kept; send it as a header")

    def _query(self, each: _Declared, most: int) -> list[Json]:
        if each.schema.kind == "object":
            return self._object(each, most)
        param = _param(each)
        default = param.get("default")
        if isinstance(default, str) and (is_secret_name(each.name) or is_secret_field(each.name, default)):
            del param["default"]
            self._warnings.add(each.where, "looks like a secret; its default was left out")
        if each.schema.kind == "array" and each.is_joined:
            message = f"the list is written as one text, divided by {_JOINED.get(each.style, ',')!r}"
            self._warnings.add(each.where, message)
        return [param]

    def _object(self, each: _Declared, most: int) -> list[Json]:
        """Return a parameter per field of an object: `filter[status]` for a deep object, else the fields' own names."""
        names = [name for name in each.schema.properties if name][:most]
        if not names or not (each.style == "deepObject" or not each.is_joined):
            self._warnings.add(each.where, "the parameter is an object; the caller gives it as a text")
            return [{**_param(each), "type": "string"}]
        pattern = f"{each.name}[{{}}]" if each.style == "deepObject" else "{}"
        made = []
        for name in names:
            schema = self._schemas.flat(each.schema.properties[name], (*each.where, "schema"))
            node = {"name": pattern.replace("{}", name), "in": "query", "required": name in each.schema.required}
            made.append(_param(_Declared(node, schema, each.where)))
        return [param for param in made if len(param["name"]) <= 200]

    def _header(self, made: Parameters, each: _Declared) -> None:
        name, default = each.name, each.schema.words.get("default")
        text = default if isinstance(default, str) else None
        if name.lower() in _IGNORED_HEADERS or name.lower() in CLIENT_HEADERS:
            return
        if not HEADER_NAME.fullmatch(name) or is_secret_header(name, text or ""):
            self._warnings.add(each.where, "looks like a credential or is no header's name; send it by auth")
        elif text and HEADER_VALUE.fullmatch(text) and "{{" not in text:
            made.headers[name] = text
        elif each.is_required:
            made.headers[name] = f"{{{{{variable_for(name)}}}}}"
            self._warnings.add(each.where, f"the header is required; the caller gives {variable_for(name)!r}")
        else:
            self._warnings.add(("openapi", "paths"), f"the optional header {name[:60]!r} was left out")


def _param(each: _Declared) -> Json:
    kind = _KIND.get(each.schema.kind, "string")
    if kind == "array" and each.is_joined:
        kind = "string"
    param: Json = {"name": each.name, "type": kind}
    if each.is_required:
        param["required"] = True
    default = _default(each, kind)
    if default is not None:
        param["default"] = default
    if each.description:
        param["description"] = each.description
    if "." in each.name and not is_variable(each.name):
        param |= {"valueSource": "variable", "value": f"{{{{{variable_for(each.name)}}}}}"}
    return param


def _default(each: _Declared, kind: str) -> Any:
    """Return the declared default if it is a value of its own type; a list in one text is joined."""
    default = each.schema.words.get("default", each.schema.words.get("const"))
    if isinstance(default, list) and all(isinstance(item, (str, int, float)) for item in default):
        return _JOINED.get(each.style, ",").join(map(str, default)) if kind == "string" else default
    found = _KIND.get(kind_of_value(default), kind_of_value(default))
    return default if found == kind else None


def _choice(schema: Schema) -> str | None:
    values = schema.words.get("enum")
    if not isinstance(values, list) or not values:
        return None
    texts = [str(value)[:40] for value in values[:20] if isinstance(value, (str, int, float))]
    return f"One of {', '.join(texts)}." if texts else None


def _example(node: Mapping[str, Any], schema: Schema) -> str | None:
    examples = schema.words.get("examples")
    first = examples[0] if isinstance(examples, list) and examples else None
    value = next((each for each in (node.get("example"), schema.words.get("example"), first) if each is not None), None)
    is_shown = isinstance(value, (str, int, float)) and not is_secret_name(str(node.get("name")))
    return f"Example: {str(value)[:80]}." if is_shown else None
