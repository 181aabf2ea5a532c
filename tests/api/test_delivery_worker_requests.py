"""What a receiver is sent: signatures, authentication, formats; and what is kept of it."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from hub.connector.secrets import handle_for
from hub.core import clock, jsontext
from hub.core.resources import resources
from hub.core.tables import Put, key
from hub.outbound.calls import Call, Reply
from hub.webhooks.rotation import Rotation
from hub.webhooks.subscriptions.subscriptions import SECRETS_KIND, DisableRule, RetryRule
from tests.api.conftest import Hub, StoppedClock
from tests.api.delivery_work import SECRET, Outbound, Receiver, answer
from tests.api.sync_work import recorded, vault

Json = dict[str, Any]
TOKEN = "canary-token-that-is-long-enough"
NEXT_SECRET = "whsec_c2Vjb25kLXNlY3JldC1vZi0zMi1ieXRlcy1pcy0hISE="


@pytest.fixture
def outbound(hub: Hub) -> Outbound:
    return Outbound(hub, Receiver())


def sent(outbound: Outbound, subscription: Any, data: Any = None) -> Call:
    outbound.work(outbound.publish(subscription, data))
    return outbound.receiver.calls[-1]


def is_valid_for_the_cards_sample(payload: str, signature: str, secret: str) -> bool:
    """The receiver sample of the cards product's "Webhook Security", ported from Node."""
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(), expected.encode())


