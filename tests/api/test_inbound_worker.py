"""What accepted events become: documents, and what is shown of them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.errors import Conflict
from hub.core.resources import resources
from hub.webhooks.inbound import inbound
from tests.api.conftest import Hub, StoppedClock, just_before, lose_connection
from tests.api.inbound_work import CREATED, DELETED, UPDATED, Inbound, contact, outcomes, results
from tests.api.receiving import make_custom
from tests.api.sync_work import recorded

GUARD = {"versionPath": "$.data.updatedAt"}


def custom(hub: Hub, *rules: Any, **fields: Any) -> Inbound:
    return Inbound(make_custom(hub, routing=list(rules), **fields))


# ---------------------------------------------------------------- documents


def test_created_updated_and_deleted_events_make_change_and_remove_a_document(hub: Hub) -> None:
    events = custom(hub, CREATED, UPDATED, DELETED)

    made = events.process(contact("created", "c1", name="Ada", email="ada@example.com"))
    assert events.documents() == {"c1": {"externalId": "c1", "name": "Ada", "email": "ada@example.com"}}
    changed = events.process(contact("updated", "c1", name="Ada L.", email="ada@example.com"))
    assert events.documents() == {"c1": {"externalId": "c1", "name": "Ada L.", "email": "ada@example.com"}}
    gone = events.process(contact("deleted", "c1"))

    assert events.documents() == {}
    assert [event["state"] for event in (made, changed, gone)] == ["processed"] * 3
    assert [outcomes(event) for event in (made, changed, gone)] == [["created"], ["updated"], ["deleted"]]
    assert made["eventType"] == "contact.created"
    assert results(made)["actions"] == [
        {"event": 0, "rule": 0, "action": "create_shard", "outcome": "created", "type": "c_contact", "id": "c1"}
    ]
    (tombstone,) = hub.documents("c_contact")
    assert tombstone["origin"] == f"webhook:{events.posted.id}"
    assert events.counts() == {"received": 3, "processed": 3}


def test_an_update_keeps_the_fields_that_it_does_not_name(hub: Hub) -> None:
    nested = {**UPDATED, "fieldMappings": [{"source": "$.city", "target": "address.city"}]}
    events = custom(hub, CREATED, nested)
    put = {"content": {"name": "Ada", "address": {"city": "Bath", "zip": "1"}}}
    assert hub.call("PUT", "/api/v1/documents/c_contact/c1", put).status == 201

    events.process(contact("updated", "c1", city="Rome"))

    assert events.documents()["c1"] == {"name": "Ada", "address": {"city": "Rome", "zip": "1"}}


def test_an_update_makes_the_document_that_is_missing(hub: Hub) -> None:
    events = custom(hub, UPDATED)

    event = events.process(contact("updated", 7, name="Ada"))

    assert (events.documents(), outcomes(event)) == ({"7": {"name": "Ada"}}, ["created"])


def test_an_update_without_mappings_puts_the_data_into_the_document(hub: Hub) -> None:
    events = custom(hub, {name: value for name, value in UPDATED.items() if name != "fieldMappings"})

    events.process(contact("updated", "c1", name="Ada", tags=["x"]))
    events.process(contact("updated", "c1", tags=["y"]))

    assert events.documents()["c1"] == {"id": "c1", "name": "Ada", "tags": ["y"]}


def test_deleting_what_is_not_there_is_fine(hub: Hub) -> None:
    event = custom(hub, DELETED).process(contact("deleted", "c9"))

    assert (event["state"], outcomes(event), hub.documents("c_contact")) == ("processed", ["missing"], [])


def test_what_has_not_changed_is_not_written(hub: Hub) -> None:
    events = custom(hub, CREATED, UPDATED)
    events.process(contact("created", "c1", name="Ada"), "first")
    (before,) = hub.documents("c_contact")

    again = events.process(contact("created", "c1", name="Ada"), "second")
    merged = events.process(contact("updated", "c1", name="Ada"), "third")

    assert hub.documents("c_contact") == [before]
    assert [outcomes(again), outcomes(merged)] == [["unchanged"], ["unchanged"]]


@pytest.mark.parametrize(
    ("rule", "data", "document_id"),
    [
        ({"identifierPath": "$.data.key"}, {"id": "x", "key": "k"}, "k"),
        ({"identifierPath": "$.key"}, {"id": "x", "key": "k"}, "k"),
        ({}, {"id": 5}, "5"),
        ({"fieldMappings": [{"source": "$.name", "target": "name"}]}, {"id": "x", "name": "n"}, "x"),
    ],
)
def test_a_document_is_identified_as_the_rule_says(hub: Hub, rule: Any, data: Any, document_id: str) -> None:
    events = custom(hub, {**CREATED, **rule})

    events.process({"event_type": "contact.created", "data": data})

    assert set(events.documents()) == {document_id}


def test_an_event_without_an_identifier_always_makes_the_same_document(hub: Hub) -> None:
    events = custom(hub, {**CREATED, "fieldMappings": [{"source": "$.name", "target": "name"}]})
    event_id = events.accept({"event_type": "contact.created", "data": {"name": "Ada"}})

    events.work(event_id)
    (made,) = events.documents()
    events.process({"event_type": "contact.created", "data": {"name": "Bob"}})

    assert len(made) == 32
    assert {content["name"] for content in events.documents().values()} == {"Ada", "Bob"}


def test_an_identifier_that_is_named_and_missing_fails_visibly(hub: Hub) -> None:
    event = custom(hub, UPDATED).process({"event_type": "contact.updated", "data": {"name": "Ada"}})

    assert (event["state"], hub.documents("c_contact")) == ("failed", [])
    assert "the identifier is missing" in event["reason"]
    assert "dueAt" not in event


def test_mappings_use_every_transform_and_lookups(hub: Hub) -> None:
    company = {"content": {"name": "Acme"}}
    assert hub.call("PUT", "/api/v1/documents/company/k1", company).status == 201
    mappings = [
        {"source": "$.id", "target": "externalId"},
        {"source": "$.n", "target": "n", "transform": {"type": "number"}},
        {
            "source": "$.company",
            "target": "company",
            "transform": {"type": "lookup", "config": {"type": "company", "field": "name"}},
        },
    ]
    events = custom(hub, {**CREATED, "fieldMappings": mappings})

    events.process(contact("created", "c1", n="7", company="k1"))

    assert events.documents()["c1"] == {"externalId": "c1", "n": 7, "company": "Acme"}


def test_a_document_that_is_too_large_fails_and_the_others_are_stored(hub: Hub) -> None:
    events = custom(hub, {**UPDATED, "dataPath": "$.data", "identifierPath": "$.data.id"})
    body = [contact("updated", "c1", name="x" * 310_000), contact("updated", "c2", name="Bob")]

    event = events.process(json.dumps(body).encode()[:-1] + b"]")

    assert event["state"] == "failed"
    assert set(events.documents()) == {"c2"}
    assert results(event)["counts"] == {"failed": 1, "created": 1}


# ---------------------------------------------------------------- many in one body


def test_a_list_is_many_events_each_routed_by_itself(hub: Hub) -> None:
    events = custom(hub, CREATED, UPDATED, DELETED)
    body = [
        contact("created", "c1", name="Ada"),
        contact("updated", "c1", name="Bob"),
        contact("merged", "c1"),
        contact("created", "c2", name="Eve"),
        contact("deleted", "c2"),
    ]

    event = events.process(body)

    assert events.documents() == {"c1": {"externalId": "c1", "name": "Bob"}}
    assert results(event)["counts"] == {"created": 2, "updated": 1, "deleted": 1}
    assert results(event)["unmatched"] == {"contact.merged": 1}
    assert event["state"] == "processed"


def test_a_data_path_that_finds_a_list_makes_many_documents(hub: Hub) -> None:
    rule = {**UPDATED, "dataPath": "$.contacts", "identifierPath": "$.contacts[*].id"}
    events = custom(hub, rule)

    events.process({"event_type": "contact.updated", "contacts": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]})

    assert events.documents() == {"1": {"name": "a"}, "2": {"name": "b"}}


def test_a_body_of_1000_events_takes_few_calls(hub: Hub) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept([contact("created", f"c{number:04}", name="x") for number in range(1000)])

    with recorded() as calls:
        events.work(event_id)

    event = events.event(event_id)
    assert results(event)["counts"] == {"created": 1000}
    assert (len(results(event)["actions"]), results(event)["omitted"]) == (50, 950)
    assert len(events.documents()) == 1000
    assert len(calls) < 70


def test_a_body_of_300_guarded_events_is_written_in_transactions(hub: Hub) -> None:
    events = custom(hub, {**UPDATED, **GUARD})
    event_id = events.accept([contact("updated", f"c{number:04}", name="x", updatedAt=1) for number in range(300)])

    with recorded() as calls:
        events.work(event_id)

    assert len(events.documents()) == 300
    assert len(calls) < 30


# ---------------------------------------------------------------- the version guard


@pytest.mark.parametrize(
    ("newer", "older"), [(2, 1), ("2026-02-01T00:00:00Z", "2026-01-31T23:59:59+00:00"), ("10", 9), (1.5, 1)]
)
def test_an_event_that_is_older_than_the_document_does_not_overwrite_it(hub: Hub, newer: Any, older: Any) -> None:
    events = custom(hub, {**CREATED, **GUARD})
    events.process(contact("created", "c1", name="new", updatedAt=newer))

    late = events.process(contact("created", "c1", name="old", updatedAt=older))

    assert events.documents()["c1"]["name"] == "new"
    assert (late["state"], outcomes(late)) == ("processed", ["stale"])


def test_without_a_guard_the_last_one_wins(hub: Hub) -> None:
    """The control of the tests of the guard."""
    events = custom(hub, CREATED)
    events.process(contact("created", "c1", name="new", updatedAt=2))

    events.process(contact("created", "c1", name="old", updatedAt=1))

    assert events.documents()["c1"]["name"] == "old"


def test_a_newer_version_of_the_same_content_counts_without_a_write_of_the_document(hub: Hub) -> None:
    events = custom(hub, {**CREATED, **GUARD})
    events.process(contact("created", "c1", name="same", updatedAt=1))
    (before,) = hub.documents("c_contact")

    events.process(contact("created", "c1", name="same", updatedAt=3))
    late = events.process(contact("created", "c1", name="old", updatedAt=2))

    (after,) = hub.documents("c_contact")
    assert outcomes(late) == ["stale"]
    assert (after["version"], after["changeKey"]) == (before["version"], before["changeKey"])


def test_a_late_event_does_not_bring_a_deleted_document_back(hub: Hub) -> None:
    events = custom(hub, {**CREATED, **GUARD}, {**DELETED, **GUARD})

    gone = events.process(contact("deleted", "c1", updatedAt=5))
    late = events.process(contact("created", "c1", name="Ada", updatedAt=4))
    assert (outcomes(gone), outcomes(late), events.documents()) == (["missing"], ["stale"], {})
    events.process(contact("created", "c1", name="Ada", updatedAt=6))
    assert set(events.documents()) == {"c1"}


def test_a_users_edit_keeps_the_guard(hub: Hub) -> None:
    events = custom(hub, {**CREATED, **GUARD})
    events.process(contact("created", "c1", name="hook", updatedAt=5))
    assert hub.call("PUT", "/api/v1/documents/c_contact/c1", {"content": {"name": "user"}}).status == 200

    late = events.process(contact("created", "c1", name="old", updatedAt=4))

    assert (outcomes(late), events.documents()["c1"]) == (["stale"], {"name": "user"})


def test_a_guarded_event_without_a_version_fails_visibly(hub: Hub) -> None:
    event = custom(hub, {**CREATED, **GUARD}).process(contact("created", "c1", name="Ada"))

    assert event["state"] == "failed"
    assert "versionPath '$.data.updatedAt'" in event["reason"]


@pytest.mark.parametrize("rule", [{**UPDATED, **GUARD}, UPDATED], ids=["guarded", "merged"])
def test_a_document_that_changes_while_it_is_decided_on_is_decided_on_again(hub: Hub, rule: Any) -> None:
    events = custom(hub, rule)
    events.process(contact("updated", "c1", name="Ada", updatedAt=1))
    rival = events.accept(contact("updated", "c1", email="rival", updatedAt=2))
    event_id = events.accept(contact("updated", "c1", name="Bob", updatedAt=3))

    with just_before("PutItem", lambda: events.work(rival)):
        events.work(event_id)

    assert events.documents()["c1"] == {"name": "Bob", "email": "rival"}


# ---------------------------------------------------------------- what is not processed


def test_an_event_that_no_rule_takes_is_kept_with_its_type(hub: Hub) -> None:
    events = custom(hub, CREATED)

    event = events.process({"event_type": "invoice.paid"})

    assert (event["state"], event["eventType"]) == ("unmatched", "invoice.paid")
    assert event["reason"] == "No rule takes an event of the type 'invoice.paid'."
    assert events.process({"id": 1})["reason"] == "No rule takes an event without a type."
    assert events.counts() == {"received": 2, "unmatched": 2}


@pytest.mark.parametrize(
    "body", [b'{"event_type": ', b"[" * 100, b'{"a": 1e999}', b'{"a": "\\ud800"}', b"{\xff}"], ids=range(5)
)
def test_a_body_that_cannot_be_read_fails_with_the_reason(hub: Hub, body: bytes) -> None:
    event = custom(hub, CREATED).process(body)

    assert event["state"] == "failed"
    assert event["reason"].startswith("The body ")


def test_an_event_of_a_deleted_endpoint_fails_with_the_reason(hub: Hub) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept(contact("created"))
    events.posted.change(status="deleted")

    events.work(event_id)

    assert events.event(event_id)["reason"] == "The endpoint was deleted before the event was processed."


def test_a_rule_that_searches_for_ever_is_stopped(hub: Hub) -> None:
    rule = {**CREATED, "eventTypePath": "$..*..*..*..*..*..type"}
    deep: Any = 0
    for _ in range(60):
        deep = [deep]

    event = custom(hub, rule).process({"list": deep})

    assert event["state"] == "failed"
    assert "visits more than" in event["reason"]


def test_rules_that_take_too_long_for_a_body_are_stopped(hub: Hub) -> None:
    """Each event may be cheap enough: a list of them must not keep a worker from what others sent."""
    events = custom(hub, CREATED)
    event_id = events.accept([contact("created", f"c{number}") for number in range(20)])
    ticks = iter(range(1000))

    events.work(event_id, worker=replace(events.worker(), cpu_s=lambda: float(next(ticks))))

    assert "take more than 10 s" in events.event(event_id)["reason"]
    assert events.documents() == {}


def test_a_body_in_the_bucket_is_processed_and_a_missing_one_fails(hub: Hub) -> None:
    events = custom(hub, CREATED)
    found, tenant = resources(), Tenant(hub.tenant)
    headers = {"content-type": "application/json"}
    for name in ("there", "gone"):
        event = inbound.new(
            tenant, events.posted.id, inbound.event_id(name), headers=headers, blob_key=f"inbound/{name}", keep_days=1
        )
        found.tables.write(inbound.write(found.tables, event))
    body = json.dumps(contact("created", "c1", name="Ada")).encode()
    found.s3.put_object(Bucket=found.settings.blob_bucket, Key="inbound/there", Body=body)

    events.work(*map(inbound.event_id, ("there", "gone")))

    states = [events.event(inbound.event_id(name))["state"] for name in ("there", "gone")]
    assert states == ["processed", "failed"]
    assert set(events.documents()) == {"c1"}


# ---------------------------------------------------------------- again and later


def test_a_call_that_fails_is_tried_again_and_at_last_given_up(hub: Hub, stopped_clock: StoppedClock) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept(contact("created"))
    waits = []

    for _ in range(5):
        with recorded() as calls, just_before("BatchGetItem", lose_connection):
            events.work(event_id)
        waits += [hint["delay"] for hint in calls.hints(hub.tenant)]
        event = events.event(event_id)
        stopped_clock.advance(900)

    assert waits == [5, 30, 180, 600]
    assert (event["state"], event["attempts"], "dueAt" in event) == ("failed", 5, False)
    assert event["reason"] == "Gave up after 5 tries. Storage failed (EndpointConnectionError)."
    assert events.counts() == {"received": 1, "failed": 1}


def test_a_hint_that_comes_early_or_again_changes_nothing(hub: Hub, stopped_clock: StoppedClock) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept(contact("created"))
    with just_before("BatchGetItem", lose_connection):
        events.work(event_id)
    waiting = events.event(event_id)

    events.work(event_id)
    assert events.event(event_id) == waiting
    stopped_clock.advance(5)
    events.work(event_id)
    done = events.event(event_id)
    events.work(event_id, event_id)

    assert (waiting["state"], done["state"], events.event(event_id)) == ("retrying", "processed", done)
    assert events.counts() == {"received": 1, "processed": 1}


def test_workers_that_are_stopped_five_times_end_the_event(hub: Hub, stopped_clock: StoppedClock) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept(contact("created"))
    where = inbound.place(events.tenant, events.posted.id, event_id)
    for number in range(5):
        assert inbound.claim(resources().tables, where, f"w{number}") is not None
        assert inbound.claim(resources().tables, where, "rival") is None
        stopped_clock.advance(inbound.LEASE_S + 1)

    events.work(event_id)

    assert events.event(event_id)["reason"] == "Gave up: 5 workers were stopped while they worked on it."


def test_a_worker_that_lost_its_lease_ends_nothing(hub: Hub, stopped_clock: StoppedClock) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept(contact("created", name="Ada"))

    def overtake() -> None:
        stopped_clock.advance(inbound.LEASE_S + 1)
        events.work(event_id)

    with just_before("TransactWriteItems", overtake):
        events.work(event_id)

    assert events.event(event_id)["state"] == "processed"
    assert events.counts() == {"received": 1, "processed": 1}


def test_an_event_is_left_to_the_next_run_when_time_is_short(hub: Hub) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept(contact("created"))

    with recorded() as calls:
        events.work(event_id, worker=events.worker(remaining_ms=10_000))

    assert events.event(event_id)["state"] == "queued"
    assert [hint["id"] for hint in calls.hints(hub.tenant)] == [f"{events.posted.id}/{event_id}"]


def test_a_replay_applies_the_routing_of_today_and_keeps_what_was(hub: Hub) -> None:
    events = custom(hub, UPDATED)
    event = events.process(contact("created", "c1", name="Ada"))
    assert event["state"] == "unmatched"
    events.posted.change(routing=json.dumps([CREATED]))

    again = events.replay(event["sk"])

    assert (again["state"], again["replays"], again["attempts"]) == ("processed", 1, 1)
    assert [past["state"] for past in inbound.history(again)] == ["unmatched"]
    assert set(events.documents()) == {"c1"}
    assert events.counts() == {"received": 1, "processed": 1}


def test_an_event_that_is_still_open_cannot_be_replayed(hub: Hub) -> None:
    events = custom(hub, CREATED)
    event = events.event(events.accept(contact("created")))

    with pytest.raises(Conflict):
        inbound.requeue(resources().tables, event)


def test_an_endpoint_is_read_once_in_ten_seconds(hub: Hub) -> None:
    events = custom(hub, CREATED)
    ids = [events.accept(contact("created", f"c{number}")) for number in range(3)]
    worker = events.worker()

    with recorded() as calls:
        events.work(*ids, worker=worker)

    assert len(calls.of("GetItem")) == 1


def test_the_function_handles_a_batch_and_fails_what_it_cannot_read(hub: Hub) -> None:
    events = custom(hub, CREATED)
    event_id = events.accept(contact("created", "c1"))
    bodies = [events.hint(event_id).text(), "{}", "no json"]
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    context = type("Context", (), {"get_remaining_time_in_millis": staticmethod(lambda: 60_000)})

    with hub.cloud.running("InboundWorker"):
        answer = hub.cloud.handler("InboundWorker")({"Records": records}, context)

    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["1", "2"]
    assert events.event(event_id)["state"] == "processed"


def test_an_event_that_expired_or_never_was_is_no_failure(hub: Hub) -> None:
    events = custom(hub, CREATED)

    events.work(inbound.event_id("nobody"))

    assert events.documents() == {}
