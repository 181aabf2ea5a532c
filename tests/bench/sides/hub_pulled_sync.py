"""The hub's side of a sync with its store, as the worker does it: pages held, compared, upserted, checkpointed.

`python -m tests.bench.sides.hub_pulled_sync <url> <name of the job> <outcome of every record>`
"""

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from hub.connector.ahead import MOST_AHEAD
from hub.connector.plan import PageRun
from hub.core.config import Settings
from hub.core.resources import Resources
from hub.core.vault import Vault
from hub.outbound.client import Client
from hub.sync.jobs import Claim, Counters
from hub.sync.pull.pull import Pull
from hub.sync.pull.state import State
from hub.sync.working import Noted, Work
from tests.bench.sides.hub_sync import loopback_client, run_over
from tests.bench.sides.measured import told
from tests.bench.sides.stored import KEEP_DAYS, LEASE_S, TABLES, job

Json = dict[str, Any]
ROOM_MS = 900_000
ASKED: Json = {
    "position": None,
    "params": "{}",
    "endpointId": "list",
    "entityType": "contact",
    "jobType": "FULL_SYNC",
    "isStateless": True,
}


@dataclass(frozen=True)
class Alone(Work):
    """A worker whose end is noted nowhere but in `counters`."""

    def end(self, held: Claim, status: str, progress: Json, noted: Noted, *more: Any) -> None:  # noqa: ARG002
        assert status == "COMPLETED", noted
        counters.append(Counters(**progress["counters"]))


class Bound(Pull):
    """A pull whose source is known; everything behind it is the hub's own."""

    def bind(self, held: Claim, state: State) -> PageRun:  # noqa: ARG002
        return run_over(url, "cursor", cast("Client", self.work.client), MOST_AHEAD)


counters: list[Counters] = []


def pulled(name: str, outcome: str, client: Client) -> int:
    """Return how many records were stored; every one must have come out as said."""
    settings = SimpleNamespace(**vars(TABLES), sync_lease_s=LEASE_S, retention_days=KEEP_DAYS)
    found = Resources(cast("Settings", settings))
    work = Alone(found, cast("Vault", None), client, lambda: ROOM_MS)
    Bound(work).run(Claim({**job(name), **ASKED}, "me"))
    (counted,) = counters
    assert getattr(counted, outcome) == counted.read, counted
    return counted.read


if __name__ == "__main__":
    url, name, expected = sys.argv[1:]
    with loopback_client() as client:
        told(lambda: pulled(name, expected, client))
