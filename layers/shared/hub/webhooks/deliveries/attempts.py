"""Attempts: one HTTP call of a delivery each, kept to be looked at. Secrets are hidden before anything is written.

One item of the activity table in a partition per delivery, its number as the sort key:

    number, at, durationMs, outcome delivered | failed, request (JSON {url, method, headers, body}),
    response (JSON {status, headers, body, truncated} or ""), error ("" = none), nextAttemptAt (ISO 8601 or ""),
    why (what follows, and what to do about it)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import IS_NEW, Key, Put, Table, key
from hub.outbound.calls import Call, Reply, full_url
from hub.webhooks.deliveries import deliveries

if TYPE_CHECKING:
    from hub.connector.authenticate import Credentials, Hide

Json = dict[str, Any]

LONGEST_URL = 8192
# However it is written, so much fits into what is kept of a body or of the headers.
SHORT_BYTES = 3000


@dataclass(frozen=True)
class Attempt:
    """`response` is None when none came; `next_attempt_at` None after the last one."""

    number: int
    at: str
    duration_ms: int
    outcome: str
    request: Json
    response: Json | None
    error: str
    next_attempt_at: str | None
    why: str

    @classmethod
    def of(cls, item: Item) -> "Attempt":
        return cls(
            item["number"],
            item["at"],
            item["durationMs"],
            item["outcome"],
            jsontext.load(item["request"]),
            jsontext.load(item["response"]) if item["response"] else None,
            item["error"],
            item["nextAttemptAt"] or None,
            item["why"],
        )


def write(activity: Table, tenant: Tenant, delivery_id: str, attempt: Attempt, expires_epoch_s: int) -> Put:
    """Return the write of a new attempt."""
    item: Item = {
        **_place(tenant, delivery_id, attempt.number),
        "number": attempt.number,
        "at": attempt.at,
        "durationMs": attempt.duration_ms,
        "outcome": attempt.outcome,
        "request": jsontext.dump(attempt.request),
        "response": jsontext.dump(attempt.response) if attempt.response is not None else "",
        "error": attempt.error,
        "nextAttemptAt": attempt.next_attempt_at or "",
        "why": attempt.why,
        "expiresEpochS": expires_epoch_s,
    }
    return Put(activity, item, IS_NEW)


def read(activity: Table, tenant: Tenant, delivery_id: str) -> list[Attempt]:
    """Return all attempts of a delivery, the first one first."""
    pk = deliveries.attempts_partition(tenant, delivery_id)
    return [Attempt.of(item) for item in activity.query_all("pk = :pk", {"pk": pk})]


def read_last(activity: Table, tenant: Tenant, found: Iterable[Item]) -> dict[str, Attempt]:
    """Return the last attempt of each of these deliveries by delivery id; one that was never tried has none."""
    keys = [_place(tenant, item["sk"], item["attempts"]) for item in found if item["attempts"]]
    rows = activity.batch_get(keys)
    return {row["pk"].rpartition("#")[2]: Attempt.of(row) for row in rows}


def shown_call(call: Call, credentials: "Credentials") -> Json:
    """Return `{url, method, headers, body}` of a request: secrets read `****`, the body is cut at 20 KB."""
    return {
        "url": _hider(credentials.known)(full_url(call))[:LONGEST_URL],
        "method": call.method,
        "headers": _shown_headers(call.headers, credentials),
        "body": _shown_body(call.content or b"", credentials)[0],
    }


def shown_reply(reply: Reply, credentials: "Credentials") -> Json:
    """Return `{status, headers, body, truncated}` of an answer: secrets read `****`, the body is cut at 20 KB."""
    body, is_whole = _shown_body(reply.body, credentials)
    headers = _shown_headers(reply.headers, credentials)
    return {"status": reply.status, "headers": headers, "body": body, "truncated": not is_whole}


def _shown_body(body: bytes, credentials: "Credentials") -> tuple[str, bool]:
    """Return the beginning of a body, and whether that is all of it."""
    if len(body) <= SHORT_BYTES:
        return _hider(credentials.known)(body.decode(errors="replace")), True
    from hub.connector.excerpts import MAX_BODY_BYTES, Excerpt

    excerpt = Excerpt(credentials, MAX_BODY_BYTES)
    return excerpt.text(body.decode(errors="replace")), excerpt.is_whole


def _shown_headers(headers: Mapping[str, str], credentials: "Credentials") -> Json:
    from hub.connector.authenticate import HIDDEN
    from hub.connector.excerpts import MAX_HEADER_BYTES, SECRET_HEADERS, Excerpt

    hidden = SECRET_HEADERS | credentials.headers.keys()
    shown = {name: HIDDEN if name.lower() in hidden else value for name, value in headers.items()}
    whole = "\n".join([*shown, *shown.values()])
    if len(whole) <= SHORT_BYTES and _hider(credentials.known)(whole) == whole:
        return shown
    copied: Json = Excerpt(credentials, MAX_HEADER_BYTES).copy(shown)
    return copied


@lru_cache(maxsize=256)
def _hider(known: frozenset[str]) -> "Hide":
    """Return what hides these texts; they are the same for all attempts of a subscription."""
    from hub.connector.authenticate import Credentials

    return Credentials(known=known).hider()


def _place(tenant: Tenant, delivery_id: str, number: int) -> Key:
    return key(tenant, f"attempt#{delivery_id}", f"{number:06d}")
