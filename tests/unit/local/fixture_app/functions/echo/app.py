"""Answers with the event it got, or misbehaves when asked to."""

import base64
import json
import os
import sys
import time
from typing import Any

import boto3


def handler(event: dict[str, Any], context: Any) -> Any:
    what = event.get("queryStringParameters", {}).get("do", "echo")
    return ACTIONS[what](event, context)


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    facts = {
        "event": event,
        "pid": os.getpid(),
        "path": sys.path,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "environment": {key: os.environ.get(key) for key in ("COLOUR", "SHADE", "WHERE", "EXTRA", "WORK_QUEUE_URL")},
    }
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(facts)}


def fail(_event: object, _context: object) -> None:
    raise ValueError("on purpose")


def sleep(_event: object, _context: object) -> None:
    time.sleep(5)


def plain(_event: object, _context: object) -> dict[str, int]:
    return {"answer": 42}


def binary(_event: object, _context: object) -> dict[str, Any]:
    body = base64.b64encode(b"\x00\xff").decode()
    return {"statusCode": 201, "cookies": ["a=1", "b=2"], "body": body, "isBase64Encoded": True}


def flood(_event: object, _context: object) -> str:
    return "x" * 7 * 1024 * 1024


def put(_event: object, _context: object) -> dict[str, Any]:
    table = boto3.client("dynamodb")
    for number in range(20):
        table.put_item(TableName=os.environ["ITEMS_TABLE"], Item={"pk": {"S": f"item-{number}"}})
    return {"statusCode": 204}


ACTIONS = {"echo": echo, "fail": fail, "sleep": sleep, "plain": plain, "binary": binary, "put": put, "flood": flood}
