"""What endpoints received: lists, one event with its body, and one or many processed again."""

import json
from typing import Any

import pytest

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.webhooks import counters
from hub.webhooks.endpoints.endpoint_models import ReceivedEvent, ReceivedPage
from hub.webhooks.inbound import received
from hub.webhooks.recovery.redo_models import RedoJob
from tests.api.conftest import Hub, StoppedClock, make_integration
from tests.api.inbound_endpoints import CUSTOM, ENDPOINTS, Json, create, receive
from tests.api.sync_work import recorded


def events_of(hub: Hub, endpoint_id: str, **query: Any) -> Json:
    reply = hub.get(f"{ENDPOINTS}/{endpoint_id}/events", query=query)
    assert reply.status == 200, reply.body
    ReceivedPage.model_validate(reply.body)
    body: Json = reply.body
    return body


def event_of(hub: Hub, endpoint_id: str, event_id: str) -> Json:
    reply = hub.get(f"{ENDPOINTS}/{endpoint_id}/events/{event_id}")
    assert reply.status == 200, reply.body
    ReceivedEvent.model_validate(reply.body)
    body: Json = reply.body
    return body


def ids(page: Json) -> list[str]:
    return [each["id"] for each in page["data"]]


@pytest.fixture
def endpoint_id(hub: Hub) -> str:
    return str(create(hub)["id"])


@pytest.fixture
def ten(hub: Hub, endpoint_id: str, stopped_clock: StoppedClock) -> list[Item]:
    """Ten events, oldest first; every third has failed."""
    made = []
    for number in range(10):
        stopped_clock.advance(1)
        failed = number % 3 == 0
        state = {"state": "failed", "reason": "no id"} if failed else {}
        made.append(receive(hub, endpoint_id, str(number), eventType="odd" if number % 2 else "even", **state))
    return made


# Lists


def test_events_are_listed_newest_first_page_by_page(hub: Hub, endpoint_id: str, ten: list[Item]) -> None:
    found, query = [], {"limit": 4}
    while True:
        page = events_of(hub, endpoint_id, **query)
        found += ids(page)
        if not page["hasMore"]:
            break
        query = {"limit": 4, "cursor": page["nextCursor"]}

    assert found == [item["sk"] for item in reversed(ten)]


def test_event_in_a_list_says_what_became_of_it(hub: Hub, endpoint_id: str) -> None:
    item = receive(hub, endpoint_id, "a", state="failed", reason="no id", attempts=2)

    assert events_of(hub, endpoint_id)["data"] == [
        {
            "id": item["sk"],
            "endpointId": endpoint_id,
            "status": "failed",
            "eventType": "order.created",
            "receivedAt": item["receivedAt"],
            "contentType": "application/json",
            "bodyBytes": 9,
            "sourceIp": "192.0.2.7",
            "attempts": 2,
            "replays": 0,
            "reason": "no id",
            "endedAt": item["endedAt"],
        }
    ]


def test_filters_leave_the_order_and_the_cursor_as_they_are(hub: Hub, endpoint_id: str, ten: list[Item]) -> None:
    wanted = [item["sk"] for item in reversed(ten) if item["state"] == "failed"]

    first = events_of(hub, endpoint_id, status="failed", limit=3)
    second = events_of(hub, endpoint_id, status="failed", limit=3, cursor=first["nextCursor"])

    assert [*ids(first), *ids(second)] == wanted
    both = [item["sk"] for item in reversed(ten) if (item["state"], item["eventType"]) == ("failed", "odd")]
    assert ids(events_of(hub, endpoint_id, status="failed", eventType="odd")) == both
    assert ids(events_of(hub, endpoint_id, eventType="none")) == []


@pytest.mark.usefixtures("ten")
def test_filter_that_leaves_nothing_reads_no_more_than_its_bound(
    hub: Hub, endpoint_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "MAX_LIMIT", 2)
    monkeypatch.setattr(received, "MOST_LOOKED_AT", 4)

    page = events_of(hub, endpoint_id, eventType="none", limit=2)

    assert (page["data"], page["hasMore"]) == ([], True)


