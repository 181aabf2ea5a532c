"""One run over the pages of an endpoint: fetch a page, read it, find the next; all that is kept is in the positions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import orjson

from hub.connector.actions import UNREAD, Judged
from hub.connector.ahead import Place
from hub.connector.auth_config import Auth
from hub.connector.authenticate import Signer, TokenSource
from hub.connector.conditional import NOT_MODIFIED, Validators, validators_of
from hub.connector.exchange import Channel, Exchange
from hub.connector.failures import MAX_REFUSAL_CHARS, Failures, described
from hub.connector.incremental import Watermark
from hub.connector.paging import Answered
from hub.connector.position import REMEMBERED, Position, digest
from hub.connector.requests import Draft
from hub.connector.select import Record
from hub.connector.urls import without_query
from hub.core import clock
from hub.core.errors import BadRequest, Refused
from hub.mapping.lookups import FindDocuments
from hub.mapping.paths import PathFailed
from hub.outbound.calls import Reply
from hub.outbound.retry import Sender

NO_CONTENT = (204, 205)
# A provider that forgets where we were again and again would be read for ever.
MAX_RESTARTS = 3
NUMBERED = ("offset", "page")
# What says that the parent whose list is asked for is not there any more.
GONE = frozenset({404, 410})
# Whoever may write connectors could otherwise have a stored secret sent back and read it in a document.
REPEATS_A_SECRET = "the record repeats a secret of the connector; it is not stored"  # noqa: S105
CARRIES_A_SECRET = "The next page's address carries a secret; it was not followed."  # noqa: S105


@dataclass(frozen=True)
class Page:
    """One page: its records, where the next one is, and what its call was like; `url` is without its query.

    With its `validators` the same page can be asked for only where it has changed. Its `watermark` is the highest value
    by which an incremental endpoint knows what has changed. `raw` are the records as they came, by index, where they
    are asked for; one that repeats a secret is not among them.
    """

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
    validators: Validators | None
    watermark: Watermark | None
    raw: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Means:
    """What a run of pages needs from where it runs.

    `secrets` are in clear, by JSON pointer (`/auth/token`); `tokens` gives the access tokens of an oauth2 connector,
    else the stored one is used. `validators` are those of the first page as it was last read. Up to `most_ahead` pages
    are fetched before they are asked for. `find_documents` is where lookups look; without it they fail.

    `began_s` (epoch) is when the walk began, which this run may only go on with. With `keeps_raw` the pages have the
    records as they came too.

    `added` is what each record has beside what it came with; `may_be_gone`: the list is that of a parent which may have
    been deleted in the meantime.
    """

    client: Sender
    secrets: Mapping[str, str] = field(default_factory=dict)
    tokens: TokenSource | None = None
    find_documents: FindDocuments | None = None
    validators: Validators | None = None
    most_ahead: int = 0
    began_s: float = field(default_factory=clock.epoch_s)
    keeps_raw: bool = False
    added: Mapping[str, Any] = field(default_factory=dict)
    may_be_gone: bool = False


class PageRun:
    """An endpoint with its values and credentials filled in; between two pages it keeps only what was fetched ahead."""

    def __init__(self, exchange: Exchange, draft: Draft, auth: Auth, means: Means) -> None:
        self._exchange = exchange
        self._find_documents = means.find_documents
        self._began_s = means.began_s
        self._keeps_raw = means.keeps_raw
        self._added, self._may_be_gone = means.added, means.may_be_gone
        self._first = exchange.paging.start(draft) if exchange.paging else draft
        self._limit = exchange.paging.limit_of(self._first) if exchange.paging else None
        self._validators = means.validators
        self._channel = Channel(exchange, Signer(auth, means.secrets, means.tokens), means.client, means.most_ahead)
        self._failures = Failures(self._channel, exchange.selection)

    def fetch(self, position: Position | None = None, give_up_at: float | None = None) -> Page:
        """Return the page at `position`, None = the first; `give_up_at` is a time of `time.monotonic()`.

        Raises Retryable, Refused, TargetForbidden, BadRequest; no message holds a secret.
        """
        draft = self._draft(position)
        reply = self._channel.send(draft, position.place if position else None, give_up_at)
        try:
            return self._read(draft, reply, position)
        except PathFailed as cause:
            raise Refused(f"The answer cannot be searched: {cause}", status=reply.status) from None
        except Refused as cause:
            raise Refused(self._failures.told(cause.message, MAX_REFUSAL_CHARS), status=reply.status) from None

    def close(self) -> None:
        """Leave alone what was fetched ahead."""
        self._channel.close()

    def _draft(self, position: Position | None) -> Draft:
        if position is None:
            return self._validators.asked(self._first) if self._validators else self._first
        if position.kind == "first":
            return self._first
        paging = self._exchange.paging
        if paging is None or paging.kind != position.kind:
            raise BadRequest(f"The position is one of {position.kind!r} pages, which this endpoint does not have.")
        return paging.at(self._first, position)

    def _read(self, draft: Draft, reply: Judged, position: Position | None) -> Page:
        if reply.action == "IGNORE":
            return self._page(draft, reply, None, [], "ignored")
        if self._may_be_gone and reply.action is None and reply.status in GONE:
            return self._page(draft, reply, None, [], "gone")
        if reply.action == "RESET_PAGINATION":
            return self._page(draft, reply, None, [], self._restart(draft, reply, position))
        if reply.status == NOT_MODIFIED and draft is not self._first and position is None:
            return self._page(draft, reply, None, [], "not_modified")
        document = self._document(draft, reply)
        raw = [] if document is None and not reply.body else self._data(document)
        body = digest(reply.body)
        if raw and position is not None and position.last_body == body:
            return self._page(draft, reply, document, [], _repetition(position))
        answered = Answered(draft, reply, document, len(raw), self._limit)
        following = self._following(answered, position, body)
        if isinstance(following, Position):
            self._send_ahead(following, answered)
        return self._page(draft, reply, document, raw, following)

    def _data(self, document: Any) -> list[Any]:
        raw = self._exchange.selection.data(document)
        if not self._added:
            return raw
        return [{**each, **self._added} if isinstance(each, dict) else each for each in raw]

    def _restart(self, draft: Draft, reply: Judged, position: Position | None) -> Position:
        if position is None or position.restarts >= MAX_RESTARTS:
            raise self._failures.of(draft, reply)
        return Position("first", pages=position.pages, restarts=position.restarts + 1)

    def _send_ahead(self, following: Position, answered: Answered) -> None:
        paging = self._exchange.paging
        if paging is not None:

            def drafts(room: int) -> dict[Place, Draft]:
                total = self._exchange.selection.total(answered.document)
                positions = islice(paging.expected(following, answered, total), room)
                return {position.place: paging.at(self._first, position) for position in positions}

            self._channel.send_ahead(drafts, self._first, len(answered.reply.body))

    def _document(self, draft: Draft, reply: Judged) -> Any:
        if not reply.is_good:
            raise self._failures.of(draft, reply)
        if reply.document is not UNREAD:
            return reply.document
        if reply.status in NO_CONTENT or (not reply.body and draft.method != "GET"):
            return None
        if not self._exchange.selection.is_read:
            return None
        try:
            return orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            raise Refused(f"The answer is not JSON: {described(reply)}.") from None

    def _following(self, answered: Answered, position: Position | None, body: str) -> Position | str:
        paging = self._exchange.paging
        if paging is None:
            return "single_page"
        reason = self._exchange.ended(answered)
        following = paging.after(answered) if reason is None else reason
        if isinstance(following, str):
            return following
        following = self._remembering(following, position, body)
        if isinstance(following, Position) and paging.max_pages is not None and following.pages >= paging.max_pages:
            return "max_pages"
        return following

    def _remembering(self, following: Position, position: Position | None, body: str) -> Position | str:
        """Return the next position with what was seen before it; one that was seen already ends the walk."""
        place = following.cursor if following.link is None else following.link
        seen, pages, anchor = (position.seen, position.pages, position.anchor) if position else ((), 0, "")
        if place is not None:
            if self._channel.credentials.is_in(str(place)):
                raise Refused(CARRIES_A_SECRET)
            mark = digest(str(place).encode())
            if mark in seen or mark == anchor:
                return "repeated_page"
            seen = (*seen, mark)[-REMEMBERED:]
            anchor = mark if _is_power_of_two(pages + 1) else anchor
        restarts = position.restarts if position else 0
        return replace(following, pages=pages + 1, last_body=body, seen=seen, restarts=restarts, anchor=anchor)

    def _page(self, draft: Draft, reply: Reply, document: Any, raw: list[Any], following: Position | str) -> Page:
        chosen, increment = self._exchange.selection, self._exchange.increment
        fine = self._fine(raw, suspicious=self._may_repeat_a_secret(reply.body, document))
        return Page(
            records=self._records(fine, len(raw)),
            next=following if isinstance(following, Position) else None,
            stop_reason=following if isinstance(following, str) else None,
            total=chosen.total(document),
            page_info=self._harmless(chosen.page_info(document)),
            method=draft.method,
            url=self._channel.hide(without_query(draft.url)),
            status=reply.status,
            elapsed_ms=reply.elapsed_ms,
            body_bytes=len(reply.body),
            attempts=reply.attempts,
            validators=self._validators_in(draft, reply),
            watermark=increment.highest(fine.values(), self._began_s) if increment else None,
            raw=fine if self._keeps_raw else {},
        )

    def _validators_in(self, draft: Draft, reply: Reply) -> Validators | None:
        found = validators_of(draft, reply)
        is_secret = found is not None and any(map(self._channel.credentials.is_in, found.headers.values()))
        return None if is_secret else found

    def _may_repeat_a_secret(self, body: bytes, document: Any) -> bool:
        """Look at the bytes, and again without JSON's escapes where there are some: a secret can hide behind them."""
        if self._channel.credentials.may_be_in(body):
            return True
        return b"\\u" in body and self._repeats_a_secret(document)

    def _repeats_a_secret(self, value: Any) -> bool:
        try:
            return self._channel.credentials.may_be_in(orjson.dumps(value))
        except TypeError:  # nested too deep to be looked through, and to be stored
            return True

    def _fine(self, raw: list[Any], *, suspicious: bool) -> dict[int, Any]:
        """Return the records, by index, that repeat no secret: only they are seen by what could take a secret apart."""
        return {index: item for index, item in enumerate(raw) if not suspicious or not self._repeats_a_secret(item)}

    def _records(self, fine: Mapping[int, Any], count: int) -> list[Record]:
        mapped = self._exchange.selection.records(list(fine.values()), self._find_documents)
        if len(fine) < count:
            made = {index: replace(record, index=index) for index, record in zip(fine, mapped, strict=True)}
            mapped = [made.get(index) or Record(index, rejected=REPEATS_A_SECRET) for index in range(count)]
        return [self._told_of(record) for record in mapped]

    def _told_of(self, record: Record) -> Record:
        if record.rejected is None:
            return record
        return replace(record, rejected=self._channel.hide(record.rejected))

    def _harmless(self, page_info: Any) -> Any:
        """Return what a provider says about its pages, None where that is nothing or repeats a secret."""
        try:
            text = orjson.dumps(page_info).decode()
        except TypeError:  # MISSING, or nested too deep
            return None
        return page_info if self._channel.hide(text) == text else None


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _repetition(position: Position) -> str:
    """Some providers answer their last page for every number behind it; those which ignore the number repeat the first.

    Two pages that differ show that the number is heeded.
    """
    is_heeded = position.kind in NUMBERED and position.pages >= 2 and not position.restarts
    return "last_page_repeated" if is_heeded else "repeated_page"
