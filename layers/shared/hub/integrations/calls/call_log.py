"""The line that a call on request leaves in the integration's request log: what was sent and what came back.

Values are hidden by what they are, wherever they stand; headers and bodies are cut to 20 KB each.
"""

from dataclasses import dataclass
from typing import Any

from hub.connector.authenticate import Credentials
from hub.connector.excerpts import shown_reply, shown_request
from hub.connector.urls import without_query
from hub.core.ids import ulid
from hub.core.journal import Change
from hub.integrations import request_log
from hub.integrations.connected import Connected
from hub.outbound.calls import Call, Reply

Json = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Exchanged:
    """One call as it went; `error` is why there is no answer, or why it is none that was hoped for."""

    call: Call | None
    reply: Reply | None
    credentials: Credentials
    error: str | None = None

    @property
    def is_good(self) -> bool:
        return self.error is None and self.reply is not None and self.reply.status < 400


def record(change: Change, found: Connected, kind: str, exchanged: Exchanged, **facts: Any) -> None:
    """Add the line to `change`; `kind` says what made the call: `proxy` or an operation's name."""
    line = {"kind": kind, "message": exchanged.error or _outcome(exchanged)}
    told = {**_facts(exchanged), **facts, "userId": change.caller.actor, "requestId": change.request_id}
    tables, tenant = change.tables, change.caller.tenant
    name = f"{ulid()}#{kind}"
    change.add(request_log.log_line(tables.activity, tenant, found.id, name, line, told, change.keep_days))


def _outcome(exchanged: Exchanged) -> str:
    return f"answered {exchanged.reply.status}" if exchanged.reply else "was not sent"


def _facts(exchanged: Exchanged) -> Json:
    sent = shown_request(exchanged.call, exchanged.credentials) if exchanged.call else {}
    answered = shown_reply(exchanged.reply, exchanged.credentials) if exchanged.reply else {}
    reply = exchanged.reply
    found: Json = {
        "method": sent.get("method"),
        "url": without_query(sent["url"]) if sent else None,
        "status": answered.get("statusCode"),
        "durationMs": answered.get("latencyMs"),
        "success": exchanged.is_good,
        "error": exchanged.error,
        "attempt": getattr(reply, "attempts", None),
        "requestHeaders": sent.get("headers"),
        "requestBody": sent.get("body"),
        "responseHeaders": answered.get("headers"),
        "responseBody": answered.get("body"),
    }
    return {name: value for name, value in found.items() if value is not None}
