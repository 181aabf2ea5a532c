"""DynamoDB's JSON as the hub itself writes and reads it.

botocore walks its model of the service for every attribute of every item, out and back: most of what a batch costs. The
hub's items are in DynamoDB's form already (`hub.core.attributes`), so a request's body is written in one step, and the
JSON of an answer is the answer, binary values in base64. Errors are still read by botocore.
"""

import base64
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BODY = "hub_body"


def speak_plainly(client: "DynamoDBClient") -> "DynamoDBClient":
    """Return the client, which from now on leaves parameters and answers as they are; it must not check parameters."""
    events = client.meta.events
    # Behind botocore's own handler, which gives a transaction the token that makes sending it again harmless.
    events.register_last("before-parameter-build", _write)
    events.register("before-call.dynamodb", _put_into_request)
    events.register("before-parse.dynamodb", _read)
    return client


def _write(params: dict[str, Any], context: dict[str, Any], **_event: Any) -> None:
    context[_BODY] = orjson.dumps(params, default=_base64)
    # botocore still finds the address by what stands here; nothing large is left for it to walk through.
    params.update({name: type(value)() for name, value in params.items() if isinstance(value, (dict, list))})


def _put_into_request(params: dict[str, Any], context: dict[str, Any], **_event: Any) -> None:
    params["body"] = context[_BODY]


def _read(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_event: Any) -> None:
    if response_dict["status_code"] == 200:
        customized_response_dict.update(orjson.loads(response_dict["body"]))
        response_dict["body"] = b""


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)
