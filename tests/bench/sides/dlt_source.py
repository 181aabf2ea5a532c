"""dlt's rest_api source over the same API, run by a Python that has dlt in it.

`python -m tests.bench.sides.dlt_source <url> <destination|iterate>`: into a destination that does nothing, or iterated
without any pipeline. The destination is as light as dlt lets it be: it never opens the files it is handed.
"""

import sys
import tempfile
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source

from tests.bench.sides.measured import told

PAGING = {"cursor_path": "paging.next", "cursor_param": "cursor"}
STATUS = {"ACTIVE": "active", "INACTIVE": "archived", "DELETED": "deleted"}


def mapped(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "externalId": record["id"],
        "firstName": record["first_name"],
        "lastName": record["last_name"],
        "email": record["email"],
        "phone": record["phone"],
        "fullName": f"{record['first_name']} {record['last_name']}",
        "createdAt": f"{record['created_at']}T00:00:00.000Z",
        "status": STATUS.get(record["status"], "unknown"),
    }


def source(url: str, paging: dict[str, str], **hints: str) -> Any:
    """Return the source with the contacts as its one resource; `hints` say how a destination keeps them."""
    paginator = {"type": "cursor", **paging}
    endpoint = {"path": "contacts", "params": {"limit": 200}, "data_selector": "results", "paginator": paginator}
    contacts = {"name": "contacts", "endpoint": endpoint, "processing_steps": [{"map": mapped}], **hints}
    return rest_api_source(
        {
            "client": {"base_url": url, "auth": {"type": "bearer", "token": "the-token-of-the-contacts"}},
            "resources": [contacts],
        }
    )


def nowhere(_items: str, _table: Any) -> None:
    pass


def load(url: str) -> int:
    lightest = dlt.destination(nowhere, batch_size=0, skip_dlt_columns_and_tables=True, max_table_nesting=0)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("bench", destination=lightest, pipelines_dir=folder)
        pipeline.run(source(url, PAGING))
        return int(pipeline.last_trace.last_normalize_info.row_counts["contacts"])


def iterate(url: str) -> int:
    return sum(1 for _ in source(url, PAGING).resources["contacts"])


if __name__ == "__main__":
    url, way = sys.argv[1:]
    told(lambda: {"destination": load, "iterate": iterate}[way](url))