def test_filtered_page_of_one_reads_its_keys_in_large_pieces(hub: Hub, endpoint_id: str, ten: list[Item]) -> None:
    with recorded() as calls:
        page = events_of(hub, endpoint_id, status="failed", limit=1)

    following = events_of(hub, endpoint_id, status="failed", limit=1, cursor=page["nextCursor"])
    assert len(calls.of("Query")) == 1
    assert [ids(page), ids(following)] == [[ten[9]["sk"]], [ten[6]["sk"]]]


def test_events_of_a_custom_integration_are_found_by_its_id(hub: Hub) -> None:
    made = hub.post(CUSTOM, make_integration(webhookConfig={})).body
    item = receive(hub, made["id"], "a")

    assert ids(events_of(hub, made["id"])) == [item["sk"]]
    assert event_of(hub, made["id"], item["sk"])["endpointId"] == made["id"]


@pytest.mark.usefixtures("ten")
def test_unknown_status_and_foreign_cursor_are_a_400(hub: Hub, other_hub: Hub, endpoint_id: str) -> None:
    cursor = events_of(hub, endpoint_id, limit=2)["nextCursor"]
    theirs, mine = create(other_hub)["id"], create(hub, "second")["id"]

    assert hub.get(f"{ENDPOINTS}/{endpoint_id}/events", query={"status": "lost"}).status == 400
    assert hub.get(f"{ENDPOINTS}/{mine}/events", query={"cursor": cursor}).status == 400
    assert other_hub.get(f"{ENDPOINTS}/{theirs}/events", query={"cursor": cursor}).status == 400


# One event


def test_event_shows_headers_body_and_results(hub: Hub, endpoint_id: str) -> None:
    results = {"counts": {"created": 1}, "actions": [], "omitted": 0, "unmatched": {}}
    item = receive(hub, endpoint_id, "a", results=json.dumps(results))

    found = event_of(hub, endpoint_id, item["sk"])

    assert found["headers"] == {"content-type": "application/json", "x-event-type": "order.created"}
    assert (found["body"], found["bodyEncoding"], found["isBodyCut"]) == ('{"id": 1}', "text", False)
    assert (found["results"], found["history"], found["nextAttemptAt"]) == (results, [], None)


def test_waiting_event_says_when_it_is_tried_again(hub: Hub, endpoint_id: str) -> None:
    at = clock.epoch_s() // 1 + 60
    item = receive(hub, endpoint_id, "a", state="retrying", nextAttemptAt=int(at * 1000), endedAt=None)

    assert event_of(hub, endpoint_id, item["sk"])["nextAttemptAt"] == clock.iso(at)


def test_body_that_is_no_text_is_shown_as_base64(hub: Hub, endpoint_id: str) -> None:
    item = receive(hub, endpoint_id, "a", body=b"\xff\x00", bodyBytes=2)

    found = event_of(hub, endpoint_id, item["sk"])

    assert (found["body"], found["bodyEncoding"]) == ("/wA=", "base64")


