"""One run over the pages of an endpoint: fetch a page, read it, find the next; all that is kept is in the positions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from hub.connector.authenticate import Credentials, Hide
from hub.connector.ends import Ended
from hub.connector.paging import Answered, Paging
from hub.connector.position import REMEMBERED, Position, digest
from hub.connector.requests import Draft
from hub.connector.select import Record, Selection
from hub.connector.urls import without_query
from hub.core.errors import BadRequest, Refused, Retryable
from hub.mapping.paths import PathFailed
from hub.outbound.calls import Reply
from hub.outbound.retry import RetryPolicy, Sender, asked_delay_s, send_with_retries

NO_CONTENT = (204, 205)
MAX_MESSAGE_CHARS, MAX_REFUSAL_CHARS = 500, 700  # of the provider; with our own words
RETRYABLE = frozenset({408, 429})
# Whoever may write connectors could otherwise have a stored secret sent back and read it in a document.
REPEATS_A_SECRET = "the record repeats a secret of the connector; it is not stored"  # noqa: S105
CARRIES_A_SECRET = "The next page's address carries a secret; it was not followed."  # noqa: S105
HINTS = {401: " (the credentials were refused)", 403: " (the credentials do not allow this)"}


@dataclass(frozen=True)
class Page:
    """One page: its records, where the next one is, and what its call was like; `url` is without its query."""

    records: list[Record]
    next: Position | None
    stop_reason: str | None
    total: int | None
    page_info: Any
    method: str
    url: str
    status: int
    elapsed_ms: int
    body_bytes: int
    attempts: int


@dataclass(frozen=True)
class Exchange:
    """How an endpoint is called and read, compiled once."""

    origin: str
    timeout_s: float
    policy: RetryPolicy
    idempotent: bool
    selection: Selection
    paging: Paging | None
    ended: Ended


class PageRun:
    """An endpoint with its values and credentials filled in; it remembers nothing between two pages."""

    def __init__(self, exchange: Exchange, draft: Draft, credentials: Credentials, client: Sender) -> None:
        self._exchange = exchange
        self._first = exchange.paging.start(draft) if exchange.paging else draft
        self._limit = exchange.paging.limit_of(self._first) if exchange.paging else None
        self._credentials = credentials
        self._hide: Hide = credentials.hider()
        self._client = client

    def fetch(self, position: Position | None = None, give_up_at: float | None = None) -> Page:
        """Return the page at `position`, None = the first; `give_up_at` is a time of `time.monotonic()`.

        Raises Retryable, Refused, TargetForbidden, BadRequest; no message holds a secret.
        """
        draft = self._draft(position)
        reply = self._send(draft, give_up_at)
        try:
            return self._read(draft, reply, position)
        except PathFailed as cause:
            raise Refused(f"The answer cannot be searched: {cause}", status=reply.status) from None
        except Refused as cause:
            raise Refused(self._told(cause.message, MAX_REFUSAL_CHARS), status=reply.status) from None

    def _draft(self, position: Position | None) -> Draft:
        if position is None:
            return self._first
        paging = self._exchange.paging
        if paging is None or paging.kind != position.kind:
            raise BadRequest(f"The position is one of {position.kind!r} pages, which this endpoint does not have.")
        return paging.at(self._first, position)

    def _send(self, draft: Draft, give_up_at: float | None) -> Reply:
        call = self._credentials.authenticated(draft, self._exchange.origin)
        return send_with_retries(
            self._client,
            call,
            self._exchange.policy,
            timeout_s=self._exchange.timeout_s,
            give_up_at=give_up_at,
            idempotent=self._exchange.idempotent,
        )

    def _read(self, draft: Draft, reply: Reply, position: Position | None) -> Page:
        document = self._document(draft, reply)
        raw = [] if document is None and not reply.body else self._exchange.selection.data(document)
        body = digest(reply.body)
        if raw and position is not None and position.last_body == body:
            return self._page(draft, reply, document, [], "repeated_page")
        following = self._following(Answered(draft, reply, document, len(raw), self._limit), position, body)
        return self._page(draft, reply, document, raw, following)

    def _document(self, draft: Draft, reply: Reply) -> Any:
        if not 200 <= reply.status < 300:
            raise self._failure(draft, reply)
        if reply.status in NO_CONTENT or (not reply.body and draft.method != "GET"):
            return None
        try:
            return orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            raise Refused(f"The answer is not JSON: {_described(reply)}.") from None

    def _failure(self, draft: Draft, reply: Reply) -> Refused | Retryable:
        message = self._hide(f"{draft.method} {without_query(draft.url)} answered {reply.status}")
        message += HINTS.get(reply.status, "")
        if said := self._said(reply):
            message += f": {said}"
        if reply.status in RETRYABLE or reply.status >= 500:
            return Retryable(message, retry_after_s=asked_delay_s(reply), status=reply.status)
        return Refused(message, status=reply.status)

    def _said(self, reply: Reply) -> str:
        """Return the provider's message, or the beginning of its answer."""
        try:
            said = self._exchange.selection.error(orjson.loads(reply.body))
        except (orjson.JSONDecodeError, PathFailed):
            said = None
        return self._told(said or reply.body.decode(errors="replace"))

    def _told(self, text: str, most: int = MAX_MESSAGE_CHARS) -> str:
        """Return a provider's words for a message; hidden before they are cut, or half a secret could stay."""
        return " ".join(self._hide(text).split())[:most]

    def _following(self, answered: Answered, position: Position | None, body: str) -> Position | str:
        paging = self._exchange.paging
        if paging is None:
            return "single_page"
        reason = self._exchange.ended(answered)
        following = paging.after(answered) if reason is None else reason
        if isinstance(following, str):
            return following
        return self._remembering(following, position, body)

    def _remembering(self, following: Position, position: Position | None, body: str) -> Position | str:
        """Return the next position with what was seen before it; one that was seen already ends the walk."""
        place = following.cursor if following.link is None else following.link
        seen, pages = (position.seen, position.pages) if position else ((), 0)
        if place is not None:
            if self._credentials.is_in(str(place)):
                raise Refused(CARRIES_A_SECRET)
            mark = digest(str(place).encode())
            if mark in seen:
                return "repeated_page"
            seen = (*seen, mark)[-REMEMBERED:]
        return replace(following, pages=pages + 1, last_body=body, seen=seen)

    def _page(self, draft: Draft, reply: Reply, document: Any, raw: list[Any], following: Position | str) -> Page:
        chosen, suspicious = self._exchange.selection, self._may_repeat_a_secret(reply.body, document)
        return Page(
            records=[
                Record(index, rejected=REPEATS_A_SECRET)
                if suspicious and self._repeats_a_secret(item)
                else self._record(chosen.record, index, item)
                for index, item in enumerate(raw)
            ],
            next=following if isinstance(following, Position) else None,
            stop_reason=following if isinstance(following, str) else None,
            total=chosen.total(document),
            page_info=self._harmless(chosen.page_info(document)),
            method=draft.method,
            url=self._hide(without_query(draft.url)),
            status=reply.status,
            elapsed_ms=reply.elapsed_ms,
            body_bytes=len(reply.body),
            attempts=reply.attempts,
        )

    def _may_repeat_a_secret(self, body: bytes, document: Any) -> bool:
        """Look at the bytes, and again without JSON's escapes where there are some: a secret can hide behind them."""
        if self._credentials.may_be_in(body):
            return True
        return b"\\u" in body and self._repeats_a_secret(document)

    def _repeats_a_secret(self, value: Any) -> bool:
        try:
            return self._credentials.may_be_in(orjson.dumps(value))
        except TypeError:  # nested too deep to be looked through, and to be stored
            return True

    def _record(self, record: Callable[[int, Any], Record], index: int, raw: Any) -> Record:
        made = record(index, raw)
        return made if made.rejected is None else replace(made, rejected=self._hide(made.rejected))

    def _harmless(self, page_info: Any) -> Any:
        """Return what a provider says about its pages, None where that is nothing or repeats a secret."""
        try:
            text = orjson.dumps(page_info).decode()
        except TypeError:  # MISSING, or nested too deep
            return None
        return page_info if self._hide(text) == text else None


def _described(reply: Reply) -> str:
    return f"status {reply.status}, {len(reply.body)} bytes, {reply.headers.get('content-type', 'no content-type')}"
