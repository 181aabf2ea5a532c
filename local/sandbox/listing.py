"""Lists in pages, in the five ways that providers page.

Every lister takes the request and the rows and gives one page. Links carry the access prefix of the request, so that
following one passes the same gate. Two faults act here: `repeated_cursor` names the page just asked for as the next
one, `repeated_page` ignores the position and answers the first page for ever.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from local.sandbox.faults import drifted
from local.sandbox.messages import Headers, Json, Refusal, Request, Response, encode, json_bytes
from local.sandbox.people import timestamp
from local.sandbox.world import Row, Table, rows_after

DEFAULT_SIZE = 100
LARGEST_SIZE = 200

Lister = Callable[[Request, list[Row]], Response]

_RECORDS = "\0records"
_RECORDS_JSON = encode(_RECORDS)


@dataclass(frozen=True)
class Window:
    """The rows of a page and where the next one begins: after this id, or None on the last page."""

    rows: list[Row]
    next_after: str | None


def list_pages(lister: Lister, table: Table) -> Callable[[Request], Response]:
    """The handler that lists a table in one of the ways below."""
    return lambda request: lister(request, table.rows(updated_since(request.args)))


def all_at_once(name: str, table: Table) -> Callable[[Request], Response]:
    """The handler that lists a whole table in one response: `{"contacts": [...]}`."""
    return lambda request: _filled({name: _RECORDS}, table.rows(updated_since(request.args)), request)


def unpaged(name: str, rows: list[Row], request: Request) -> Response:
    return _filled({name: _RECORDS}, rows, request)


def by_offset(request: Request, rows: list[Row]) -> Response:
    """`?offset=&limit=` gives `{"data": {"items": [...]}, "total": N, "offset": 0, "limit": 100}`."""
    offset, limit = _number(request.args, "offset", 0, least=0), page_size(request.args, "limit")
    start = 0 if _repeats_page(request) else offset
    envelope = {"data": {"items": _RECORDS}, "total": len(rows), "offset": offset, "limit": limit}
    return _filled(envelope, rows[start : start + limit], request)


def by_page(request: Request, rows: list[Row]) -> Response:
    """`?page=&per_page=` gives `{"results": [...], "page": 1, "pages": 100, "total": N, "has_more": true}`."""
    size = page_size(request.args, "per_page")
    page, pages = _number(request.args, "page", 1, least=1), _page_count(rows, size)
    envelope = {"results": _RECORDS, "page": page, "pages": pages, "total": len(rows), "has_more": page < pages}
    return _filled(envelope, _page_rows(request, rows, page, size), request)


def by_link_header(request: Request, rows: list[Row]) -> Response:
    """`?page=&per_page=` gives a bare array, with the other pages in the Link header (RFC 8288)."""
    size = page_size(request.args, "per_page")
    page, pages = _number(request.args, "page", 1, least=1), _page_count(rows, size)
    following = page if _repeats_cursor(request) and page > 1 else page + 1
    targets = {"first": 1, "prev": page - 1, "next": following, "last": pages}
    links = [_link(request, size, number, rel) for rel, number in targets.items() if 1 <= number <= pages]
    headers = (("link", ", ".join(links)), ("x-total-count", str(len(rows))))
    return _filled(_RECORDS, _page_rows(request, rows, page, size), request, headers)


def by_cursor(request: Request, rows: list[Row]) -> Response:
    """`?after=&limit=` gives `{"results": [...], "paging": {"next": {"after": "..."}}}`, at the end without paging."""
    after = read_cursor(request.args["after"])["after"] if request.args.get("after") else None
    window = window_after(request, rows, after, page_size(request.args, "limit"))
    paging = {"paging": {"next": {"after": write_cursor(after=window.next_after)}}} if window.next_after else {}
    return _filled({"results": _RECORDS, **paging}, window.rows, request)


def by_next_link(request: Request, rows: list[Row]) -> Response:
    """The first page: `{"records": [...], "totalSize": N, "done": false, "nextRecordsUrl": "/v1/nextlink/..."}`."""
    return _next_link_page(request, rows, request.path, None)


def next_link_pages(table: Table) -> Callable[[Request], Response]:
    """The handler of the further pages; size and filter travel inside the link."""

    def answer(request: Request) -> Response:
        position = read_cursor(request.params["position"])
        carried = {name: str(position[name]) for name in ("limit", "updated_since") if position.get(name)}
        list_path = request.path.rpartition("/")[0]
        rows = table.rows(updated_since(carried))
        return _next_link_page(replace(request, query=urlencode(carried)), rows, list_path, position["after"])

    return answer


LISTERS: Mapping[str, Lister] = {
    "offset": by_offset,
    "page": by_page,
    "cursor": by_cursor,
    "link": by_link_header,
    "nextlink": by_next_link,
}

# The ways in which the contacts of one company are listed; the links of the other one name their list.
NESTED = ("offset", "page", "cursor", "link")


def window_after(request: Request, rows: list[Row], after: str | None, size: int) -> Window:
    """The page behind an id."""
    waiting = rows if after is None or _repeats_page(request) else rows_after(rows, after)
    if after is not None and _repeats_cursor(request):
        return Window(waiting[:size], after)
    more = len(waiting) > size
    return Window(waiting[:size], waiting[size - 1].id if more else None)


def write_cursor(**position: Any) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(encode(position)).decode().rstrip("=")


def read_cursor(cursor: str) -> Json:
    """What `write_cursor` put in; raises Refusal for anything else."""
    try:
        position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as cause:
        raise Refusal(400, f"{cursor!r} is not a cursor of this list") from cause
    if not isinstance(position, dict) or not isinstance(position.get("after"), str):
        raise Refusal(400, f"{cursor!r} is not a cursor of this list")
    return position


def page_size(args: Mapping[str, str], name: str) -> int:
    """The page size asked for, cut to the largest one."""
    return min(_number(args, name, DEFAULT_SIZE, least=1), LARGEST_SIZE)


def updated_since(args: Mapping[str, str]) -> str | None:
    """The filter time in the sandbox's own format; a time without offset is UTC."""
    text = args.get("updated_since")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as cause:
        raise Refusal(400, f"updated_since must be an ISO 8601 date or time, found {text!r}") from cause


