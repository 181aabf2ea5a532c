"""A client that remembers the last call and its answer, for the line in the log, whatever became of it."""

from dataclasses import dataclass, field, replace

from hub.connector.authenticate import Credentials, forms_of
from hub.connector.plan import Means
from hub.integrations.calls.call_log import Exchanged
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import Sender


@dataclass
class Watch:
    """`calls` counts the tries; those for access tokens go another way and are not among them."""

    calls: int = 0
    call: Call | None = None
    reply: Reply | None = None
    _means: Means | None = field(default=None, repr=False)

    def over(self, means: Means) -> Means:
        """Return the same means with calls that are watched."""
        self._means = means
        return replace(means, client=_Watched(self, means.client))

    def exchanged(self, error: str | None = None) -> Exchanged:
        return Exchanged(self.call, self.reply, self.credentials, error)

    @property
    def credentials(self) -> Credentials:
        """Return what must be seen nowhere: the secrets of the calls, with every token that they used."""
        if self._means is None:
            return Credentials()
        tokens = self._means.tokens.known() if self._means.tokens else frozenset()
        return Credentials(known=forms_of([*self._means.secrets.values(), *tokens]))


@dataclass(frozen=True)
class _Watched:
    watch: Watch
    client: Sender

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        self.watch.calls += 1
        self.watch.call, self.watch.reply = call, None
        self.watch.reply = reply = self.client.send(call, timeout_s=timeout_s)
        return reply
