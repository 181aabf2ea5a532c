"""Partial batch failures mean what they mean in Lambda."""

from typing import Any

import pytest

from local.batches import batch_event, failed_ids

IDS = ["m1", "m2", "m3"]


@pytest.mark.parametrize("result", [None, "", {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"other": 1}])
def test_nothing_failed_when_the_response_names_nothing(result: Any) -> None:
    assert failed_ids(result, IDS) == set()


def test_named_messages_failed_and_no_others() -> None:
    result = {"batchItemFailures": [{"itemIdentifier": "m3"}, {"itemIdentifier": "m1"}]}

    assert failed_ids(result, IDS) == {"m1", "m3"}


@pytest.mark.parametrize(
    "result",
    [
        "done",
        ["m1"],
        {"batchItemFailures": "m1"},
        {"batchItemFailures": ["m1"]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"identifier": "m1"}]},
        {"batchItemFailures": [{"itemIdentifier": ["m1"]}]},
        {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "unknown"}]},
    ],
)
def test_all_failed_when_the_response_is_not_understood(result: Any) -> None:
    assert failed_ids(result, IDS) == set(IDS)


def test_batch_event_has_the_shape_of_lambda() -> None:
    event = batch_event(
        [
            {
                "MessageId": "m1",
                "ReceiptHandle": "r1",
                "Body": "hello",
                "MD5OfBody": "5d41402abc4b2a76b9719d911017c592",
                "Attributes": {"ApproximateReceiveCount": "1"},
                "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x"}},
            }
        ],
        "arn:aws:sqs:us-east-1:000000000000:q",
    )

    assert event == {
        "Records": [
            {
                "messageId": "m1",
                "receiptHandle": "r1",
                "body": "hello",
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {"kind": {"dataType": "String", "stringValue": "x"}},
                "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
                "awsRegion": "us-east-1",
            }
        ]
    }
