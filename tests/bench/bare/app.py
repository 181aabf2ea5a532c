"""What a cold start costs at least: one client, one item."""

import json
import os
from typing import Any

import boto3

_CLIENT = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    found = _CLIENT.get_item(TableName=os.environ["DOCUMENTS_TABLE"], Key=event["key"], ConsistentRead=True)
    return {"statusCode": 200, "body": json.dumps(sorted(found["Item"]))}
