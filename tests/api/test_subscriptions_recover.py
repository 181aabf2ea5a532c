"""Recovering what failed or was skipped: started, watched and cancelled under the subscription it belongs to."""

from typing import Any

import pytest

from hub.core import clock
from hub.webhooks.recovery.redo_models import RedoJob
from tests.api.conftest import Hub, Reply
from tests.api.subscriptions import PATH, Json, problems, subscribe

SINCE = "2026-01-01T00:00:00Z"


def recover(hub: Hub, made: Json, **body: Any) -> Reply:
    return hub.post(f"{PATH}/{made['id']}/recover", {"since": SINCE, **body})


def test_recovery_is_accepted_and_can_be_watched(hub: Hub) -> None:
    made = subscribe(hub)

    reply = recover(hub, made, status=["failed"])

    RedoJob.model_validate(reply.body)
    assert (reply.status, reply.body["status"], reply.body["states"]) == (202, "RUNNING", ["failed"])
    assert reply.body["subscriptionId"] == made["id"]
    assert hub.get(f"{PATH}/{made['id']}/recoveries/{reply.body['id']}").body == reply.body


def test_recovery_can_be_cancelled_once(hub: Hub) -> None:
    made = subscribe(hub)
    path = f"{PATH}/{made['id']}/recoveries/{recover(hub, made).body['id']}"

    first, second = hub.post(f"{path}/cancel"), hub.post(f"{path}/cancel")

    assert (first.status, first.body["status"], second.status, second.code) == (200, "CANCELLED", 409, "CONFLICT")
    assert hub.get(path).body == first.body


def test_recovery_of_another_subscription_is_not_found(hub: Hub) -> None:
    made, other = subscribe(hub), subscribe(hub)
    job = recover(hub, made).body

    assert hub.get(f"{PATH}/{other['id']}/recoveries/{job['id']}").status == 404
    assert hub.post(f"{PATH}/{other['id']}/recoveries/{job['id']}/cancel").status == 404
    assert hub.get(f"{PATH}/{made['id']}/recoveries/{job['id']}").status == 200  # the control


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"since": "yesterday"}, "/since"),
        ({"since": None}, "/since"),
        ({"since": clock.iso(9_000_000_000)}, "/since"),
        ({"status": ["lost"]}, "/status/0"),
        ({"until": 7.5e300}, "/until"),
        ({"since": "9999-12-31T23:59:59-14:00"}, "/since"),
        ({"pace": 1}, "/pace"),
    ],
    ids=str,
)
def test_bad_recovery_is_refused_with_the_place(hub: Hub, body: Json, place: str) -> None:
    reply = recover(hub, subscribe(hub), **body)

    assert (reply.status, problems(reply)) == (400, [place])


def test_repeat_of_a_recovery_is_the_same_job(hub: Hub) -> None:
    path = f"{PATH}/{subscribe(hub)['id']}/recover"

    first, second = (hub.post(path, {"since": SINCE}, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert first.body == second.body
