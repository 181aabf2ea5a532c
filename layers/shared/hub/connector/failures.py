"""What a call that failed means for whoever made it: another try or none, in the provider's words, without secrets."""

import orjson

from hub.connector.actions import ANOTHER_TRY, Judged
from hub.connector.exchange import NOT_REPEATED, Channel
from hub.connector.requests import Draft
from hub.connector.select import Selection
from hub.connector.urls import without_query
from hub.core.errors import Refused, Retryable
from hub.mapping.paths import PathFailed
from hub.outbound.calls import Reply
from hub.outbound.retry import asked_delay_s

MAX_MESSAGE_CHARS, MAX_REFUSAL_CHARS = 500, 700  # of the provider; with our own words
RETRYABLE = frozenset({408, 429})
HINTS = {401: " (the credentials were refused)", 403: " (the credentials do not allow this)"}


class Failures:
    """The failures of the calls of one channel."""

    def __init__(self, channel: Channel, selection: Selection) -> None:
        self._channel = channel
        self._selection = selection

    def of(self, draft: Draft, reply: Judged) -> Refused | Retryable:
        """Return the error that an answer which is no good one stands for."""
        message = self._channel.hide(f"{draft.method} {without_query(draft.url)} answered {reply.status}")
        message += HINTS.get(reply.status, "")
        if said := self._said(reply):
            message += f": {said}"
        if reply.message:
            message += f" ({reply.message})"
        if reply.action not in ANOTHER_TRY and (reply.action is not None or not _is_passing(reply.status)):
            return Refused(message, status=reply.status)
        if reply.is_rate_limit or self._channel.may_repeat(draft.method):
            return Retryable(message, retry_after_s=asked_delay_s(reply), status=reply.status)
        return Refused(f"{message}. {NOT_REPEATED}", status=reply.status)

    def told(self, text: str, most: int = MAX_MESSAGE_CHARS) -> str:
        """Return a provider's words for a message; hidden before they are cut, or half a secret could stay."""
        return " ".join(self._channel.hide(text).split())[:most]

    def _said(self, reply: Reply) -> str:
        """Return the provider's message, or the beginning of its answer."""
        try:
            said = self._selection.error(orjson.loads(reply.body))
        except (orjson.JSONDecodeError, PathFailed):
            said = None
        return self.told(said or reply.body.decode(errors="replace"))


def described(reply: Reply) -> str:
    """Return what an answer looks like that cannot be read."""
    return f"status {reply.status}, {len(reply.body)} bytes, {reply.headers.get('content-type', 'no content-type')}"


def _is_passing(status: int) -> bool:
    return status in RETRYABLE or status >= 500
