"""How the end of the data is told: S000's end conditions, as functions that give the reason to stop or None."""

from collections.abc import Callable

from hub.connector.paging import Answered, is_blank
from hub.connector.response_config import Pagination
from hub.mapping.paths import MISSING, getter

Ended = Callable[[Answered], str | None]
# What says "no more" where a boolean is expected.
FALSE = (MISSING, None, False, 0, "", "false")


def end_condition(config: Pagination | None) -> Ended:
    """Return what says why an answer is the last one; beside it every kind of pagination has an end of its own."""
    if config is None or config.end_condition is None:
        return lambda _: None
    return _KINDS[config.end_condition.type](config)


def _empty_array(_: Pagination) -> Ended:
    return lambda answered: "empty_page" if answered.count == 0 else None


def _short_page(_: Pagination) -> Ended:
    def ended(answered: Answered) -> str | None:
        if answered.count == 0:
            return "empty_page"
        return "short_page" if answered.limit is not None and answered.count < answered.limit else None

    return ended


def _cursor_null(config: Pagination) -> Ended:
    if config.cursor_path is None:
        return lambda _: None  # the missing next link is the end
    get = getter(config.cursor_path)
    return lambda answered: "cursor_null" if is_blank(get(answered.document)) else None


def _has_more(config: Pagination) -> Ended:
    get = getter(str(config.end_condition.field if config.end_condition else ""))
    return lambda answered: "has_more_false" if get(answered.document) in FALSE else None


def _done(config: Pagination) -> Ended:
    get = getter(str(config.end_condition.field if config.end_condition else ""))
    return lambda answered: None if get(answered.document) in FALSE else "done_true"


_KINDS: dict[str, Callable[[Pagination], Ended]] = {
    "empty_array": _empty_array,
    "count_less_than_limit": _short_page,
    "cursor_null": _cursor_null,
    "has_more_field": _has_more,
    "done_field": _done,
    "total_reached": lambda _: lambda _: None,  # the offset pages know themselves
}
