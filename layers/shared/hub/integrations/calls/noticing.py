"""What answers of a provider say of a connection's credentials, noted on it while calls go out for somebody."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hub.core.attributes import Item
from hub.integrations.connected import Connected
from hub.integrations.connections.marks import Marks
from hub.integrations.connections.reasons import CREDENTIALS_REFUSED, INSUFFICIENT_SCOPE, REASONS
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import Sender

UNAUTHORIZED, FORBIDDEN = 401, 403


def noticing(client: Sender, found: Connected, marks: Marks | None, *, knows_scopes: bool = True) -> Sender:
    """Return the client; where there is a connection, one that notes on it what the provider says against it.

    `knows_scopes`: the calls are those of the integration's own endpoints, so that one it may not make is a fault.
    """
    if marks is None or found.connection is None or found.method is None:
        return client
    renews = found.method["auth"].get("type") == "oauth2"
    return _Noticing(client, found, found.connection, marks, renews, knows_scopes)


@dataclass
class _Noticing:
    """`refused` is what the last call authenticated with, if it was refused: a token may have ended between two."""

    client: Sender
    found: Connected
    connection: Item
    marks: Marks
    renews: bool
    knows_scopes: bool
    refused: str | None = field(default=None, repr=False)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        reply = self.client.send(call, timeout_s=timeout_s)
        if getattr(reply, "action", None) is None:  # else the connector's own rule says what it means
            self._note(call, reply)
        return reply

    def _note(self, call: Call, reply: Reply) -> None:
        reason = self._reason(call, reply)
        self.refused = _authorization(call) if reply.status == UNAUTHORIZED else None
        if reason is not None:
            host = urlsplit(call.url).hostname
            message = f"{REASONS[reason].message} {host} answered {reply.status}."
            self.marks.noticed(self.found.tenant, self.connection, reason, message)
        elif 200 <= reply.status < 300 and self.connection.get("reason") == CREDENTIALS_REFUSED:
            self.marks.recovered(self.found.tenant, self.connection)

    def _reason(self, call: Call, reply: Reply) -> str | None:
        """Return what is certain: a refused token was renewed, and the next one is refused too."""
        if reply.status == UNAUTHORIZED:
            is_certain = not self.renews or self.refused not in (None, _authorization(call))
            return CREDENTIALS_REFUSED if is_certain else None
        challenge = reply.headers.get("www-authenticate", "")
        is_told = reply.status == FORBIDDEN and "insufficient_scope" in challenge  # RFC 6750, 3.1
        return INSUFFICIENT_SCOPE if is_told and self.knows_scopes else None


def _authorization(call: Call) -> str:
    return next((value for name, value in call.headers.items() if name.lower() == "authorization"), "")
