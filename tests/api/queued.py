"""Messages in the queues of the cloud of tests: taken out, so that no other test meets them."""

import json
from collections.abc import Iterator
from typing import Any

from hub.core.resources import resources

Json = dict[str, Any]


def drained(url: str) -> Iterator[str]:
    """Take everything out of a queue; yield the bodies."""
    sqs = resources().sqs
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        entries: Any = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
        ]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        yield from (message["Body"] for message in messages)


def hints_in(queue: str, tenant: str) -> list[Json]:
    """Take the hints out of a queue ("delivery", "event", "sync", "inbound"); return the tenant's."""
    found = [json.loads(body) for body in drained(getattr(resources().settings, f"{queue}_queue_url"))]
    return [hint for hint in found if hint["tenant"] == tenant]
