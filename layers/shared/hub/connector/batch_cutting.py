"""Documents become the items of requests: as few requests as their limits allow, and each fault told beforehand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub.connector.batch_config import Batch as BatchConfig
from hub.connector.faults import kind_of
from hub.core import jsontext
from hub.mapping.config import Unfit, as_text
from hub.mapping.lookups import FindDocuments
from hub.mapping.pages import MapPage, compile_page
from hub.mapping.paths import MISSING, Get, PathFailed, getter

Json = dict[str, Any]
Outcome = Literal["created", "updated", "written", "accepted", "rejected"]

COMMA_BYTES = 1
EMPTY: tuple[Any, ...] = (MISSING, None, "", [], {})


@dataclass(frozen=True)
class RecordResult:
    """What became of one document, by its place in what was given, counted from 0.

    `rejected` says with `code` and `reason` why; the codes in capitals below are the hub's own, others the provider's.
    `accepted` ones are written by a job, `written` ones are new or changed, and the provider does not say which.
    """

    index: int
    outcome: Outcome
    external_id: str | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Item:
    """One document as it is sent: `size` are its bytes of JSON, `key` is what the answer knows it by, or ""."""

    index: int
    content: Any
    size: int
    key: str = ""


@dataclass(frozen=True)
class Batch:
    """The items of one request, whose body has `body_bytes`."""

    items: tuple[Item, ...]
    body_bytes: int

    def all(self, outcome: Outcome, code: str | None = None, reason: str | None = None) -> list[RecordResult]:
        """Return the same result for each of its records."""
        return [RecordResult(item.index, outcome, None, code, reason) for item in self.items]


@dataclass(frozen=True)
class Batches:
    """Every document is in one batch or `rejected`; the same documents make the same batches every time."""

    batches: list[Batch]
    rejected: list[RecordResult]


class Unsendable(Exception):
    """A document cannot be sent; others can."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Cutter:
    """How documents are cut into batches, compiled; `key` is None where the answer needs none."""

    size: int
    max_bytes: int | None
    required: Mapping[str, Get]
    map_page: MapPage | None
    key: Get | None

    def cut(self, documents: Sequence[Any], find: FindDocuments | None, empty_bytes: int) -> Batches:
        """Return the batches in the order of the documents; a body without items has `empty_bytes`."""
        items: list[Item] = []
        rejected: list[RecordResult] = []
        places: dict[str, int] = {}
        for index, content in enumerate(self._contents(documents, find)):
            try:
                items.append(self._item(index, content, empty_bytes, places))
            except Unsendable as fault:
                rejected.append(RecordResult(index, "rejected", None, fault.code, fault.reason))
        return Batches(list(self._batches(items, empty_bytes)), rejected)

    def _contents(self, documents: Sequence[Any], find: FindDocuments | None) -> list[Json | Unsendable]:
        """Return what each document becomes, or why it becomes nothing."""
        faults = [self._fault(document) for document in documents]
        if self.map_page is None:
            return [fault or document for fault, document in zip(faults, documents, strict=True)]
        good = [document for fault, document in zip(faults, documents, strict=True) if fault is None]
        mapped = iter(self.map_page(good, find))
        made = [fault or next(mapped) for fault in faults]
        return [each if isinstance(each, (dict, Unsendable)) else Unsendable("UNMAPPABLE", str(each)) for each in made]

    def _fault(self, document: Any) -> Unsendable | None:
        if not isinstance(document, dict):
            return Unsendable("UNMAPPABLE", f"expected an object, found {kind_of(document)}")
        try:
            missing = [path for path, get in self.required.items() if get(document) in EMPTY]
        except PathFailed as failure:
            return Unsendable("UNMAPPABLE", str(failure))
        if not missing:
            return None
        return Unsendable("REQUIRED_FIELD_MISSING", f"expected a value at {', '.join(missing)}, found none")

    def _item(self, index: int, content: Json | Unsendable, empty_bytes: int, places: dict[str, int]) -> Item:
        if isinstance(content, Unsendable):
            raise content
        item = Item(index, content, _size(content), self._key(content))
        if self.max_bytes is not None and empty_bytes + item.size > self.max_bytes:
            reason = f"the record alone makes {empty_bytes + item.size} bytes, and a request may have {self.max_bytes}"
            raise Unsendable("RECORD_TOO_LARGE", reason)
        if item.key and places.setdefault(item.key, index) != index:
            reason = f"record {places[item.key]} of the same request has the same key, so the answer could mean either"
            raise Unsendable("DUPLICATE_KEY", reason)
        return item

    def _key(self, content: Json) -> str:
        if self.key is None:
            return ""
        try:
            return key_text(self.key(content))
        except (Unfit, PathFailed) as cause:
            raise Unsendable(
                "KEY_MISSING", f"the answer could not be told to belong to this record: {cause}"
            ) from cause

    def _batches(self, items: Sequence[Item], empty_bytes: int) -> Iterator[Batch]:
        held: list[Item] = []
        body_bytes = empty_bytes
        for item in items:
            if held and not self._has_room(len(held), body_bytes + item.size + COMMA_BYTES):
                yield Batch(tuple(held), body_bytes)
                held, body_bytes = [], empty_bytes
            body_bytes += item.size + (COMMA_BYTES if held else 0)
            held.append(item)
        if held:
            yield Batch(tuple(held), body_bytes)

    def _has_room(self, count: int, body_bytes: int) -> bool:
        return count < self.size and (self.max_bytes is None or body_bytes <= self.max_bytes)


def cutter(config: BatchConfig) -> Cutter:
    """Return the compiled limits and rules; raises BadPath and BadRule."""
    results = config.results
    return Cutter(
        size=config.size,
        max_bytes=config.max_bytes,
        required={path: getter(path) for path in config.required},
        map_page=compile_page([mapping.rule() for mapping in config.field_mappings]) if config.field_mappings else None,
        key=getter(results.item_key_path) if results.item_key_path else None,
    )


def key_text(value: Any) -> str:
    """Return a key as it is compared: providers write e-mail addresses in a case of their own. Raises Unfit."""
    if value in EMPTY:
        raise Unfit("it has no key")
    return as_text(value).strip().lower()


def _size(content: Json) -> int:
    try:
        return len(jsontext.dump(content).encode())
    except (TypeError, ValueError, RecursionError) as cause:
        raise Unsendable("UNMAPPABLE", "the record cannot be written as JSON") from cause
