"""Links: which record of the provider a document is, and what both sides last agreed on: the ledger of what was sent.

    link#{integration}#{type}    {documentId}: externalId, base, marks (JSON texts), conflicts, jobId, position, outcome
    linked#{integration}#{type}  {externalId}: documentId

The base tells our own echo from an edit: a record that comes back as it was sent changes nothing, and a document that
is as it came in is not sent back. A link remembers the step of the push that wrote it, so that a step which is done
again after a crash counts as it did the first time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import IS_NEW, IS_UNCHANGED, Delete, Put, Tables, Write, key, partition
from hub.sync import jobs

Json = dict[str, Any]

DELETED = "deleted"
# DynamoDB takes 100 writes and 4 MB in one transaction; an item weighs more than its texts.
MOST_WRITES = 96
MOST_BYTES = 3_500_000


@dataclass(frozen=True)
class Link:
    """`external_id` is "" where the provider has no record, or does not say which; `version` 0 is not stored yet.

    `job_id` and `position` name the step that wrote it last and `outcome` what it counted as. `marks` say of fields of
    the base where the provider had them (see `terms.marks`).
    """

    document_id: str
    external_id: str = ""
    base: Json = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    version: int = 0
    job_id: str = ""
    position: str = ""
    outcome: str = ""

    @property
    def is_live(self) -> bool:
        """Say whether the two sides have agreed on a record that was not deleted since."""
        return self.version > 0 and self.outcome != DELETED

    def ended(self) -> "Link":
        """Return what stays of a link whose record is deleted on both sides."""
        return replace(self, external_id="", base={}, marks={}, conflicts=(), outcome=DELETED)


@dataclass(frozen=True)
class Links:
    """The links of one integration's entity; those of a user's own connection are apart."""

    tables: Tables
    tenant: Tenant
    name: str

    @classmethod
    def of_job(cls, tables: Tables, job: Item) -> "Links":
        user = f"#{job['userId']}" if job.get("userId") else ""
        return cls(tables, Tenant.of_item(job), f"{job['integrationId']}#{jobs.document_type(job)}{user}")

    def place(self, document_id: str) -> dict[str, str]:
        return key(self.tenant, f"link#{self.name}", document_id)

    def back_place(self, external_id: str) -> dict[str, str]:
        return key(self.tenant, f"linked#{self.name}", external_id)

    def find(self, document_ids: Iterable[str]) -> dict[str, Link]:
        """Return the links that there are, one call per 100 documents."""
        return self.parsed(self._read(map(self.place, document_ids)))

    def parsed(self, items: Iterable[Item]) -> dict[str, Link]:
        """Return links that somebody has read, by their documents."""
        return {item["sk"]: link_of(item) for item in items}

    def documents_of(self, external_ids: Iterable[str]) -> dict[str, str]:
        """Return which documents these records are, one call per 100; unlinked ones are left out."""
        return {item["sk"]: item["documentId"] for item in self._read(map(self.back_place, external_ids))}

    def count(self, enough: int | None = None) -> int:
        """Count the provider's records that documents are linked to; the count may stop where there are `enough`."""
        count, start = 0, None
        while True:
            bounds = {"pk": partition(self.tenant, f"linked#{self.name}")}
            found = self.tables.documents.query("pk = :pk", bounds, start=start, fields="sk")
            count, start = count + len(found.items), found.next_key
            if start is None or (enough is not None and count >= enough):
                return count

    def _read(self, places: Iterable[dict[str, str]]) -> list[Item]:
        wanted = list({place["sk"]: place for place in places}.values())
        return self.tables.documents.batch_get(wanted) if wanted else []

    def writes(self, link: Link, before: Link | None, by: str = "") -> list[Write]:
        """Return the writes of a link as it is to be; they fail where it is no longer as `before`.

        `by` tells apart two who write the same link at the same moment.
        """
        table, known = self.tables.documents, before.version if before else 0
        item = {**self.place(link.document_id), **_item(link), "version": known + 1, "updatedAt": clock.now()}
        item |= {"by": by} if by else {}
        only_if, values = (IS_UNCHANGED, {"version_read": known}) if known else (IS_NEW, {})
        found: list[Write] = [Put(table, item, only_if, values)]
        former = before.external_id if before else ""
        if link.external_id and link.external_id != former:
            found.append(Put(table, {**self.back_place(link.external_id), "documentId": link.document_id}))
        if former and link.external_id != former:
            found.append(Delete(table, self.back_place(former)))
        return found

    def store(self, changed: Sequence[tuple[Link, Link | None]]) -> None:
        """Write links, each with what it was before; raises ConditionFailed where one has changed since."""
        for writes in bundles([self.writes(link, before) for link, before in changed]):
            self.tables.write(*writes)


def bundles(groups: Iterable[Sequence[Write]]) -> Iterable[list[Write]]:
    """Yield transactions that hold each group of writes whole."""
    held: list[Write] = []
    held_bytes = 0
    for group in groups:
        size = sum(map(_bytes, group))
        if held and (len(held) + len(group) > MOST_WRITES or held_bytes + size > MOST_BYTES):
            yield held
            held, held_bytes = [], 0
        held, held_bytes = [*held, *group], held_bytes + size
    if held:
        yield held


def _bytes(write: Write) -> int:
    item = write.item if isinstance(write, Put) else write.key
    return sum(len(name) + len(str(value).encode()) for name, value in item.items())


def _item(link: Link) -> Json:
    return {
        "externalId": link.external_id,
        "base": jsontext.dump(link.base),
        "marks": jsontext.dump(dict(link.marks)),
        "conflicts": list(link.conflicts),
        "jobId": link.job_id,
        "position": link.position,
        "outcome": link.outcome,
    }


def link_of(item: Mapping[str, Any]) -> Link:
    return Link(
        document_id=item["sk"],
        external_id=item["externalId"],
        base=jsontext.load(item["base"]),
        marks=jsontext.load(item.get("marks", "{}")),
        conflicts=tuple(item["conflicts"]),
        version=item["version"],
        job_id=item["jobId"],
        position=item["position"],
        outcome=item["outcome"],
    )
