"""Which records of a page become documents, and in what form: the mapping's faults, the contract, the raw record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub import documents
from hub.connector.plan import Record
from hub.core.attributes import Item
from hub.documents import Incoming
from hub.integrations.plans import document_of
from hub.sync.pull import contract as contracts
from hub.sync.pull.contract import Contract

Json = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """A record that goes to the quarantine, and why; `raw` is None where it repeats a secret."""

    index: int
    external_id: str | None
    reason: str
    raw: Any


@dataclass
class Sorted:
    """A page's records: those to store, the faults of the others, what goes to the quarantine."""

    accepted: list[Incoming] = field(default_factory=list)
    refused: list[Json] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    contents: list[Json] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Intake:
    job: Item = field(default_factory=dict)
    contract: Contract | None = None

    @property
    def wants_raw(self) -> bool:
        return self.contract is not None or bool(self.job.get("keepRaw"))

    def sort_out(self, records: Sequence[Record], raw: Mapping[int, Any]) -> Sorted:
        """Part the records; `raw` are those that repeat no secret, by index."""
        found = Sorted()
        for record in records:
            try:
                problems = self._take(found, record, raw.get(record.index))
            except documents.Unstorable as fault:
                found.refused.append(_fault(record, str(fault)))
                problems = [str(fault)]
            if problems and self.contract is not None:
                found.kept.append(Kept(record.index, record.external_id, "; ".join(problems), raw.get(record.index)))
        return found

    def _take(self, found: Sorted, record: Record, raw: Any) -> list[str]:
        """Put the record where it belongs; return what is wrong with it. Raises Unstorable."""
        if self.contract is None:
            found.accepted.append(document_of(record, self._beside(raw)))
            return []
        document_of(record)
        judged = self.contract.judge(record.content or {})
        if judged.problems:
            found.broken += judged.problems
        if judged.content is None:
            found.refused.append(_fault(record, contracts.message(judged.problems)))
        else:
            found.accepted.append(Incoming.of(str(record.external_id), judged.content, self._beside(raw)))
            found.contents += [judged.content] if self.contract.learns else []
        return [contracts.message(judged.problems)] if judged.problems else []

    def _beside(self, raw: Any) -> Any:
        return raw if self.job.get("keepRaw") else None


def outcomes_of(outcomes: Sequence[str], found: Sorted) -> Iterator[tuple[str, str]]:
    """Yield the outcome and the id of each record; one without an id is named by its place on the page."""
    yield from zip(outcomes, (record.id for record in found.accepted), strict=True)
    yield from (("rejected", str(fault["externalId"] or f"#{fault['index']}")) for fault in found.refused)


def _fault(record: Record, reason: str) -> Json:
    return {"index": record.index, "externalId": record.external_id, "reason": reason}
