"""dlt's rest_api source over the sandbox, merged into DuckDB by the contacts' id; run by a Python that has both.

`python -m tests.bench.sides.dlt_merge <url> <folder> <format of dlt's load files>`: run again on the same folder, it
merges the same records into the rows that are there.
"""

import sys
from typing import Any

import dlt

from tests.bench.sides.dlt_source import source
from tests.bench.sides.measured import told

COUNTS = "SELECT count(*), count(DISTINCT external_id), count(*) FILTER (_dlt_load_id = %s) FROM contacts"


def load(url: str, folder: str, file_format: str) -> int:
    destination = dlt.destinations.duckdb(f"{folder}/contacts.duckdb")
    pipeline = dlt.pipeline("bench", destination=destination, pipelines_dir=folder, dataset_name="bench")
    paging = {"cursor_path": "paging.next.after", "cursor_param": "after"}
    contacts = source(url, paging, write_disposition="merge", primary_key="externalId")
    done = pipeline.run(contacts, loader_file_format=file_format)
    return merged(pipeline, done.loads_ids[-1])


def merged(pipeline: Any, load_id: str) -> int:
    """Return how many rows there are; each must be of another contact, and as this load left it."""
    sent = pipeline.last_trace.last_normalize_info.row_counts["contacts"]
    with pipeline.sql_client() as client:
        (counts,) = client.execute_sql(COUNTS, load_id)
    assert set(counts) == {sent}, (counts, sent)
    return int(sent)


if __name__ == "__main__":
    told(lambda: load(*sys.argv[1:]))
