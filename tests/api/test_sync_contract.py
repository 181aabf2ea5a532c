"""The shape of an entity: what a record of another shape brings about, the quarantine, the raw record beside it."""

import json
from typing import Any

import pytest

from hub.outbound.calls import Reply
from tests.api.conftest import Hub
from tests.api.sync_work import TOKEN, Provider, Sync, connector, contacts, counted

Json = dict[str, Any]
DOCUMENT = "/api/v1/documents/contact"
# Without rules of its own the endpoint's records are their documents.
WHOLE = {"dataPath": "$.items", "identifierField": "$.id", "targetShardTypeId": "contact", "fieldMappings": []}


@pytest.fixture
def sync(hub: Hub) -> Sync:
    return Sync(hub, Provider(contacts(3)))


@pytest.fixture
def integration_id(sync: Sync) -> str:
    return sync.connect(endpoints=[{**connector()["endpoints"][0], "responseMapping": WHOLE}])


def run(sync: Sync, integration_id: str, mode: str = "", **asked: Any) -> Json:
    body = {"endpointId": "list", "fresh": True, **({"contract": {"mode": mode}} if mode else {}), **asked}
    reply = sync.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", body)
    assert reply.status == 202, reply.body
    sync.work(reply.body["id"])
    return sync.job(reply.body["id"])


def content(sync: Sync, name: str) -> Json:
    body: Json = sync.hub.get(f"{DOCUMENT}/{name}").body["content"]
    return body


def quarantined(sync: Sync, integration_id: str, **query: Any) -> list[Json]:
    reply = sync.hub.get(f"/api/v1/integrations/{integration_id}/quarantine", query=query)
    assert reply.status == 200, reply.body
    rows: list[Json] = reply.body["data"]
    return rows


def rerun(sync: Sync, integration_id: str) -> Json:
    reply = sync.hub.post(f"/api/v1/integrations/{integration_id}/quarantine/retry", {})
    assert reply.status == 202, reply.body
    sync.work(reply.body["id"])
    return sync.job(reply.body["id"])


def grown(sync: Sync) -> None:
    """Let one record have a new field, and another a text where a number was."""
    sync.provider.records[0] = {**sync.provider.records[0], "vip": True}
    sync.provider.records[1] = {**sync.provider.records[1], "n": "one"}


def test_shape_that_evolves_is_taken_as_it_comes(sync: Sync, integration_id: str) -> None:
    run(sync, integration_id, "evolve")
    grown(sync)

    job = run(sync, integration_id, "evolve")

    assert job["counters"] == counted(read=3, updated=2, unchanged=1)
    assert content(sync, "c0000")["vip"] is True
    assert quarantined(sync, integration_id) == []


def test_frozen_shape_ends_the_run_and_stores_nothing_of_the_page(sync: Sync, integration_id: str) -> None:
    run(sync, integration_id, "freeze")
    grown(sync)
    sync.provider.records[2]["name"] = "New name"

    job = run(sync, integration_id, "freeze")

    assert (job["status"], job["counters"]) == ("FAILED", counted())
    assert "the field 'vip' is new" in job["errorLog"][-1]["reason"]
    assert content(sync, "c0002")["name"] == "Name 2"
    assert [row["externalId"] for row in quarantined(sync, integration_id)] == ["c0000", "c0001"]


def test_record_of_another_shape_is_left_out(sync: Sync, integration_id: str) -> None:
    run(sync, integration_id, "discard_row")
    grown(sync)
    sync.provider.records[2]["name"] = "New name"

    job = run(sync, integration_id, "discard_row")

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=3, updated=1, rejected=2))
    first, second = quarantined(sync, integration_id)
    assert first["record"] == {"id": "c0000", "name": "Name 0", "n": 0, "vip": True}
    assert "the field 'n' must be number, found string" in second["reason"]
    assert sync.hub.get(f"/api/v1/sync-jobs/{job['id']}/proof").body["quarantined"] == 2


def test_value_of_another_shape_is_left_out(sync: Sync, integration_id: str) -> None:
    run(sync, integration_id, "discard_value")
    grown(sync)

    job = run(sync, integration_id, "discard_value")

    assert job["counters"] == counted(read=3, unchanged=2, updated=1)
    assert "vip" not in content(sync, "c0000")
    assert "n" not in content(sync, "c0001")
    assert len(quarantined(sync, integration_id)) == 2


def test_null_fits_every_type_and_a_field_may_be_missing(sync: Sync, integration_id: str) -> None:
    run(sync, integration_id, "freeze")
    sync.provider.records[0] = {"id": "c0000", "name": None}

    assert run(sync, integration_id, "freeze")["status"] == "COMPLETED"


def test_contract_may_be_given_by_whoever_asks(sync: Sync, integration_id: str) -> None:
    given = {"mode": "discard_row", "fields": {"id": "string", "name": ["string"], "n": "string"}}

    job = run(sync, integration_id, contract=given)

    assert job["counters"] == counted(read=3, rejected=3)


def test_failed_sync_teaches_nothing(sync: Sync, integration_id: str) -> None:
    """The contract is what a completed sync has seen."""
    sync.provider.page_size = 2
    sync.provider.instead = {2: lambda: Reply(404, {"content-type": "application/json"}, b"{}", 1)}
    assert run(sync, integration_id, "discard_row")["status"] == "FAILED"
    grown(sync)

    assert run(sync, integration_id, "discard_row")["counters"]["rejected"] == 0


