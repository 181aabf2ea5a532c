"""The hub's store as a sync uses it: documents upserted page by page, each page with the checkpoint of its job."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any, cast

from hub import documents
from hub.core import jsontext
from hub.core.caller import Tenant
from hub.core.config import Settings
from hub.core.resources import Resources
from hub.core.tables import Tables
from hub.sync import job_logs, jobs
from hub.sync.jobs import Claim, Counters

Json = dict[str, Any]

TENANT = Tenant("bench")
INTEGRATION = "int_bench"
LEASE_S = 120
KEEP_DAYS = 30
TABLES = SimpleNamespace(
    config_table="config",
    credentials_table="credentials",
    documents_table="documents",
    activity_table="activity",
    coordination_table="coordination",
    range_reads_from=8,
)


def job(name: str) -> Json:
    counters = asdict(Counters())
    place = {"pk": "bench#job", "sk": name, "integrationId": INTEGRATION, "page": 0, "fence": 1}
    return {**place, "counters": counters, "errors": [], "total": None}


@dataclass
class Store:
    """One job's writes; `outcomes` counts what became of the records."""

    held: Claim
    tables: Tables

    def keep(self, page: Iterable[tuple[str, Json]], position: Json | None, facts: Json) -> None:
        """Upsert a page's documents, then record that it is done."""
        before = self.held.job
        accepted = [documents.Incoming.of(document_id, content) for document_id, content in page]
        step = documents.Step(f"integration:{INTEGRATION}", f"{before['sk']}#{before['page']}")
        outcomes = documents.upsert(self.tables.documents, TENANT, "contact", accepted, step)
        counts = {name: outcomes.count(name) for name in ("created", "updated", "unchanged")}
        progress = {
            "page": before["page"] + 1,
            "position": jsontext.dump(position),
            "counters": asdict(Counters.of(before).plus(Counters(read=len(outcomes), **counts))),
            "errors": before["errors"],
        }
        log = job_logs.line(self.tables, self.held, "page", "page stored", {**facts, **counts}, KEEP_DAYS)
        self.held = jobs.checkpoint(self.tables, self.held, progress, log, LEASE_S)

    def done(self, outcome: str) -> int:
        """Return how many records were stored; every one must have come out as said."""
        counters = self.held.job["counters"]
        assert counters[outcome] == counters["read"], counters
        return int(counters["read"])


def store(name: str) -> Store:
    return Store(Claim(job(name), "me"), Resources(cast("Settings", TABLES)).tables)