def _number(args: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) < least:
        raise Refusal(400, f"{name} must be a whole number of at least {least}, found {text!r}")
    return int(text)


def _page_count(rows: Sequence[Row], size: int) -> int:
    return max(1, -(-len(rows) // size))


def _page_rows(request: Request, rows: list[Row], page: int, size: int) -> list[Row]:
    start = 0 if _repeats_page(request) else (page - 1) * size
    return rows[start : start + size]


def _link(request: Request, size: int, page: int, rel: str) -> str:
    kept = {name: request.args[name] for name in ("updated_since",) if name in request.args}
    query = urlencode({**kept, "page": page, "per_page": size})
    return f'<{request.origin}{request.base}{request.path}?{query}>; rel="{rel}"'


def _next_link_page(request: Request, rows: list[Row], list_path: str, after: str | None) -> Response:
    size = page_size(request.args, "limit")
    window = window_after(request, rows, after, size)
    envelope: Json = {"records": _RECORDS, "totalSize": len(rows), "done": window.next_after is None}
    if window.next_after:
        position = write_cursor(after=window.next_after, limit=size, updated_since=updated_since(request.args))
        envelope["nextRecordsUrl"] = f"{request.base}{list_path}/{position}"
    return _filled(envelope, window.rows, request)


def _filled(envelope: Any, rows: list[Row], request: Request, headers: Headers = ()) -> Response:
    """The envelope with the rows' ready-made JSON in the place of its records."""
    if "schema_drift" in request.faults:
        texts = [encode(drifted(row.content)) for row in rows]
    else:
        texts = [row.encoded for row in rows]
    return json_bytes(encode(envelope).replace(_RECORDS_JSON, b"[" + b",".join(texts) + b"]", 1), headers=headers)


def _repeats_cursor(request: Request) -> bool:
    return "repeated_cursor" in request.faults


def _repeats_page(request: Request) -> bool:
    return "repeated_page" in request.faults
