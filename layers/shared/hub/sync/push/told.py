"""What a push has to tell of each change: what it counts as, the link it leaves, and why it was refused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.sync.jobs import Counters
from hub.sync.push.sending import Sending
from hub.sync.two_way.links import Link
from hub.sync.working import KEPT_ERRORS

Json = dict[str, Any]

OUTCOMES = ("created", "updated", "unchanged", "rejected", "deleted")
REJECTED = "REJECTED"


@dataclass(frozen=True)
class Told:
    outcome: str
    link: Link | None = None
    fault: Json | None = None


def rejected(each: Sending, code: str | None, reason: str | None) -> Told:
    """Return what is told of a change that was refused."""
    fault = {"documentId": each.document_id, "externalId": each.former.external_id or None}
    return Told("rejected", None, {**fault, "code": code or REJECTED, "reason": reason or ""})


def counted(told: Collection[Told]) -> Counters:
    """Return the changes as counters: each was read and became one thing."""
    outcomes = [each.outcome for each in told]
    return Counters(read=len(outcomes), **{name: outcomes.count(name) for name in OUTCOMES})


def faults(found: Sequence[Sending], told: Mapping[str, Told]) -> list[Json]:
    """Return why changes were refused, in their order, of so many as a job keeps."""
    known = (told[each.document_id].fault for each in found if each.document_id in told)
    return [fault for fault in known if fault is not None][:KEPT_ERRORS]
