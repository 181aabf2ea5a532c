"""Dead letter queues: messages that no worker could handle, and how they get another chance.

A message is sent before it is deleted: who dies in between has sent it twice, and a hint may come twice.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.core.errors import NotFound
from hub.core.queues import BATCH

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Within the 29 s of a request; what is left is moved by the next.
BUDGET_S = 20.0
# A message that was received and not moved shows again after so long.
_HIDDEN_S = 30
_EMPTY_RECEIVES = 2
_WAITING, _DELAYED, _TAKEN = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


@dataclass(frozen=True)
class Queue:
    """A queue of hints and the one that keeps what failed ten times."""

    name: str
    url: str
    dead_letters_url: str


def named(queues: Mapping[str, Queue], name: str) -> Queue:
    if name not in queues:
        raise NotFound(f"No queue has this name; there are {', '.join(sorted(queues))}.")
    return queues[name]


def depth(sqs: "SQSClient", url: str) -> int:
    """Return how many messages a queue holds, those under way and the delayed ones among them; about."""
    names: Any = [_WAITING, _DELAYED, _TAKEN]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found.get(name, 0)) for name in names)


def redrive(sqs: "SQSClient", queue: Queue, most: int) -> int:
    """Move up to `most` dead letters back to their queue; return how many were moved."""
    moved, empty, give_up_at = 0, 0, time.monotonic() + BUDGET_S
    while moved < most and empty < _EMPTY_RECEIVES and time.monotonic() < give_up_at:
        messages = _received(sqs, queue, min(BATCH, most - moved))
        # One of the servers of a queue may have none: an empty answer says little.
        empty = 0 if messages else empty + 1
        if messages:
            taken = _sent(sqs, queue, messages)
            if not taken:
                break
            _deleted(sqs, queue, taken)
            moved += len(taken)
    return moved


def _received(sqs: "SQSClient", queue: Queue, most: int) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=queue.dead_letters_url,
        MaxNumberOfMessages=most,
        VisibilityTimeout=_HIDDEN_S,
        MessageSystemAttributeNames=["MessageGroupId"],
    )
    return list(answer.get("Messages", []))


def _sent(sqs: "SQSClient", queue: Queue, messages: list[Any]) -> list[Any]:
    """Send messages as they are, in the group of their tenant; return those that the queue took."""
    entries: Any = [
        {"Id": str(number), "MessageBody": message["Body"], **_group(message)}
        for number, message in enumerate(messages)
    ]
    answer = sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    return [messages[int(done["Id"])] for done in answer.get("Successful", [])]


def _group(message: Any) -> dict[str, str]:
    group = message.get("Attributes", {}).get("MessageGroupId")
    return {"MessageGroupId": group} if group else {}


def _deleted(sqs: "SQSClient", queue: Queue, messages: list[Any]) -> None:
    entries: Any = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
    ]
    sqs.delete_message_batch(QueueUrl=queue.dead_letters_url, Entries=entries)
