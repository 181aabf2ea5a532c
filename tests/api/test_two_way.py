"""Syncs of both ways: one job pulls, merges and pushes; each side gets what the other changed, and no echo."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from tests.api.conftest import Hub
from tests.api.push_work import DELETING, Json, Pushes, counts, listing, writing


@pytest.fixture
def both(hub: Hub) -> Iterator[Pushes]:
    """Two contacts, one from each side, that are in step."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(), DELETING)
    pushes.crm.records["r1"] = {"email": "there@example.com", "name": "There"}
    pushes.put("d1", email="here@example.com", name="Here")
    yield pushes
    clock.use(None)


def told(hub: Hub, kind: str) -> list[Json]:
    place = {"pk": partition(Tenant(hub.tenant), "event")}
    found = resources().tables.activity.query_all("pk = :pk", place)
    return [json.loads(event["data"]) for event in found if event["type"] == kind]


def test_one_job_brings_both_sides_into_step(both: Pushes) -> None:
    both.configured()

    job = both.sync()

    assert (job["status"], job["direction"], job["phases"]) == ("COMPLETED", "INBOUND", ["pull", "push"])
    assert counts(job) == {"read": 3, "created": 2, "unchanged": 1}
    assert both.document("r1") == {"email": "there@example.com", "name": "There"}
    assert both.crm.records["r2"] == {"email": "here@example.com", "name": "Here"}


def test_further_run_writes_nothing(both: Pushes) -> None:
    both.configured()
    both.sync()
    sent = len(both.crm.sent)

    job = both.sync()

    assert set(counts(job)) == {"read", "unchanged"}
    assert len(both.crm.sent) == sent


def test_changes_of_different_fields_of_one_record_meet(both: Pushes) -> None:
    both.configured()
    both.sync()
    both.put("d1", email="here@example.com", name="Here", phone="1")
    both.crm.records["r2"]["name"] = "Renamed there"

    both.sync()

    assert both.document("d1") == {"email": "here@example.com", "name": "Renamed there", "phone": "1"}
    assert both.crm.records["r2"] == {"email": "here@example.com", "name": "Renamed there", "phone": "1"}
    assert both.crm.sent[-1] == {"email": "here@example.com", "phone": "1"}


@pytest.mark.parametrize(("rule", "name"), [("local", "from here"), ("remote", "from there")])
def test_rule_of_the_configuration_decides(both: Pushes, rule: str, name: str) -> None:
    both.configured(conflictResolution=rule)
    both.sync()
    both.put("d1", email="here@example.com", name="from here")
    both.crm.records["r2"]["name"] = "from there"

    job = both.sync()

    assert job["conflicts"] == 0
    assert (both.document("d1")["name"], both.crm.records["r2"]["name"]) == (name, name)


def test_rule_of_a_field_goes_before_that_of_the_configuration(both: Pushes) -> None:
    both.configured(conflictResolution="manual", fieldRules={"name": "remote"})
    both.sync()
    both.put("d1", email="here@example.com", name="from here")
    both.crm.records["r2"]["name"] = "from there"

    job = both.sync()

    assert (job["conflicts"], both.document("d1")["name"]) == (0, "from there")


def test_field_that_only_comes_in_is_not_sent_back(both: Pushes) -> None:
    fields = [
        {"localField": "email", "remoteField": "email", "bidirectional": True},
        {"localField": "title", "remoteField": "name", "bidirectional": False},
    ]
    both.configured(fieldMappings=fields, conflictResolution="local")
    both.sync()
    both.put("r1", email="there@example.com", title="edited here")

    both.sync()
    assert both.crm.records["r1"]["name"] == "There"
    assert both.document("r1")["title"] == "edited here"

    both.crm.records["r1"]["name"] = "renamed there"
    both.sync()
    assert both.document("r1")["title"] == "renamed there"


def test_what_a_transformer_made_is_not_sent_back(both: Pushes) -> None:
    """It has no inverse: sent back, each run would transform it once more."""
    fields = [
        {"localField": "email", "remoteField": "email", "bidirectional": True},
        {"localField": "name", "remoteField": "name", "transformer": "value + '!'", "bidirectional": False},
    ]
    both.configured(fieldMappings=fields)

    for _ in range(3):
        both.sync()

    assert both.document("r1")["name"] == "There!"
    assert both.crm.records["r1"]["name"] == "There"


