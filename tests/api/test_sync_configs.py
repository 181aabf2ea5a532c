"""Sync configurations (spec S003, "Data Synchronization"): what of an integration is synced, which way, how often."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.sync.configs.models import SyncConfiguration
from tests.api.config_work import Configs, configs_of, endpoints, wanted
from tests.api.conftest import Hub, Reply, StoppedClock
from tests.api.instances import pointers, refused

Json = dict[str, Any]
S003: Json = {
    "enabled": True,
    "syncDirection": "bidirectional",
    "frequency": 300000,
    "fieldMappings": [
        {"localField": "name", "remoteField": "fullName", "bidirectional": True},
        {"localField": "email", "remoteField": "emailAddress", "bidirectional": True},
    ],
    "conflictResolution": "local",
}
LOUD: Json = {"localField": "name", "remoteField": "name", "transformer": "value.toUpperCase()"}
FIELDS_OF_S003 = [
    "id",
    "teamId",
    "integrationId",
    "enabled",
    "syncDirection",
    "frequency",
    "lastSyncAt",
    "fieldMappings",
    "conflictResolution",
    "createdAt",
    "updatedAt",
]


@pytest.fixture
def made(hub: Hub, stopped_clock: StoppedClock) -> Configs:  # noqa: ARG001  time moves only when told to
    return configs_of(hub)


def test_example_of_the_specification_is_taken_as_it_stands(made: Configs) -> None:
    integration_id = made.connect()

    reply = made.hub.post(made.path, {"teamId": made.hub.tenant, "integrationId": integration_id, **S003})

    shown = SyncConfiguration.model_validate(reply.body)
    assert reply.status == 201
    assert {name: reply.body[name] for name in S003} == S003
    assert (shown.teamId, shown.integrationId) == (made.hub.tenant, integration_id)
    assert set(FIELDS_OF_S003) <= reply.body.keys()
    assert "sync_config.created" in [entry["action"] for entry in made.hub.audit_entries()]


def test_hub_derives_what_was_left_out_from_the_integrations_operations(made: Configs) -> None:
    config = made.create(made.connect(), syncDirection="bidirectional")

    assert {name: config[name] for name in ("entity", "documentType", "endpointId", "writeEndpointId", "mode")} == {
        "entity": "contact",
        "documentType": "contact",
        "endpointId": "list",
        "writeEndpointId": "upsert",
        "mode": "incremental",
    }


def test_configuration_that_marks_deleted_records_reads_everything(made: Configs) -> None:
    assert made.create(made.connect(), deletes="tombstone")["mode"] == "full"


@pytest.mark.parametrize(
    ("frequency", "schedule"),
    [
        (60_000, {"everyS": 60}),
        ("60000", {"everyS": 60}),
        ("rate(5 minutes)", {"everyS": 300}),
        ("rate(1 day)", {"everyS": 86_400}),
        ("hourly", {"cron": "0 * * * ? *", "timeZone": "Europe/Berlin"}),
        ("daily", {"cron": "0 0 * * ? *", "timeZone": "Europe/Berlin"}),
        ("cron(0 9 ? * MON-FRI *)", {"cron": "0 9 ? * MON-FRI *", "timeZone": "Europe/Berlin"}),
    ],
)
def test_frequency_is_kept_as_given_and_understood(made: Configs, frequency: int | str, schedule: Json) -> None:
    config = made.create(made.connect(), frequency=frequency, timeZone="Europe/Berlin")

    assert config["frequency"] == frequency
    assert made.stored(config["id"])["schedule"] == schedule
    assert config["nextSyncAt"] is not None


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"frequency": 59_999}, "/frequency"),
        ({"frequency": "every minute"}, "/frequency"),
        ({"frequency": "rate(30 seconds)"}, "/frequency"),
        ({"frequency": "cron(0 9 * * MON-FRI *)"}, "/frequency"),
        ({"frequency": "cron(0 0 31 2 ? *)"}, "/frequency"),
        ({"frequency": "cron(0 0 1 1 ? 2020)"}, "/frequency"),
        ({"timeZone": "Europe/Atlantis"}, "/timeZone"),
        ({"timeZone": "../../etc/passwd"}, "/timeZone"),
        ({"syncDirection": "sideways"}, "/syncDirection"),
        ({"conflictResolution": "mine"}, "/conflictResolution"),
        ({"fieldRules": {"name": "mine"}}, "/fieldRules/name"),
        ({"deletes": "purge"}, "/deletes"),
        ({"contract": {"mode": "rigid"}}, "/contract/mode"),
        ({"entity": "invoice"}, "/entity"),
        ({"endpointId": "upsert"}, "/endpointId"),
        ({"syncDirection": "push", "writeEndpointId": "list"}, "/writeEndpointId"),
        ({"userId": "somebody"}, "/userId"),
        ({"colour": "red"}, "/colour"),
        (
            {"fieldMappings": [{"localField": "a", "remoteField": "b", "transformer": "value +"}]},
            "/fieldMappings/0/transformer",
        ),
        ({"fieldMappings": [{"localField": "a", "remoteField": ".."}]}, "/fieldMappings/0/remoteField"),
        ({"fieldMappings": [{"localField": "a", "remoteField": "b"}] * 2}, "/fieldMappings/1/localField"),
        ({"params": {"note": "x" * 20_000}}, "/params"),
        ({"syncDirection": "bidirectional", "fieldMappings": [LOUD]}, "/fieldMappings/0/bidirectional"),
        ({"syncDirection": "push", "fieldMappings": [LOUD]}, "/fieldMappings/0/transformer"),
    ],
    ids=lambda _: None,
)
def test_configuration_that_cannot_work_is_refused_with_the_place(made: Configs, changed: Json, pointer: str) -> None:
    integration_id = made.connect()

    reply = made.post(integration_id, **changed)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert pointer in pointers(reply)
    assert made.hub.get(made.path).body == []


def test_transformer_is_for_what_comes_in(made: Configs) -> None:
    """It has no inverse: in a sync of both ways its field must say that it is not sent back."""
    integration_id = made.connect()

    config = made.create(integration_id, fieldMappings=[LOUD])
    one_way = made.create(
        integration_id, syncDirection="bidirectional", fieldMappings=[{**LOUD, "bidirectional": False}]
    )
    turned = made.patch(config["id"], syncDirection="bidirectional")

    assert one_way["fieldMappings"][0]["bidirectional"] is False
    assert (turned.status, pointers(turned)) == (400, ["/fieldMappings/0/bidirectional"])
    assert made.get(config["id"])["syncDirection"] == "pull"


def test_every_fault_is_told_at_once(made: Configs) -> None:
    reply = made.post(
        made.connect(), frequency=1, entity="invoice", fieldMappings=[{"localField": "a", "remoteField": ""}]
    )

    assert "/fieldMappings/0/remoteField" in pointers(reply)
    assert pointers(made.post(made.connect("two"), frequency=1, entity="invoice")) == ["/frequency", "/entity"]


def test_missing_parameter_is_told_before_the_first_sync(made: Configs) -> None:
    listed, written = endpoints()
    listed["queryParams"] = [{"name": "city", "required": True}]
    integration_id = made.connect(endpoints=[listed, written])

    assert pointers(made.post(integration_id)) == ["/params"]
    assert made.post(integration_id, params={"city": "Oslo"}).status == 201


def test_integration_without_a_writing_endpoint_cannot_push(made: Configs) -> None:
    integration_id = made.connect(endpoints=endpoints()[:1])

    reply = made.post(integration_id, syncDirection="bidirectional")

    assert pointers(reply) == ["/entity"]
    assert made.post(integration_id, syncDirection="pull").status == 201


def test_type_that_the_integration_may_not_store_is_refused(made: Configs) -> None:
    integration_id = made.connect()
    item = resources().tables.config.get(key(Tenant(made.hub.tenant), "integration", integration_id))
    assert item is not None
    resources().tables.config.batch_put([{**item, "allowedShardTypes": ["company"]}])

    assert pointers(made.post(integration_id)) == ["/documentType"]


# ---------------------------------------------------------------- changes


def test_partial_change_leaves_the_rest(made: Configs) -> None:
    before = made.create(made.connect(), name="Contacts", params={"city": "Oslo"})

    after = made.patch(before["id"], conflictResolution="manual", keepRaw=True).body

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"conflictResolution", "keepRaw", "version"}
    assert SyncConfiguration.model_validate(made.get(before["id"])).conflictResolution == "manual"


def test_what_get_answered_may_be_sent_back(made: Configs) -> None:
    before = made.create(made.connect())

    reply = made.hub.call("PATCH", f"{made.path}/{before['id']}", {**before, "enabled": False})

    assert (reply.status, reply.body["enabled"]) == (200, False)
    other = made.hub.call("PATCH", f"{made.path}/{before['id']}", {**reply.body, "integrationId": "int_other"})
    assert (other.status, pointers(other)) == (400, ["/integrationId"])


def test_null_gives_back_what_the_hub_derives(made: Configs) -> None:
    listed, written = endpoints()
    second = {**listed, "id": "second", "name": "second"}
    config = made.create(made.connect(endpoints=[listed, second, written]), endpointId="second", mode="full")

    assert made.patch(config["id"], keepRaw=True).body["endpointId"] == "second"
    assert made.patch(config["id"], endpointId=None, mode=None).body["endpointId"] == "list"
    assert made.get(config["id"])["mode"] == "incremental"


@pytest.mark.parametrize("name", ["frequency", "syncDirection"])
def test_null_is_refused_for_what_the_hub_does_not_derive(made: Configs, name: str) -> None:
    config = made.create(made.connect())

    reply = made.patch(config["id"], **{name: None})

    assert (reply.status, pointers(reply)) == (400, [f"/{name}"])
    assert made.get(config["id"]) == config


def test_new_frequency_counts_from_now_on(made: Configs, stopped_clock: StoppedClock) -> None:
    config = made.create(made.connect(), frequency="daily")
    stopped_clock.advance(100)

    changed = made.patch(config["id"], frequency=60_000).body
    renamed = made.patch(config["id"], name="Contacts").body

    assert changed["nextSyncAt"] < config["nextSyncAt"]
    assert renamed["nextSyncAt"] == changed["nextSyncAt"]


def test_disabled_configuration_is_not_due_until_it_is_enabled(made: Configs, stopped_clock: StoppedClock) -> None:
    config = made.create(made.connect())

    off = made.patch(config["id"], enabled=False).body
    stopped_clock.advance(3600)
    silent = made.tick()
    on = made.patch(config["id"], enabled=True).body
    stopped_clock.advance(31)

    assert (off["nextSyncAt"], silent) == (None, {})
    assert on["nextSyncAt"] is not None
    assert made.tick() == {"started": 1}


def test_change_of_an_older_version_is_a_conflict(made: Configs) -> None:
    config = made.create(made.connect())
    made.patch(config["id"], name="one")

    reply = made.hub.call("PATCH", f"{made.path}/{config['id']}", {"name": "two"}, headers={"If-Match": '"1"'})

    assert (reply.status, reply.code) == (409, "CONFLICT")


def test_deleted_configuration_is_gone_and_never_due(made: Configs, stopped_clock: StoppedClock) -> None:
    config = made.create(made.connect())

    gone = made.hub.call("DELETE", f"{made.path}/{config['id']}")
    stopped_clock.advance(3600)

    assert gone.status == 204
    assert made.hub.get(f"{made.path}/{config['id']}").status == 404
    assert made.hub.get(made.path).body == []
    assert made.tick() == {}


# ---------------------------------------------------------------- lists, attempts, tenants


def test_list_is_a_bare_array_of_one_integration_or_of_all(made: Configs) -> None:
    one, two = made.connect("one"), made.connect("two")
    for integration_id in (one, one, two):
        made.create(integration_id)

    every, some = made.hub.get(made.path), made.hub.get(made.path, query={"integrationId": one})

    assert (len(every.body), len(some.body), every.headers["X-Total-Count"]) == (3, 2, "3")
    assert {row["integrationId"] for row in some.body} == {one}
    assert every.headers["Cache-Control"] == "private, max-age=600"
    assert 'rel="next"' in made.hub.get(made.path, query={"limit": 2}).headers["Link"]


def test_logged_attempts_count_and_a_success_sets_last_sync(made: Configs) -> None:
    config = made.create(made.connect())
    path = f"{made.path}/{config['id']}/attempts"

    answers = [made.hub.post(path, {"success": success}).status for success in (True, False, True)]

    shown = made.get(config["id"])
    assert answers == [204, 204, 204]
    assert shown["metrics"] == {"attempts": 3, "successes": 2, "failures": 1}
    assert (shown["lastSyncAt"] is not None, shown["lastStatus"]) == (True, "COMPLETED")
    assert made.hub.post(path, {"success": "yes"}).status == 400


def test_failed_attempt_leaves_the_time_of_the_last_sync(made: Configs) -> None:
    config = made.create(made.connect())

    made.hub.post(f"{made.path}/{config['id']}/attempts", {"success": False})

    shown = made.get(config["id"])
    assert (shown["lastSyncAt"], shown["lastStatus"]) == (None, "FAILED")


def test_foreign_team_foreign_configuration_and_missing_one_are_the_same_404(made: Configs, other_hub: Hub) -> None:
    config = made.create(made.connect())
    theirs = f"/api/v1/teams/{other_hub.tenant}/sync-configs"

    def every(path: str, hub: Hub) -> list[Reply]:
        return [
            hub.get(path),
            hub.call("PATCH", path, {"enabled": False}),
            hub.call("DELETE", path),
            hub.post(f"{path}/attempts", {"success": True}),
        ]

    missing = every(f"{theirs}/scf_missing", other_hub)
    foreign = every(f"{theirs}/{config['id']}", other_hub)
    other_team = [*every(f"{made.path}/{config['id']}", other_hub), other_hub.get(made.path)]

    assert {str(refused(reply)) for reply in (*missing, *foreign, *other_team)} == {str(refused(missing[0]))}
    assert missing[0].status == 404
    assert made.get(config["id"])["enabled"] is True


def test_configuration_of_a_foreign_integration_is_a_404(made: Configs, other_hub: Hub) -> None:
    integration_id = made.connect()

    reply = other_hub.post(f"/api/v1/teams/{other_hub.tenant}/sync-configs", wanted(integration_id))

    assert (reply.status, reply.code) == (404, "INTEGRATION_NOT_FOUND")


def test_member_reads_and_does_not_write(made: Configs) -> None:
    config = made.create(made.connect())
    path = f"{made.path}/{config['id']}"

    assert made.hub.get(path, roles="user").status == 200
    assert made.hub.call("PATCH", path, {"enabled": False}, roles="user").status == 403
    assert made.hub.call("PATCH", path, {"name": "x"}, roles="", scopes="integrations:write").status == 200
    assert made.hub.get(path, roles="", scopes="webhooks:manage").status == 403
