"""Deliveries of a subscription as S004 writes them: pages, filters, attempts; and what a user does to one."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.tables import key
from hub.webhooks import counters
from hub.webhooks.deliveries import delivery_lists, failures
from hub.webhooks.deliveries.delivery_models import Delivery, DeliveryPage
from hub.webhooks.subscriptions import subscriptions
from tests.api.conftest import Hub, StoppedClock
from tests.api.subscriptions import PATH, URL, Json, attempted, deliver, hints, put, subscribe, tables

STATES = ("queued", "delivering", "retrying", "delivered", "failed", "skipped", "cancelled")


def page(hub: Hub, made: Json, **query: Any) -> Json:
    reply = hub.get(f"{PATH}/{made['id']}/deliveries", query=query)
    assert reply.status == 200, reply.body
    DeliveryPage.model_validate(reply.body)
    body: Json = reply.body
    return body


def all_pages(hub: Hub, made: Json, **query: Any) -> list[Json]:
    found: list[Json] = []
    body = page(hub, made, **query)
    while body["hasMore"]:
        found.append(body)
        body = page(hub, made, **query, cursor=body["nextCursor"])
    return [*found, body]


def ids(pages: list[Json]) -> list[str]:
    return [each["id"] for body in pages for each in body["data"]]


def test_row_shows_the_last_attempt(hub: Hub) -> None:
    made = subscribe(hub)
    at = 1_800_000_000_000
    delivery = deliver(hub, made, state="retrying", attempts=2, nextAttemptAt=at, reason="waits for its next try")
    attempted(hub, delivery, 1, status=500)
    attempted(hub, delivery, 2, status=503)

    (row,) = page(hub, made)["data"]

    assert row == {
        "id": delivery["sk"],
        "subscriptionId": made["id"],
        "eventType": "contact.created",
        "eventId": delivery["eventId"],
        "payload": {"contactId": "c1"},
        "attemptNumber": 2,
        "requestUrl": URL,
        "requestHeaders": {"webhook-id": delivery["eventId"]},
        "requestBody": "{}",
        "responseStatus": 503,
        "responseHeaders": {"x-a": "b"},
        "responseBody": "fine",
        "responseTimeMs": 12,
        "status": "RETRYING",
        "errorMessage": "The receiver answered 503.",
        "nextRetryAt": "2027-01-15T08:00:00.000Z",
        "createdAt": delivery["createdAt"],
        "state": "retrying",
        "reason": "waits for its next try",
        "attemptCount": 2,
        "isTest": False,
        "updatedAt": delivery["updatedAt"],
        "deliveredAt": None,
    }


def test_delivery_that_was_never_tried_shows_where_it_will_go(hub: Hub) -> None:
    made = subscribe(hub)
    deliver(hub, made)

    (row,) = page(hub, made)["data"]

    shown = (
        "status",
        "attemptNumber",
        "attemptCount",
        "requestUrl",
        "requestHeaders",
        "responseStatus",
        "errorMessage",
    )
    assert [row[name] for name in shown] == ["PENDING", 1, 0, URL, None, None, None]


def test_states_are_told_in_the_words_of_the_specification(hub: Hub) -> None:
    made = subscribe(hub)
    for state in STATES:
        deliver(hub, made, state=state, reason=f"why {state}")

    rows = {row["state"]: row for row in page(hub, made)["data"]}

    status = ["PENDING", "PENDING", "RETRYING", "DELIVERED", "FAILED", "FAILED", "FAILED"]
    assert [rows[state]["status"] for state in STATES] == status
    told = [rows[state]["errorMessage"] for state in STATES]
    assert told == [None, None, "why retrying", None, "why failed", "why skipped", "why cancelled"]


def test_pages_go_on_newest_first_without_gaps(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = subscribe(hub)
    wanted = []
    for _ in range(7):
        stopped_clock.advance(1)
        wanted.append(deliver(hub, made)["sk"])

    pages = all_pages(hub, made, limit=3)

    assert ids(pages) == wanted[::-1]
    assert [len(body["data"]) for body in pages] == [3, 3, 1]


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ({"status": "PENDING"}, {"queued", "delivering"}),
        ({"status": "failed"}, {"failed", "skipped", "cancelled"}),
        ({"status": "DELIVERED"}, {"delivered"}),
        ({"status": "skipped"}, {"skipped"}),
        ({"eventType": "card.viewed"}, set()),
        ({"eventType": "contact.created"}, set(STATES)),
        ({"eventType": "CONTACT_CREATED", "status": "RETRYING"}, {"retrying"}),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
def test_filters_leave_what_they_name(hub: Hub, query: Json, states: set[str]) -> None:
    made = subscribe(hub)
    for state in STATES:
        deliver(hub, made, state=state, sent_as="CONTACT_CREATED")

    found = all_pages(hub, made, **query, limit=2)

    assert {row["state"] for body in found for row in body["data"]} == states


def test_filtered_page_reads_only_so_much_and_goes_on(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """One failure among thousands of deliveries must not make a request read them all."""
    monkeypatch.setattr(delivery_lists, "READ", 2)
    monkeypatch.setattr(delivery_lists, "MOST_READS", 2)
    made = subscribe(hub)
    failed = deliver(hub, made, state="failed")
    for _ in range(9):
        deliver(hub, made, state="delivered")

    pages = all_pages(hub, made, status="failed")

    assert ids(pages) == [failed["sk"]]
    assert len(pages) >= 3
    assert all(len(body["data"]) <= 1 for body in pages)


def test_page_ends_early_when_the_answer_gets_too_long(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_lists, "MOST_ANSWER_BYTES", 25_000)
    made = subscribe(hub)
    for _ in range(4):
        deliver(hub, made, data={"text": "x" * 10_000})

    pages = all_pages(hub, made)

    assert [len(body["data"]) for body in pages] == [2, 2]
    assert len(set(ids(pages))) == 4


def test_payload_that_is_longer_than_an_answer_is_shown_all_the_same(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_lists, "MOST_ANSWER_BYTES", 1)
    made = subscribe(hub)
    deliver(hub, made)
    deliver(hub, made)

    assert [len(body["data"]) for body in all_pages(hub, made)] == [1, 1]


def test_expanded_list_has_every_attempt(hub: Hub) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, state="failed", attempts=2)
    attempted(hub, delivery, 1, status=500, why="tried again in 60 s")
    attempted(hub, delivery, 2, status=503)

    plain, expanded = page(hub, made)["data"][0], page(hub, made, expand="attempts")["data"][0]

    assert "attempts" not in plain
    assert [(each["attemptNumber"], each["responseStatus"], each["why"]) for each in expanded["attempts"]] == [
        (1, 500, "tried again in 60 s"),
        (2, 503, ""),
    ]


def test_one_delivery_has_its_attempts_inside(hub: Hub) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, state="failed", attempts=1)
    attempted(hub, delivery, status=500, response=None, error="Timed out after 10 s.")

    reply = hub.get(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}")

    Delivery.model_validate(reply.body)
    (attempt,) = reply.body["attempts"]
    assert (attempt["responseStatus"], attempt["errorMessage"], attempt["outcome"]) == (
        None,
        "Timed out after 10 s.",
        "failed",
    )


def test_attempts_are_the_latest_that_an_answer_can_hold(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_lists, "MOST_ATTEMPTS_BYTES", 500)
    made = subscribe(hub)
    delivery = deliver(hub, made, state="failed", attempts=9)
    for number in range(1, 10):
        attempted(hub, delivery, number, status=500)

    body = hub.get(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}").body

    assert [each["attemptNumber"] for each in body["attempts"]] == [8, 9]
    assert body["attemptCount"] == 9


def test_event_that_is_no_longer_kept_leaves_an_empty_payload(hub: Hub) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, eventId="evt_gone")

    assert hub.get(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}").body["payload"] is None


@pytest.mark.parametrize("query", [{"status": "LOST"}, {"limit": "0"}, {"limit": "101"}, {"cursor": "xyz"}], ids=str)
def test_bad_query_is_refused(hub: Hub, query: Json) -> None:
    made = subscribe(hub)

    reply = hub.get(f"{PATH}/{made['id']}/deliveries", query=query)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")


def test_cursor_of_another_subscription_is_refused(hub: Hub) -> None:
    made, other = subscribe(hub), subscribe(hub)
    for _ in range(2):
        deliver(hub, made)
    cursor = page(hub, made, limit=1)["nextCursor"]

    assert hub.get(f"{PATH}/{other['id']}/deliveries", query={"cursor": cursor}).status == 400
    assert len(page(hub, made, cursor=cursor)["data"]) == 1  # the control


@pytest.mark.parametrize("state", ["failed", "skipped", "cancelled", "delivered", "retrying"])
def test_retry_queues_a_delivery_with_all_its_tries(hub: Hub, state: str) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, state=state, attempts=3, nextAttemptAt=9_000_000_000_000)

    reply = hub.post(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}/retry")

    assert (reply.status, reply.body["status"], reply.body["attemptCount"]) == (200, "PENDING", 3)
    after = tables().activity.get({"pk": delivery["pk"], "sk": delivery["sk"]})
    assert after
    assert (after["state"], after["roundFrom"], after["nextAttemptAt"]) == ("queued", 3, 0)
    assert "dueAt" in after
    assert hints(hub) == [{"tenant": hub.tenant, "id": f"{made['id']}/{delivery['sk']}"}]
    assert [each["action"] for each in hub.audit_entries()][1:] == ["delivery.retried"]


def test_delivery_that_is_under_way_is_not_retried(hub: Hub) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, state="delivering")

    reply = hub.post(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}/retry")

    assert (reply.status, reply.code) == (409, "CONFLICT")


def test_nothing_is_retried_for_a_paused_subscription(hub: Hub) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, state="failed")
    put(hub, made, isEnabled=False)

    refused = hub.post(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}/retry")
    recovered = hub.post(f"{PATH}/{made['id']}/recover", {"since": "2026-01-01T00:00:00Z"})

    assert [(each.status, each.code) for each in (refused, recovered)] == [(409, "CONFLICT")] * 2


@pytest.mark.parametrize("state", ["queued", "retrying", "delivering"])
def test_cancel_ends_a_delivery(hub: Hub, state: str) -> None:
    made = subscribe(hub)
    delivery = deliver(hub, made, state=state)

    reply = hub.post(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}/cancel")

    assert (reply.status, reply.body["state"], reply.body["status"]) == (200, "cancelled", "FAILED")
    after = tables().activity.get({"pk": delivery["pk"], "sk": delivery["sk"]})
    assert after
    assert (after["state"], "dueAt" in after) == ("cancelled", False)
    again = hub.post(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}/cancel")
    assert (again.status, again.code) == (409, "CONFLICT")


def test_delivery_of_another_tenant_answers_as_a_missing_one(hub: Hub, other_hub: Hub) -> None:
    made, theirs = subscribe(hub), subscribe(other_hub)
    delivery = deliver(hub, made, state="failed")
    base = f"{PATH}/{theirs['id']}/deliveries"

    for method, end in (("GET", ""), ("POST", "/retry"), ("POST", "/cancel")):
        foreign = other_hub.call(method, f"{base}/{delivery['sk']}{end}")
        absent = other_hub.call(method, f"{base}/dlv_00000000000000000000000000{end}")
        for reply in (foreign, absent):
            reply.body["error"].pop("requestId")
        assert (foreign.status, foreign.body) == (404, absent.body)
    assert hub.get(f"{PATH}/{made['id']}/deliveries/{delivery['sk']}").status == 200


def test_counters_and_failures_in_a_row_are_shown(hub: Hub) -> None:
    made = subscribe(hub)
    tenant, times = Tenant(hub.tenant), {"lastFailureAt": "2026-11-20T10:00:00.000Z"}
    for shard in (0, 3):
        tables().write(
            counters.write(tables().activity, tenant, made["id"], {"sent": 2, "failed": 1}, times, 30, shard)
        )

    one, (listed,) = hub.get(f"{PATH}/{made['id']}").body, hub.get(PATH).body["data"]

    names = ("totalSent", "totalDelivered", "totalFailed", "lastFailureAt", "lastSuccessAt")
    assert [one[name] for name in names] == [4, 0, 2, "2026-11-20T10:00:00.000Z", None]
    assert listed == one


def test_enabling_a_disabled_subscription_forgets_its_failures(hub: Hub) -> None:
    made = subscribe(hub)
    tenant = Tenant(hub.tenant)
    failed = {"2026-11-20T10:00:00.000Z dlv_1#1", "2026-11-20T10:00:01.000Z dlv_1#2"}
    disabled = {"status": "disabled", "reason": "Ten failures in a row.", "at": "2026-11-20T10:00:02.000Z"}
    place = key(tenant, subscriptions.KIND, made["id"])
    tables().activity.update(key(tenant, failures.KIND, made["id"]), "ADD failed :failed", {"failed": failed})
    tables().config.update(
        place, "SET status = :status, disabledReason = :reason, disabledAt = :at", disabled, "attribute_exists(pk)"
    )
    before = hub.get(f"{PATH}/{made['id']}").body

    after = put(hub, made, isEnabled=True).body

    seen = ("status", "consecutiveFailures", "disabledReason")
    assert [before[name] for name in seen] == ["DISABLED", 2, "Ten failures in a row."]
    assert [after[name] for name in seen] == ["ACTIVE", 0, None]
    shown = hub.get(f"{PATH}/{made['id']}").body
    assert [shown[name] for name in seen] == ["ACTIVE", 0, None]


def test_configuration_sent_back_leaves_a_disabled_subscription_disabled(hub: Hub) -> None:
    made = subscribe(hub)
    place = key(Tenant(hub.tenant), subscriptions.KIND, made["id"])
    tables().config.update(place, "SET status = :status, disabledReason = :r", {"status": "disabled", "r": "410"})

    changed = put(hub, made, name="other").body

    assert (changed["status"], changed["disabledReason"], changed["name"]) == ("DISABLED", "410", "other")
