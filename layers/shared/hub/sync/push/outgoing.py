"""The fuse of a push: before the first record is deleted at the provider, all deletions ahead are counted.

Too many of them wait for an administrator, as those of a pull do; creations and updates go on. What was held before
counts, too, and stays held: it goes out by an approval alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.core.attributes import Item
from hub.core.tables import Write
from hub.sync import fuses
from hub.sync.pull import deletes
from hub.sync.push.held_deletes import Ledger
from hub.sync.push.sending import HOLD, Sending
from hub.sync.push.told import Told
from hub.sync.push.upcoming import Ahead, Stream

Json = dict[str, Any]

# `left` deletions may go out before they are counted again, `sent` have gone out in this run.
BEGUN: Json = {"holds": False, "sent": 0, "left": 0}


@dataclass(frozen=True)
class OutgoingFuse:
    """Judges the deletions of one job."""

    ledger: Ledger
    stream: Stream

    def ahead(self, job: Item, position: str, until: str | None = None) -> Ahead:
        """Return the changes behind a position by the job's verdict so far."""
        return self._stream(_verdict(job)).ahead(position, until)

    def judged(self, job: Item, position: str, ahead: Ahead) -> tuple[Json, Ahead]:
        """Return what the job keeps of the verdict, and the changes with the deletions that go out or are held."""
        asked = [each.document_id for each in ahead.found if each.action == "delete"]
        if not asked:
            return {}, ahead
        held, verdict = self.ledger.known(asked), _verdict(job)
        if len(asked) - len(held) > verdict["left"]:
            verdict = self._counted(verdict, position)
        found = self._stream(verdict).ahead(position) if verdict["holds"] else _holding(ahead, held)
        return {"outgoing": verdict}, found

    def left_over(self, keep_days: int) -> tuple[Json | None, list[Write]]:
        """Return the fuse of all that is held now, and the writes that forget what is over."""
        waiting = self.ledger.waiting()
        writes: list[Write] = [*self.ledger.forgetting(waiting.over)]
        if not waiting.count:
            return None, writes
        return fuses.made(waiting.count, self.ledger.links.count(), waiting.sample, keep_days), writes

    def _stream(self, verdict: Json) -> Stream:
        return replace(self.stream, decider=replace(self.stream.decider, holds=verdict["holds"]))

    def _counted(self, verdict: Json, position: str) -> Json:
        """Return the verdict on all that is ahead; what has gone out in this run counts as well."""
        left = self.stream.count_deletes(position, self.ledger.known)
        held, sent = self.ledger.waiting().count, verdict["sent"]
        return {"holds": self._is_blown(left + held + sent, sent), "sent": sent, "left": left}

    def _is_blown(self, missing: int, sent: int) -> bool:
        """Say whether so many are too many; the links are counted only where that depends on them."""
        if missing <= deletes.FREE:
            return False
        return deletes.is_blown(self.ledger.links.count(int(missing / deletes.FREE_SHARE)) + sent, missing, read=1)


def after(job: Mapping[str, Any], found: Sequence[Sending], told: Mapping[str, Told]) -> Json:
    """Return the verdict less the deletions of a step."""
    if "outgoing" not in job:
        return {}
    verdict, deleted = job["outgoing"], [each.outcome for each in told.values()].count("deleted")
    tried = sum(each.action == "delete" for each in found)
    left = max(verdict["left"] - max(tried, deleted), 0)
    return {"outgoing": {**verdict, "sent": verdict["sent"] + deleted, "left": left}}


def _verdict(job: Mapping[str, Any]) -> Json:
    found: Json = job.get("outgoing") or BEGUN
    return found


def _holding(ahead: Ahead, names: Collection[str]) -> Ahead:
    """Return the changes with these deletions held."""
    found = [replace(each, action=HOLD) if each.document_id in names else each for each in ahead.found]
    return replace(ahead, found=found)
