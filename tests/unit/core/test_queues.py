"""The queue edge: messages are handled one by one, and a lost hint is only late."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from hub.core.errors import Retryable
from hub.core.queues import Hint, handle_batch, handle_messages, send, send_many
from tests.unit.core.conftest import ACME, OTHER, LogLines


def make_event(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies, 1)]}


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


class Queue:
    """An SQS client that remembers what was sent, or fails with `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.sent: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self.refused: set[str] = set()

    def send_message(self, **message: Any) -> None:
        if self._error:
            raise self._error
        self.sent.append(message)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self._error:
            raise self._error
        self.sent += [{"QueueUrl": QueueUrl, **entry} for entry in Entries if entry["MessageBody"] not in self.refused]
        self.batches.append(len(Entries))
        return {"Failed": [entry for entry in Entries if entry["MessageBody"] in self.refused]}


def test_hint_reads_back_as_it_was_written() -> None:
    assert Hint.of(Hint(ACME, "job_1").text()) == Hint(ACME, "job_1")


def test_batch_that_went_well_reports_no_failure() -> None:
    done: list[Hint] = []

    answer = handle_batch(make_event(Hint(ACME, "a").text(), Hint(ACME, "b").text()), done.append)

    assert failed(answer) == []
    assert [hint.id for hint in done] == ["a", "b"]


@pytest.mark.parametrize("error", [Retryable("canary-8f8f"), RuntimeError("canary-8f8f")])
def test_failed_message_is_reported_and_its_neighbours_are_done(log: LogLines, error: Exception) -> None:
    done: list[str] = []

    def work(hint: Hint) -> None:
        if hint.id == "bad":
            raise error
        done.append(hint.id)

    answer = handle_batch(make_event(*(Hint(ACME, item_id).text() for item_id in ("a", "bad", "c"))), work)

    assert failed(answer) == ["m2"]
    assert done == ["a", "c"]
    assert log.lines[0]["message_id"] == "m2"
    assert "canary" not in log.text


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", "{}", '{"tenant": "acme"}', '{"tenant": 1, "id": "x"}', '{"tenant": "a#b", "id": "x"}'],
)
def test_malformed_message_is_reported_and_never_worked_on(log: LogLines, body: str) -> None:
    done: list[Hint] = []

    answer = handle_batch(make_event(body, Hint(ACME, "good").text()), done.append)

    assert failed(answer) == ["m1"]
    assert done == [Hint(ACME, "good")]
    assert log.lines[0]["message_id"] == "m1"


def test_hint_is_sent_with_its_delay_of_at_most_15_minutes() -> None:
    queue = Queue()

    for delay_s in (0, 60, 100_000):
        send(cast("Any", queue), "https://queue.test", Hint(ACME, "job_1"), delay_s)

    assert [message["DelaySeconds"] for message in queue.sent] == [0, 60, 900]
    assert json.loads(queue.sent[0]["MessageBody"]) == {"tenant": "acme", "id": "job_1"}
    assert queue.sent[0]["QueueUrl"] == "https://queue.test"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "Throttling", "Message": "canary-2b2b"}}, "SendMessage"),
        EndpointConnectionError(endpoint_url="https://canary-2b2b.test"),
    ],
)
def test_hint_that_cannot_be_sent_is_logged_and_nothing_else(log: LogLines, error: Exception) -> None:
    """The sweeper finds the item by its due time."""
    send(cast("Any", Queue(error)), "https://queue.test", Hint(ACME, "job_1"))

    (line,) = log.lines
    assert (line["message"], line["tenant"]) == ("hint.lost", "acme")
    assert "canary" not in log.text


def test_hint_is_sent_in_the_group_of_its_tenant() -> None:
    """SQS hands out the messages of a busy tenant behind those of the others."""
    queue = Queue()

    send(cast("Any", queue), "https://queue.test", Hint(ACME, "job_1"))
    send_many(cast("Any", queue), "https://queue.test", [Hint(ACME, "a"), Hint(OTHER, "b")])

    assert [message["MessageGroupId"] for message in queue.sent] == ["acme", "acme", "other"]


def test_many_hints_are_sent_ten_a_call_each_with_its_own_delay() -> None:
    queue = Queue()
    hints = [Hint(ACME, f"job_{number}") for number in range(23)]

    taken = send_many(cast("Any", queue), "https://queue.test", hints, [100 * number for number in range(23)])

    assert taken
    assert queue.batches == [10, 10, 3]
    assert [Hint.of(message["MessageBody"]) for message in queue.sent] == hints
    assert [message["DelaySeconds"] for message in queue.sent][8:11] == [800, 900, 900]


def test_no_hints_make_no_call() -> None:
    queue = Queue()

    assert send_many(cast("Any", queue), "https://queue.test", [])
    assert queue.batches == []


def test_hints_that_a_queue_refuses_are_told_of_and_the_others_are_sent(log: LogLines) -> None:
    queue = Queue()
    queue.refused = {Hint(ACME, "b").text()}

    taken = send_many(cast("Any", queue), "https://queue.test", [Hint(ACME, item_id) for item_id in "abc"])

    assert not taken
    assert [Hint.of(message["MessageBody"]).id for message in queue.sent] == ["a", "c"]
    assert [line["message"] for line in log.lines] == ["hint.refused"]


def test_hints_that_cannot_be_sent_are_logged_and_told_of(log: LogLines) -> None:
    queue = Queue(EndpointConnectionError(endpoint_url="https://canary-2b2b.test"))

    assert not send_many(cast("Any", queue), "https://queue.test", [Hint(ACME, "a")])
    assert [line["message"] for line in log.lines] == ["hint.lost"]
    assert "canary" not in log.text


def test_messages_of_a_batch_are_worked_on_at_the_same_time_where_threads_are_given() -> None:
    meeting = Barrier(3, timeout=10)  # nobody passes until all three are there

    with ThreadPoolExecutor(3) as pool:
        answer = handle_messages(make_event("a", "b", "c"), lambda _: meeting.wait(), pool)  # type: ignore[arg-type]

    assert failed(answer) == []


def test_failed_messages_are_the_same_with_threads() -> None:
    def work(message: dict[str, Any]) -> None:
        if message["body"] in "bd":
            raise Retryable("no")

    with ThreadPoolExecutor(3) as pool:
        answer = handle_messages(make_event(*"abcd"), work, pool)

    assert failed(answer) == ["m2", "m4"]
