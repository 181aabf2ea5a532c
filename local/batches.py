"""The shapes of an SQS event source mapping: the event of a batch, and which of its messages failed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from local.attributes import REGION

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_ATTRIBUTE_CASE = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}


def batch_event(messages: Sequence["MessageTypeDef"], queue_arn: str) -> dict[str, Any]:
    """Return the event for a batch of received messages."""
    return {"Records": [_record(message, queue_arn) for message in messages]}


def _record(message: "MessageTypeDef", queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: {_ATTRIBUTE_CASE.get(key, key): value for key, value in attribute.items()}
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def failed_ids(result: Any, message_ids: Sequence[str]) -> set[str]:
    """Say which messages of the batch failed, by a `ReportBatchItemFailures` response.

    Nothing, an empty object and an empty or missing list mean that all succeeded; anything that is not understood,
    an empty or unknown identifier included, means that all failed.
    Source: "Handling errors for an SQS event source in Lambda", AWS Lambda developer guide.
    """
    if not result:
        return set()
    failures = result.get("batchItemFailures") if isinstance(result, dict) else "not understood"
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return set(message_ids)
    named = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    known = {message_id for message_id in message_ids if message_id in named}
    return known if all(name in message_ids for name in named) else set(message_ids)
