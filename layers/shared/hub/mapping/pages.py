"""Mapping a page of records at once: expressions and lookups ask once for all of them, the rest goes by record."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hub.mapping.config import Unfit
from hub.mapping.expressions import PAGE_NAMES, Expression, Failed, as_json, page_ms, results
from hub.mapping.fields import FieldRule, MappingFailed, compile_lines
from hub.mapping.lookups import DocumentLookup, FindDocuments
from hub.mapping.paths import MISSING, PathFailed
from hub.mapping.program import Line, assemble

Mapped = dict[str, Any] | MappingFailed | PathFailed
MapPage = Callable[[Sequence[Any], FindDocuments | None], list[Mapped]]
Rule = TypeVar("Rule")
# For each record what each of the prepared rules found: a value, MISSING or Failed.
Prepared = list[list[Any]]


def compile_page(rules: Sequence[FieldRule]) -> MapPage:
    """Return a function from records to their fields, or to why one has none; this raises BadRule."""
    lines = compile_lines(rules)
    run = assemble(lines)
    prepared = [line for line in lines if line.prepared is not None]

    def map_page(records: Sequence[Any], find: FindDocuments | None) -> list[Mapped]:
        if not prepared:
            return [_mapped(run, record) for record in records]
        values = _prepare(prepared, records, find)
        return [_mapped(run, record, found) for record, found in zip(records, values, strict=True)]

    return map_page


def _mapped(run: Callable[..., dict[str, Any]], *args: Any) -> Mapped:
    try:
        return run(*args)
    except (MappingFailed, PathFailed) as failure:
        return failure


def _prepare(lines: Sequence[Line], records: Sequence[Any], find: FindDocuments | None) -> Prepared:
    values = [[_source_value(line, record) for line in lines] for record in records]
    _evaluate(lines, records, values)
    _look_up(lines, records, values, find)
    return values


def _source_value(line: Line, record: Any) -> Any:
    """Return the value at the source; null counts as missing where the rule has a default."""
    try:
        value = line.load(record) if line.load else MISSING
    except PathFailed as failure:
        return Failed(str(failure))
    return MISSING if value is None and line.default is not MISSING else value


def _is_there(value: Any) -> bool:
    return value is not MISSING and value is not None and not isinstance(value, Failed)


def _rules(lines: Sequence[Line], kind: type[Rule]) -> dict[int, Rule]:
    """Return the rules of one kind by their places among the prepared values."""
    return {place: line.convert for place, line in enumerate(lines) if isinstance(line.convert, kind)}


# Expressions


@dataclass(frozen=True)
class _Call:
    """One expression of one record; `result` is where its result belongs."""

    number: int
    args: list[str]
    result: tuple[int, int]


def _evaluate(lines: Sequence[Line], records: Sequence[Any], values: Prepared) -> None:
    """Put the results of all expressions in place of the values at their sources: one call of the engine."""
    rules = list(_rules(lines, Expression).items())
    calls = [call for index, record in enumerate(records) for call in _calls(rules, index, record, values[index])]
    asked = [(call.number, call.args) for call in calls]
    found = results([rule.source for _, rule in rules], PAGE_NAMES, asked, page_ms(len(records)))
    for call, result in zip(calls, found, strict=True):
        index, place = call.result
        values[index][place] = result


def _calls(rules: Sequence[tuple[int, Expression]], index: int, record: Any, values: list[Any]) -> Iterator[_Call]:
    whole: str | None = None
    for number, (place, rule) in enumerate(rules):
        value = values[place]
        if not _is_there(value):
            continue
        try:
            if whole is None and (rule.reads_record or value is record):
                whole = as_json(record)
            args = [(whole or "") if value is record else as_json(value), (whole or "") if rule.reads_record else ""]
            yield _Call(number, args, (index, place))
        except Unfit as cause:
            values[place] = Failed(str(cause))


# Lookups


def _look_up(lines: Sequence[Line], records: Sequence[Any], values: Prepared, find: FindDocuments | None) -> None:
    """Put the documents that all lookups find in place of the values at their sources: one call per document type."""
    rules = _rules(lines, DocumentLookup)
    wanted: dict[str, dict[str, None]] = {}
    for record, found in zip(records, values, strict=True):
        for place, rule in rules.items():
            found[place] = _id(rule, found[place], record)
            if isinstance(found[place], str):
                wanted.setdefault(rule.document_type, {})[found[place]] = None
    documents = {kind: find(kind, list(ids)) if find else None for kind, ids in wanted.items()}
    for found in values:
        for place, rule in rules.items():
            if isinstance(found[place], str):
                found[place] = _picked(rule, documents[rule.document_type], found[place])


def _id(rule: DocumentLookup, value: Any, record: Any) -> Any:
    """Return a document's id as a text; null, MISSING and Failed as they are."""
    if rule.key is None and not _is_there(value):
        return value
    try:
        return rule.id_of(value, record)
    except (Unfit, PathFailed) as cause:
        return Failed(str(cause))


def _picked(rule: DocumentLookup, documents: Any, document_id: str) -> Any:
    if documents is None:
        return Failed("documents cannot be looked up here")
    content = documents.get(document_id, MISSING)
    try:
        return MISSING if content is MISSING else rule.pick(content)
    except PathFailed as failure:
        return Failed(str(failure))
