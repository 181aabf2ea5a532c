"""A webhook that runs a sync configuration: the same job as its schedule starts, once for each event."""

from typing import Any

import pytest

from tests.api.config_work import Configs, configs_of
from tests.api.conftest import Hub, StoppedClock
from tests.api.custom_integrations import create as create_custom
from tests.api.inbound_endpoints import ENDPOINTS
from tests.api.inbound_work import Inbound, Json, contact, outcomes, results
from tests.api.instances import created_v1, plain, pointers
from tests.api.receiving import make_custom, make_v1

RULE: Json = {"eventTypePath": "$.event_type", "eventTypeValue": "contact.*", "action": "trigger_sync"}


@pytest.fixture
def made(hub: Hub, stopped_clock: StoppedClock) -> Configs:  # noqa: ARG001  time moves only when told to
    return configs_of(hub)


def endpoint(integration_id: str, *rules: Json) -> Json:
    """Return what a request for an inbound endpoint of an integration sends."""
    named = {"endpointPath": "crm/changed", "eventTypes": ["contact.*"], "handlerType": "crm"}
    return {**named, "integrationId": integration_id, "eventRouting": list(rules)}


def jobs_of(event: Any) -> list[str]:
    return [action["id"] for action in results(event)["actions"] if action["outcome"] == "started"]


def test_event_runs_the_configuration_that_its_rule_names(made: Configs) -> None:
    integration_id = made.connect()
    config = made.create(integration_id, frequency="hourly", keepRaw=True, enabled=False)
    events = Inbound(make_custom(made.hub, integration_id, routing=[{**RULE, "configId": config["id"]}]))
    event_id = events.accept([contact("merged"), contact("merged")])

    events.work(event_id, event_id)

    (job_id,) = jobs_of(events.event(event_id))
    job = made.sync.job(job_id)
    assert (job["configId"], job["createdBy"]) == (config["id"], f"webhook:{integration_id}")
    made.sync.work(job_id)
    shown = made.get(config["id"])
    assert (shown["lastStatus"], shown["lastJobId"], shown["enabled"]) == ("COMPLETED", job_id, False)


def test_endpoint_of_a_provider_runs_its_configuration(made: Configs) -> None:
    integration_id = created_v1(made.hub, plain())["id"]
    config = made.create(integration_id)
    rule = {**RULE, "configId": config["id"]}

    checked = made.hub.post(ENDPOINTS, endpoint(integration_id, rule))
    events = Inbound(make_v1(made.hub, integrationId=integration_id, eventTypes=["contact.*"], routing=[rule]))
    event = events.process(contact("merged"))

    assert (checked.status, checked.body["eventRouting"]) == (201, [rule])
    assert (event["state"], len(jobs_of(event))) == ("processed", 1)


def test_event_that_comes_during_a_run_waits_for_one_of_its_own(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = made.connect()
    config = made.create(integration_id)
    events = Inbound(make_custom(made.hub, integration_id, routing=[{**RULE, "configId": config["id"]}]))
    (earlier,) = jobs_of(events.process(contact("merged"), "first"))
    stopped_clock.advance(1)
    event_id = events.accept(contact("merged"), "second")

    events.work(event_id)
    waiting = events.event(event_id)["state"]
    made.sync.work(earlier)
    stopped_clock.advance(10)
    events.work(event_id)

    assert waiting == "retrying"
    assert (events.event(event_id)["state"], len(jobs_of(events.event(event_id)))) == ("processed", 1)


@pytest.mark.parametrize(
    ("is_own", "state"), [(True, "processed"), (False, "retrying")], ids=["the configuration", "another sync"]
)
def test_only_a_run_that_reads_the_same_stands_for_that_of_an_event(
    made: Configs, stopped_clock: StoppedClock, is_own: bool, state: str
) -> None:
    """Another one, though it began after the event, may be for a part, or read nothing."""
    integration_id = made.connect()
    config = made.create(integration_id)
    events = Inbound(make_custom(made.hub, integration_id, routing=[{**RULE, "configId": config["id"]}]))
    event_id = events.accept(contact("merged"))
    stopped_clock.advance(1)
    other = {"jobType": "FULL_SYNC", "entityType": config["entity"], "direction": "INBOUND", "params": {"part": "x"}}
    asked = {"configId": config["id"]} if is_own else other
    assert made.hub.post(f"/api/v1/integrations/{integration_id}/sync", asked).status == 202

    events.work(event_id)

    assert events.event(event_id)["state"] == state
    assert len(made.jobs(integration_id)) == 1


def test_configuration_that_is_gone_or_of_another_integration_fails_visibly(made: Configs, other_hub: Hub) -> None:
    integration_id, other = made.connect(), made.connect("other")
    foreign = configs_of(other_hub)
    theirs = foreign.create(foreign.connect())["id"]
    own = made.create(other)["id"]
    gone = made.create(integration_id)["id"]
    assert made.hub.call("DELETE", f"{made.path}/{gone}").status == 204

    def process(config_id: str) -> Any:
        posted = make_custom(made.hub, integration_id, routing=[{**RULE, "configId": config_id}])
        return Inbound(posted).process(contact("merged"), config_id)

    events = [process(config_id) for config_id in (gone, own, theirs, "scf_missing")]

    reasons = {results(event)["actions"][0]["reason"] for event in events}
    assert [outcomes(event) for event in events] == [["failed"]] * 4
    assert reasons == {"No sync configuration has this id in your team."}
    assert made.jobs(integration_id) == made.jobs(other) == []


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"configId": "scf_missing"}, "configId"),
        ({"configId": ""}, "configId"),
        ({"endpointId": "list"}, "endpointId"),
        ({"fieldMappings": [{"source": "$.a", "target": "a"}]}, "fieldMappings"),
        ({"action": "custom"}, "configId"),
    ],
    ids=str,
)
def test_rule_that_cannot_run_its_configuration_is_refused(made: Configs, rule: Json, name: str) -> None:
    integration_id = made.connect()
    config = made.create(integration_id)
    asked = {**RULE, "configId": config["id"], **rule}

    reply = made.hub.post(ENDPOINTS, endpoint(integration_id, asked))

    assert (reply.status, pointers(reply)) == (400, [f"/eventRouting/0/{name}"])
    assert made.hub.post(ENDPOINTS, endpoint(integration_id, {**RULE, "configId": config["id"]})).status == 201


def test_configuration_of_another_integration_is_refused_as_a_missing_one(made: Configs, other_hub: Hub) -> None:
    integration_id, other = made.connect(), made.connect("other")
    foreign = configs_of(other_hub)
    named = (made.create(other)["id"], foreign.create(foreign.connect())["id"], "scf_missing")

    replies = [made.hub.post(ENDPOINTS, endpoint(integration_id, {**RULE, "configId": each})) for each in named]

    assert [pointers(reply) for reply in replies] == [["/eventRouting/0/configId"]] * 3
    assert len({str(reply.body["error"]["details"]) for reply in replies}) == 1


def test_definition_may_route_an_event_to_a_configuration(made: Configs) -> None:
    """Which configurations there are is known when the event comes: they are made after the definition."""
    rule = {**RULE, "configId": "scf_later"}

    created = create_custom(made.hub, webhookConfig={"eventRouting": [rule]})

    assert created["webhookConfig"]["eventRouting"] == [rule]
