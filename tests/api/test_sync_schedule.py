"""The scheduler: what is due becomes a job once, what cannot be synced is passed over with the reason."""

from datetime import UTC, datetime

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Delete, key
from hub.sync import jobs
from hub.sync.configs.scheduler import Scheduler
from tests.api.config_work import Configs, configs_of
from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import recorded, status

SLOT_S = 300
LATE_S = 31  # a slot of five minutes begins at most so late


@pytest.fixture
def made(hub: Hub, stopped_clock: StoppedClock) -> Configs:  # noqa: ARG001  time moves only when told to
    return configs_of(hub)


def due(made: Configs, stopped_clock: StoppedClock, **changed: object) -> tuple[str, str]:
    """Return the ids of an integration and of a configuration that is due."""
    integration_id = made.connect()
    config = made.create(integration_id, **changed)
    stopped_clock.advance(LATE_S)
    return integration_id, config["id"]


def test_due_configuration_is_synced_and_says_how_it_was(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, config_id = due(made, stopped_clock, name="Contacts")

    assert made.tick() == {"started": 1}

    (job,) = made.jobs(integration_id)
    assert (job["configId"], job["createdBy"], job["status"]) == (config_id, f"schedule:{config_id}", "PENDING")
    made.sync.work(job["id"])
    shown = made.get(config_id)
    assert (shown["lastStatus"], shown["lastJobId"], shown["lastReason"]) == ("COMPLETED", job["id"], None)
    assert shown["metrics"] == {"attempts": 1, "successes": 1, "failures": 0}
    assert len(made.hub.documents("contact")) == 5
    assert [event for event, _ in made.sync.events()] == ["sync.started", "sync.completed"]


def test_slot_is_made_once_however_often_the_scheduler_looks(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, _ = due(made, stopped_clock)

    assert [made.tick() for _ in range(3)] == [{"started": 1}, {}, {}]
    assert len(made.jobs(integration_id)) == 1


def test_job_is_hinted_at_and_told_of(made: Configs, stopped_clock: StoppedClock) -> None:
    due(made, stopped_clock)

    with recorded() as asked:
        made.tick()

    assert len(asked.hints(made.hub.tenant, "SyncQueue")) == 1
    assert len(asked.hints(made.hub.tenant, "EventQueue")) == 1
    assert len(asked.of("TransactWriteItems")) == 1


def test_missed_slots_are_caught_up_with_once(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, config_id = due(made, stopped_clock)
    stopped_clock.advance(5 * SLOT_S)

    assert made.tick() == {"started": 1}

    (job,) = made.jobs(integration_id)
    assert job["missedSlots"] == 5
    assert clock.epoch_of(made.get(config_id)["nextSyncAt"]) > stopped_clock.epoch_s
    assert made.tick() == {}


def test_failed_sync_counts_and_the_next_slot_tries_again(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, config_id = due(made, stopped_clock)
    made.sync.provider.instead[1] = status(404)
    made.tick()
    made.sync.work(made.jobs(integration_id)[0]["id"])

    failed = made.get(config_id)
    stopped_clock.advance(SLOT_S)
    again = made.tick()

    assert (failed["lastStatus"], failed["metrics"]["failures"]) == ("FAILED", 1)
    assert failed["lastReason"]
    assert again == {"started": 1}


def test_slot_whose_sync_still_runs_is_passed_over_and_never_queued_twice(
    made: Configs, stopped_clock: StoppedClock
) -> None:
    integration_id, config_id = due(made, stopped_clock)
    made.tick()
    (running,) = made.jobs(integration_id)
    stopped_clock.advance(SLOT_S)

    assert made.tick() == {"passed_over": 1}

    shown = made.get(config_id)
    assert (shown["lastStatus"], running["id"] in shown["lastReason"]) == ("SKIPPED", True)
    assert len(made.jobs(integration_id)) == 1
    made.sync.work(running["id"])
    stopped_clock.advance(SLOT_S)
    assert made.tick() == {"started": 1}


def test_lock_that_a_dead_worker_left_does_not_stop_the_schedule(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, _ = due(made, stopped_clock)
    made.tick()
    (job,) = made.jobs(integration_id)
    resources().tables.write(Delete(resources().tables.activity, key(Tenant(made.hub.tenant), "job", job["id"])))
    stopped_clock.advance(SLOT_S)

    assert made.tick() == {"started": 1}


def test_paused_integration_is_passed_over_and_goes_on_by_itself(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, config_id = due(made, stopped_clock)
    path = f"/api/v1/custom-integrations/{integration_id}"
    made.hub.call("PATCH", path, {"status": "inactive"})

    silent = made.tick()
    shown = made.get(config_id)
    made.hub.call("PATCH", path, {"status": "active"})
    stopped_clock.advance(SLOT_S)

    assert silent == {"passed_over": 1}
    assert (shown["lastStatus"], "inactive" in shown["lastReason"], shown["enabled"]) == ("SKIPPED", True, True)
    assert made.tick() == {"started": 1}


def test_deleted_integration_is_passed_over_until_it_is_restored(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, config_id = due(made, stopped_clock)
    assert made.hub.call("DELETE", f"/api/v1/custom-integrations/{integration_id}").status == 204

    silent = made.tick()
    restored = made.hub.post(f"/api/v1/integrations/{integration_id}/restore")
    stopped_clock.advance(SLOT_S)

    assert (silent, made.get(config_id)["enabled"]) == ({"passed_over": 1}, True)
    assert restored.status == 200, restored.body
    assert made.tick() == {"started": 1}


def test_configuration_whose_integration_is_gone_for_good_is_switched_off(
    made: Configs, stopped_clock: StoppedClock
) -> None:
    integration_id, config_id = due(made, stopped_clock)
    config = resources().tables.config
    for kind in ("integration", "connector"):
        resources().tables.write(Delete(config, key(Tenant(made.hub.tenant), kind, integration_id)))

    assert made.tick() == {"passed_over": 1}

    shown = made.get(config_id)
    assert (shown["enabled"], shown["nextSyncAt"], shown["lastStatus"]) == (False, None, "SKIPPED")
    stopped_clock.advance(SLOT_S)
    assert made.tick() == {}


def test_one_configuration_that_breaks_does_not_keep_the_others_waiting(
    made: Configs, stopped_clock: StoppedClock
) -> None:
    _, broken = due(made, stopped_clock)
    other = made.connect("other")
    made.create(other)
    resources().tables.config.batch_put([{**made.stored(broken), "schedule": {}}])
    stopped_clock.advance(LATE_S)

    assert made.tick() == {"failed": 1, "started": 1}
    assert len(made.jobs(other)) == 1


def test_what_the_time_does_not_suffice_for_is_still_due(made: Configs, stopped_clock: StoppedClock) -> None:
    due(made, stopped_clock)

    with made.hub.cloud.running("SyncScheduler"):
        out_of_time = Scheduler(resources(), give_up_at=0.0, now=lambda: 1.0).run()

    assert out_of_time == {}
    assert made.tick() == {"started": 1}


def test_cron_slots_come_at_the_local_time(made: Configs, stopped_clock: StoppedClock) -> None:
    stopped_clock.epoch_s = datetime(2026, 3, 27, 12, tzinfo=UTC).timestamp()
    config = made.create(made.connect(), frequency="cron(30 2 * * ? *)", timeZone="Europe/Berlin")

    seen = []
    for _ in range(4):
        stopped_clock.epoch_s = clock.epoch_of(made.get(config["id"])["nextSyncAt"])
        seen.append(made.stored(config["id"])["nextSlot"][:16])
        for job in made.jobs(config["integrationId"], status="PENDING"):
            made.sync.cancel(job["id"])
        made.tick()

    # On 29 March there is no 02:30; summer time begins.
    assert seen == ["2026-03-28T01:30", "2026-03-30T00:30", "2026-03-31T00:30", "2026-04-01T00:30"]


def test_syncs_of_many_tenants_do_not_begin_at_the_same_moment(made: Configs) -> None:
    integration_id = made.connect()

    begins = {made.create(integration_id, frequency="hourly")["nextSyncAt"] for _ in range(30)}

    late_s = [clock.epoch_of(at) % 3600 for at in begins]
    assert len(begins) > 20
    assert max(late_s) <= 300


def test_two_way_configuration_is_one_job_that_shuts_out_both_ways(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, config_id = due(made, stopped_clock, syncDirection="bidirectional", fieldRules={"name": "remote"})
    made.tick()

    (job,) = made.jobs(integration_id)
    stored = jobs.get(resources().tables, Tenant(made.hub.tenant), job["id"])
    body = {"jobType": "FULL_SYNC", "entityType": "contact"}
    path = f"/api/v1/integrations/{integration_id}/sync"
    refused = [made.hub.post(path, {**body, "direction": way}) for way in ("INBOUND", "OUTBOUND")]

    assert (job["phases"], job["phase"], job["direction"]) == (["pull", "push"], "pull", "INBOUND")
    assert (stored["writeEndpointId"], stored["fieldRules"], stored["conflictResolution"]) == (
        "upsert",
        {"name": "remote"},
        "local",
    )
    assert [(reply.status, reply.body["error"]["details"]["jobId"]) for reply in refused] == [(409, job["id"])] * 2
    assert made.get(config_id)["lastJobId"] == job["id"]


def test_job_keeps_what_the_configuration_was_when_it_began(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id, config_id = due(made, stopped_clock, keepRaw=True)
    made.tick()
    made.patch(config_id, keepRaw=False, conflictResolution="manual")

    (job,) = made.jobs(integration_id)
    stored = jobs.get(resources().tables, Tenant(made.hub.tenant), job["id"])

    assert (stored["keepRaw"], stored["conflictResolution"]) == (True, "local")


def test_own_fields_of_a_configuration_decide_what_is_stored(made: Configs, stopped_clock: StoppedClock) -> None:
    fields = [{"localField": "title", "remoteField": "name", "transformer": "(value) => value.toUpperCase()"}]
    integration_id, _ = due(made, stopped_clock, fieldMappings=fields)
    made.tick()

    made.sync.work(made.jobs(integration_id)[0]["id"])

    assert made.hub.documents("contact")[0]["content"] == '{"title":"NAME 0"}'
