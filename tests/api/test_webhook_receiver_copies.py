"""When two webhooks are one event: by what the sender signed, never by an id that anybody could set."""

import base64
import hmac
from typing import Any

import pytest

from hub.webhooks.signature import standard_signature
from tests.api.conftest import Hub, StoppedClock
from tests.api.receiving import Posted, make_custom
from tests.api.sync_work import recorded

SECRET = "whsec_" + base64.b64encode(b"canary-of-24-bytes-or-more").decode()


def standard(endpoint: Posted, clock: StoppedClock, message_id: str, body: bytes) -> int:
    """Post as Standard Webhooks does."""
    at = int(clock.epoch_s)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": standard_signature(SECRET, message_id, at, body) or "",
    }
    return endpoint.post(body, headers=headers, signed=False).status


def slack(endpoint: Posted, clock: StoppedClock, body: bytes, **headers: str) -> int:
    """Post as Slack does."""
    at = str(int(clock.epoch_s))
    digest = hmac.digest(SECRET.encode(), f"v0:{at}:".encode() + body, "sha256").hex()
    signed = {"x-slack-request-timestamp": at, "x-slack-signature": f"v0={digest}"}
    return endpoint.post(body, headers={**signed, **headers}, signed=False).status


def make(hub: Hub, scheme: str) -> Posted:
    endpoint = make_custom(hub, verification={"scheme": scheme})
    endpoint.store(secret_1=SECRET)
    return endpoint


def test_a_signed_message_id_names_the_event_however_late_and_whatever_its_body(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    endpoint = make(hub, "standard-webhooks")

    assert standard(endpoint, stopped_clock, "msg_1", b"1") == 200
    stopped_clock.advance(86_400)
    assert standard(endpoint, stopped_clock, "msg_1", b"1") == 200
    assert standard(endpoint, stopped_clock, "msg_1", b"other") == 200
    assert len(endpoint.events()) == 1

    assert standard(endpoint, stopped_clock, "msg_2", b"1") == 200
    assert len(endpoint.events()) == 2


def test_a_signed_time_and_the_body_name_the_event(hub: Hub, stopped_clock: StoppedClock) -> None:
    endpoint = make(hub, "slack")

    assert [slack(endpoint, stopped_clock, b"1") for _ in range(3)] == [200] * 3
    assert len(endpoint.events()) == 1
    assert slack(endpoint, stopped_clock, b"2") == 200
    stopped_clock.advance(1)
    assert slack(endpoint, stopped_clock, b"1") == 200

    assert len(endpoint.events()) == 3


def test_an_id_that_is_not_signed_changes_nothing(hub: Hub) -> None:
    """An attacker who repeats a body could set another one each time, or one that a true event will have."""
    endpoint = make_custom(hub)

    for number in range(3):
        assert endpoint.post(b"1", headers={"x-github-delivery": str(number), "webhook-id": str(number)}).status == 200
    assert endpoint.post(b"2", headers={"x-github-delivery": "0"}).status == 200

    assert len(endpoint.events()) == 2


@pytest.mark.parametrize(
    ("pauses_s", "events"),
    [
        ([0, 1, 598], 1),
        ([0, 601], 2),
        ([0, 601, 300, 298], 2),
        ([0, 601, 601, 601], 4),
        # the second event is 599 s old at the last, across the bound of the stretches
        ([0, 1000, 599], 2),
    ],
)
def test_an_unsigned_body_is_the_same_event_for_ten_minutes(
    hub: Hub, stopped_clock: StoppedClock, pauses_s: list[int], events: int
) -> None:
    endpoint = make_custom(hub)

    for pause_s in pauses_s:
        stopped_clock.advance(pause_s)
        assert endpoint.post(b'{"ping":1}').status == 200

    assert len(endpoint.events()) == events


def test_a_copy_is_not_hinted_at_again(hub: Hub) -> None:
    endpoint = make_custom(hub)

    with recorded() as record:
        replies = [endpoint.post() for _ in range(5)]

    assert {(reply.status, reply.body) for reply in replies} == {(200, None)}
    assert len(record.hints(hub.tenant)) == 1


def test_two_large_bodies_under_one_signed_id_do_not_overwrite_each_other(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    from hub.core.resources import resources

    endpoint = make(hub, "standard-webhooks")
    first, second = b"1" * 400_000, b"2" * 400_000

    assert standard(endpoint, stopped_clock, "msg_1", first) == 200
    assert standard(endpoint, stopped_clock, "msg_1", second) == 200

    (event,) = endpoint.events()
    found: Any = resources().s3.get_object(Bucket=resources().settings.blob_bucket, Key=event["blobKey"])
    assert found["Body"].read() == first


def test_the_same_body_at_two_endpoints_is_two_events(hub: Hub, other_hub: Hub) -> None:
    one, other, foreign = (
        make_custom(hub, "int_one"),
        make_custom(hub, "int_other"),
        make_custom(other_hub, "int_foreign"),
    )

    assert [each.post().status for each in (one, other, foreign)] == [200] * 3
    assert [len(each.events()) for each in (one, other, foreign)] == [1] * 3
