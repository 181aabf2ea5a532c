"""How the requests of an upload reach the provider: its session, and what goes out once or may be repeated."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

from hub.connector.actions import Judged
from hub.connector.authenticate import Signer
from hub.connector.bodies import Body
from hub.connector.exchange import Channel
from hub.connector.failures import Failures
from hub.connector.pages import Means
from hub.connector.requests import Draft
from hub.connector.upload_plans import File, Resumable, Step, UploadPlan, metadata_body, part_body, with_file
from hub.connector.urls import BadUrl, parse_url
from hub.connector.variables import Variables
from hub.core.errors import Refused, Retryable

LONGEST_SESSION = 8192


@dataclass(frozen=True)
class Sending:
    """One file on its way: `metadata` is filled in, the variables know the file."""

    file: File
    metadata: Any
    variables: Variables
    give_up_at: float | None


class Line:
    """The channels of one upload, which share its credentials."""

    def __init__(self, plan: UploadPlan, means: Means) -> None:
        self._signer = Signer(plan.auth, means.secrets, means.tokens)
        # What begins a session, or asks for it, can be repeated. What carries bytes goes out once: before it is sent
        # again it must be known whether it has arrived.
        again = replace(plan.exchange, idempotent=True)
        once = replace(again, policy=replace(again.policy, max_retries=0))
        self._selection = plan.exchange.selection
        self.plain, self.again, self.once = (
            Channel(exchange, self._signer, means.client, 0) for exchange in (plan.exchange, again, once)
        )

    def failure(self, channel: Channel, draft: Draft, reply: Judged) -> Refused | Retryable:
        return Failures(channel, self._selection).of(draft, reply)

    def may_repeat_a_secret(self, body: bytes) -> bool:
        return self._signer.known().may_be_in(body)


class Session:
    """One session of a resumable upload, begun with its first request."""

    def __init__(self, line: Line, plan: Resumable, sending: Sending) -> None:
        self._line, self._plan, self._sending = line, plan, sending
        self._session = ""
        self._last, self._used = self._draft(plan.start, 0, 0), line.again

    def begin(self) -> None:
        """Ask for a session; raises Retryable, Refused, BadRequest."""
        reply = self._used.send(self._last, None, self._sending.give_up_at)
        if not reply.is_good:
            raise self.failure(reply)
        self._session = self._named(self._plan.session(reply))

    def once(self, step: Step, first: int, end: int) -> Judged:
        """Send a part, one try; raises Retryable where it may have arrived or may arrive later."""
        return self._sent(self._line.once, step, first, end)

    def send(self, step: Step, first: int, end: int) -> Judged:
        is_harmless = step is self._plan.ask
        return self._sent(self._line.again if is_harmless else self._line.plain, step, first, end)

    def failure(self, reply: Judged) -> Refused | Retryable:
        return self._line.failure(self._used, self._last, reply)

    def _sent(self, channel: Channel, step: Step, first: int, end: int) -> Judged:
        self._used, self._last = channel, self._draft(step, first, end)
        return channel.send(self._last, None, self._sending.give_up_at)

    def _draft(self, step: Step, first: int, end: int) -> Draft:
        sending = self._sending
        upload = {"metadata": sending.metadata, "session": self._session, "offset": first, "last": end - 1}
        variables = with_file(sending.variables, sending.file, **upload)
        return step.draft(variables, self._session, self._body(step, first, end))

    def _body(self, step: Step, first: int, end: int) -> Body | None:
        if step.content == "metadata":
            return metadata_body(self._sending.metadata)
        return part_body(self._sending.file.content[first:end]) if step.content == "part" else None

    def _named(self, found: Any) -> str:
        """Return the session; an address is made absolute, and its origin is checked with every request to it."""
        if not isinstance(found, str) or not 0 < len(found) <= LONGEST_SESSION:
            raise Refused("The provider began an upload and did not say how it is called.")
        if not self._plan.has_address:
            return found
        try:
            address = urljoin(self._last.url, found.strip())
            parse_url(address)
        except (BadUrl, ValueError):
            raise Refused("The provider began an upload at an address that is none.") from None
        return address
