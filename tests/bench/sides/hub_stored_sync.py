"""The hub's side of a sync with its store: fetch, page, select, map, upsert, checkpoint.

`python -m tests.bench.sides.hub_stored_sync <url> <name of the job> <outcome of every record>`
"""

import sys
from contextlib import closing

from hub.connector.ahead import MOST_AHEAD
from hub.connector.plan import Page, PageRun
from tests.bench.sides.hub_sync import loopback_client, run_over
from tests.bench.sides.measured import told
from tests.bench.sides.stored import Store, store


def read_and_store(run: PageRun, target: Store, outcome: str) -> int:
    page = run.fetch()
    while page.next is not None:
        keep(page, target)
        page = run.fetch(page.next)
    keep(page, target)
    return target.done(outcome)


def keep(page: Page, target: Store) -> None:
    documents = ((record.external_id or "", record.content or {}) for record in page.records)
    facts = {"method": page.method, "url": page.url, "status": page.status, "bytes": page.body_bytes}
    target.keep(documents, page.next.to_json() if page.next else None, facts)


if __name__ == "__main__":
    url, name, expected = sys.argv[1:]
    target = store(name)
    with loopback_client() as client, closing(run_over(url, "cursor", client, MOST_AHEAD)) as run:
        told(lambda: read_and_store(run, target, expected))
