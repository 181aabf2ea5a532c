"""One HTTP call of a delivery: what is sent, what comes back, and what both tell about the receiver."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.core import clock
from hub.core.attributes import Item
from hub.core.errors import BadRequest, HubError, Retryable, Unavailable
from hub.outbound.breaker import Outcome
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import Sender
from hub.outbound.traffic import outcome_of
from hub.webhooks.deliveries import attempts, requests
from hub.webhooks.deliveries.authorization import Authorization
from hub.webhooks.subscriptions.subscriptions import Subscription

if TYPE_CHECKING:
    from hub.connector.authenticate import Credentials

Json = dict[str, Any]

LONGEST_S = 30.0
# Of an attempt that has to fetch an access token first; the function has 60 s.
LONGEST_WITH_TOKEN_S = 50.0
# A refused token is renewed and the call repeated only while so much time is left.
LEAST_AGAIN_S = 1.0
UNAUTHORIZED = 401
UNFIT = "The transformTemplate does not fit this event: {reason}"


@dataclass(frozen=True)
class Sent:
    """What became of a call; `about_host` is for the circuit breaker. The shown ones hold no secret."""

    outcome: Reply | HubError
    about_host: Outcome
    at: str
    duration_ms: int
    request: Json
    response: Json | None


def timeout_s(subscription: Subscription) -> float:
    return min(subscription.retry.timeout_ms / 1000, LONGEST_S)


def host_of(subscription: Subscription) -> str:
    try:
        return urlsplit(subscription.item["url"]).hostname or ""
    except ValueError:  # the client says what is wrong with it
        return ""


def send(client: Sender, authorization: Authorization, delivery: Item, event: Item, longest_s: float) -> Sent:
    """Make one attempt. What fails in it, on whichever side, is its outcome; only Unavailable is raised."""
    started_s = clock.epoch_s()
    attempt = _Attempt(client, authorization, delivery, event, longest_s)
    outcome: Reply | HubError
    try:
        outcome = attempt.reply()
    except Unavailable:
        raise
    except HubError as error:
        outcome = error
    about = _about_host(outcome) if attempt.went_out else Outcome.NEITHER
    duration_ms = outcome.elapsed_ms if isinstance(outcome, Reply) else round((clock.epoch_s() - started_s) * 1000)
    response = attempts.shown_reply(outcome, attempt.credentials) if isinstance(outcome, Reply) else None
    return Sent(outcome, about, clock.iso(started_s), duration_ms, attempt.shown_request(), response)


def never_sent(subscription: Subscription, error: HubError) -> Sent:
    """Return an attempt that failed before there was anything to send."""
    request = {"url": subscription.item["url"], "method": "POST", "headers": {}, "body": ""}
    return Sent(error, Outcome.NEITHER, clock.now(), 0, request, None)


class _Attempt:
    """A call in the making; `went_out` says whether the receiver was asked at all."""

    def __init__(
        self, client: Sender, authorization: Authorization, delivery: Item, event: Item, longest_s: float
    ) -> None:
        self._client, self._authorization = client, authorization
        self._delivery, self._event = delivery, event
        self._longest_s, self._over_at_s = longest_s, clock.epoch_s() + LONGEST_WITH_TOKEN_S
        self._ends_at_s = self._over_at_s
        self._call: Call | None = None
        self.credentials: Credentials = authorization.stored
        self.went_out = False

    def reply(self) -> Reply:
        subscription = self._authorization.subscription
        body = _body(subscription, self._event, self._delivery["sentAs"])
        signer = self._authorization.signer()
        self.credentials = signer.credentials()
        self._ends_at_s = min(clock.epoch_s() + self._longest_s, self._over_at_s)
        reply = self._send(body)
        if reply.status == UNAUTHORIZED and self._left_s() > LEAST_AGAIN_S and (renewed := signer.renewed()):
            self.credentials = renewed
            reply = self._send(body)
        return reply

    def shown_request(self) -> Json:
        url = self._authorization.subscription.item["url"]
        return attempts.shown_call(self._call or Call("POST", url, {}), self.credentials)

    def _send(self, body: bytes) -> Reply:
        self._call = Call(
            "POST", self._authorization.subscription.item["url"], self._headers(body), self.credentials.query, body
        )
        self.went_out = True
        return self._client.send(self._call, timeout_s=self._left_s())

    def _headers(self, body: bytes) -> Mapping[str, str]:
        authorization = self._authorization
        own = requests.headers_of(
            authorization.subscription,
            self._delivery,
            body,
            authorization.signing_secrets(),
            int(clock.epoch_s()),
        )
        return {**authorization.headers, **self.credentials.headers, **own}

    def _left_s(self) -> float:
        return self._ends_at_s - clock.epoch_s()


def _body(subscription: Subscription, event: Item, sent_as: str) -> bytes:
    try:
        return requests.body_of(subscription, event, sent_as)
    except ValueError as error:  # of the template: Unfit, BadPath, BadTemplate
        raise BadRequest(UNFIT.format(reason=error)) from error


def _about_host(outcome: Reply | HubError) -> Outcome:
    if isinstance(outcome, Reply):
        return outcome_of(outcome)
    return Outcome.FAILURE if isinstance(outcome, Retryable) else Outcome.NEITHER