def test_quarantine_is_run_again_by_what_stands_now(sync: Sync) -> None:
    """The connector is corrected: what waits is mapped anew and stored."""
    strict = connector()["endpoints"][0]
    other = sync.connect("strict", endpoints=[strict])
    sync.provider.records[1]["n"] = "many"
    job = run(sync, other, "evolve")
    assert job["counters"] == counted(read=3, created=2, rejected=1)
    lenient = {**strict, "responseMapping": WHOLE}
    assert sync.hub.call("PATCH", f"/api/v1/custom-integrations/{other}", {"endpoints": [lenient]}).status == 200

    again = rerun(sync, other)

    assert (again["status"], again["counters"]) == ("COMPLETED", counted(read=1, created=1))
    assert content(sync, "c0001")["n"] == "many"
    assert quarantined(sync, other) == []
    assert sync.hub.get(f"/api/v1/sync-jobs/{again['id']}/proof").body["balanced"]


def test_record_that_still_does_not_fit_waits_on(sync: Sync, integration_id: str) -> None:
    run(sync, integration_id, "discard_row")
    grown(sync)
    run(sync, integration_id, "discard_row")

    job = rerun(sync, integration_id)

    assert job["counters"] == counted(read=2, rejected=2)
    assert len(quarantined(sync, integration_id)) == 2


def test_run_of_the_quarantine_leaves_newer_documents_alone(sync: Sync, integration_id: str) -> None:
    run(sync, integration_id, "discard_row")
    grown(sync)
    run(sync, integration_id, "discard_row")
    sync.hub.call("PUT", f"{DOCUMENT}/c0000", {"content": {"name": "edited"}})

    job = rerun(sync, integration_id)

    assert job["counters"] == counted(read=2, unchanged=1, rejected=1)
    assert content(sync, "c0000") == {"name": "edited"}


def test_empty_quarantine_has_nothing_to_run_again(sync: Sync, integration_id: str) -> None:
    reply = sync.hub.post(f"/api/v1/integrations/{integration_id}/quarantine/retry", {})

    assert (reply.status, reply.code) == (409, "CONFLICT")


def test_quarantine_shows_one_entity_page_by_page_and_nothing_of_others(
    sync: Sync, integration_id: str, other_hub: Hub
) -> None:
    run(sync, integration_id, "discard_row")
    grown(sync)
    run(sync, integration_id, "discard_row")
    path = f"/api/v1/integrations/{integration_id}/quarantine"

    first = sync.hub.get(path, query={"limit": 1, "entity": "contact"}).body
    second = sync.hub.get(path, query={"limit": 1, "entity": "contact", "cursor": first["nextCursor"]}).body

    assert [row["externalId"] for row in first["data"] + second["data"]] == ["c0000", "c0001"]
    assert second["hasMore"] is False
    assert quarantined(sync, integration_id, entity="deal") == []
    assert other_hub.get(path).status == 404


def test_program_needs_the_right_to_documents_to_see_records_that_wait(sync: Sync, integration_id: str) -> None:
    path = f"/api/v1/integrations/{integration_id}/quarantine"

    assert sync.hub.get(path, roles="", scopes="integrations:read").status == 403
    assert sync.hub.get(path, roles="", scopes="integrations:read contacts:read").status == 200
    assert sync.hub.get(path, roles="user").status == 200


def test_record_that_repeats_a_secret_is_not_shown(sync: Sync) -> None:
    made = sync.hub.post("/api/v1/custom-integrations", connector("secret", auth={"type": "bearer", "token": TOKEN}))
    sync.provider.records[0]["name"] = f"Bearer {TOKEN}"

    run(sync, made.body["id"], "discard_row", keepRaw=True)

    (row,) = quarantined(sync, made.body["id"])
    assert row["record"] is None
    assert TOKEN not in json.dumps(row)


# ---------------------------------------------------------------- the raw record beside the mapped one


def test_raw_record_is_kept_when_asked_for(sync: Sync) -> None:
    mapped = sync.connect()
    sync.provider.records[0]["vip"] = True
    run(sync, mapped, keepRaw=True)

    plain = sync.hub.get(f"{DOCUMENT}/c0000").body
    beside = sync.hub.get(f"{DOCUMENT}/c0000", query={"raw": "true"}).body

    assert "raw" not in plain
    assert plain["content"] == {"name": "Name 0", "n": 0}
    assert beside["raw"] == {"id": "c0000", "name": "Name 0", "n": 0, "vip": True}


def test_raw_record_follows_changes_that_the_mapping_does_not_see(sync: Sync) -> None:
    mapped = sync.connect()
    run(sync, mapped, keepRaw=True)
    same = run(sync, mapped, keepRaw=True)
    sync.provider.records[0]["vip"] = True
    changed = run(sync, mapped, keepRaw=True)

    assert (same["counters"]["unchanged"], changed["counters"]["updated"]) == (3, 1)
    assert sync.hub.get(f"{DOCUMENT}/c0000", query={"raw": "true"}).body["raw"]["vip"] is True


def test_raw_record_is_not_kept_unless_asked_for(sync: Sync) -> None:
    run(sync, sync.connect())

    assert sync.hub.get(f"{DOCUMENT}/c0000", query={"raw": "true"}).body["raw"] is None


def test_raw_record_that_is_too_large_is_left_out(sync: Sync) -> None:
    sync.provider.records[0]["notes"] = "x" * 70_000
    run(sync, sync.connect(), keepRaw=True)

    assert sync.hub.get(f"{DOCUMENT}/c0000", query={"raw": "true"}).body["raw"] is None
    assert sync.hub.get(f"{DOCUMENT}/c0001", query={"raw": "true"}).body["raw"]["id"] == "c0001"
