"""Writes each job to the table; a job whose body is `bad` fails, after `hang` it takes its time."""

import os
import time
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    failed = []
    for record in event["Records"]:
        if record["body"] == "bad":
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            dynamodb.put_item(TableName=os.environ["ITEMS_TABLE"], Item={"pk": {"S": record["body"]}})
        if record["body"] == "hang":
            time.sleep(4)
    return {"batchItemFailures": failed}
