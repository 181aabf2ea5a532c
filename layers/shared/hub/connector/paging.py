"""The four kinds of pagination: how a position changes the request, and what the answer says about the next one.

What an endpoint itself sends under the name of a pagination parameter, in the query, the headers or the body, counts
for the first page: a `page` with the default 0 starts there, a `limit` of 20 is the page size.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from hub.connector.position import Cursor, Position
from hub.connector.request_config import Endpoint
from hub.connector.requests import Draft
from hub.connector.response_config import Pagination
from hub.connector.slots import Slot, slot, with_body
from hub.connector.urls import BadUrl, origin
from hub.core.errors import BadRequest, Refused
from hub.mapping.paths import MISSING, getter
from hub.outbound.calls import Call, Reply, full_url

DEFAULT_LIMIT = 100
LONGEST_CURSOR = 4096
LONGEST_LINK = 8192
CURSOR_VARIABLE = "$.variables.after"
PARAMS = ("offset_param", "limit_param", "cursor_param", "page_param", "page_size_param")


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
    """`start` completes the first request, `at` leads it to a position; `after` gives the next or why there is none.

    The walk ends after `max_pages`. `stride` says how far the place of one page is from the next where that is known
    before they are read, else 0.
    """

    kind: str
    start: Callable[[Draft], Draft]
    at: Callable[[Draft, Position], Draft]
    after: Callable[[Answered], Position | str]
    limit_of: Callable[[Draft], int | None]
    stride: Callable[[Answered], int] = lambda _: 0
    max_pages: int | None = None

    def expected(self, following: Position, answered: Answered, total: int | None) -> Iterator[Position]:
        """Yield the next position and those which will come after it, up to `total` records."""
        yield following
        stride = self.stride(answered)
        for number in count(1) if stride else ():
            pages_before = following.pages + number
            if self.max_pages is not None and pages_before >= self.max_pages:
                return
            if total is not None and answered.limit and pages_before * answered.limit >= total:
                return
            yield following.moved(stride * number)


def paging(config: Pagination, added_by_auth: frozenset[str]) -> Paging:
    """Return the pagination of an endpoint; `added_by_auth` are the query parameters no link may keep."""
    kinds = {"offset": _offset, "page": _page, "cursor": _cursor}
    made = _link(config, added_by_auth) if config.type == "link" else kinds[config.type](config)
    return replace(made, max_pages=config.max_pages)


def pagination_of(endpoint: Endpoint) -> Pagination | None:
    """Return the endpoint's pagination; that of a GraphQL query is in the body, where a plain name is a variable."""
    config, graphql = endpoint.pagination, endpoint.graphql
    if config is None or graphql is None:
        return config
    given = {name: getattr(config, name) for name in PARAMS}
    if config.type == "cursor":
        given["cursor_param"] = graphql.cursor_body_path or config.cursor_param or CURSOR_VARIABLE
    names = {name: value and in_variables(value) for name, value in given.items()}
    return config.model_copy(update={"location": "body", **names})


def in_variables(name: str) -> str:
    """Return where a GraphQL variable is in the body; a path stays as it is."""
    return name if name.startswith("$") else f"$.variables['{name}']"


def page_size(config: Pagination) -> tuple[str | None, int | None]:
    """Return the parameter that limits a page and the limit the hub sends; None where it is not known."""
    name = (config.page_size_param if config.type == "page" else None) or config.limit_param
    return name, config.max_limit or (DEFAULT_LIMIT if name else None)


def _offset(config: Pagination) -> Paging:
    place, total = slot(config.location, str(config.offset_param)), _total(config)

    def after(answered: Answered) -> Position | str:
        if answered.count == 0:
            return "empty_page"
        offset = _number(answered.draft, place, 0) + answered.count
        return "total_reached" if offset >= total(answered.document) else Position("offset", offset=offset)

    def at(draft: Draft, position: Position) -> Draft:
        return place.write(draft, position.offset)

    return Paging("offset", _start(config, place, 0), at, after, _limit_of(config), _stride_of_full_page)


