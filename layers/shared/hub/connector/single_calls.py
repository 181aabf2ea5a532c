"""Calls that are not pages: each is sent for itself, and its answer is a good one or an error."""

from typing import Any

import orjson

from hub.connector.actions import UNREAD, Judged
from hub.connector.authenticate import Credentials, Signer
from hub.connector.exchange import Channel
from hub.connector.failures import Failures
from hub.connector.pages import Means
from hub.connector.plan import Plan
from hub.connector.requests import Draft
from hub.mapping.paths import MISSING

NONE_AHEAD = 0


class SingleCalls:
    """The way to the provider for the requests of one plan, with its retries, its rules and its credentials."""

    def __init__(self, plan: Plan, means: Means) -> None:
        signer = Signer(plan.auth, means.secrets, means.tokens)
        self._channel = Channel(plan.exchange, signer, means.client, NONE_AHEAD)
        self._failures = Failures(self._channel, plan.exchange.selection)

    @property
    def credentials(self) -> Credentials:
        return self._channel.credentials

    def send(self, draft: Draft, give_up_at: float | None) -> Judged:
        """Return an answer that is good, or that an error action says to ignore.

        Raises Retryable, Refused, TargetForbidden, BadRequest; no message holds a secret.
        """
        reply = self._channel.send(draft, None, give_up_at)
        if reply.is_good or reply.action == "IGNORE":
            return reply
        raise self._failures.of(draft, reply)

    def told(self, text: str) -> str:
        """Return a provider's words without secrets, and not too many of them."""
        return self._failures.told(text)

    def hide(self, text: str) -> str:
        return self._channel.hide(text)


def json_in(reply: Judged) -> Any:
    """Return the JSON of an answer: None where it has no body, MISSING where that is no JSON."""
    if reply.document is not UNREAD:
        return reply.document
    try:
        return orjson.loads(reply.body) if reply.body else None
    except orjson.JSONDecodeError:
        return MISSING