def test_large_body_comes_from_the_bucket_and_is_cut_between_two_characters(hub: Hub, endpoint_id: str) -> None:
    body = b"x" + "ä".encode() * 200_000
    resources().s3.put_object(Bucket=resources().settings.blob_bucket, Key="inbound/large", Body=body)
    item = receive(hub, endpoint_id, "a", body=None, blobKey="inbound/large", bodyBytes=len(body))

    found = event_of(hub, endpoint_id, item["sk"])

    assert (found["bodyEncoding"], found["isBodyCut"], found["bodyBytes"]) == ("text", True, len(body))
    assert found["body"] == "x" + "ä" * ((received.MOST_BODY_BYTES - 1) // 2)


def test_body_that_the_bucket_has_let_go_is_shown_as_cut(hub: Hub, endpoint_id: str) -> None:
    item = receive(hub, endpoint_id, "a", body=None, blobKey="inbound/gone", bodyBytes=400_000)

    found = event_of(hub, endpoint_id, item["sk"])

    assert (found["body"], found["isBodyCut"]) == ("", True)


def test_event_of_another_endpoint_is_not_found(hub: Hub, other_hub: Hub, endpoint_id: str) -> None:
    item = receive(hub, endpoint_id, "a")
    others = [(hub, create(hub, "second")["id"]), (other_hub, create(other_hub)["id"]), (other_hub, endpoint_id)]

    for asking, other_id in others:
        assert asking.get(f"{ENDPOINTS}/{other_id}/events/{item['sk']}").status == 404
        assert asking.post(f"{ENDPOINTS}/{other_id}/events/{item['sk']}/replay").status == 404
    assert event_of(hub, endpoint_id, item["sk"])["id"] == item["sk"]


# Again


def test_replay_queues_the_event_again_and_hints_at_it(hub: Hub, endpoint_id: str) -> None:
    item = receive(hub, endpoint_id, "a", state="failed", reason="no id")

    with recorded() as calls:
        reply = hub.post(f"{ENDPOINTS}/{endpoint_id}/events/{item['sk']}/replay")

    assert (reply.status, reply.body["status"], reply.body["replays"]) == (202, "queued", 1)
    shown = event_of(hub, endpoint_id, item["sk"])
    assert (shown["status"], shown["reason"], [each["state"] for each in shown["history"]]) == (
        "queued",
        None,
        ["failed"],
    )
    (hint,) = calls.hints(hub.tenant, "Inbound")
    assert hint["id"] == f"{endpoint_id}/{item['sk']}"
    assert hub.audit_entries()[-1]["action"] == "inbound_event.replayed"


def test_event_that_is_still_open_is_not_replayed(hub: Hub, endpoint_id: str) -> None:
    item = receive(hub, endpoint_id, "a", state="queued", endedAt=None)

    reply = hub.post(f"{ENDPOINTS}/{endpoint_id}/events/{item['sk']}/replay")

    assert (reply.status, reply.code) == (409, "CONFLICT")


def test_replayed_event_is_where_it_was_in_the_list(hub: Hub, endpoint_id: str, ten: list[Item]) -> None:
    hub.post(f"{ENDPOINTS}/{endpoint_id}/events/{ten[0]['sk']}/replay")

    assert ids(events_of(hub, endpoint_id)) == [item["sk"] for item in reversed(ten)]


def test_span_of_time_is_replayed_by_a_job_that_can_be_cancelled(hub: Hub, endpoint_id: str) -> None:
    path = f"{ENDPOINTS}/{endpoint_id}/replays"

    started = hub.post(path, {"since": "2026-01-01T00:00:00Z", "status": ["failed"]})
    one = f"{path}/{started.body['id']}"
    cancelled = hub.post(f"{one}/cancel")

    assert (started.status, started.body["status"], started.body["endpointId"]) == (202, "RUNNING", endpoint_id)
    assert (cancelled.status, cancelled.body["status"]) == (200, "CANCELLED")
    assert hub.get(one).body == cancelled.body
    for body in (started.body, cancelled.body):
        RedoJob.model_validate(body)
    assert hub.post(f"{one}/cancel").status == 409


@pytest.mark.parametrize(
    ("pointer", "body"),
    [
        ("/since", {}),
        ("/since", {"since": "yesterday"}),
        ("/since", {"since": "2999-01-01T00:00:00Z"}),
        ("/status/0", {"since": "2026-01-01T00:00:00Z", "status": ["queued"]}),
        ("/ratePerSecond", {"since": "2026-01-01T00:00:00Z", "ratePerSecond": 0}),
    ],
)
def test_wrong_span_is_refused_at_its_place(hub: Hub, endpoint_id: str, pointer: str, body: Json) -> None:
    reply = hub.post(f"{ENDPOINTS}/{endpoint_id}/replays", body)

    assert reply.status == 400
    assert [each["pointer"] for each in reply.body["error"]["details"]["problems"]] == [pointer]


def test_totals_of_the_worker_are_shown_with_the_endpoint(hub: Hub, endpoint_id: str) -> None:
    tables, tenant, at = resources().tables, Tenant(hub.tenant), "2026-11-21T10:00:00.000Z"
    added = {"received": 3, "processed": 2, "failed": 1}
    tables.write(counters.write(tables.activity, tenant, endpoint_id, added, {"lastReceivedAt": at}, 30, 0))

    shown = [hub.get(f"{ENDPOINTS}/{endpoint_id}").body, hub.get(ENDPOINTS).body["data"][0]]

    names = ("totalReceived", "totalProcessed", "totalFailed", "lastReceivedAt")
    assert [[each[name] for name in names] for each in shown] == [[3, 2, 1, at]] * 2
