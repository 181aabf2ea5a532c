"""A list that is asked for by POST: the sandbox's search takes offset and limit in its JSON body."""

from typing import Any

from local.sandbox.server import RunningSandbox
from tests.flows.connectors import connector
from tests.flows.hub_client import HubClient, counted

Json = dict[str, Any]

SEARCH: Json = {
    "id": "list",
    "name": "searchContacts",
    "method": "POST",
    "path": "/contacts/search",
    "idempotent": True,
    "body": {
        "contentType": "application/json",
        "bodyType": "template",
        "template": '{"filter": {"status": "DELETED"}}',
    },
    "pagination": {
        "type": "offset",
        "location": "body",
        "offsetParam": "offset",
        "limitParam": "limit",
        "maxLimit": 150,
        "endCondition": {"type": "count_less_than_limit"},
    },
    "responseMapping": {
        "dataPath": "$.items",
        "identifierField": "$.id",
        "targetShardTypeId": "contacts",
        "metadataMapping": {"totalCount": "$.total"},
    },
}


def test_search_is_synced_by_an_offset_in_its_body(hub: HubClient, provider: RunningSandbox) -> None:
    wanted = {row.id for row in provider.world.contacts.rows() if row.content["status"] == "DELETED"}

    job = hub.synced(connector(provider.url, SEARCH))

    assert len(wanted) > 150
    assert (job["status"], job["stopReason"]) == ("COMPLETED", "short_page")
    assert job["counters"] == counted(read=len(wanted), created=len(wanted))
    assert hub.documents("contacts").keys() == wanted


def test_sample_ends_after_its_pages(hub: HubClient, provider: RunningSandbox) -> None:
    sample = {**SEARCH, "pagination": {**SEARCH["pagination"], "maxPages": 2, "maxLimit": 20}}

    job = hub.synced(connector(provider.url, sample))

    assert (job["status"], job["stopReason"], job["counters"]) == (
        "COMPLETED",
        "max_pages",
        counted(read=40, created=40),
    )
    assert len(provider.requests) == 2
