"""How an endpoint is called: credentials, retries, the judgement of each answer, one renewed token, pages ahead."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from hub.connector.actions import Judge, Judged, Rule, judged
from hub.connector.ahead import Ahead, Place
from hub.connector.authenticate import Credentials, Hide, Signer
from hub.connector.ends import Ended
from hub.connector.incremental import Increment
from hub.connector.paging import Paging
from hub.connector.requests import Draft
from hub.connector.select import Selection
from hub.core.errors import HubError, Refused, Retryable
from hub.outbound.calls import Call, NeverSent
from hub.outbound.retry import REPEATABLE_METHODS, RetryPolicy, Sender, send_with_retries

UNAUTHORIZED = 401
# A token is renewed once; what the same answer means after that, the next rule says.
RENEWAL = "REFRESH_TOKEN_THEN_RETRY"
NOT_REPEATED = "It is not repeated, since the endpoint is not marked `idempotent`"


@dataclass(frozen=True)
class Exchange:
    """How an endpoint is called and read, compiled once."""

    origin: str
    timeout_s: float
    policy: RetryPolicy
    idempotent: bool
    rules: tuple[Rule, ...]
    selection: Selection
    paging: Paging | None
    ended: Ended
    increment: Increment | None


class Channel:
    """The calls of one run, one page after the other; those of pages to come are sent by other threads."""

    def __init__(self, exchange: Exchange, signer: Signer, client: Sender, most_ahead: int) -> None:
        self._exchange = exchange
        self._signer = signer
        self._client = Judge(client, exchange.rules)
        self._ahead = Ahead(most_ahead)
        self._credentials = signer.known()
        self._hide = self._credentials.hider()

    @property
    def credentials(self) -> Credentials:
        """Return what was sent last: what must not be seen in what comes back."""
        return self._credentials

    @property
    def hide(self) -> Hide:
        return self._hide

    def send(self, draft: Draft, place: Place, give_up_at: float | None) -> Judged:
        """Return the answer, good or bad; raises Retryable, Refused, TargetForbidden, BadRequest."""
        client = self._ahead.take(place, self._client)
        try:
            reply = self._sent(client, self._signed(draft, self._signer.credentials()), give_up_at)
        except HubError:
            self._ahead.forget()
            raise
        if not reply.is_good:
            self._ahead.forget()
        return self._renewed(draft, give_up_at) or reply if _is_unauthorized(reply) else reply

    def _renewed(self, draft: Draft, give_up_at: float | None) -> Judged | None:
        """Return the answer to the same call with a new token, None where there is none to be had."""
        credentials = self._signer.renewed()
        if credentials is None:
            return None
        reply = self._sent(self._client, self._signed(draft, credentials), give_up_at)
        return judged(reply, [rule for rule in self._exchange.rules if rule.action.action != RENEWAL])

    def send_ahead(self, drafts: Callable[[int], Mapping[Place, Draft]], first: Draft, body_bytes: int) -> None:
        """Begin the calls of the pages that come next, as many as may be under way after a page of `body_bytes`."""
        room = self._ahead.room(body_bytes)
        if not room or not self.may_repeat(first.method):
            return
        for place, draft in drafts(room).items():
            if not self._ahead.has(place):
                self._ahead.begin(place, self._once(self._signed(draft, self._credentials)))

    def may_repeat(self, method: str) -> bool:
        """Say whether a call that may have reached the provider can be sent again, now or by a later run."""
        return self._exchange.idempotent or method in REPEATABLE_METHODS

    def close(self) -> None:
        self._ahead.forget()

    def _signed(self, draft: Draft, credentials: Credentials) -> Call:
        if credentials is not self._credentials:
            self._credentials, self._hide = credentials, credentials.hider()
        return credentials.authenticated(draft, self._exchange.origin)

    def _sent(self, client: Sender, call: Call, give_up_at: float | None) -> Judged:
        try:
            reply = send_with_retries(
                client,
                call,
                self._exchange.policy,
                timeout_s=self._exchange.timeout_s,
                give_up_at=give_up_at,
                idempotent=self._exchange.idempotent,
            )
        except Retryable as error:
            if isinstance(error, NeverSent) or self.may_repeat(call.method):
                raise
            raise Refused(f"{error.message}. {NOT_REPEATED}") from None
        return cast(Judged, reply)  # the judge's answers, with the number of tries

    def _once(self, call: Call) -> Callable[[], Judged]:
        return lambda: self._client.send(call, timeout_s=self._exchange.timeout_s)


def _is_unauthorized(reply: Judged) -> bool:
    if reply.action is None:
        return reply.status == UNAUTHORIZED
    return reply.action == RENEWAL
