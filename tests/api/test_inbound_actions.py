"""What accepted events set off besides documents: syncs, events of the tenant's own, `webhook.received`."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.core.caller import Tenant
from hub.core.errors import Unavailable
from hub.core.resources import resources
from hub.core.tables import Put, key
from hub.webhooks.inbound.inbound_work import Worker
from hub.webhooks.subscriptions.subscriptions import CARDS, DisableRule
from tests.api import instances
from tests.api.conftest import Hub, StoppedClock, just_before, lose_connection, make_integration
from tests.api.inbound_work import CREATED, Inbound, Json, contact, outcomes, results
from tests.api.receiving import make_custom, make_v1
from tests.api.sync_work import recorded

CUSTOM = {"eventTypePath": "$.event_type", "eventTypeValue": "contact.*", "action": "custom"}
SYNC = {"eventTypePath": "$.event_type", "eventTypeValue": "contact.*", "action": "trigger_sync"}


def custom(hub: Hub, *rules: Any, **fields: Any) -> Inbound:
    return Inbound(make_custom(hub, routing=list(rules), **fields))


def data(event: Any) -> Json:
    found: Json = json.loads(event["data"])
    return found


# ---------------------------------------------------------------- events of the tenant's own


def test_a_custom_action_publishes_an_event_once(hub: Hub) -> None:
    events = custom(hub, CUSTOM)
    event_id = events.accept(contact("merged", "c1", name="Ada"))

    with recorded() as calls:
        events.work(event_id, event_id)

    (told,) = events.told()
    assert (told["type"], told["source"], told["state"]) == ("contact.merged", "hub", "pending")
    assert data(told) == contact("merged", "c1", name="Ada")
    assert outcomes(events.event(event_id)) == ["published"]
    assert [hint["id"] for hint in calls.hints(hub.tenant)] == [told["sk"]]


@pytest.mark.parametrize(
    ("rule", "fields", "expected"),
    [
        ({"eventName": "crm.changed"}, {}, ("crm.changed", contact("merged", "c1", n=[1]))),
        ({"dataPath": "$.data"}, {}, ("contact.merged", {"id": "c1", "n": [1]})),
        ({"dataPath": "$.data.n"}, {}, ("contact.merged", {"items": [1]})),
        ({"dataPath": "$.data.id"}, {}, ("contact.merged", {"value": "c1"})),
        (
            {"dataPath": "$.data", "fieldMappings": [{"source": "$.id", "target": "who.id"}]},
            {"transformTemplate": {"never": "used"}},
            ("contact.merged", {"who": {"id": "c1"}}),
        ),
        ({}, {"transformTemplate": {"who": "$.data.id"}}, ("contact.merged", {"who": "c1"})),
    ],
)
def test_a_custom_event_says_what_its_rule_makes_of_it(hub: Hub, rule: Any, fields: Any, expected: Any) -> None:
    events = custom(hub, {**CUSTOM, **rule}, **fields)

    events.process(contact("merged", "c1", n=[1]))

    (told,) = events.told()
    assert (told["type"], data(told)) == expected


def test_a_replay_publishes_again_under_another_id(hub: Hub) -> None:
    events = custom(hub, CUSTOM)
    event = events.process(contact("merged"))

    events.replay(event["sk"])

    assert len({told["sk"] for told in events.told()}) == 2


def test_many_custom_events_are_all_written(hub: Hub) -> None:
    """More than one transaction takes."""
    events = custom(hub, CUSTOM)

    event = events.process([contact("merged", number) for number in range(250)])

    assert results(event)["counts"] == {"published": 250}
    assert sorted(data(told)["data"]["id"] for told in events.told()) == list(range(250))


def test_events_that_are_large_are_written_in_several_transactions(hub: Hub) -> None:
    """One takes 4 MB."""
    events = v1(hub, targetService="billing")
    template = {"$each": "$.few", "do": "$"}
    events.posted.change(transformTemplate=json.dumps(template), eventTypes=[])

    event = events.process([{"few": ["x" * 9000] * 10}, {"few": ["y" * 9000] * 10}] + [{"few": ["z" * 9000]}] * 3)

    assert (event["state"], len(events.told())) == ("processed", 5)


def test_an_event_that_cannot_be_published_fails_visibly(hub: Hub) -> None:
    events = custom(hub, {**CUSTOM, "eventTypeValue": "*"})

    named = events.process({"event_type": "a b"})
    large = events.process({"event_type": "large", "x": "y" * 250_000})

    assert "give the rule an eventName" in named["reason"]
    assert "at most 200000 can be published" in large["reason"]
    assert events.told() == []


def test_all_rules_that_match_apply(hub: Hub) -> None:
    events = custom(hub, CREATED, CUSTOM)

    event = events.process(contact("created", "c1", name="Ada"))

    assert outcomes(event) == ["created", "published"]
    assert set(events.documents()) == {"c1"}
    assert len(events.told()) == 1


# ---------------------------------------------------------------- syncs


@pytest.fixture
def integration(hub: Hub) -> str:
    reply = hub.post("/api/v1/custom-integrations", make_integration())
    assert reply.status == 201
    return str(reply.body["id"])


class CannotEnd(Worker):
    """Does everything, and then cannot write that it is done."""

    def _end(self, *_: Any, **__: Any) -> None:
        raise Unavailable("not now")


def jobs_of(event: Any) -> list[str]:
    return [action["id"] for action in results(event)["actions"] if action["outcome"] == "started"]


def test_an_event_starts_a_sync_once(hub: Hub, integration: str) -> None:
    events = Inbound(make_custom(hub, integration, routing=[{**SYNC, "endpointId": "contacts"}]))
    event_id = events.accept([contact("merged"), contact("merged")])

    with recorded() as calls:
        events.work(event_id)

    (job_id,) = jobs_of(events.event(event_id))
    job = hub.get(f"/api/v1/sync-jobs/{job_id}")
    assert (job.status, job.body["status"], job.body["endpointId"]) == (200, "PENDING", "contacts")
    assert job.body["createdBy"] == f"webhook:{integration}"
    assert job_id in [hint["id"] for hint in calls.hints(hub.tenant)]
    assert [told["type"] for told in events.told()].count("sync.started") == 1


def test_an_event_that_is_done_again_starts_no_second_sync(
    hub: Hub, integration: str, stopped_clock: StoppedClock
) -> None:
    events = Inbound(make_custom(hub, integration, routing=[SYNC]))
    event_id = events.accept(contact("merged"))
    events.work(event_id, worker=replace(events, worker_class=CannotEnd).worker())
    assert events.event(event_id)["state"] == "retrying"
    stopped_clock.advance(10)

    events.work(event_id)

    event = events.event(event_id)
    assert (event["state"], len(jobs_of(event))) == ("processed", 1)
    assert [told["type"] for told in events.told()].count("sync.started") == 1


def start_sync(hub: Hub, integration: str) -> str:
    started = hub.post(f"/api/v1/custom-integrations/{integration}/sync", {"endpointId": "contacts"})
    assert started.status == 202
    return str(started.body["id"])


def test_a_sync_that_began_after_the_event_came_is_enough(
    hub: Hub, integration: str, stopped_clock: StoppedClock
) -> None:
    events = Inbound(make_custom(hub, integration, routing=[SYNC]))
    event_id = events.accept(contact("merged"))
    stopped_clock.advance(1)
    start_sync(hub, integration)

    events.work(event_id)

    event = events.event(event_id)
    assert (event["state"], outcomes(event)) == ("processed", ["already_running"])


@pytest.mark.parametrize("asked", [{"params": {"part": "x"}}, {"body": {"part": "x"}}], ids=["params", "body"])
def test_a_sync_of_a_part_is_not_enough(
    hub: Hub, integration: str, stopped_clock: StoppedClock, asked: dict[str, Any]
) -> None:
    events = Inbound(make_custom(hub, integration, routing=[SYNC]))
    event_id = events.accept(contact("merged"))
    stopped_clock.advance(1)
    path = f"/api/v1/custom-integrations/{integration}/sync"
    part = hub.post(path, {"endpointId": "contacts", **asked})

    events.work(event_id)
    waiting = events.event(event_id)["state"]
    assert hub.post(f"/api/v1/sync-jobs/{part.body['id']}/cancel").status == 200
    stopped_clock.advance(10)
    events.work(event_id)

    assert (part.status, waiting) == (202, "retrying")
    assert len(jobs_of(events.event(event_id))) == 1


def test_an_event_that_comes_during_a_sync_waits_for_one_of_its_own(
    hub: Hub, integration: str, stopped_clock: StoppedClock
) -> None:
    events = Inbound(make_custom(hub, integration, routing=[SYNC]))
    earlier = start_sync(hub, integration)
    stopped_clock.advance(1)
    event_id = events.accept(contact("merged"))

    events.work(event_id)
    waiting = events.event(event_id)
    assert hub.post(f"/api/v1/sync-jobs/{earlier}/cancel").status < 300
    stopped_clock.advance(10)
    events.work(event_id)

    event = events.event(event_id)
    assert (waiting["state"], "under way" in waiting["reason"]) == ("retrying", True)
    assert (event["state"], len(jobs_of(event))) == ("processed", 1)


@pytest.mark.parametrize("change", [{"status": "inactive"}, None], ids=["paused", "deleted"])
def test_a_sync_that_cannot_be_started_fails_visibly(hub: Hub, integration: str, change: Any) -> None:
    events = Inbound(make_custom(hub, integration, routing=[SYNC]))
    path = f"/api/v1/custom-integrations/{integration}"
    assert hub.call("PATCH", path, {"status": "active"}).status == 200
    assert (hub.call("PATCH", path, change) if change else hub.call("DELETE", path)).status < 300
    if not change:
        events.posted.change(status="active")  # as a worker may still know it

    event = events.process(contact("merged"))

    assert (event["state"], outcomes(event)) == ("failed", ["failed"])


# ---------------------------------------------------------------- webhook.received


def v1(hub: Hub, **fields: Any) -> Inbound:
    return Inbound(make_v1(hub, **{"eventTypes": ["order.*"], "handlerType": "orders", **fields}))


def announced(calls: Any) -> list[tuple[str, Json]]:
    entries = [entry for call in calls.of("PutEvents") for entry in call["Entries"]]
    return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in entries]


def test_an_endpoint_without_rules_announces_what_it_takes(hub: Hub) -> None:
    events = v1(hub, transformTemplate={"order": "$.data.id", "text": "No. {{$.data.id}}"})
    ids = [events.accept({"type": kind, "data": {"id": 7}}) for kind in ("order.paid", "invoice.paid")]

    with recorded() as calls:
        events.work(*ids)

    ((name, detail),) = announced(calls)
    assert name == "webhook.received"
    assert detail["endpointId"] == events.posted.id
    assert (detail["inboundEventId"], detail["eventType"]) == (ids[0], "order.paid")
    assert detail["data"] == {"order": 7, "text": "No. 7"}
    assert [events.event(each)["state"] for each in ids] == ["processed", "unmatched"]
    assert events.told() == []


def test_an_integration_without_rules_announces_an_event_once(hub: Hub) -> None:
    events = custom(hub)

    with recorded() as calls:
        event = events.process({"type": "order.paid", "id": 7})

    assert [detail["data"] for _, detail in announced(calls)] == [{"type": "order.paid", "id": 7}]
    assert (event["state"], outcomes(event)) == ("processed", ["published"])


def test_an_integration_with_rules_announces_a_body_once(hub: Hub) -> None:
    events = custom(hub, CREATED)

    with recorded() as calls:
        events.process([contact("created", "c1"), contact("created", "c2")])

    assert [len(detail["data"]) for _, detail in announced(calls)] == [2]


def test_events_of_a_batch_are_announced_together(hub: Hub) -> None:
    events = v1(hub)
    ids = [events.accept({"type": "order.paid", "data": {"id": number}}) for number in range(5)]

    with recorded() as calls:
        events.work(*ids)

    assert len(calls.of("PutEvents")) == 1
    assert len(announced(calls)) == 5


def test_what_is_for_a_target_service_goes_through_the_outbox(hub: Hub) -> None:
    events = v1(hub, targetService="billing")

    with recorded() as calls:
        event = events.process([{"type": "order.paid"}, {"type": "order.sent"}])

    told = events.told()
    assert {each["type"] for each in told} == {"webhook.received"}
    assert [data(each)["eventType"] for each in sorted(told, key=lambda each: data(each)["eventType"])] == [
        "order.paid",
        "order.sent",
    ]
    assert {(data(each)["targetService"], data(each)["handlerType"]) for each in told} == {("billing", "orders")}
    assert event["state"] == "processed"
    assert announced(calls) == []


def test_a_target_service_is_told_also_where_rules_make_documents(hub: Hub) -> None:
    events = v1(hub, targetService="billing", routing=[CREATED])

    event = events.process(contact("created", "c1"))

    (told,) = events.told()
    assert (told["type"], data(told)["targetService"]) == ("webhook.received", "billing")
    assert data(told)["data"] == contact("created", "c1")
    assert outcomes(event) == ["created"]


def subscribe(hub: Hub, *event_types: str) -> None:
    item = {
        **key(Tenant(hub.tenant), "subscription", "sub_1"),
        "status": "active",
        "eventTypes": list(event_types),
        "retry": json.dumps(CARDS.stored()),
        "autoDisable": json.dumps(DisableRule().stored()),
    }
    resources().tables.write(Put(resources().tables.config, item))


@pytest.mark.parametrize(("event_type", "is_kept"), [("webhook.received", True), ("*", False), ("webhook.*", False)])
def test_only_a_subscription_that_names_the_type_has_it_kept(hub: Hub, event_type: str, is_kept: bool) -> None:
    subscribe(hub, event_type)
    events = custom(hub, CREATED)

    with recorded() as calls:
        events.process(contact("created", "c1"))

    assert [each["type"] for each in events.told()] == ["webhook.received"] * is_kept
    assert len(announced(calls)) == (not is_kept)


def test_data_that_is_too_large_to_announce_is_left_out(hub: Hub) -> None:
    events = v1(hub, targetService="billing")

    events.process({"type": "order.paid", "x": "y" * 250_000})

    (told,) = events.told()
    assert (data(told)["data"], data(told)["isDataOmitted"]) == (None, True)


def test_a_bus_that_is_away_undoes_nothing(hub: Hub) -> None:
    events = v1(hub)

    with just_before("PutEvents", lose_connection, "events"):
        event = events.process({"type": "order.paid"})

    assert event["state"] == "processed"


@pytest.mark.parametrize("types", [[], ["*"]])
def test_an_endpoint_without_types_takes_everything(hub: Hub, types: list[str]) -> None:
    assert v1(hub, eventTypes=types).process({"x": 1})["state"] == "processed"


def test_forms_are_read_and_typed_by_header(hub: Hub) -> None:
    events = v1(hub, eventTypes=["push.opened"], targetService="billing")
    inner = urlencode({"payload": json.dumps({"action": "opened", "n": 1})}).encode()
    form = {"content-type": "application/x-www-form-urlencoded", "x-github-event": "push"}

    event = events.process(inner, headers=form)

    assert (event["state"], event["eventType"]) == ("processed", "push")
    assert data(events.told()[0])["data"] == {"action": "opened", "n": 1}


# ---------------------------------------------------------------- what the integration may touch


def test_documents_of_types_that_the_integration_may_not_touch_are_refused(hub: Hub) -> None:
    limited = instances.enabled(hub, allowedShardTypes=["company"])
    events = Inbound(
        make_v1(hub, integrationId=limited["id"], routing=[CREATED, {**CREATED, "targetShardTypeId": "company"}])
    )

    ended = events.process(contact("created", "c1", firstName="Ada"))

    shown = {each["outcome"]: each for each in results(ended)["actions"]}
    assert shown.keys() == {"failed", "created"}
    assert "company and nothing else" in shown["failed"]["reason"]
    assert (len(hub.documents("c_contact")), len(hub.documents("company"))) == (0, 1)


def test_integration_without_a_list_may_touch_every_type(hub: Hub) -> None:
    free = instances.enabled(hub)
    events = Inbound(make_v1(hub, integrationId=free["id"], routing=[CREATED]))

    events.process(contact("created", "c1", firstName="Ada"))

    assert len(hub.documents("c_contact")) == 1
