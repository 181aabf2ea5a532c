"""Error actions: the first rule whose conditions all hold says what an answer means, else its status does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.connector.error_config import ActionName, ErrorAction
from hub.mapping.paths import MISSING, Get, PathFailed, getter
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import Sender

UNREAD: Any = object()
ANOTHER_TRY = frozenset({"RETRY", "RATE_LIMITED"})
# What ends well says nothing against the provider, whatever its status.
ENDS_WELL = frozenset({"SUCCESS", "IGNORE"})


@dataclass(frozen=True)
class Judged(Reply):
    """An answer and what the rules say of it: `action` None leaves it to the status; `document` may be UNREAD."""

    action: ActionName | None = None
    message: str | None = None
    document: Any = UNREAD

    def may_be_repeated(self, retry_on: frozenset[int]) -> bool:
        return super().may_be_repeated(retry_on) if self.action is None else self.action in ANOTHER_TRY

    @property
    def is_rate_limit(self) -> bool:
        return super().is_rate_limit if self.action is None else self.action == "RATE_LIMITED"

    @property
    def is_outage(self) -> bool:
        return super().is_outage and self.action not in ENDS_WELL

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300 if self.action is None else self.action == "SUCCESS"


@dataclass(frozen=True)
class Rule:
    """One action, compiled; `get` is None where the body need not be read."""

    action: ErrorAction
    get: Get | None
    statuses: frozenset[int]

    def holds(self, reply: Reply, document: Callable[[], Any]) -> bool:
        if self.statuses and reply.status not in self.statuses:
            return False
        if self.action.contains is not None and self.action.contains.encode() not in reply.body:
            return False
        wanted = self.action.value if "value" in self.action.model_fields_set else MISSING
        return self.get is None or is_told(self.get, document(), wanted)


@dataclass(frozen=True)
class Judge:
    """A client whose answers are judged, once: it may stand behind another one of its kind."""

    client: Sender
    rules: Sequence[Rule]

    def send(self, call: Call, *, timeout_s: float) -> Judged:
        reply = self.client.send(call, timeout_s=timeout_s)
        return reply if isinstance(reply, Judged) else judged(reply, self.rules)


def is_told(get: Get, document: Any, wanted: Any) -> bool:
    """Say whether `wanted` is what `get` finds; where that is MISSING, anything but null."""
    try:
        found = get(document)
    except PathFailed:
        return False
    if wanted is MISSING:
        return found is not MISSING and found is not None
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def compile_actions(actions: Sequence[ErrorAction]) -> tuple[Rule, ...]:
    """Return the rules in their order; raises BadPath."""
    return tuple(Rule(action, getter(action.path) if action.path else None, _statuses(action)) for action in actions)


def judged(reply: Reply, rules: Sequence[Rule]) -> Judged:
    """Return the answer with what the first rule that holds says of it; the body is parsed at most once."""
    read: list[Any] = []

    def document() -> Any:
        if not read:
            read.append(_parsed(reply.body))
        return read[0]

    held = next((rule.action for rule in rules if rule.holds(reply, document)), None)
    facts = {name: getattr(reply, name) for name in Reply.__dataclass_fields__}
    known = read[0] if read and read[0] is not MISSING else UNREAD
    if held is None:
        return Judged(**facts, document=known)
    return Judged(**facts, action=held.action, message=held.message, document=known)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return MISSING


def _statuses(action: ErrorAction) -> frozenset[int]:
    found: set[int] = set()
    for status in action.status or ():
        found |= {status} if isinstance(status, int) else set(range(int(status[0]) * 100, int(status[0]) * 100 + 100))
    return frozenset(found)
