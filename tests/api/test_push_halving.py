"""A batch that is refused as a whole: the bad records are found and told of, and the good ones arrive."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.core import clock
from hub.outbound.calls import Call, Reply
from hub.sync.push import halving
from tests.api.conftest import Hub
from tests.api.push_work import Crm, Json, Pushes, counts, listing, reply, writing


@dataclass
class Strict(Crm):
    """It refuses a batch for one bad record, and answers the calls in `fails` with 503."""

    bad: set[str] = field(default_factory=set)
    status: int = 422
    fails: set[int] = field(default_factory=set)

    def _answer(self, call: Call) -> Reply:
        if len(self.calls) in self.fails:
            return reply({}, 503)
        found = [item["email"] for item in self.items(-1) if item["email"] in self.bad]
        if found:
            return reply({"message": f"bad: {found[0]}"}, self.status)
        return super()._answer(call)


@pytest.fixture
def pushes(hub: Hub) -> Iterator[Pushes]:
    yield Pushes(hub)
    clock.use(None)


def address(number: int) -> str:
    return f"d{number:02}@example.com"


def strict(pushes: Pushes, count: int, *bad: int, size: int = 100, **changed: Any) -> Strict:
    """Let `count` contacts be pushed to a provider that refuses some, in batches of `size`."""
    crm = Strict(bad={address(number) for number in bad}, **changed)
    pushes.crm = crm
    header = {"headers": {"Idempotency-Key": "{{idempotencyKey}}"}}
    pushes.connect(listing(), {**writing(size=size), **header})
    for number in range(count):
        pushes.put(f"d{number:02}", email=address(number), name=f"Name {number}")
    return crm


def batch_lines(pushes: Pushes, job: Json) -> list[Json]:
    lines = pushes.hub.get(f"/api/v1/sync-jobs/{job['id']}/logs").body["data"]
    return [line for line in lines if "read" in line]


@pytest.mark.parametrize("status", sorted(halving.OF_THE_BATCH))
def test_exactly_the_bad_records_are_rejected(pushes: Pushes, status: int) -> None:
    crm = strict(pushes, 9, 2, 7, status=status)

    job = pushes.push()

    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 9, "created": 7, "rejected": 2})
    told = {fault["documentId"]: (fault["code"], fault["reason"]) for fault in job["errorLog"]}
    assert sorted(told) == ["d02", "d07"]
    assert told["d02"][0] == f"HTTP_{status}"
    assert address(2) in told["d02"][1]
    assert len(crm.records) == 7
    assert pushes.hub.get(f"/api/v1/sync-jobs/{job['id']}/proof").body["balanced"] is True


def test_good_records_are_not_sent_again_by_the_next_push(pushes: Pushes) -> None:
    crm = strict(pushes, 9, 2)
    pushes.push()
    sent = len(crm.calls)

    job = pushes.push("FULL_SYNC")

    assert counts(job) == {"read": 9, "unchanged": 8, "rejected": 1}
    assert len(crm.calls) == sent + 1


def test_log_says_how_many_calls_a_batch_took(pushes: Pushes) -> None:
    crm = strict(pushes, 8, 0)

    line = batch_lines(pushes, pushes.push())[0]

    assert line["calls"] == len(crm.calls) == 7  # 8, 4, 2, 1, 1, 2, 4
    assert [len(crm.items(number)) for number in range(7)] == [8, 4, 2, 1, 1, 2, 4]


def test_each_part_has_an_idempotency_key_of_its_own(pushes: Pushes) -> None:
    crm = strict(pushes, 8, 0)
    pushes.push()

    keys = [{name.lower(): value for name, value in call.headers.items()}["idempotency-key"] for call in crm.calls]

    assert len(set(keys)) == len(keys) == 7


def test_provider_that_refuses_everything_is_not_asked_for_each_record(pushes: Pushes) -> None:
    crm = strict(pushes, 80, *range(80))

    job = pushes.push()

    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 80, "rejected": 80})
    assert len(crm.calls) <= halving.MOST_REFUSED + 8


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_of_the_caller_is_no_refusal_of_the_batch(pushes: Pushes, status: int) -> None:
    crm = strict(pushes, 4, 0, status=status)

    job = pushes.push()

    assert (job["status"], counts(job), len(crm.calls)) == ("FAILED", {}, 1)


def test_failure_between_two_parts_leaves_the_rest_to_the_next_step(pushes: Pushes) -> None:
    """8, then 4 with a bad one, then 2, 1, 1, 2 in it; then the provider is gone for a moment."""
    crm = strict(pushes, 8, 0, fails={7, 8})
    job_id = pushes.start()

    waiting = pushes.work(job_id)
    crm.fails = set()
    pushes.now_s += 300
    job = pushes.work(job_id)

    assert (waiting["status"], counts(waiting)) == ("PENDING", {"read": 4, "created": 3, "rejected": 1})
    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 8, "created": 7, "rejected": 1})
    assert [item["email"] for item in crm.items(-1)] == [address(number) for number in range(4, 8)]


def test_order_of_documents_survives_the_parts(pushes: Pushes) -> None:
    crm = strict(pushes, 7, 3, size=4)

    pushes.push()

    assert [record["email"] for record in crm.records.values()] == [
        address(number) for number in range(7) if number != 3
    ]
