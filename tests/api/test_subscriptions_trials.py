"""Test deliveries: sent by the worker that sends all others, once, and answered when they have ended."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.core import resources
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.outbound.calls import Call
from hub.outbound.calls import Reply as Answered
from hub.webhooks.deliveries.deliver import Deliverer
from hub.webhooks.deliveries.delivery_models import Delivery
from hub.webhooks.subscriptions.subscriptions import Directory
from tests.api.conftest import Hub, app
from tests.api.subscriptions import CANARY, PATH, Json, hints, problems, put, subscribe
from tests.api.sync_work import vault


class Receiver:
    """Answers every call with one status."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.calls: list[Call] = []

    def send(self, call: Call, *, timeout_s: float) -> Answered:
        assert timeout_s > 0
        self.calls.append(call)
        return Answered(self.status, {"content-type": "text/plain"}, b"seen", 1)


class TokenReceiver(Receiver):
    """Gives out an access token where it is asked for one."""

    def send(self, call: Call, *, timeout_s: float) -> Answered:
        answered = super().send(call, timeout_s=timeout_s)
        if not call.url.endswith("/token"):
            return answered
        body = b'{"access_token": "canary-access-token", "token_type": "Bearer", "expires_in": 3600}'
        return Answered(200, {"content-type": "application/json"}, body, 1)


