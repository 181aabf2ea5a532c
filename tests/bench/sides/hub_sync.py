"""The hub's side of a sync without a store: fetch, page, select, map eight fields.

`python -m tests.bench.sides.hub_sync <url> <cursor|page|offset|after> <most pages ahead>`: `after` is how the
sandbox pages.
"""

import sys
from contextlib import closing
from typing import Any

from hub.connector.definition import parse_definition
from hub.connector.plan import Means, PageRun, compile_endpoint
from hub.connector.variables import Variables
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from tests.bench.sides.contacts_api import PAGE_RECORDS
from tests.bench.sides.measured import told

Json = dict[str, Any]

TOKEN = "the-token-of-the-contacts"
PAGINATION: dict[str, Json] = {
    "cursor": {"cursorParam": "cursor", "cursorPath": "$.paging.next", "limitParam": "limit"},
    "after": {"type": "cursor", "cursorParam": "after", "cursorPath": "$.paging.next.after", "limitParam": "limit"},
    "page": {"pageParam": "page", "pageSizeParam": "limit"},
    "offset": {"offsetParam": "offset", "limitParam": "limit"},
}
STATUS = {"ACTIVE": "active", "INACTIVE": "archived", "DELETED": "deleted"}
DAY = {"inputFormat": "YYYY-MM-DD", "outputFormat": "ISO8601"}
NAME = {"fields": ["$.first_name", "$.last_name"], "separator": " "}
FIELDS: list[Json] = [
    {"source": "$.id", "target": "externalId"},
    {"source": "$.first_name", "target": "firstName"},
    {"source": "$.last_name", "target": "lastName"},
    {"source": "$.email", "target": "email"},
    {"source": "$.phone", "target": "phone"},
    {"source": "$", "target": "fullName", "transform": {"type": "concat", "config": NAME}},
    {"source": "$.created_at", "target": "createdAt", "transform": {"type": "date", "config": DAY}},
    {
        "source": "$.status",
        "target": "status",
        "transform": {"type": "map", "config": {"mapping": STATUS, "default": "unknown"}},
    },
]


def definition(url: str, pagination: str) -> Json:
    return {
        "name": "contacts",
        "displayName": "Contacts",
        "integrationType": "rest_api",
        "baseUrl": url,
        "auth": {"type": "bearer", "token": TOKEN},
        "endpoints": [
            {
                "id": "list",
                "name": "list",
                "method": "GET",
                "path": "/contacts",
                "pagination": {"type": pagination, "maxLimit": PAGE_RECORDS, **PAGINATION[pagination]},
                "responseMapping": {
                    "dataPath": "$.results",
                    "identifierField": "$.id",
                    "targetShardTypeId": "contact",
                    "metadataMapping": {"totalCount": "$.total"},
                    "fieldMappings": FIELDS,
                },
            }
        ],
    }


def run_over(url: str, pagination: str, client: Client, most_ahead: int = 0) -> PageRun:
    plan = compile_endpoint(parse_definition(definition(url, pagination)), "list")
    secrets = {"/auth/token": TOKEN}
    return plan.bind(Variables(), Means(client, secrets, most_ahead=most_ahead))


def loopback_client() -> Client:
    return Client(Guard.from_text("127.0.0.0/8", allow_http=True))


def read_all(run: PageRun) -> int:
    """Return how many records became documents."""
    page, made = run.fetch(), 0
    while True:
        made += sum(record.content is not None for record in page.records)
        if page.next is None:
            return made
        page = run.fetch(page.next)


if __name__ == "__main__":
    url, pagination, most_ahead = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with loopback_client() as client, closing(run_over(url, pagination, client, most_ahead)) as run:
        told(lambda: read_all(run))
