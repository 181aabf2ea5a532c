"""Guesses from the schema of an answer where its records are and which field identifies one."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hub.integrations.importing.names import document_type, step
from hub.integrations.importing.schemas import Schema, Schemas
from hub.integrations.importing.warnings import Place

Json = dict[str, Any]

DEEPEST_LIST = 3
MOST_FIELDS = 400
# What wraps records; the earlier one wins when an answer has several lists.
WRAPPERS = (
    "data items results records values value entries list rows content elements objects members nodes hits resources"
).split()
IDENTIFIERS = "id uuid guid _id Id ID key sys_id sid slug code name".split()
SURE_IDENTIFIERS = frozenset("id uuid guid _id Id ID sys_id".split())
_SCALARS = ("string", "integer", "number", "")


@dataclass(frozen=True)
class Answer:
    """`root` is the schema of a whole answer, `record` that of one record in it, found at `data_path`."""

    root: Schema
    record: Schema
    data_path: str
    is_list: bool

    @property
    def identifier(self) -> str | None:
        return identifier_in(self.record)


@dataclass(frozen=True)
class _Found:
    path: str
    name: str
    depth: int
    left: int
    schema: Schema
    parent: Schema

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.depth, WRAPPERS.index(self.name) if self.name in WRAPPERS else len(WRAPPERS), -self.left


class Answers:
    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def read(self, raw: Any, where: Place, is_one: bool) -> Answer:
        """Return what an answer holds; `is_one` says that its request names one record."""
        root = self._schemas.flat(raw, where)
        if root.kind == "array":
            return Answer(root, self._schemas.flat(root.items, where), "$", is_list=True)
        found = list(self.fields(root, where))
        lists = [each for each in found if each.schema.kind == "array" and _is_list(each, root, is_one)]
        records = [(each, self._schemas.flat(each.schema.items, where)) for each in lists]
        records = [(each, record) for each, record in records if record.kind in ("object", "")]
        if records:
            chosen, record = min(records, key=lambda pair: pair[0].rank)
            return Answer(root, record, chosen.path, is_list=True)
        return self._one(root, found)

    def fields(self, root: Schema, where: Place) -> Iterator[_Found]:
        """Yield the fields of an object and of the objects in it, with their JSONPaths, level by level."""
        level, left = [("$", root)], MOST_FIELDS
        for depth in range(1, DEEPEST_LIST + 1):
            below: list[tuple[str, Schema]] = []
            for path, parent in level:
                for name, raw in islice(parent.properties.items(), left):
                    found = _Found(f"{path}{step(name)}", name, depth, left, self._schemas.flat(raw, where), parent)
                    left -= 1
                    yield found
                    if found.schema.kind == "object":
                        below.append((found.path, found.schema))
            level = below

    def _one(self, root: Schema, found: list[_Found]) -> Answer:
        if SURE_IDENTIFIERS.isdisjoint(root.properties):
            inner = [each for each in found if each.depth == 1 and each.schema.kind == "object"]
            inner = [each for each in inner if (len(inner) == 1 or each.name == "data") and identifier_in(each.schema)]
            if inner:
                return Answer(root, inner[0].schema, inner[0].path, is_list=False)
        return Answer(root, root, "$", is_list=False)


def _is_list(found: _Found, root: Schema, is_one: bool) -> bool:
    """Say whether a list holds the records: those of one record, such as the lines of an order, do not."""
    if is_one:
        return found.name in WRAPPERS and found.depth == 1 and SURE_IDENTIFIERS.isdisjoint(root.properties)
    return found.name in WRAPPERS or SURE_IDENTIFIERS.isdisjoint(found.parent.properties)


def identifier_in(record: Schema) -> str | None:
    """Return the field that identifies a record: `id`, `uuid`, ..., `order_id` in an order, then any `*_id`."""
    fields = record.properties
    own = (document_type(record.name or "") or "").replace("-", "")
    named = [name for name in fields if own and name.lower().replace("_", "") in (f"{own}id", f"{own}key")]
    others = [name for name in fields if name.endswith(("_id", "Id", "_key", "_uuid", "-id"))]
    sure = [name for name in IDENTIFIERS if name in SURE_IDENTIFIERS]
    weak = [name for name in IDENTIFIERS if name not in SURE_IDENTIFIERS]
    candidates = [*sure, *named, *(name for name in weak if name == "key"), *others, *weak]
    return next((name for name in candidates if name in fields and _is_scalar(fields[name])), None)


def _is_scalar(raw: Any) -> bool:
    """Say whether a field may hold a text or a number, as far as its schema says without its references."""
    kind = raw.get("type", "") if isinstance(raw, dict) else ""
    return any(each in _SCALARS for each in (kind if isinstance(kind, list) else [kind]))
