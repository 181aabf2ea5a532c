"""JSON schemas made flat: references followed, `allOf` merged, the first form of `oneOf` and `anyOf` taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.integrations.importing.references import References
from hub.integrations.importing.warnings import Place, Warnings

Json = dict[str, Any]

DEEPEST = 12
MOST_VISITS = 20_000
MOST_SAMPLES = 5
_KINDS = ("object", "array", "string", "number", "integer", "boolean")


@dataclass(frozen=True)
class Schema:
    """`properties` and `items` are still as the document has them; `kind` is "" where nothing says it.

    `words` are the schema's own: format, description, default, example, maximum, readOnly and so on.
    """

    kind: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    items: Any = None
    name: str | None = None
    words: Mapping[str, Any] = field(default_factory=dict)


class Schemas:
    """Reads the schemas of one document, each once; after `MOST_VISITS` of them all others are taken for anything."""

    def __init__(self, references: References, warnings: Warnings) -> None:
        self._references = references
        self._warnings = warnings
        self._left = MOST_VISITS
        self._known: dict[int, tuple[Any, Schema]] = {}  # with the node itself, so that its id is nobody else's

    def flat(self, raw: Any, where: Place, depth: int = 0) -> Schema:
        if id(raw) not in self._known:
            self._known[id(raw)] = (raw, self._flat(raw, where, depth))
        return self._known[id(raw)][1]

    def _flat(self, raw: Any, where: Place, depth: int) -> Schema:
        if depth > DEEPEST or self._left <= 0:
            self._warnings.add(where, "the schema is too large or leads back to itself; its deeper parts were left out")
            return Schema()
        self._left -= 1
        node, name = self._references.resolved(raw, where)
        parts = [self.flat(part, where, depth + 1) for part in _list(node.get("allOf"))]
        variant = self._variant(node, where)
        if variant is not None:
            parts.append(self.flat(variant, where, depth + 1))
        return _merged(_own(node, name), parts)

    def _variant(self, node: Json, where: Place) -> Any:
        """Return the first form that is not null."""
        forms = [form for form in [*_list(node.get("oneOf")), *_list(node.get("anyOf"))] if not _is_null(form)]
        if len(forms) > 1:
            self._warnings.add(where, f"has {len(forms)} forms (oneOf, anyOf); the first was taken")
        return forms[0] if forms else None


def sample_schema(value: Any, depth: int = 0) -> Json:
    """Return the schema of a value that was seen; a list's is that of its first records together."""
    if isinstance(value, dict) and depth <= DEEPEST:
        return {"type": "object", "properties": {name: sample_schema(each, depth + 1) for name, each in value.items()}}
    if isinstance(value, list) and depth <= DEEPEST:
        return {"type": "array", "items": {"allOf": [sample_schema(each, depth + 1) for each in value[:MOST_SAMPLES]]}}
    return {"type": kind} if (kind := kind_of_value(value)) else {}


def kind_of_value(value: Any) -> str:
    """Return the word of JSON schema for a value; "" for null."""
    kinds: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {dict: "object", list: "array", **kinds}.get(type(value), "")


def _own(node: Json, name: str | None) -> Schema:
    properties = {key: value for key, value in _object(node.get("properties")).items() if isinstance(key, str)}
    required = frozenset(key for key in _list(node.get("required")) if isinstance(key, str))
    return Schema(_kind(node, properties), properties, required, node.get("items"), name, node)


def _kind(node: Json, properties: Json) -> str:
    words = node.get("type")
    for word in words if isinstance(words, list) else [words]:
        if word in _KINDS:
            return str(word)
    if properties or isinstance(node.get("additionalProperties"), dict):
        return "object"
    if node.get("items") is not None:
        return "array"
    values = [*_list(node.get("enum")), node.get("const")]
    return next((kind for value in values if (kind := kind_of_value(value))), "")


def _merged(own: Schema, parts: list[Schema]) -> Schema:
    """Lay the parts under the schema itself: its own words win, its properties are added to theirs."""
    whole = own
    for part in parts:
        whole = Schema(
            whole.kind or part.kind,
            {**part.properties, **whole.properties},
            whole.required | part.required,
            part.items if whole.items is None else whole.items,
            whole.name or part.name,
            {**part.words, **whole.words},
        )
    return whole


def _is_null(form: Any) -> bool:
    return isinstance(form, dict) and form.get("type") == "null"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
