"""The items of syncs stay within what DynamoDB takes, whatever callers ask for and providers answer."""

import json
from typing import Any

import pytest

from hub.core import jsontext
from hub.core.attributes import encode_item
from hub.core.caller import Tenant
from hub.core.errors import Refused
from hub.core.resources import resources
from hub.core.tables import key
from hub.outbound.calls import Reply
from hub.sync import job_bounds
from tests.api.conftest import Hub
from tests.api.sync_work import Provider, Sync, connector, contacts, recorded

Json = dict[str, Any]
WHOLE = {"dataPath": "$.items", "identifierField": "$.id", "targetShardTypeId": "contact", "fieldMappings": []}
LONG = "i" * 2000


def sync_of(hub: Hub, records: list[Json], page_size: int = 10) -> tuple[Sync, str]:
    """Return a provider whose records are documents as they are, and its integration."""
    sync = Sync(hub, Provider(records, page_size))
    return sync, sync.connect(endpoints=[{**connector()["endpoints"][0], "responseMapping": WHOLE}])


def asked(sync: Sync, integration_id: str, **wishes: Any) -> Any:
    body = {"endpointId": "list", "fresh": True, **wishes}
    return sync.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", body)


def stored_bytes(hub: Hub, job_id: str) -> int:
    item = resources().tables.activity.get(key(Tenant(hub.tenant), "job", job_id))
    assert item is not None
    return len(json.dumps(encode_item(item), default=str).encode())


def test_item_of_a_job_stays_small_under_the_worst_that_can_come(hub: Hub) -> None:
    """Every record has 100 fields that no other has, and every second one cannot be stored."""
    records = [
        {"id": LONG if number % 2 else f"{number}" + "x" * 500, **{f"{number}.{n}" + "f" * 400: n for n in range(100)}}
        for number in range(60)
    ]
    sync, integration_id = sync_of(hub, records)

    reply = asked(sync, integration_id, params={"note": "p" * 95_000}, contract={"mode": "evolve"}, history=True)
    sync.work(reply.body["id"])

    job = sync.job(reply.body["id"])
    assert (job["status"], job["counters"]["rejected"], len(job["errorLog"])) == ("COMPLETED", 30, 20)
    assert stored_bytes(hub, job["id"]) < 300_000
    assert hub.get(f"/api/v1/sync-jobs/{job['id']}/proof").body["balanced"]


@pytest.mark.parametrize("wish", ["params", "body"])
def test_sync_that_is_asked_for_with_too_much_is_refused(hub: Hub, wish: str) -> None:
    sync, integration_id = sync_of(hub, contacts(1))

    refused = asked(sync, integration_id, **{wish: {"note": "p" * 150_000}})

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert asked(sync, integration_id, **{wish: {"note": "p" * 50_000}}).status == 202


def test_filters_count_twice_since_they_are_parameters_too(hub: Hub) -> None:
    endpoint = {**connector()["endpoints"][0], "queryParams": [{"name": "city", "required": False}]}
    sync = Sync(hub, Provider(contacts(1)))
    integration_id = sync.connect(status="active", endpoints=[endpoint])
    body = {"jobType": "FULL_SYNC", "entityType": "contact", "direction": "INBOUND", "filters": {"city": "o" * 200_000}}

    reply = hub.post(f"/api/v1/integrations/{integration_id}/sync", body)
    smaller = hub.post(f"/api/v1/integrations/{integration_id}/sync", {**body, "filters": {"city": "Oslo"}})

    assert (reply.status, smaller.status) == (400, 202)


@pytest.mark.parametrize(
    ("pagination", "following"),
    [
        ({"type": "link", "nextLinkPath": "$.next"}, f"{connector()['baseUrl']}/contacts?after="),
        ({"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"}, ""),
    ],
)
def test_run_whose_position_cannot_be_kept_ends_with_the_reason(hub: Hub, pagination: Json, following: str) -> None:
    sync = Sync(hub, Provider(contacts(20)))
    integration_id = sync.connect(endpoints=[{**connector()["endpoints"][0], "pagination": pagination}])
    page = {"items": sync.provider.records[:10], "next": following + "n" * 100_000}
    sync.provider.instead[1] = lambda: Reply(200, {"content-type": "application/json"}, json.dumps(page).encode(), 1)

    job_id = asked(sync, integration_id).body["id"]
    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["counters"]["read"]) == ("FAILED", 0)
    assert "at most" in job["errorLog"][-1]["reason"]


