"""GraphQL against the sandbox's server: its connections are walked by the real worker, its errors end a sync."""

from typing import Any

import pytest

from local.sandbox.server import RunningSandbox
from tests.flows.connectors import connector
from tests.flows.hub_client import INTEGRATIONS, HubClient, counted

Json = dict[str, Any]

COMPANIES = 500
QUERY = """
query Companies($first: Int, $after: String, $updatedSince: String) {
  companies(first: $first, after: $after, updatedSince: $updatedSince) {
    nodes { id name address { city } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
"""


def companies(query: str = QUERY, **variables: Any) -> Json:
    """Return an endpoint over the sandbox's companies, 150 a page."""
    return {
        "id": "list",
        "name": "listCompanies",
        "method": "POST",
        "path": "/graphql",
        "graphql": {"query": query, "variables": variables},
        "pagination": {
            "type": "cursor",
            "limitParam": "first",
            "maxLimit": 150,
            "cursorPath": "$.data.companies.pageInfo.endCursor",
            "endCondition": {"type": "has_more_field", "field": "$.data.companies.pageInfo.hasNextPage"},
        },
        "responseMapping": {
            "dataPath": "$.data.companies.nodes",
            "identifierField": "$.id",
            "targetShardTypeId": "companies",
            "metadataMapping": {"totalCount": "$.data.companies.totalCount"},
            "fieldMappings": [
                {"source": "$.name", "target": "name"},
                {"source": "$.address.city", "target": "city"},
            ],
        },
    }


def graphql_connector(provider: RunningSandbox, endpoint: Json, auth: str = "none") -> Json:
    made = connector(provider.url, endpoint, auth=auth, integrationType="graphql")
    return {**made, "baseUrl": made["baseUrl"].removesuffix("/v1")}


@pytest.mark.parametrize("auth", ["none", "bearer"])
def test_connection_is_synced_to_its_end(hub: HubClient, provider: RunningSandbox, auth: str) -> None:
    job = hub.synced(graphql_connector(provider, companies(), auth))

    rows = {row.id: row.content for row in provider.world.companies.rows()}
    assert (job["status"], job["stopReason"], job["page"]) == ("COMPLETED", "has_more_false", 4)
    assert job["counters"] == counted(read=COMPANIES, created=COMPANIES)
    assert {key: each["content"] for key, each in hub.documents().items()} == {
        key: {"name": row["name"], "city": row["address"]["city"]} for key, row in rows.items()
    }


def test_passing_failure_of_a_query_is_tried_again(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/graphql", "status_503", after=1, times=1)

    job = hub.synced(graphql_connector(provider, {**companies(), "retryConfig": {"retryDelay": 10}}))

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=COMPANIES, created=COMPANIES))
    assert len(provider.requests) == 5


def test_errors_in_an_answer_end_the_sync_with_their_messages(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/graphql", "graphql_error", after=2)

    job = hub.synced(graphql_connector(provider, companies()))

    assert (job["status"], job["page"]) == ("FAILED", 2)
    assert "The provider answered with an error: Throttled" in job["errorLog"][-1]["reason"]
    assert len(hub.documents()) == 300


def test_cursor_that_is_repeated_ends_the_sync(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/graphql", "repeated_cursor", after=2)

    job = hub.synced(graphql_connector(provider, companies()))

    assert (job["status"], job["stopReason"]) == ("FAILED", "repeated_page")


def test_query_that_cannot_be_parsed_is_refused_on_save(hub: HubClient, provider: RunningSandbox) -> None:
    broken = graphql_connector(provider, companies("query {\n  companies( { nodes }\n}"))

    refused = hub.call("POST", INTEGRATIONS, broken, expect=400)

    problem = refused["error"]["details"]["problems"][0]
    assert problem["pointer"] == "/endpoints/0/graphql/query"
    assert problem["message"].startswith("line 2, column 14: ")