class Waiting:
    """What the function does instead of sleeping; `worker` runs at the first pause."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []
        self.worker: Callable[[], None] = lambda: None

    def __call__(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        if len(self.pauses_s) == 1:
            self.worker()


@pytest.fixture
def waiting(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    made = Waiting()
    monkeypatch.setattr(app(hub.cloud.template.functions["WebhookSubscriptions"].code_dir), "pause", made)
    return made


def worker(hub: Hub, receiver: Receiver) -> Callable[[], None]:
    """Return what the delivery worker does with the hints of this tenant."""
    found = resources.resources()

    def run() -> None:
        deliverer = Deliverer(found, vault(), receiver, Directory(found.tables.config))
        rights = hub.cloud.rights
        rights.function = None  # SQS itself hands the hints out
        waiting = hints(hub)
        with hub.cloud.running("DeliveryWorker"):
            for hint in waiting:
                deliverer.run(Hint(Tenant(hint["tenant"]), hint["id"]))
        rights.function = "WebhookSubscriptions"

    return run


def answer_of(hub: Hub, made: Json, body: Any = None) -> Json:
    reply = hub.post(f"{PATH}/{made['id']}/test", body)
    assert reply.status == 200, reply.body
    Delivery.model_validate(reply.body)
    answer: Json = reply.body
    return answer


def test_test_answers_how_the_delivery_went(hub: Hub, waiting: Waiting) -> None:
    receiver = Receiver()
    waiting.worker = worker(hub, receiver)
    made = subscribe(hub)

    answer = answer_of(hub, made, {"eventType": "order.paid", "payload": {"n": 1}})

    assert (answer["status"], answer["responseStatus"], answer["responseBody"]) == ("DELIVERED", 200, "seen")
    assert (answer["isTest"], answer["attemptCount"], answer["payload"]) == (True, 1, {"n": 1})
    (call,) = receiver.calls
    assert call.content is not None
    assert b'"order.paid"' in call.content
    assert (call.url, call.headers["webhook-id"]) == (made["url"], answer["eventId"])
    assert len(waiting.pauses_s) == 1


def test_test_that_fails_is_not_repeated(hub: Hub, waiting: Waiting) -> None:
    receiver = Receiver(500)
    waiting.worker = worker(hub, receiver)
    made = subscribe(hub)

    answer = answer_of(hub, made)

    assert (answer["status"], answer["state"], answer["nextRetryAt"]) == ("FAILED", "failed", None)
    assert answer["errorMessage"]
    assert len(receiver.calls) == 1
    shown = hub.get(f"{PATH}/{made['id']}").body
    assert shown["consecutiveFailures"] == 0


def test_test_shows_no_secret_that_was_sent(hub: Hub, waiting: Waiting) -> None:
    receiver = Receiver()
    waiting.worker = worker(hub, receiver)
    made = subscribe(hub, authType="BEARER", authConfig={"token": CANARY}, headers={"X-Api-Key": "canary-header-value"})

    answer = answer_of(hub, made)

    sent = {name.lower(): value for name, value in receiver.calls[0].headers.items()}
    assert (sent["authorization"], sent["x-api-key"]) == (f"Bearer {CANARY}", "canary-header-value")  # the control
    assert not [secret for secret in (CANARY, "canary-header-value", made["secretKey"]) if secret in str(answer)]


def test_access_token_is_fetched_for_a_subscription_with_client_credentials(hub: Hub, waiting: Waiting) -> None:
    receiver = TokenReceiver()
    waiting.worker = worker(hub, receiver)
    config = {"tokenUrl": "https://login.example.com/token", "clientId": "me", "clientSecret": CANARY, "audience": "a"}
    made = subscribe(hub, authType="OAUTH2", authConfig=config)

    answer = answer_of(hub, made)

    assert answer["status"] == "DELIVERED", answer
    asked, sent = receiver.calls
    assert asked.content is not None
    assert {b"audience=a", b"client_id=me", b"client_secret=" + CANARY.encode()} <= set(asked.content.split(b"&"))
    assert {name.lower(): value for name, value in sent.headers.items()}[
        "authorization"
    ] == "Bearer canary-access-token"
    assert not [secret for secret in (CANARY, "canary-access-token") if secret in str(answer)]


def test_paused_subscription_can_be_tested(hub: Hub, waiting: Waiting) -> None:
    receiver = Receiver()
    waiting.worker = worker(hub, receiver)
    made = subscribe(hub, isEnabled=False)

    assert answer_of(hub, made)["status"] == "DELIVERED"
    assert len(receiver.calls) == 1


def test_test_that_takes_too_long_is_answered_as_it_is(hub: Hub, waiting: Waiting) -> None:
    made = subscribe(hub)

    answer = answer_of(hub, made)

    assert (answer["status"], answer["state"], answer["attemptCount"]) == ("PENDING", "queued", 0)
    assert sum(waiting.pauses_s) == pytest.approx(20)
    assert waiting.pauses_s == sorted(waiting.pauses_s[:-1]) + waiting.pauses_s[-1:]
    assert [each["id"] for each in hints(hub)] == [f"{made['id']}/{answer['id']}"]


@pytest.mark.parametrize(
    ("types", "sent_as"),
    [(["contact.*", "CONTACT_CREATED"], "CONTACT_CREATED"), (["*"], "webhook.test"), (["my.own"], "my.own")],
)
def test_test_is_of_the_first_type_that_the_subscription_names(
    hub: Hub, waiting: Waiting, types: list[str], sent_as: str
) -> None:
    made = subscribe(hub, eventTypes=types)

    answer = answer_of(hub, made)

    assert answer["eventType"] == sent_as
    assert waiting.pauses_s


def test_test_of_a_described_type_delivers_its_example(hub: Hub, waiting: Waiting) -> None:
    made = subscribe(hub, eventTypes=["CONTACT_CREATED"])

    assert answer_of(hub, made)["payload"]["contactId"]
    assert waiting.pauses_s


@pytest.mark.parametrize("payload", [None, 0, False, "", [], {}, "text"], ids=repr)
def test_any_payload_can_be_tested(hub: Hub, waiting: Waiting, payload: Any) -> None:
    waiting.worker = worker(hub, Receiver())
    made = subscribe(hub, eventTypes=["my.own"])

    answer = answer_of(hub, made, {"payload": payload})

    assert answer["status"] == "DELIVERED"
    assert answer["payload"] == payload or payload is None


@pytest.mark.parametrize(
    ("body", "place"),
    [({"eventType": "a b"}, "/eventType"), ({"eventType": "a.*"}, "/eventType"), ({"kind": 1}, "/kind")],
    ids=str,
)
def test_bad_test_is_refused_with_the_place(hub: Hub, body: Json, place: str) -> None:
    made = subscribe(hub)

    reply = hub.post(f"{PATH}/{made['id']}/test", body)

    assert (reply.status, problems(reply)) == (400, [place])


def test_missing_secret_is_refused(hub: Hub, waiting: Waiting) -> None:
    """A test to the new address would otherwise be sent without what it is to prove."""
    made = subscribe(hub, authType="BEARER", authConfig={"token": CANARY})
    put(hub, made, url="https://other.example.com/x")

    reply = hub.post(f"{PATH}/{made['id']}/test")

    assert (reply.status, problems(reply)) == (400, ["/authConfig/token"])
    assert waiting.pauses_s == []


def test_repeat_of_a_test_sends_nothing(hub: Hub, waiting: Waiting) -> None:
    receiver = Receiver()
    waiting.worker = worker(hub, receiver)
    made = subscribe(hub)
    path, given = f"{PATH}/{made['id']}/test", {"Idempotency-Key": "k1"}

    first, second = hub.post(path, headers=given), hub.post(path, headers=given)

    assert first.body["id"] == second.body["id"]
    assert len(receiver.calls) == 1


def test_test_is_audited(hub: Hub, waiting: Waiting) -> None:
    made = subscribe(hub)

    answer_of(hub, made)

    assert hub.audit_entries()[-1]["action"] == "subscription.tested"
    assert waiting.pauses_s
