"""The queue edge: messages are hints `{"tenant", "id"}`, handled one by one, the failed ones reported back to SQS.

A hint that comes early, twice or never changes nothing: the item it names says what is to be done.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hub.core import logs
from hub.core.caller import Tenant
from hub.core.errors import HubError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_DELAY_S = 900


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
        sqs.send_message(QueueUrl=queue_url, MessageBody=hint.text(), DelaySeconds=min(delay_s, MAX_DELAY_S))
    except (ClientError, BotoCoreError) as error:
        logs.failure("hint.lost", error, tenant=hint.tenant.id)


def handle_batch(event: dict[str, Any], work: Callable[[Hint], None]) -> dict[str, Any]:
    """Do each message's work; return the partial batch response that makes SQS send only the failed ones again."""
    failed = [message["messageId"] for message in event["Records"] if not _handled(message, work)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _handled(message: dict[str, Any], work: Callable[[Hint], None]) -> bool:
    try:
        work(Hint.of(message["body"]))
    except HubError as error:
        logs.warning("message.failed", message_id=message["messageId"], code=error.code)
        return False
    except Exception as error:  # noqa: BLE001 - the edge: one bad message must not fail its neighbours
        logs.failure("message.broke", error, message_id=message["messageId"])
        return False
    return True
