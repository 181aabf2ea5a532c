"""What of an answer counts: its records, the provider's own error message, the total."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from hub.connector.faults import kind_of
from hub.connector.response_config import ResponseMapping
from hub.core.errors import Refused
from hub.mapping.config import Unfit, as_text
from hub.mapping.fields import FieldRule
from hub.mapping.lookups import FindDocuments
from hub.mapping.pages import MapPage, Mapped, compile_page
from hub.mapping.paths import MISSING, BadPath, Get, PathFailed, finder, getter, steps_of

MAX_ID_BYTES = 512
EXACT_FLOAT = 2**53  # a larger number without decimals may have lost digits on its way


@dataclass(frozen=True)
class Record:
    """One record of a page, counted from 0: `content` is the document to be, or `rejected` says why there is none."""

    index: int
    external_id: str | None = None
    content: dict[str, Any] | None = None
    rejected: str | None = None


@dataclass(frozen=True)
class Selection:
    """`data` gives the records of an answer; `records` maps all of a page; `error` the provider's message or None.

    Where nothing `is_read` an answer has no records and need not be JSON.
    """

    data: Callable[[Any], list[Any]]
    records: Callable[[Sequence[Any], FindDocuments | None], list[Record]]
    error: Callable[[Any], str | None]
    total: Callable[[Any], int | None]
    page_info: Callable[[Any], Any]
    is_read: bool = True


def selection(config: ResponseMapping) -> Selection:
    """Return the compiled response mapping; raises BadPath and BadRule."""
    metadata = config.metadata_mapping
    total = _optional(metadata.total_count if metadata else None)
    at_error = _optional(config.error_path)

    def error(document: Any) -> str | None:
        return error_message(at_error(document))

    return Selection(
        data=_data(config, error),
        records=_records(config),
        error=error,
        total=lambda document: _count(total(document)),
        page_info=_optional(metadata.page_info if metadata else None),
        is_read=config.data_path is not None or config.error_path is not None,
    )


def scoped(chosen: Selection, name: str) -> Selection:
    """Return a selection whose ids begin with what each record has under a name: `7/12` is record 12 of parent 7."""

    def records(raw: Sequence[Any], find: FindDocuments | None) -> list[Record]:
        return [_scoped(record, raw[record.index], name) for record in chosen.records(raw, find)]

    return replace(chosen, records=records)


def _scoped(record: Record, raw: Any, name: str) -> Record:
    if record.external_id is None:
        return record
    try:
        scope = identifier_text(raw.get(name, MISSING) if isinstance(raw, dict) else MISSING)
        return replace(record, external_id=identifier_text(f"{scope}/{record.external_id}"))
    except Unfit as cause:
        return Record(record.index, rejected=str(cause))


def identifier(name: str) -> Get:
    """Return where a record's identifier is: a path, or the name of a field as it is written."""
    if name.startswith("$"):
        return getter(name)
    try:
        return getter(name)
    except BadPath:
        return lambda record: record.get(name, MISSING) if isinstance(record, dict) else MISSING


def identifier_text(value: Any) -> str:
    """Return an identifier as text; raises Unfit for what identifies nothing."""
    if value is MISSING or value is None:
        raise Unfit("the identifier is missing")
    if isinstance(value, (bool, dict, list)):
        raise Unfit(f"the identifier must be a text or a number, found {kind_of(value)}")
    if isinstance(value, float) and abs(value) >= EXACT_FLOAT:
        raise Unfit("the identifier is a number with more digits than can be kept exactly")
    text = as_text(value)
    if not 1 <= len(text.encode()) <= MAX_ID_BYTES:
        raise Unfit(f"the identifier must have 1 to {MAX_ID_BYTES} bytes, found {len(text.encode())}")
    return text


def error_message(value: Any) -> str | None:
    """Return what a provider says went wrong, in full; of a list its messages; None when it says nothing."""
    if not value:
        return None
    if isinstance(value, list) and all(_has_message(each) for each in value):
        return "; ".join(each["message"] for each in value)
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else str(value)


def _has_message(error: Any) -> bool:
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def _optional(path: str | None) -> Get:
    return getter(path) if path else lambda _: MISSING


def _data(config: ResponseMapping, error: Callable[[Any], str | None]) -> Callable[[Any], list[Any]]:
    path, key_field = config.data_path, config.key_field
    if path is None:
        return _no_data(error)
    steps = steps_of(path)
    get, every = getter(path), finder(path)

    def data(document: Any) -> list[Any]:
        found = every(document) if steps is None else get(document)
        if isinstance(found, list) and (found or steps is not None):
            return found
        if message := error(document):
            raise Refused(f"The provider answered with an error: {message}")
        if found is None or found == []:
            return []
        one = _one(found, path, document)
        return [one] if key_field is None else _entries(one, key_field)

    return data


def _no_data(error: Callable[[Any], str | None]) -> Callable[[Any], list[Any]]:
    def data(document: Any) -> list[Any]:
        if message := error(document):
            raise Refused(f"The provider answered with an error: {message}")
        return []

    return data


def _entries(by_key: Mapping[str, Any], key_field: str) -> list[Any]:
    """Return a record for each entry of an object: its fields, or its value as `value`, and its key."""
    return [
        {**(value if isinstance(value, dict) else {"value": value}), key_field: key} for key, value in by_key.items()
    ]


def _one(found: Any, path: str, document: Any) -> Any:
    if isinstance(found, dict):
        return found
    if found is not MISSING:
        raise Refused(f"dataPath {path!r}: expected a list or an object, found {kind_of(found)}.")
    keys = (
        f"keys at top level: {sorted(document)[:30]}"
        if isinstance(document, dict)
        else f"the answer is {kind_of(document)}"
    )
    raise Refused(f"dataPath {path!r} found nothing; {keys}.")


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _records(config: ResponseMapping) -> Callable[[Sequence[Any], FindDocuments | None], list[Record]]:
    if config.identifier_field is None:
        return lambda _, __: []
    rules = [mapping.rule() for mapping in config.field_mappings]
    map_page: MapPage = compile_page(rules) if rules else lambda raw, _: [dict(record) for record in raw]
    id_of = _identity(identifier(config.identifier_field), _takes_any(rules))

    def records(raw: Sequence[Any], find: FindDocuments | None) -> list[Record]:
        ids = [id_of(record) for record in raw]
        known = [record for record, found in zip(raw, ids, strict=True) if isinstance(found, str)]
        mapped = iter(map_page(known, find))
        return [
            _record(index, found, next(mapped)) if isinstance(found, str) else Record(index, rejected=str(found))
            for index, found in enumerate(ids)
        ]

    return records


def _identity(find: Get, takes_any: bool) -> Callable[[Any], str | Unfit | PathFailed]:
    """Return a function that gives a record's external id, or why it has none."""

    def id_of(raw: Any) -> str | Unfit | PathFailed:
        if not takes_any and not isinstance(raw, dict):
            return Unfit(f"the record must be an object, found {kind_of(raw)}")
        try:
            return identifier_text(find(raw))
        except (Unfit, PathFailed) as cause:
            return cause

    return id_of


def _record(index: int, external_id: str, mapped: Mapped) -> Record:
    if isinstance(mapped, dict):
        return Record(index, external_id, mapped)
    return Record(index, external_id, rejected=str(mapped))


def _takes_any(rules: Sequence[FieldRule]) -> bool:
    """Say whether a rule reads a record that is no object: `$` itself, or `$[0]` of a row."""
    places = [steps_of(rule.source) for rule in rules]
    return any(steps is not None and (not steps or isinstance(steps[0], int)) for steps in places)
