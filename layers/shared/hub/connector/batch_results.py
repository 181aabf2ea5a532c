"""What the answer to a batch says of each record: by its place, by its key, or only of those that failed.

Every record of the batch gets a result. Where the answer does not say what became of one it is rejected with the code
`RESULT_UNKNOWN`, and the reason names what was found instead: it may have been written all the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connector.actions import is_told
from hub.connector.batch_config import BatchResults, Sign
from hub.connector.batch_cutting import Batch, Item, Outcome, RecordResult, key_text
from hub.connector.faults import kind_of
from hub.connector.select import error_message, identifier_text
from hub.mapping.config import Unfit
from hub.mapping.paths import MISSING, Get, finder, getter, steps_of

RESULT_UNKNOWN = "RESULT_UNKNOWN"
MOST_NAMED = 5

_OUTCOMES: dict[bool | None, Outcome] = {None: "written", True: "created", False: "updated"}

Read = Callable[[Any, Batch], list[RecordResult]]
Find = Callable[[Any], list[Any]]
Holds = Callable[[Any], bool]


def results_reader(config: BatchResults) -> Read:
    """Return a function from an answer's JSON to one result for each record of its batch; this raises BadPath.

    The function may raise PathFailed.
    """
    return _READERS[config.match](config)


def unknown(batch: Batch, reason: str) -> list[RecordResult]:
    """Return what there is to say of a batch whose answer does not tell what became of its records."""
    return batch.all("rejected", RESULT_UNKNOWN, reason)


def _at_top(document: Any) -> str:
    if isinstance(document, dict):
        return f"keys at top level: {sorted(document)[:30]}"
    return "it has no content" if document is None else f"it is {kind_of(document)}"


# One result


@dataclass(frozen=True)
class Verdict:
    """How one result or error is read, compiled."""

    is_success: Holds
    is_created: Holds | None
    external_id: Get
    code: Get
    message: Get

    def of_result(self, index: int, result: Any, was_in_created: bool | None = None) -> RecordResult:
        """Return what a result says; `was_in_created` is what the list that it stood in says, None = nothing."""
        if not self.is_success(result):
            return self.of_error(index, result)
        created = self.is_created(result) if self.is_created else was_in_created
        return RecordResult(index, _OUTCOMES[created], _id(self.external_id(result)))

    def of_error(self, index: int, error: Any) -> RecordResult:
        reason = _text(self.message(error)) or "the provider refused the record and does not say why"
        return RecordResult(index, "rejected", None, _text(self.code(error)), reason)


def _verdict(config: BatchResults) -> Verdict:
    return Verdict(
        is_success=_sign(config.success) or (lambda _: True),
        is_created=_sign(config.created),
        external_id=_optional(config.id_path),
        code=_optional(config.code_path),
        message=_optional(config.message_path),
    )


def _sign(sign: Sign | None) -> Holds | None:
    if sign is None:
        return None
    get, wanted = getter(sign.path), sign.value if "value" in sign.model_fields_set else MISSING
    return lambda result: is_told(get, result, wanted)


def _optional(path: str | None) -> Get:
    return getter(path) if path else lambda _: MISSING


def _text(value: Any) -> str | None:
    return None if value is MISSING else error_message(value)


def _id(value: Any) -> str | None:
    """Return the record's id at the provider, None where there is none that could be kept."""
    try:
        return identifier_text(value)
    except Unfit:
        return None


def _list_at(path: str) -> Find:
    """Return a function that gives the entries of a list, or of all matches of a path that may have several."""
    if steps_of(path) is None:
        return finder(path)
    get = getter(path)

    def find(document: Any) -> list[Any]:
        found = get(document)
        return found if isinstance(found, list) else []

    return find


def _lists_at(paths: Sequence[str] | None) -> Find:
    finders = [_list_at(path) for path in paths or ()]
    return lambda document: [entry for find in finders for entry in find(document)]


# By position


