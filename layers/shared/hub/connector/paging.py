"""The four kinds of pagination: how a position changes the request, and what the answer says about the next one.

What an endpoint itself sends under the name of a pagination parameter counts for the first page: a `page` with the
default 0 starts there, a `limit` of 20 is the page size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from hub.connector.position import Cursor, Position
from hub.connector.requests import Draft
from hub.connector.response_config import Pagination
from hub.connector.urls import BadUrl, origin
from hub.core.errors import BadRequest, Refused
from hub.mapping.config import as_text
from hub.mapping.paths import MISSING, getter
from hub.outbound.calls import Call, Reply, full_url

DEFAULT_LIMIT = 100
LONGEST_CURSOR = 4096
LONGEST_LINK = 8192

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answered:
    """One page as the provider sent it: `draft` was asked, `count` its records, `limit` the most it can have."""

    draft: Draft
    reply: Reply
    document: Any
    count: int
    limit: int | None


@dataclass(frozen=True)
class Paging:
    """`start` completes the first request, `at` leads it to a position; `after` gives the next or why there is none."""

    kind: str
    start: Callable[[Draft], Draft]
    at: Callable[[Draft, Position], Draft]
    after: Callable[[Answered], Position | str]
    limit_of: Callable[[Draft], int | None]


def paging(config: Pagination, added_by_auth: frozenset[str]) -> Paging:
    """Return the pagination of an endpoint; `added_by_auth` are the query parameters no link may keep."""
    if config.type == "link":
        return _link(config, added_by_auth)
    return {"offset": _offset, "page": _page, "cursor": _cursor}[config.type](config)


def page_size(config: Pagination) -> tuple[str | None, int | None]:
    """Return the parameter that limits a page and the limit the hub sends; None where it is not known."""
    name = (config.page_size_param if config.type == "page" else None) or config.limit_param
    return name, config.max_limit or (DEFAULT_LIMIT if name else None)


def _offset(config: Pagination) -> Paging:
    name = str(config.offset_param)

    def after(answered: Answered) -> Position | str:
        if answered.count == 0:
            return "empty_page"
        return Position("offset", offset=_number(answered.draft, name, 0) + answered.count)

    at = _at(name, lambda position: position.offset)
    return Paging("offset", _limited(config, {name: "0"}), at, after, _limit_of(config))


def _page(config: Pagination) -> Paging:
    name = str(config.page_param)

    def after(answered: Answered) -> Position | str:
        if answered.count == 0:
            return "empty_page"
        return Position("page", page=_number(answered.draft, name, 1) + 1)

    at = _at(name, lambda position: position.page)
    return Paging("page", _limited(config, {name: "1"}), at, after, _limit_of(config))


def _cursor(config: Pagination) -> Paging:
    name, get = str(config.cursor_param), getter(str(config.cursor_path))

    def after(answered: Answered) -> Position | str:
        cursor = _cursor_in(get(answered.document), str(config.cursor_path))
        return "cursor_null" if cursor is None else Position("cursor", cursor=cursor)

    at = _at(name, lambda position: position.cursor)
    return Paging("cursor", _limited(config, {}), at, after, _limit_of(config))


def _link(config: Pagination, added_by_auth: frozenset[str]) -> Paging:
    find = _link_finder(str(config.next_link_path))

    def after(answered: Answered) -> Position | str:
        link = find(answered)
        if not link:
            return "no_next_link"
        return Position("link", link=_absolute(answered.draft, link, added_by_auth))

    def at(draft: Draft, position: Position) -> Draft:
        return replace(draft, url=str(position.link), params=())

    return Paging("link", _limited(config, {}), at, after, _limit_of(config))


def is_blank(cursor: Any) -> bool:
    """Say whether a cursor says "no more"; 0 is one that does not."""
    return cursor is MISSING or cursor is None or cursor is False or cursor == ""


def _cursor_in(value: Any, path: str) -> Cursor | None:
    if is_blank(value):
        return None
    if isinstance(value, (dict, list, bool)) or (isinstance(value, str) and len(value) > LONGEST_CURSOR):
        raise Refused(f"cursorPath {path!r}: expected a text or a number of at most {LONGEST_CURSOR} characters.")
    cursor: Cursor = value
    return cursor


# Parameters


def _limited(config: Pagination, first: dict[str, str]) -> Callable[[Draft], Draft]:
    name, limit = page_size(config)

    def start(draft: Draft) -> Draft:
        params = draft.params
        if name and limit is not None:
            params = _with(params, name, str(_number(draft, name, limit, config.max_limit)))
        given = {name for name, _ in params}
        return replace(draft, params=[*params, *(pair for pair in first.items() if pair[0] not in given)])

    return start


def _limit_of(config: Pagination) -> Callable[[Draft], int | None]:
    name, limit = page_size(config)
    return lambda draft: limit if name is None or limit is None else _number(draft, name, limit)


def _at(name: str, place: Callable[[Position], Cursor | None]) -> Callable[[Draft, Position], Draft]:
    return lambda draft, position: replace(draft, params=_with(draft.params, name, as_text(place(position))))


def _with(params: Pairs, name: str, value: str) -> list[tuple[str, str]]:
    return [*(pair for pair in params if pair[0] != name), (name, value)]


def _number(draft: Draft, name: str, default: int, most: int | None = None) -> int:
    text = next((text for given, text in draft.params if given == name), str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadRequest(f"Parameter {name!r}: expected a whole number of 0 or more.", parameter=name)
    return int(text) if most is None else min(int(text), most)


# Links


def _link_finder(path: str) -> Callable[[Answered], Any]:
    header = header_name(path)
    if header == "link":
        return lambda answered: answered.reply.links().get("next")
    if header:
        return lambda answered: answered.reply.headers.get(header)
    get = getter(path)
    return lambda answered: get(answered.document)


def header_name(path: str) -> str | None:
    """Return the header of `header:Link` in lower case, None for a JSONPath."""
    kind, colon, name = path.partition(":")
    return name.strip().lower() if colon and kind.strip().lower() == "header" else None


def _absolute(draft: Draft, link: Any, added_by_auth: frozenset[str]) -> str:
    """Return the link with scheme and host, without the credentials in its query; another origin is refused."""
    if not isinstance(link, str) or len(link) > LONGEST_LINK:
        raise Refused(f"The next link: expected a text of at most {LONGEST_LINK} characters.")
    try:
        url = urljoin(_asked(draft), link.strip().replace(" ", "%20")).partition("#")[0]
        leads_away = origin(url) != origin(draft.url)
    except ValueError as cause:
        reason = str(cause) if isinstance(cause, BadUrl) else "expected a URL"
        raise Refused(f"The next link cannot be followed: {reason}.") from None
    if leads_away:
        raise Refused("The next link leads to another origin than the baseUrl; it was not followed.")
    return _without(url, added_by_auth)


def _without(url: str, names: frozenset[str]) -> str:
    parts = urlsplit(url)
    if not any(name in names for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return url
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in names]
    return parts._replace(query=urlencode(kept)).geturl()


def _asked(draft: Draft) -> str:
    return full_url(Call(draft.method, draft.url, {}, draft.params))
