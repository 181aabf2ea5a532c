"""Writes each event it hears to the table."""

import os
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> str:
    name = f"{event['source']}/{event['detail-type']}"
    dynamodb.put_item(TableName=os.environ["ITEMS_TABLE"], Item={"pk": {"S": name}})
    return name
