"""What may be asked for when a sync is started by hand, both ways too, and running a configuration now."""

from collections.abc import Iterator
from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.sync import jobs
from tests.api.config_work import Configs, configs_of
from tests.api.conftest import Hub, Reply, StoppedClock
from tests.api.instances import pointers, refused
from tests.api.push_work import DELETING, Json, Pushes, counts, listing, writing
from tests.api.sync_work import counted

BODY: Json = {"jobType": "FULL_SYNC", "entityType": "contact", "direction": "INBOUND"}
TWO_WAY: Json = {**BODY, "jobType": "INCREMENTAL", "direction": "BIDIRECTIONAL"}


@pytest.fixture
def made(hub: Hub, stopped_clock: StoppedClock) -> Configs:  # noqa: ARG001  time moves only when told to
    return configs_of(hub, 5)


@pytest.fixture
def both(hub: Hub) -> Iterator[Pushes]:
    """Two contacts, one from each side, that no sync has seen yet."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(), DELETING)
    pushes.crm.records["r1"] = {"email": "there@example.com", "name": "There"}
    pushes.put("d1", email="here@example.com", name="Here")
    yield pushes
    clock.use(None)


def start(hub: Hub, integration_id: str, **body: Any) -> Reply:
    return hub.post(f"/api/v1/integrations/{integration_id}/sync", body)


def stored(hub: Hub, job_id: str) -> Json:
    return jobs.get(resources().tables, Tenant(hub.tenant), job_id)


def run(made: Configs, integration_id: str, **body: Any) -> Json:
    reply = start(made.hub, integration_id, **{**BODY, **body})
    assert reply.status == 202, reply.body
    made.sync.work(reply.body["id"])
    return made.sync.job(reply.body["id"])


def ended(both: Pushes, job_id: str) -> Json:
    return next(job for job in (both.work(job_id) for _ in range(10)) if job["completedAt"])


# ---------------------------------------------------------------- wishes


def test_full_sync_deletes_what_is_gone_when_asked_to(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = made.connect()
    run(made, integration_id)
    del made.sync.provider.records[0]
    stopped_clock.advance(60)

    kept, deleted = run(made, integration_id), run(made, integration_id, deletes="tombstone")

    assert (kept["counters"]["deleted"], deleted["counters"]) == (0, counted(read=5, unchanged=4, deleted=1))


def test_raw_records_and_versions_are_kept_when_asked_for(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = made.connect()
    first = run(made, integration_id, keepRaw=True, history=True)
    made.sync.provider.records[0]["name"] = "Renamed"
    stopped_clock.advance(60)
    second = run(made, integration_id, keepRaw=True, history=True)

    raw = made.hub.get("/api/v1/documents/contact/c0000", query={"raw": "true"}).body
    proof = made.hub.get(f"/api/v1/sync-jobs/{second['id']}/proof", query={"against": first["id"]}).body
    assert stored(made.hub, second["id"])["keepRaw"] is True
    assert raw["raw"] == {"id": "c0000", "name": "Renamed", "n": 0}
    assert proof["difference"]["updated"] == {"count": 1, "ids": ["c0000"]}


def test_contract_of_a_start_by_hand_keeps_a_record_out(made: Configs) -> None:
    made.sync.provider.records[0]["name"] = 7
    contract = {"mode": "discard_row", "fields": {"name": "string", "n": "number"}}

    job = run(made, made.connect(), contract=contract)

    assert job["counters"] == counted(read=5, created=4, rejected=1)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"deletes": "purge"}, "/deletes"),
        ({"jobType": "INCREMENTAL", "deletes": "tombstone"}, "/deletes"),
        ({"jobType": "IMPORT", "deletes": "tombstone"}, "/deletes"),
        ({"filters": {"city": "Oslo"}, "deletes": "tombstone"}, "/deletes"),
        ({"contract": {"mode": "rigid"}}, "/contract/mode"),
        ({"conflictResolution": "local"}, "/conflictResolution"),
        ({"writeEndpointId": "upsert"}, "/writeEndpointId"),
        ({"fieldRules": {"name": "local"}}, "/fieldRules"),
        ({"direction": "OUTBOUND", "keepRaw": True}, "/keepRaw"),
        ({"direction": "OUTBOUND", "contract": {"mode": "freeze"}}, "/contract"),
        ({"direction": "SIDEWAYS"}, "/direction"),
        ({"direction": "BIDIRECTIONAL", "jobType": "EXPORT"}, "/direction"),
        ({"direction": "BIDIRECTIONAL", "conflictResolution": "mine"}, "/conflictResolution"),
    ],
    ids=str,
)
def test_wish_that_makes_no_sense_is_refused_with_its_place(made: Configs, body: Json, pointer: str) -> None:
    integration_id = made.connect()

    reply = start(made.hub, integration_id, **{**BODY, **body})

    assert (reply.status, pointers(reply)) == (400, [pointer])
    assert made.jobs(integration_id) == []


# ---------------------------------------------------------------- both ways


def test_sync_of_both_ways_is_started_by_hand_as_one_job(both: Pushes) -> None:
    job = both.push(**TWO_WAY)

    assert (job["status"], job["direction"], job["phases"]) == ("COMPLETED", "INBOUND", ["pull", "push"])
    assert both.document("r1") == {"email": "there@example.com", "name": "There"}
    assert both.crm.records["r2"] == {"email": "here@example.com", "name": "Here"}
    assert set(counts(both.push(**TWO_WAY))) == {"read", "unchanged"}


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        ({}, "from there"),
        ({"conflictResolution": "local"}, "from here"),
        ({"conflictResolution": "local", "fieldRules": {"name": "remote"}}, "from there"),
    ],
    ids=["default", "all", "field"],
)
def test_conflict_of_a_sync_by_hand_is_decided_by_what_it_was_told(both: Pushes, rules: Json, name: str) -> None:
    both.push(**TWO_WAY)
    both.put("d1", email="here@example.com", name="from here")
    both.crm.records["r2"]["name"] = "from there"

    both.push(**TWO_WAY, **rules)

    assert (both.document("d1")["name"], both.crm.records["r2"]["name"]) == (name, name)


def test_manual_conflict_of_a_sync_by_hand_waits_in_the_inbox(both: Pushes) -> None:
    both.push(**TWO_WAY)
    both.put("d1", email="here@example.com", name="from here")
    both.crm.records["r2"]["name"] = "from there"

    job = both.push(**TWO_WAY, conflictResolution="manual")

    assert job["conflicts"] == 1
    assert [conflict["field"] for conflict in both.conflicts()] == ["name"]


# ---------------------------------------------------------------- a configuration, now


def test_configuration_is_run_by_hand_and_its_slot_stays(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = made.connect()
    config = made.create(integration_id, frequency="hourly", keepRaw=True)

    reply = start(made.hub, integration_id, configId=config["id"])
    made.sync.work(reply.body["id"])

    shown = made.get(config["id"])
    assert (reply.status, reply.body["configId"], reply.body["createdBy"]) == (202, config["id"], "u1")
    assert (reply.body["slot"], reply.body["missedSlots"]) == (None, 0)
    assert stored(made.hub, reply.body["id"])["keepRaw"] is True
    assert (shown["lastStatus"], shown["lastJobId"]) == ("COMPLETED", reply.body["id"])
    assert (shown["lastSyncAt"] is not None, shown["metrics"]["successes"]) == (True, 1)
    assert (shown["nextSyncAt"], shown["version"]) == (config["nextSyncAt"], config["version"])
    stopped_clock.advance(3900)
    assert made.tick() == {"started": 1}


def test_configuration_of_both_ways_is_one_job_by_hand_too(both: Pushes) -> None:
    config_id = both.configured(enabled=False, conflictResolution="local")

    reply = start(both.hub, both.integration_id, configId=config_id)
    job = ended(both, reply.body["id"])

    assert (job["status"], job["phases"], job["configId"]) == ("COMPLETED", ["pull", "push"], config_id)
    assert both.crm.records["r2"] == {"email": "here@example.com", "name": "Here"}
    assert both.document("r1") == {"email": "there@example.com", "name": "There"}


def test_disabled_configuration_is_run_and_stays_disabled(made: Configs) -> None:
    integration_id = made.connect()
    config = made.create(integration_id, enabled=False)

    reply = start(made.hub, integration_id, configId=config["id"])

    shown = made.get(config["id"])
    assert reply.status == 202
    assert (shown["enabled"], shown["nextSyncAt"], shown["lastJobId"]) == (False, None, reply.body["id"])


def test_open_job_keeps_a_configuration_from_being_run_and_is_named(made: Configs) -> None:
    integration_id = made.connect()
    config = made.create(integration_id)
    running = start(made.hub, integration_id, configId=config["id"]).body["id"]

    again = start(made.hub, integration_id, configId=config["id"])

    assert (again.status, again.body["error"]["details"]["jobId"]) == (409, running)
    assert made.get(config["id"])["lastJobId"] == running
    assert len(made.jobs(integration_id)) == 1


def test_what_stands_beside_a_configuration_is_refused(made: Configs) -> None:
    integration_id = made.connect()
    config = made.create(integration_id)

    reply = start(made.hub, integration_id, configId=config["id"], **BODY)

    assert (reply.status, pointers(reply)) == (400, ["/jobType", "/entityType", "/direction"])
    assert pointers(start(made.hub, integration_id, configId=7)) == ["/configId"]
    assert made.jobs(integration_id) == []


def test_configuration_of_a_paused_integration_is_not_run(made: Configs) -> None:
    integration_id = made.connect()
    config = made.create(integration_id)
    made.hub.call("PATCH", f"/api/v1/custom-integrations/{integration_id}", {"status": "inactive"})

    assert start(made.hub, integration_id, configId=config["id"]).status == 409


def test_configuration_that_is_foreign_missing_or_of_another_integration_is_the_same_404(
    made: Configs, other_hub: Hub
) -> None:
    config = made.create(made.connect())
    theirs = configs_of(other_hub)
    integration_id, other = theirs.connect(), theirs.connect("other")
    own = theirs.create(integration_id)

    replies = [
        start(other_hub, integration_id, configId=config["id"]),
        start(other_hub, integration_id, configId="scf_missing"),
        start(other_hub, other, configId=own["id"]),
        start(other_hub, config["integrationId"], configId=config["id"]),
        start(other_hub, "int_missing", configId=own["id"]),
    ]

    assert {str(refused(reply)) for reply in replies} == {str(refused(replies[0]))}
    assert replies[0].status == 404
    assert start(other_hub, integration_id, configId=own["id"]).status == 202


def test_retry_says_which_job_it_goes_on_after(made: Configs) -> None:
    reply = start(made.hub, made.connect(), **BODY)
    made.sync.cancel(reply.body["id"])

    again = made.hub.post(f"/api/v1/sync-jobs/{reply.body['id']}/retry").body
    made.sync.work(again["id"])

    proof = made.hub.get(f"/api/v1/sync-jobs/{again['id']}/proof").body
    assert (again["retryOf"], proof["retryOf"]) == (reply.body["id"], reply.body["id"])
    assert made.hub.get(f"/api/v1/sync-jobs/{reply.body['id']}/proof").body["retryOf"] is None
