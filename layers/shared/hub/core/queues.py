"""The queue edge: messages are hints `{"tenant", "id"}`, handled each on its own, the failed ones reported back to SQS.

A hint that comes early, twice or never changes nothing: the item it names says what is to be done.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hub.core import logs
from hub.core.caller import Tenant
from hub.core.errors import HubError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_DELAY_S = 900
# SQS takes so many messages in one call.
BATCH = 10

Message = dict[str, Any]


@dataclass(frozen=True)
class Hint:
    """Names a stored item that may have work to do."""

    tenant: Tenant
    id: str

    def text(self) -> str:
        return json.dumps({"tenant": self.tenant.id, "id": self.id})

    @classmethod
    def of(cls, text: str) -> "Hint":
        found = json.loads(text)
        return cls(Tenant(found["tenant"]), found["id"])


def send(sqs: "SQSClient", queue_url: str, hint: Hint, delay_s: int = 0) -> None:
    """Send a hint. One that cannot be sent is only late: the sweeper finds the item by its due time."""
    try:
        sqs.send_message(QueueUrl=queue_url, **_message(hint, delay_s))
    except (ClientError, BotoCoreError) as error:
        logs.failure("hint.lost", error, tenant=hint.tenant.id)


def send_many(sqs: "SQSClient", queue_url: str, hints: Iterable[Hint], delays_s: Iterable[int] | None = None) -> bool:
    """Send hints, ten a call; `delays_s` has one delay for each. What is not taken is only late: False tells so."""
    taken = True
    pairs = zip(hints, delays_s, strict=True) if delays_s is not None else ((hint, 0) for hint in hints)
    while chunk := list(islice(pairs, BATCH)):
        entries: Any = [{"Id": str(number), **_message(*pair)} for number, pair in enumerate(chunk)]
        try:
            refused = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
        except (ClientError, BotoCoreError) as error:
            logs.failure("hint.lost", error, total=len(chunk))
            taken = False
            continue
        if refused:
            logs.warning("hint.refused", total=len(refused))
            taken = False
    return taken


def _message(hint: Hint, delay_s: int) -> dict[str, Any]:
    """The tenant is the message group: a busy tenant's messages come behind those of the others (SQS fair queues)."""
    return {
        "MessageBody": hint.text(),
        "DelaySeconds": min(delay_s, MAX_DELAY_S),
        "MessageGroupId": hint.tenant.id,
    }


def handle_batch(event: dict[str, Any], work: Callable[[Hint], None]) -> dict[str, Any]:
    """Do each message's work; return the partial batch response that makes SQS send only the failed ones again."""
    return handle_messages(event, lambda message: work(Hint.of(message["body"])))


def handle_messages(
    event: dict[str, Any], work: Callable[[Message], None], pool: ThreadPoolExecutor | None = None
) -> dict[str, Any]:
    """Do the work of the messages as they are, at the same time in the threads of `pool`, else one after the other."""
    messages: Sequence[Message] = event["Records"]
    run = pool.map if pool and len(messages) > 1 else map
    done = list(run(lambda message: _handled(message, work), messages))
    failed = [message["messageId"] for message, fine in zip(messages, done, strict=True) if not fine]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _handled(message: Message, work: Callable[[Message], None]) -> bool:
    try:
        work(message)
    except HubError as error:
        logs.warning("message.failed", message_id=message["messageId"], code=error.code)
        return False
    except Exception as error:  # noqa: BLE001 - the edge: one bad message must not fail its neighbours
        logs.failure("message.broke", error, message_id=message["messageId"])
        return False
    return True