def _page(config: Pagination) -> Paging:
    place = slot(config.location, str(config.page_param))

    def after(answered: Answered) -> Position | str:
        if answered.count == 0:
            return "empty_page"
        return Position("page", page=_number(answered.draft, place, 1) + 1)

    def at(draft: Draft, position: Position) -> Draft:
        return place.write(draft, position.page)

    return Paging("page", _start(config, place, 1), at, after, _limit_of(config), lambda _: 1)


def _cursor(config: Pagination) -> Paging:
    place, get = slot(config.location, str(config.cursor_param)), getter(str(config.cursor_path))

    def after(answered: Answered) -> Position | str:
        cursor = _cursor_in(get(answered.document), str(config.cursor_path))
        return "cursor_null" if cursor is None else Position("cursor", cursor=cursor)

    def at(draft: Draft, position: Position) -> Draft:
        return place.write(draft if config.next_path is None else _moved(draft, config.next_path), position.cursor)

    return Paging("cursor", _start(config), at, after, _limit_of(config))


def _moved(draft: Draft, next_path: str) -> Draft:
    """Return the request to where the other pages are, which takes nothing but a cursor."""
    return replace(draft, url=draft.url + next_path, params=(), body=None)


def _link(config: Pagination, added_by_auth: frozenset[str]) -> Paging:
    find = _link_finder(str(config.next_link_path))

    def after(answered: Answered) -> Position | str:
        link = find(answered)
        if not link:
            return "no_next_link"
        return Position("link", link=_absolute(answered.draft, link, added_by_auth))

    def at(draft: Draft, position: Position) -> Draft:
        return replace(draft, url=str(position.link), params=())

    return Paging("link", _start(config), at, after, _limit_of(config))


def _total(config: Pagination) -> Callable[[Any], float]:
    """Return how many records there are in all where the end is told by that; infinity where nobody says."""
    end = config.end_condition
    if end is None or end.type != "total_reached":
        return lambda _: math.inf
    get = getter(str(end.field))

    def total(document: Any) -> float:
        found = get(document)
        return found if isinstance(found, (int, float)) and not isinstance(found, bool) else math.inf

    return total


def _stride_of_full_page(answered: Answered) -> int:
    """A page that came short says that the provider has a page size of its own."""
    return answered.count if answered.count == answered.limit else 0


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


def _start(config: Pagination, place: Slot | None = None, first: int = 0) -> Callable[[Draft], Draft]:
    """Return what completes the first request: the page size, and at `place` where the first page is."""
    size, limit = _size_slot(config)

    def start(draft: Draft) -> Draft:
        if config.location == "body":
            draft = with_body(draft)
        if size is not None and limit is not None:
            draft = size.write(draft, _number(draft, size, limit, config.max_limit))
        if place is None:
            return draft
        number = _number(draft, place, first)
        return place.write(draft, number) if _given(draft, place) is None else draft

    return start


def _limit_of(config: Pagination) -> Callable[[Draft], int | None]:
    size, limit = _size_slot(config)
    return lambda draft: limit if size is None or limit is None else _number(draft, size, limit)


def _size_slot(config: Pagination) -> tuple[Slot | None, int | None]:
    name, limit = page_size(config)
    return (slot(config.location, name) if name else None), limit


def _number(draft: Draft, place: Slot, default: int, most: int | None = None) -> int:
    given = _given(draft, place)
    text = str(default if given is None else given)
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadRequest(f"Parameter {place.name!r}: expected a whole number of 0 or more.", parameter=place.name)
    return int(text) if most is None else min(int(text), most)


def _given(draft: Draft, place: Slot) -> Any:
    """Return what the endpoint itself sends there; null is nothing."""
    value = place.read(draft)
    return None if value is MISSING else value


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
