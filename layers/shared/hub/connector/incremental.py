"""What has changed since the last sync: the highest value that its records had, and the parameter that is made of it.

A watermark is a number, so that any two can be compared: the microseconds since 1970 of a time, or the number itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from hub.connector.auth_config import Auth
from hub.connector.paging import in_variables
from hub.connector.position import digest
from hub.connector.request_config import Endpoint, Incremental
from hub.connector.requests import Draft
from hub.connector.slots import slot
from hub.connector.values import typed
from hub.mapping.dates import EPOCH, reader, writer
from hub.mapping.paths import Get, getter

Watermark = int | float
Value = str | int | float

NUMBER, VARIABLE = "number", "variable"
OVERLAP_S = 300
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000  # in microseconds
LARGEST = 2**63 - 1
EARLIEST = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
# Words that change neither which records come nor what becomes of them.
_OF_NO_EFFECT = {"name", "operation", "description", "tags", "rate_limit", "timeout", "retry_config"}
_WHOSE_DATA = {"type", "username", "client_id", "token_url", "scope"}
_DIGITS = re.compile(r"-?[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True)
class Increment:
    """An endpoint's incremental words, compiled.

    `highest` gives the watermark of records as they came, None where none can be read. No time is later than the one
    at which the walk began (epoch seconds): what changes while it goes on may lie on a page that was read already, and
    a single wrong clock must not hide a year of changes. `value` is what is sent for a watermark, the overlap taken
    off; `asked` puts it into a request, or it is the `variable` that a request is built with. A watermark counts only
    for the `footprint` that it was kept with.
    """

    highest: Callable[[Iterable[Any], float], Watermark | None]
    value: Callable[[Watermark], Value]
    asked: Callable[[Draft, Value], Draft]
    footprint: str
    variable: str | None = None


@dataclass(frozen=True)
class Scale:
    """How a record's value becomes a watermark, and a watermark the value of a parameter.

    `read` may raise ValueError and OverflowError; `until` cuts a watermark by when the walk began.
    """

    read: Callable[[Any], Watermark]
    write: Callable[[Watermark], Value]
    until: Callable[[Watermark, float], Watermark]


def increment_of(endpoint: Endpoint, base_url: str, headers: Mapping[str, str], auth: Auth) -> Increment | None:
    """Return how the endpoint of a connector asks for changes, None where it does not."""
    config = placed(endpoint)
    if config is None:
        return None
    measure = scale(config)
    return Increment(
        highest=_highest(getter(config.field), measure),
        value=measure.write,
        asked=_as_built if config.location == VARIABLE else slot(config.location, config.param).write,
        footprint=_footprint(endpoint, [base_url, headers, auth.model_dump(include=_WHOSE_DATA)]),
        variable=config.param if config.location == VARIABLE else None,
    )


def _as_built(draft: Draft, _: Value) -> Draft:
    return draft


def placed(endpoint: Endpoint) -> Incremental | None:
    """Return the endpoint's incremental words; in a GraphQL query a plain name is a variable."""
    config = endpoint.incremental
    if config is None or endpoint.graphql is None or config.location == VARIABLE:
        return config
    return config.model_copy(update={"location": "body", "param": in_variables(config.param)})


def scale(config: Incremental) -> Scale:
    """Return how the values are read and written; raises BadConfig for a format that does not exist."""
    if config.format == NUMBER:
        return Scale(_number, lambda watermark: watermark, lambda watermark, _: watermark)
    overlap_s = OVERLAP_S if config.overlap_seconds is None else config.overlap_seconds
    read, write = reader(config.format, UTC), writer(config.param_format or config.format, UTC)

    def written(watermark: Watermark) -> Value:
        value: Value = write(EPOCH + max(int(watermark) - overlap_s * SECOND, EARLIEST) * MICROSECOND)
        return value

    return Scale(
        lambda value: (read(value) - EPOCH) // MICROSECOND,
        written,
        lambda watermark, began_s: min(watermark, int(began_s * SECOND)),
    )


def _number(value: Any) -> Watermark:
    """Read a number; a text of digits keeps all of them, as the ids of some providers need."""
    number: Watermark = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else typed(NUMBER, value)
    if abs(number) > LARGEST:
        raise ValueError("too large")
    return number


def _highest(get: Get, measure: Scale) -> Callable[[Iterable[Any], float], Watermark | None]:
    def highest(records: Iterable[Any], began_s: float) -> Watermark | None:
        known = [watermark for record in records if (watermark := _watermark(get, measure, record)) is not None]
        return measure.until(max(known), began_s) if known else None

    return highest


def _watermark(get: Get, measure: Scale, record: Any) -> Watermark | None:
    try:
        return measure.read(get(record))
    except (ValueError, OverflowError):
        return None


def _footprint(endpoint: Endpoint, where: Sequence[Any]) -> str:
    """Return a digest of what says which records are asked for, where, and what becomes of them."""
    what = endpoint.model_dump(by_alias=True, exclude_unset=True, exclude=_OF_NO_EFFECT)
    return digest(orjson.dumps([where, what], option=orjson.OPT_SORT_KEYS))
