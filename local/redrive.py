"""Sends dead letters to their queue again: `python -m local redrive [--queue NAME]` on the running stack."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.template import Resource, Template

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BATCH = 10
_HIDDEN_S = 30


@dataclass(frozen=True)
class Redrive:
    """A queue and the one its messages go to after too many failures; `name` is `sync` for `SyncQueue`."""

    name: str
    url: str
    dead_letters_url: str


def redrives(template: Template) -> Iterator[Redrive]:
    """Yield the queues of the template that have dead letters."""
    queues = [each for each in template.resources if each.type == "AWS::SQS::Queue" and "Arn" in each.attributes]
    by_arn = {queue.attributes["Arn"]: queue for queue in queues}
    for queue in queues:
        dead = by_arn.get(_target(queue))
        if dead is not None:
            name = queue.logical_id.removesuffix("Queue").lower()
            yield Redrive(name, queue.attributes["Ref"], dead.attributes["Ref"])


def _target(queue: Resource) -> Any:
    return (queue.properties.get("RedrivePolicy") or {}).get("deadLetterTargetArn")


def move(sqs: "SQSClient", queue: Redrive) -> int:
    """Move all dead letters back and return how many; each is sent before it is deleted."""
    moved = 0
    while messages := _received(sqs, queue.dead_letters_url):
        for message in messages:
            group = message.get("Attributes", {}).get("MessageGroupId")
            kept: Any = {"MessageGroupId": group} if group else {}
            sqs.send_message(QueueUrl=queue.url, MessageBody=message["Body"], **kept)
            sqs.delete_message(QueueUrl=queue.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
        moved += len(messages)
    return moved


def _received(sqs: "SQSClient", url: str) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=_BATCH,
        VisibilityTimeout=_HIDDEN_S,
        MessageSystemAttributeNames=["MessageGroupId"],
    )
    return list(answer.get("Messages", []))