def test_official_library_verifies_what_is_sent(outbound: Outbound) -> None:
    call = sent(outbound, outbound.subscribe(), {"name": "Ådä"})

    found = Webhook(SECRET).verify(call.content or b"", dict(call.headers))

    assert found["data"] == {"name": "Ådä"}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify((call.content or b"").replace(b"d", b"e"), dict(call.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEXT_SECRET).verify(call.content or b"", dict(call.headers))


def test_receiver_sample_of_the_cards_product_verifies_what_is_sent(outbound: Outbound) -> None:
    subscription = outbound.subscribe(payloadFormat="cards", eventTypes=["CONTACT_CREATED"])
    delivery = outbound.publish(subscription, {"id": "c1"}, sentAs="CONTACT_CREATED")
    outbound.work(delivery)
    (call,) = outbound.receiver.calls

    payload, signature = (call.content or b"").decode(), call.headers["x-webhook-signature"]

    assert is_valid_for_the_cards_sample(payload, signature, SECRET)
    assert not is_valid_for_the_cards_sample(payload + " ", signature, SECRET)
    assert json.loads(payload) == {"event": "CONTACT_CREATED", "timestamp": delivery["createdAt"], "data": {"id": "c1"}}
    assert call.headers["x-webhook-id"] == subscription.id
    assert call.headers["x-webhook-event"] == "CONTACT_CREATED"


def test_both_secrets_sign_while_a_rotation_overlaps(outbound: Outbound) -> None:
    rotated = Rotation.first("secret").rotated(3600)
    subscription = outbound.subscribe({"secret.2": NEXT_SECRET}, secretNames=rotated)

    call = sent(outbound, subscription)

    for secret in (SECRET, NEXT_SECRET):
        Webhook(secret).verify(call.content or b"", dict(call.headers))
    assert is_valid_for_the_cards_sample(
        (call.content or b"").decode(), call.headers["x-webhook-signature"], NEXT_SECRET
    )


def test_former_secret_signs_no_more_when_the_overlap_is_over(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    rotated = Rotation.first("secret").rotated(3600)
    subscription = outbound.subscribe({"secret.2": NEXT_SECRET}, secretNames=rotated)
    stopped_clock.advance(3601)

    call = sent(outbound, subscription)

    assert len(call.headers["webhook-signature"].split()) == 1


def test_secret_that_the_caller_chose_gives_the_cards_signature_alone(outbound: Outbound) -> None:
    subscription = outbound.subscribe({"secret.1": "short-secret"})

    call = sent(outbound, subscription)

    assert "webhook-signature" not in call.headers
    assert is_valid_for_the_cards_sample(
        (call.content or b"").decode(), call.headers["x-webhook-signature"], "short-secret"
    )


def test_timestamp_is_that_of_the_attempt_and_the_id_that_of_the_event(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    outbound.receiver.instead = [answer(500)]
    delivery = outbound.publish(outbound.subscribe())

    outbound.work(delivery)
    stopped_clock.advance(5)
    outbound.work(delivery)

    first, second = outbound.receiver.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery["eventId"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5
    assert [first.headers["x-webhook-attempt"], second.headers["x-webhook-attempt"]] == ["1", "2"]
    assert first.content == second.content


def test_raw_format_is_the_data_alone(outbound: Outbound) -> None:
    assert sent(outbound, outbound.subscribe(payloadFormat="raw"), [1, {"a": "é"}]).content == '[1,{"a":"é"}]'.encode()


def test_template_makes_the_body_from_the_standard_envelope(outbound: Outbound) -> None:
    template = {"text": "{{$.type}}: {{$.data.name}}", "who": "$.data.id"}

    call = sent(outbound, outbound.subscribe(transformTemplate=template), {"id": 7, "name": "Ada"})

    assert json.loads(call.content or b"") == {"text": "contact.created: Ada", "who": 7}


def test_form_has_a_field_for_each_member_and_nested_ones_as_json(outbound: Outbound) -> None:
    call = sent(outbound, outbound.subscribe(contentType="form", payloadFormat="raw"), {"a": "x y", "b": {"c": [1]}})

    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl((call.content or b"").decode()) == [("a", "x y"), ("b", '{"c":[1]}')]


@pytest.mark.parametrize(
    ("changed", "secrets", "headers", "query"),
    [
        (
            {"authType": "bearer", "auth": {"type": "bearer", "token": handle_for(TOKEN)}},
            {"/auth/token": TOKEN},
            {"authorization": f"Bearer {TOKEN}"},
            [],
        ),
        (
            {"authType": "basic", "auth": {"type": "basic", "username": "u", "password": handle_for(TOKEN)}},
            {"/auth/password": TOKEN},
            {"authorization": "Basic dTpjYW5hcnktdG9rZW4tdGhhdC1pcy1sb25nLWVub3VnaA=="},
            [],
        ),
        (
            {
                "authType": "api_key",
                "auth": {"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": handle_for(TOKEN)},
            },
            {"/auth/keyValue": TOKEN},
            {"x-key": TOKEN},
            [],
        ),
        (
            {
                "authType": "api_key",
                "auth": {"type": "api_key", "keyName": "key", "keyLocation": "query", "keyValue": handle_for(TOKEN)},
            },
            {"/auth/keyValue": TOKEN},
            {},
            [("key", TOKEN)],
        ),
        ({"headers": {"X-Api-Key": handle_for(TOKEN)}}, {"/headers/X-Api-Key": TOKEN}, {"x-api-key": TOKEN}, []),
    ],
    ids=["bearer", "basic", "key in header", "key in query", "secret header"],
)
def test_request_is_authenticated_and_its_record_shows_no_secret(
    outbound: Outbound, changed: Json, secrets: Json, headers: Json, query: list[tuple[str, str]]
) -> None:
    subscription = outbound.subscribe(secrets, **changed)
    outbound.receiver.always = answer(400, f"you sent {TOKEN}".encode())
    delivery = outbound.publish(subscription)

    outbound.work(delivery)

    (call,) = outbound.receiver.calls
    assert headers.items() <= dict(call.headers).items()
    assert list(call.params) == query
    shown = str(outbound.attempts(delivery)) + str(outbound.now(delivery))
    assert TOKEN not in shown
    assert "Y2FuYXJ5" not in shown.replace("dTpj", "")


def test_subscription_cannot_overwrite_the_headers_of_the_hub(outbound: Outbound) -> None:
    subscription = outbound.subscribe(headers={"Webhook-Id": "evt_other", "X-Team": "blue"})

    call = sent(outbound, subscription)

    assert call.headers["webhook-id"] == outbound.receiver.ids[0] != "evt_other"
    assert call.headers["x-team"] == "blue"


def test_oauth2_token_is_fetched_once_and_renewed_when_it_is_refused(outbound: Outbound) -> None:
    auth = {
        "type": "oauth2",
        "grantType": "client_credentials",
        "tokenUrl": "https://id.example.com/token",
        "clientId": "hub",
        "clientSecret": handle_for(TOKEN),
    }
    tokens = iter(["first-access-token", "second-access-token"])
    good = ["first-access-token"]

    def serve(call: Call) -> Reply:
        if call.url.endswith("/token"):
            body = json.dumps({"access_token": next(tokens), "expires_in": 7200, "token_type": "Bearer"})
            return Reply(200, {"content-type": "application/json"}, body.encode(), 5)
        return Reply(204 if call.headers["authorization"] == f"Bearer {good[0]}" else 401, {}, b"", 5)

    outbound.receiver.always = serve
    subscription = outbound.subscribe({"/auth/clientSecret": TOKEN}, authType="oauth2", auth=auth)
    first, second, third = (outbound.publish(subscription) for _ in range(3))

    outbound.work(first, second)
    good[0] = "second-access-token"
    outbound.work(third)

    assert [outbound.state(each) for each in (first, second, third)] == ["delivered"] * 3
    asked = [call.url.rpartition("/")[2] for call in outbound.receiver.calls]
    assert asked == ["token", "hooks", "hooks", "hooks", "token", "hooks"]
    assert [outbound.now(each)["attempts"] for each in (first, second, third)] == [1, 1, 1]
    assert "access-token" not in str([outbound.attempts(each) for each in (first, second, third)])


def test_token_server_that_fails_is_a_failed_attempt_and_opens_no_circuit(outbound: Outbound) -> None:
    auth = {
        "type": "oauth2",
        "grantType": "client_credentials",
        "tokenUrl": "https://id.example.com/token",
        "clientId": "hub",
        "clientSecret": handle_for(TOKEN),
    }
    outbound.receiver.always = answer(400, b'{"error": "invalid_client"}', content_type="application/json")
    delivery = outbound.publish(outbound.subscribe({"/auth/clientSecret": TOKEN}, authType="oauth2", auth=auth))

    outbound.work(delivery)

    after = outbound.now(delivery)
    assert after["state"] == "retrying"
    assert "invalid_client" in after["reason"]
    assert TOKEN not in str(outbound.attempts(delivery))


def test_secret_that_is_not_stored_is_a_failed_attempt_that_names_its_place(outbound: Outbound) -> None:
    auth = {"type": "bearer", "token": handle_for(TOKEN)}
    delivery = outbound.publish(outbound.subscribe(authType="bearer", auth=auth))

    outbound.work(delivery)

    assert outbound.state(delivery) == "retrying"
    assert "secret is missing" in outbound.now(delivery)["reason"]
    assert outbound.receiver.calls == []


def test_secret_that_cannot_be_decrypted_is_a_failed_attempt(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    place = key(outbound.tenant, SECRETS_KIND, subscription.id)
    record = resources().tables.credentials.get(place)
    assert record is not None
    record["fields"]["secret.1"]["v"] = 7
    resources().tables.write(Put(resources().tables.credentials, record))
    delivery = outbound.publish(subscription)

    outbound.work(delivery)

    assert outbound.state(delivery) == "retrying"
    assert "enter it again" in outbound.now(delivery)["reason"]
    assert outbound.receiver.calls == []


def test_rotation_without_overlap_is_noticed_by_a_worker_that_knew_the_former_secret(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    outbound.work(outbound.publish(subscription))
    put = vault().store(outbound.tenant, SECRETS_KIND, subscription.id, {"secret.2": NEXT_SECRET})
    assert put is not None
    resources().tables.write(put)
    rotated = Rotation.first("secret").rotated(0)
    outbound.change(subscription, secretNames=jsontext.dump(rotated.stored()))
    outbound.worker._authorizations._held.clear()  # as when the process held others meanwhile

    call = sent(outbound, subscription)

    Webhook(NEXT_SECRET).verify(call.content or b"", dict(call.headers))


def test_delivered_and_failed_are_told_on_the_bus_after_the_batch(outbound: Outbound) -> None:
    subscription = outbound.subscribe(retry=RetryRule((), 10_000, 0))
    outbound.receiver.instead = [answer(200), answer(500)]
    good, bad = outbound.publish(subscription), outbound.publish(subscription)

    with recorded() as record:
        outbound.work(good, bad)
        before = record.of("PutEvents")
        with outbound.hub.cloud.running("DeliveryWorker"):
            outbound.worker.announce()
    (call,) = record.of("PutEvents")

    assert before == []
    told = {entry["DetailType"]: json.loads(entry["Detail"]) for entry in call["Entries"]}
    assert told["webhook.delivered"]["deliveryId"] == good["sk"]
    assert told["webhook.failed"]["deliveryId"] == bad["sk"]
    assert told["webhook.failed"]["error"] == "The receiver answered 500."
    assert told["webhook.failed"]["tenantId"] == outbound.tenant.id
    assert outbound.events("webhook.delivered") == []


def test_delivered_is_an_event_of_its_own_where_a_subscription_names_it(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    outbound.subscribe(eventTypes=["webhook.delivered"])
    delivery = outbound.publish(subscription)

    with recorded() as record:
        outbound.work(delivery)
        outbound.worker.announce()

    assert outbound.events("webhook.delivered") == [{"subscriptionId": subscription.id, "deliveryId": delivery["sk"]}]
    assert len(record.hints(outbound.tenant.id, "Event")) == 1
    assert record.of("PutEvents") == []


def test_delivery_of_an_event_about_webhooks_is_told_to_nobody(outbound: Outbound) -> None:
    """Else a subscription to webhook.delivered would feed itself for ever."""
    subscription = outbound.subscribe(eventTypes=["webhook.delivered"])
    delivery = outbound.publish(subscription, event_type="webhook.delivered")

    with recorded() as record:
        outbound.work(delivery)
        outbound.worker.announce()

    assert outbound.state(delivery) == "delivered"
    assert len(outbound.events("webhook.delivered")) == 1
    assert record.of("PutEvents") == []


def test_warm_delivery_takes_three_calls_of_the_tables_and_none_of_a_queue(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    outbound.work(outbound.publish(subscription))
    delivery = outbound.publish(subscription)

    with recorded() as record:
        outbound.work(delivery)

    assert [asked.operation for asked in record] == ["UpdateItem", "GetItem", "TransactWriteItems"]


def test_subscription_without_success_for_days_is_disabled(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    outbound.receiver.always = answer(400)
    subscription = outbound.subscribe(autoDisable=DisableRule(hours_without_success=120))
    started_s = stopped_clock.epoch_s

    while outbound.subscription(subscription)["status"] == "active":
        outbound.work(outbound.publish(subscription))
        stopped_clock.advance(12 * 3600)

    disabled = outbound.subscription(subscription)
    assert clock.epoch_of(disabled["disabledAt"]) - started_s == 120 * 3600
    assert disabled["updatedAt"] == disabled["disabledAt"]