def _by_position(config: BatchResults) -> Read:
    find, verdict = _lists_at(config.path), _verdict(config)
    places = " and ".join(config.path or ())

    def read(document: Any, batch: Batch) -> list[RecordResult]:
        found = find(document)
        if len(found) != len(batch.items):
            reason = f"expected {len(batch.items)} results at {places}, found {len(found)}; {_at_top(document)}"
            return unknown(batch, reason)
        return [verdict.of_result(item.index, result) for item, result in zip(batch.items, found, strict=True)]

    return read


# By key


@dataclass(frozen=True)
class Answered:
    """What an answer says, by key: results with whether they stood among the created ones, errors, and the rest.

    `strays` are errors that belong to no key which was sent, `other_keys` are keys of results that were not.
    """

    results: Mapping[str, tuple[Any, bool | None]]
    errors: Mapping[str, Any]
    strays: Sequence[Any]
    other_keys: Sequence[str]


@dataclass(frozen=True)
class ByKey:
    """Reads an answer by keys; where `silence_is_success` what is neither among results nor errors was written."""

    verdict: Verdict
    created: Find | None
    others: Find
    key: Get
    errors: Find
    keys_of_error: Find
    silence_is_success: bool

    def __call__(self, document: Any, batch: Batch) -> list[RecordResult]:
        answered = self._answered(document, {item.key for item in batch.items})
        return [self._result(item, answered, document) for item in batch.items]

    def _answered(self, document: Any, sent: set[str]) -> Answered:
        results: dict[str, tuple[Any, bool | None]] = {}
        for result, was_in_created in self._results(document):
            results.setdefault(_key(self.key(result)), (result, was_in_created))
        errors, strays = dict[str, Any](), list[Any]()
        for error in self.errors(document):
            known = {_key(key) for key in self.keys_of_error(error)} & sent
            errors |= dict.fromkeys(known - errors.keys(), error)
            strays += [] if known else [error]
        return Answered(results, errors, strays, sorted(results.keys() - sent - {""}))

    def _results(self, document: Any) -> Iterator[tuple[Any, bool | None]]:
        if self.created is not None:
            yield from ((result, True) for result in self.created(document))
        yield from ((result, None if self.created is None else False) for result in self.others(document))

    def _result(self, item: Item, answered: Answered, document: Any) -> RecordResult:
        if item.key in answered.errors:
            return self.verdict.of_error(item.index, answered.errors[item.key])
        if item.key in answered.results:
            return self.verdict.of_result(item.index, *answered.results[item.key])
        if self.silence_is_success and not answered.strays:
            return RecordResult(item.index, "written")
        return RecordResult(item.index, "rejected", None, RESULT_UNKNOWN, self._what_was_found(answered, document))

    def _what_was_found(self, answered: Answered, document: Any) -> str:
        found = f"{len(answered.results)} results and {len(answered.errors) + len(answered.strays)} errors"
        reason = f"the answer does not name this record; it has {found}"
        if answered.other_keys:
            reason += f", some for keys that were not sent: {answered.other_keys[:MOST_NAMED]}"
        if answered.strays:
            said = [text for error in answered.strays[:MOST_NAMED] if (text := self.verdict.of_error(0, error).reason)]
            reason += f", some that name no record: {'; '.join(said)}"
        return f"{reason}; {_at_top(document)}"


def _by_key(config: BatchResults) -> Read:
    others = [path for path in config.path or () if path != config.created_in]
    return ByKey(
        verdict=_verdict(config),
        created=_list_at(config.created_in) if config.created_in else None,
        others=_lists_at(others),
        key=_optional(config.key_path),
        errors=_lists_at([config.errors_path] if config.errors_path else None),
        keys_of_error=finder(config.error_key_path) if config.error_key_path else lambda _: [],
        silence_is_success=config.match == "errors_by_key",
    )


def _key(value: Any) -> str:
    try:
        return key_text(value)
    except Unfit:
        return ""


# By a job


def _by_job(_: BatchResults) -> Read:
    return lambda _, batch: batch.all("accepted")


# By the status alone


def _by_status(_: BatchResults) -> Read:
    return lambda _, batch: batch.all("written")


_READERS: dict[str, Callable[[BatchResults], Read]] = {
    "position": _by_position,
    "key": _by_key,
    "errors_by_key": _by_key,
    "job": _by_job,
    "status": _by_status,
}