def test_faults_are_kept_short_and_what_is_short_as_it_is() -> None:
    fault = {"page": 1, "externalId": "e" * 9000, "reason": "r" * 9000, "more": ["m" * 9000]}

    kept = job_bounds.kept({"errors": [fault, {"page": 2, "reason": "short"}], "page": 3})

    assert len(jsontext.dump(kept)) < 4 * job_bounds.MOST_FAULT_CHARS
    assert (kept["errors"][1], kept["page"]) == ({"page": 2, "reason": "short"}, 3)
    with pytest.raises(Refused):
        job_bounds.kept({"remoteJob": {"id": "j" * 50_000}})


# The quarantine


def quarantined(sync: Sync, integration_id: str, **query: str) -> Any:
    return sync.hub.get(f"/api/v1/integrations/{integration_id}/quarantine", query=query)


def test_record_with_an_id_of_any_length_goes_to_the_quarantine_and_is_run_again(hub: Hub) -> None:
    sync, integration_id = sync_of(hub, [{"id": LONG, "name": "long"}, {"id": "n" * 512, "n": {}}, *contacts(1)])
    shape = {"mode": "discard_row", "fields": {"id": "string", "name": "string", "n": "number"}}

    job_id = asked(sync, integration_id, contract=shape).body["id"]
    sync.work(job_id)
    waiting = quarantined(sync, integration_id).body["data"]
    again = hub.post(f"/api/v1/integrations/{integration_id}/quarantine/retry", {}).body["id"]
    sync.work(again)

    assert sync.job(job_id)["counters"] == {**sync.job(job_id)["counters"], "read": 3, "created": 1, "rejected": 2}
    assert sorted(len(row["record"]["id"]) for row in waiting) == [512, 2000]
    assert (sync.job(again)["status"], sync.job(again)["counters"]["rejected"]) == ("COMPLETED", 2)


def test_large_records_go_to_the_quarantine_in_transactions_that_fit(hub: Hub) -> None:
    records = [{"id": f"c{number}", "n": "many", "text": "t" * 60_000} for number in range(30)]
    sync, integration_id = sync_of(hub, records, page_size=30)
    shape = {"mode": "discard_row", "fields": {"id": "string", "n": "number", "text": "string"}}

    job_id = asked(sync, integration_id, contract=shape, params={"note": "p" * 90_000}).body["id"]
    with recorded() as calls:
        sync.work(job_id)

    sizes = [len(json.dumps(call["TransactItems"], default=str)) for call in calls.of("TransactWriteItems")]
    assert sync.job(job_id)["counters"]["rejected"] == len(quarantined(sync, integration_id).body["data"]) == 30
    assert max(sizes) < 3_500_000


def test_list_of_the_quarantine_refuses_what_is_no_entity_and_takes_a_place_of_another_one(hub: Hub) -> None:
    sync, integration_id = sync_of(hub, [{"id": f"c{number}", "n": "many"} for number in range(3)])
    shape = {"mode": "discard_row", "fields": {"id": "string", "n": "number"}}
    sync.work(asked(sync, integration_id, contract=shape).body["id"])
    first = quarantined(sync, integration_id, limit="1", entity="contact").body

    def listed(entity: str) -> Any:
        return quarantined(sync, integration_id, entity=entity, cursor=first["nextCursor"])

    assert [len(listed(entity).body["data"]) for entity in ("account", "contact", "deal")] == [0, 2, 0]
    assert listed("e" * 5000).status == 400


@pytest.mark.parametrize("query", [{"cursor": "garbage"}, {"cursor": "\u2603"}, {"limit": "0"}, {"limit": "101"}])
def test_lists_refuse_foreign_cursors_and_limits_out_of_bounds(hub: Hub, query: dict[str, str]) -> None:
    sync, integration_id = sync_of(hub, contacts(1))
    job_id = asked(sync, integration_id).body["id"]
    paths = [
        "/api/v1/sync-conflicts",
        f"/api/v1/teams/{hub.tenant}/sync-configs",
        f"/api/v1/integrations/{integration_id}/sync-jobs",
        f"/api/v1/integrations/{integration_id}/quarantine",
        f"/api/v1/sync-jobs/{job_id}/logs",
    ]

    assert [hub.get(path, query=query).status for path in paths] == [400] * len(paths)
    assert [hub.get(path).status for path in paths] == [200] * len(paths)
    assert hub.get(f"/api/v1/sync-jobs/{job_id}/proof", query={"against": "j" * 5000}).status == 404
