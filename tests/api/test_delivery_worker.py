"""The states of a delivery and the edges between them, one hint at a time."""

import json
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hub.core.errors import Refused, Retryable, TargetForbidden
from hub.core.resources import resources
from hub.outbound.calls import NeverSent
from hub.webhooks.deliveries import deliveries
from hub.webhooks.subscriptions.subscriptions import DisableRule, RetryRule
from tests.api.conftest import Hub, StoppedClock, just_before
from tests.api.delivery_work import SECRET, URL, Outbound, Receiver, answer, fails_with
from tests.api.sync_work import recorded


@pytest.fixture
def outbound(hub: Hub, stopped_clock: StoppedClock) -> Outbound:  # noqa: ARG001 - time stands still
    return Outbound(hub, Receiver())


def test_delivery_is_sent_signed_and_recorded(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    delivery = outbound.publish(subscription, {"name": "Ada"})

    outbound.work(delivery)

    (call,) = outbound.receiver.calls
    assert call.url == URL
    body = json.loads(call.content or b"")
    assert body == {
        "id": delivery["eventId"],
        "type": "contact.created",
        "timestamp": delivery["createdAt"],
        "data": {"name": "Ada"},
    }
    after = outbound.now(delivery)
    assert (after["state"], after["attempts"], after["lastStatus"]) == ("delivered", 1, 204)
    assert "dueShard" not in after
    (attempt,) = outbound.attempts(delivery)
    assert (attempt.number, attempt.outcome, attempt.duration_ms, attempt.error) == (1, "delivered", 7, "")
    assert attempt.request["body"] == (call.content or b"").decode()
    counts = outbound.counts(subscription)
    assert counts.numbers == {"sent": 1, "delivered": 1}
    assert counts.time("lastSuccessAt") == counts.time("lastTriggeredAt")


def test_repeated_hint_sends_nothing(outbound: Outbound) -> None:
    delivery = outbound.publish(outbound.subscribe())

    outbound.work(delivery, delivery)
    outbound.worker = outbound.new_worker()
    outbound.work(delivery)

    assert len(outbound.receiver.calls) == 1


def test_failed_delivery_is_tried_by_its_rule_and_then_fails(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    outbound.receiver.always = answer(500, b"broken")
    delivery = outbound.publish(outbound.subscribe())
    waits = []

    for _ in range(4):
        outbound.work(delivery)
        due_ms = outbound.now(delivery)["nextAttemptAt"]
        waits.append(round(due_ms / 1000 - stopped_clock.epoch_s))
        outbound.work(delivery)  # too early
        stopped_clock.advance(waits[-1] + 0.1)
    outbound.work(delivery)

    assert waits == [2, 4, 8, 16]
    assert len(outbound.receiver.calls) == 5
    assert len(set(outbound.receiver.ids)) == 1
    after = outbound.now(delivery)
    assert (after["state"], after["attempts"]) == ("failed", 5)
    assert "retried by hand" in after["reason"]
    rows = outbound.attempts(delivery)
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert all(row.next_attempt_at for row in rows[:4])
    assert rows[4].next_attempt_at is None
    assert rows[0].response == {"status": 500, "headers": {}, "body": "broken", "truncated": False}
    assert "Attempt 2 of 5" in rows[0].why


def test_retry_up_to_15_minutes_has_a_delayed_hint_and_a_longer_one_has_none(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    outbound.receiver.always = answer(500)
    subscription = outbound.subscribe(retry=RetryRule((900, 901), 10_000, 0))
    delivery = outbound.publish(subscription)

    with recorded() as record:
        outbound.work(delivery)
    first = record.hints(outbound.tenant.id, "Delivery")
    stopped_clock.advance(901)
    with recorded() as record:
        outbound.work(delivery)
    second = record.hints(outbound.tenant.id, "Delivery")

    assert [hint["delay"] for hint in first] == [900]
    assert second == []
    assert len(outbound.receiver.calls) == 2
    after = outbound.now(delivery)
    assert after["dueShard"].startswith("delivery#")


def test_retry_after_is_honoured_but_not_for_ever(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    outbound.receiver.instead = [answer(429, retry_after="1200"), answer(503, retry_after="86400")]
    delivery = outbound.publish(outbound.subscribe())

    outbound.work(delivery)
    first_s = outbound.now(delivery)["nextAttemptAt"] / 1000 - stopped_clock.epoch_s
    stopped_clock.advance(1201)
    outbound.work(delivery)
    second_s = outbound.now(delivery)["nextAttemptAt"] / 1000 - stopped_clock.epoch_s

    assert round(first_s) == 1200
    assert round(second_s) == 3600


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (answer(302, location="https://other.example.com"), "does not follow redirects"),
        (answer(404), "Check the URL"),
        (answer(401), "authentication"),
        (fails_with(TargetForbidden("Expected a public address at 'x', found 10.0.0.1")), "enter a public one"),
        (fails_with(Retryable("receiver.example.com did not answer completely in time")), "answer first"),
        (fails_with(NeverSent("receiver.example.com could not be connected")), "could not be connected"),
        (fails_with(Refused("receiver.example.com has a bad certificate")), "bad certificate"),
    ],
)
def test_what_is_no_success_is_tried_again_and_says_why(outbound: Outbound, reply: object, told: str) -> None:
    outbound.receiver.instead = [reply]  # type: ignore[list-item]
    delivery = outbound.publish(outbound.subscribe())

    outbound.work(delivery)

    after = outbound.now(delivery)
    assert after["state"] == "retrying"
    assert told in after["reason"]
    (attempt,) = outbound.attempts(delivery)
    assert attempt.outcome == "failed"
    assert attempt.request["url"] == URL


def test_gone_receiver_ends_the_delivery_and_disables_the_subscription(outbound: Outbound) -> None:
    outbound.receiver.always = answer(410)
    subscription = outbound.subscribe()
    delivery = outbound.publish(subscription)
    waiting = outbound.publish(subscription)

    outbound.work(delivery, waiting)

    assert outbound.state(delivery) == "failed"
    after = outbound.subscription(subscription)
    assert (after["status"], after["version"]) == ("disabled", 2)
    assert "410" in after["disabledReason"]
    (told,) = outbound.events("webhook.subscription_disabled")
    assert told["subscriptionId"] == subscription.id
    assert outbound.state(waiting) == "skipped"
    assert len(outbound.receiver.calls) == 1


@pytest.mark.parametrize(
    ("status", "state", "told"),
    [("paused", "skipped", "Resume"), ("disabled", "skipped", "Enable"), ("deleted", "cancelled", "deleted")],
)
def test_delivery_of_an_inactive_subscription_is_not_sent(
    outbound: Outbound, status: str, state: str, told: str
) -> None:
    subscription = outbound.subscribe()
    delivery = outbound.publish(subscription)
    outbound.change(subscription, status=status)

    outbound.work(delivery)

    after = outbound.now(delivery)
    assert after["state"] == state
    assert told in after["reason"]
    assert "dueAt" not in after
    assert outbound.receiver.calls == []


def test_skipped_delivery_is_sent_when_requeued_although_the_worker_knew_it_as_disabled(outbound: Outbound) -> None:
    """The worker reads what would keep it from sending anew; else a recovery right after enabling would be lost."""
    subscription = outbound.change(outbound.subscribe(), status="disabled")
    delivery = outbound.publish(subscription)
    outbound.work(delivery)
    assert outbound.state(delivery) == "skipped"

    outbound.change(subscription, status="active")
    tables = resources().tables
    tables.write(deliveries.requeue(tables, outbound.now(delivery), "recovered"))
    outbound.work(delivery)

    assert outbound.state(delivery) == "delivered"


def test_requeued_delivery_has_all_its_tries_again(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    outbound.receiver.always = answer(500)
    delivery = outbound.publish(outbound.subscribe(retry=RetryRule((2,), 10_000, 0)))
    outbound.work(delivery)
    stopped_clock.advance(3)
    outbound.work(delivery)
    assert outbound.state(delivery) == "failed"

    tables = resources().tables
    tables.write(deliveries.requeue(tables, outbound.now(delivery), "retried by u1"))
    outbound.work(delivery)

    after = outbound.now(delivery)
    assert (after["state"], after["attempts"], after["roundFrom"]) == ("retrying", 3, 2)
    assert [row.number for row in outbound.attempts(delivery)] == [1, 2, 3]


def test_cancelled_delivery_is_not_sent(outbound: Outbound) -> None:
    delivery = outbound.publish(outbound.subscribe())
    tables = resources().tables
    tables.write(deliveries.cancel(tables, delivery, "cancelled by u1"))

    outbound.work(delivery)

    assert outbound.state(delivery) == "cancelled"
    assert outbound.receiver.calls == []


def test_delivery_cancelled_while_it_is_sent_stays_cancelled(outbound: Outbound) -> None:
    delivery = outbound.publish(outbound.subscribe())
    tables = resources().tables

    def cancel(_: object) -> object:
        tables.write(deliveries.cancel(tables, outbound.now(delivery), "cancelled by u1"))
        return answer(200)(None)  # type: ignore[arg-type]

    outbound.receiver.instead = [cancel]  # type: ignore[list-item]
    outbound.work(delivery)

    assert outbound.state(delivery) == "cancelled"


def test_delivery_of_a_worker_that_died_is_sent_by_another_when_the_lease_is_over(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    class Killed(BaseException):
        pass

    def die(_: object) -> object:
        raise Killed

    outbound.receiver.instead = [die]  # type: ignore[list-item]
    delivery = outbound.publish(outbound.subscribe())
    with pytest.raises(Killed):
        outbound.work(delivery)
    outbound.worker = outbound.new_worker()

    stopped_clock.advance(39)
    outbound.work(delivery)
    assert len(outbound.receiver.calls) == 1
    stopped_clock.advance(2)
    outbound.work(delivery)

    assert outbound.state(delivery) == "delivered"
    assert outbound.receiver.ids == [delivery["eventId"]] * 2


def test_worker_that_was_held_up_after_its_claim_leaves_the_delivery_to_another(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    """What it would send could arrive beside the request of whoever has the lease by then."""
    subscription = outbound.subscribe()
    outbound.work(outbound.publish(subscription))  # the circuit and the secrets are known from now on
    delivery = outbound.publish(subscription)

    with just_before("GetItem", lambda: stopped_clock.advance(35)):
        outbound.work(delivery)
    assert len(outbound.receiver.calls) == 1
    stopped_clock.advance(6)
    outbound.work(delivery)

    assert outbound.state(delivery) == "delivered"
    assert len(outbound.receiver.calls) == 2


def test_event_that_is_gone_ends_its_delivery(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    delivery = outbound.publish(subscription, eventId="evt_GONE")

    outbound.work(delivery)

    after = outbound.now(delivery)
    assert (after["state"], after["attempts"]) == ("failed", 0)
    assert "no longer kept" in after["reason"]
    assert outbound.subscription(subscription)["status"] == "active"


def test_test_delivery_has_one_attempt_and_counts_nowhere(outbound: Outbound) -> None:
    outbound.receiver.always = answer(500)
    subscription = outbound.subscribe(status="paused", autoDisable=DisableRule(failures_in_a_row=1))
    delivery = outbound.publish(subscription, isTest=True)

    outbound.work(delivery)

    assert outbound.state(delivery) == "failed"
    assert len(outbound.receiver.calls) == 1
    assert outbound.counts(subscription).numbers == {}
    assert outbound.subscription(subscription)["status"] == "paused"


def test_ten_failures_in_a_row_disable_a_cards_subscription(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    outbound.receiver.always = answer(400)
    subscription = outbound.subscribe(autoDisable=DisableRule(failures_in_a_row=10))
    waiting = [outbound.publish(subscription) for _ in range(10)]

    outbound.work(*waiting[:9])
    before = outbound.subscription(subscription)["status"]
    stopped_clock.advance(1)
    outbound.work(waiting[9])

    assert before == "active"
    after = outbound.subscription(subscription)
    assert after["status"] == "disabled"
    assert "10 attempts failed in a row" in after["disabledReason"]
    assert len(outbound.events("webhook.subscription_disabled")) == 1


def test_success_between_failures_starts_the_row_anew(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    subscription = outbound.subscribe(autoDisable=DisableRule(failures_in_a_row=3))
    outbound.receiver.instead = [answer(400), answer(400), answer(200), answer(400), answer(400), answer(400)]
    states = []

    for _ in range(6):
        outbound.work(outbound.publish(subscription))
        stopped_clock.advance(1)
        states.append(outbound.subscription(subscription)["status"])

    assert Counter(states) == {"active": 5, "disabled": 1}
    assert states[-1] == "disabled"


def test_signing_secret_shows_nowhere_in_an_attempt_that_echoes_it(outbound: Outbound) -> None:
    outbound.receiver.always = answer(400, SECRET.encode(), x_echo=SECRET)
    delivery = outbound.publish(outbound.subscribe())

    outbound.work(delivery)

    (attempt,) = outbound.attempts(delivery)
    assert SECRET not in str(attempt)
    assert attempt.response is not None
    assert attempt.response["body"] == "****"


def test_what_waits_longer_than_it_is_kept_is_kept_longer(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    """With a retention of a day, a rule of three days would else lose the event on the way."""
    outbound.receiver.always = answer(500)
    subscription = outbound.subscribe(retry=RetryRule((86_400,), 10_000, 0))
    soon = int(stopped_clock.epoch_s) + 3600
    delivery = outbound.publish(subscription, expiresEpochS=soon)

    outbound.work(delivery)

    event = resources().tables.activity.get({"pk": f"{outbound.tenant.id}#event", "sk": delivery["eventId"]})
    assert event is not None
    assert outbound.now(delivery)["expiresEpochS"] == int(stopped_clock.epoch_s) + 2 * 86_400
    assert event["expiresEpochS"] > outbound.now(delivery)["expiresEpochS"]  # it was kept for 30 days anyway


def test_result_is_kept_although_the_counters_are_too_busy(outbound: Outbound) -> None:
    def busy(params: dict[str, object], **_: object) -> None:
        if b"#count#" in params["body"]:  # type: ignore[operator]
            reasons = [{"Code": "None"}, {"Code": "None"}, {"Code": "TransactionConflict"}]
            code = {"Code": "TransactionCanceledException", "Message": ""}
            refusal: Any = {"Error": code, "CancellationReasons": reasons}
            raise ClientError(refusal, "TransactWriteItems")

    delivery = outbound.publish(outbound.subscribe())
    made = resources().dynamodb.meta.events
    made.register("before-call.dynamodb.TransactWriteItems", busy)
    try:
        outbound.work(delivery)
    finally:
        made.unregister("before-call.dynamodb.TransactWriteItems", busy)

    assert outbound.state(delivery) == "delivered"
    assert len(outbound.attempts(delivery)) == 1
