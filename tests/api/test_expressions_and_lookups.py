"""Expressions and look-ups in syncs and tests: through the worker with stored documents, and nobody else's."""

import json
from typing import Any

import pytest

from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Json, Sync, connector, contacts, counted, recorded
from tests.api.sync_work import Provider as PagesProvider
from tests.api.tested import Provider, create, endpoint, reply, result_of

PATH = "/api/v1/custom-integrations"
RULES: list[Json] = [
    {
        "source": "$.name",
        "target": "name",
        "transform": {"type": "expression", "config": {"expression": "value.trim()"}},
    },
    {
        "source": "$.company",
        "target": "company",
        "default": "unknown",
        "transform": {"type": "lookup", "config": {"type": "company", "field": "name"}},
    },
]


def with_rules(made: Json, *rules: Json) -> Json:
    return {**made, "responseMapping": {**made["responseMapping"], "fieldMappings": list(rules)}}


def put_company(hub: Hub, document_id: str, **content: Any) -> None:
    assert hub.call("PUT", f"/api/v1/documents/company/{document_id}", {"content": content}).status == 201


def stored(hub: Hub) -> dict[str, Json]:
    return {item["sk"]: json.loads(item["content"]) for item in hub.documents("contact")}


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    records = [{**record, "company": f"c{index % 3}", "name": f" {record['name']} "}
               for index, record in enumerate(contacts(25))]  # fmt: skip
    return Sync(hub, PagesProvider(records))


def connected(sync: Sync) -> str:
    made = with_rules(connector()["endpoints"][0], *RULES)
    return sync.connect(endpoints=[made])


def test_sync_maps_by_javascript_and_by_stored_documents(sync: Sync) -> None:
    put_company(sync.hub, "c0", name="Engines")
    put_company(sync.hub, "c1", name="Looms")
    job_id = sync.start(connected(sync))

    sync.work(job_id)

    assert sync.job(job_id)["counters"] == counted(read=25, created=25)
    documents = stored(sync.hub)
    assert [documents[name] for name in ("c0000", "c0001", "c0002", "c0024")] == [
        {"name": "Name 0", "company": "Engines"},
        {"name": "Name 1", "company": "Looms"},
        {"name": "Name 2", "company": "unknown"},
        {"name": "Name 24", "company": "Engines"},
    ]


def test_sync_asks_for_the_documents_of_a_page_in_one_call(sync: Sync) -> None:
    put_company(sync.hub, "c0", name="Engines")
    job_id = sync.start(connected(sync))

    with recorded() as calls:
        sync.work(job_id)

    asked = [next(iter(call["RequestItems"].values()))["Keys"] for call in calls.of("BatchGetItem")]
    companies = [sorted(key["sk"]["S"] for key in keys) for keys in asked if "company" in str(keys[0]["pk"])]
    assert companies == [["c0", "c1", "c2"]] * 3


def test_documents_of_another_tenant_are_never_found(sync: Sync, other_hub: Hub) -> None:
    put_company(other_hub, "c0", name="Theirs")
    put_company(sync.hub, "c1", name="Ours")

    sync.work(sync.start(connected(sync)))

    assert {content["company"] for content in stored(sync.hub).values()} == {"unknown", "Ours"}


def test_deleted_document_is_not_found(sync: Sync) -> None:
    put_company(sync.hub, "c0", name="Engines")
    put_company(sync.hub, "c1", name="Looms")
    assert sync.hub.call("DELETE", "/api/v1/documents/company/c0").status in (200, 204)

    sync.work(sync.start(connected(sync)))

    assert {content["company"] for content in stored(sync.hub).values()} == {"unknown", "Looms"}


def test_page_that_is_stuck_is_rejected_and_the_worker_goes_on(sync: Sync) -> None:
    stuck = {"type": "expression", "config": {"expression": "value === 12 ? Array(2 ** 32 - 1).join() : value"}}
    made = with_rules(connector()["endpoints"][0], {"source": "$.n", "target": "n", "transform": stuck})
    job_id = sync.start(sync.connect(endpoints=[made]))

    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=25, created=15, rejected=10))
    assert {fault["page"] for fault in job["errorLog"]} == {1}
    assert "took longer than 200 ms of CPU" in job["errorLog"][0]["reason"]


def test_preview_shows_what_a_sync_would_store(hub: Hub, provider: Provider, other_hub: Hub) -> None:
    put_company(hub, "c0", name="Engines")
    put_company(other_hub, "c1", name="Theirs")
    records = [{"id": "a", "name": " Ada ", "company": "c0"}, {"id": "b", "name": 5}, {"id": "c", "company": "c1"}]
    provider.answer = lambda _: reply({"items": records, "next": None})

    preview = result_of(hub, create(hub, endpoints=[with_rules(endpoint(), *RULES)]), "list")["mappingPreview"]

    assert preview["mappedData"] == [{"name": "Ada", "company": "Engines"}, None, {"company": "unknown"}]
    assert [text.partition(":")[0] for text in preview["errors"]] == ["record 1"]
    assert "TypeError: not a function" in preview["errors"][0]


def test_expression_that_cannot_be_read_is_refused_on_save(hub: Hub) -> None:
    broken = {"source": "$.a", "target": "a", "transform": {"type": "expression", "config": {"expression": "value +"}}}
    made = connector()

    refused = hub.post(PATH, {**made, "endpoints": [with_rules(made["endpoints"][0], broken)]})

    assert refused.status == 400
    assert refused.body["error"]["details"]["problems"] == [
        {
            "pointer": "/endpoints/0/responseMapping/fieldMappings/0/transform/config/expression",
            "message": "line 1, column 8: unexpected end of the expression",
        }
    ]