def test_deletions_go_both_ways(both: Pushes) -> None:
    both.configured(deletes="tombstone")
    both.sync()
    both.delete("r1")
    del both.crm.records["r2"]

    job = both.sync()

    assert counts(job)["deleted"] == 2
    assert both.crm.records == {}
    assert both.hub.get("/api/v1/documents/contact/d1").status == 404


def test_approved_deletions_go_by_the_links_of_both_ways(both: Pushes) -> None:
    """A document that came from here has another id there: without the links nobody would find it."""
    both.configured(deletes="tombstone")
    for number in range(12):
        both.put(f"n{number}", email=f"n{number}@example.com", name="New")
    both.sync()
    both.crm.records = {"r1": both.crm.records["r1"]}
    held = both.sync()

    approved = both.hub.post(f"/api/v1/sync-jobs/{held['id']}/approve-deletes")
    job = both.work(approved.body["id"])

    assert (held["deletesHeld"], counts(held).get("deleted")) == (13, None)
    assert (job["status"], counts(job)["deleted"]) == ("COMPLETED", 13)
    assert both.document("r1") == {"email": "there@example.com", "name": "There"}
    assert both.hub.get("/api/v1/documents/contact/n3").status == 404


def test_approved_deletions_do_not_take_what_only_comes_in_for_an_edit(hub: Hub) -> None:
    reads = listing()
    reads["responseMapping"]["fieldMappings"].append({"source": "$.tier", "target": "tier"})
    pushes = Pushes(hub)
    pushes.connect(reads, writing(), DELETING)
    pushes.crm.records = {f"r{n}": {"email": f"r{n}@example.com", "name": "R", "tier": "gold"} for n in range(12)}
    pushes.configured(deletes="tombstone", conflictResolution="manual")
    pushes.sync()
    pushes.crm.records = {}
    held = pushes.sync()

    approved = hub.post(f"/api/v1/sync-jobs/{held['id']}/approve-deletes")
    job = pushes.work(approved.body["id"])

    assert held["deletesHeld"] == 12
    assert (job["status"], job["conflicts"], counts(job)) == ("COMPLETED", 0, {"read": 12, "deleted": 12})


@pytest.mark.parametrize("rule", ["local", "remote"])
def test_deletion_there_of_what_was_edited_here_is_decided_by_the_rule(both: Pushes, rule: str) -> None:
    both.configured(deletes="tombstone", conflictResolution=rule)
    both.sync()
    both.put("d1", email="here@example.com", name="edited")
    del both.crm.records["r2"]

    both.sync()
    both.sync()

    is_there = [record["name"] for record in both.crm.records.values() if record["email"] == "here@example.com"]
    assert is_there == (["edited"] if rule == "local" else [])
    assert (both.hub.get("/api/v1/documents/contact/d1").status == 200) == (rule == "local")


def test_manual_conflict_is_counted_and_told(both: Pushes) -> None:
    both.configured()
    both.sync()
    both.put("d1", email="here@example.com", name="from here", phone="1")
    both.crm.records["r2"]["name"] = "from there"

    job = both.sync()

    assert (job["status"], job["conflicts"]) == ("COMPLETED", 1)
    assert (both.document("d1")["name"], both.crm.records["r2"]["name"]) == ("from here", "from there")
    assert both.crm.records["r2"]["phone"] == "1"  # the other fields go on
    assert [(event["jobId"], event["count"]) for event in told(both.hub, "sync.conflict")] == [(job["id"], 1)]


def test_link_of_another_tenant_is_not_found(both: Pushes, other_hub: Hub) -> None:
    both.configured()
    both.sync()
    both.put("d1", email="here@example.com", name="from here")
    both.crm.records["r2"]["name"] = "from there"
    both.sync()
    conflict: Any = both.conflicts()[0]

    missing = other_hub.post("/api/v1/sync-conflicts/cfl_none/resolve", {"resolution": "local"})
    foreign = other_hub.post(f"/api/v1/sync-conflicts/{conflict['id']}/resolve", {"resolution": "local"})

    assert (foreign.status, foreign.body["error"]["message"]) == (404, missing.body["error"]["message"])
    assert other_hub.get("/api/v1/sync-conflicts").body["data"] == []
