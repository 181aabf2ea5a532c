"""DynamoDB's JSON goes out and comes back as the hub wrote it; whatever else botocore does, it goes on doing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from hub.core.attributes import Item, decode_item, encode_item
from hub.core.tables import IS_NEW, ConditionFailed, Put, Tables, Update, key
from hub.core.wire import speak_plainly
from tests.unit.core.conftest import ACME, make_client, make_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PLACE = key(ACME, "thing", "c1")
ITEM: Item = {
    **PLACE,
    "text": 'ä\n"',
    "blob": b"\x00\xff",
    "blobs": [b"a", {"deep": b"\xfe"}],
    "ok": True,
    "gone": None,
    "version": 7,
    "ratio": 0.1,
    "tags": {"x", "y"},
}


@pytest.fixture
def plain(dynamodb: "DynamoDBClient") -> Tables:  # noqa: ARG001 - its tables are there
    """The same tables through a client that botocore reads and writes for."""
    return Tables(make_client(), make_settings())


class Raw:
    """The body of an answer as botocore takes it from the connection."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


def answering(body: bytes, status: int = 200) -> "DynamoDBClient":
    """Return a client that gets this answer to every call."""
    client = speak_plainly(make_client())

    def answer(**_: Any) -> Any:
        return AWSResponse("http://aws.test", status, HTTPHeaders(), Raw(body))

    client.meta.events.register("before-send.dynamodb", answer)
    return client


def test_item_that_botocore_wrote_is_read_as_it_was(tables: Tables, plain: Tables) -> None:
    plain.write(Put(plain.config, ITEM))

    assert tables.config.get(PLACE) == ITEM
    assert tables.config.batch_get([PLACE]) == [ITEM]
    assert tables.config.query("pk = :pk", {"pk": PLACE["pk"]}).items == [ITEM]


def test_item_is_written_as_botocore_would_write_it(tables: Tables, plain: Tables) -> None:
    tables.write(Put(tables.config, ITEM))
    tables.config.batch_put([{**ITEM, "sk": "c2"}])

    assert plain.config.get(PLACE) == ITEM
    assert plain.config.get(key(ACME, "thing", "c2")) == {**ITEM, "sk": "c2"}


def test_refused_write_still_says_what_it_found(tables: Tables) -> None:
    tables.write(Put(tables.config, ITEM))

    with pytest.raises(ConditionFailed) as alone:
        tables.write(Put(tables.config, {**ITEM, "ok": False}, IS_NEW))
    with pytest.raises(ConditionFailed) as together:
        tables.write(
            Update(tables.config, key(ACME, "thing", "c2"), "SET n = :n", {"n": 1}),
            Put(tables.config, {**ITEM, "ok": False}, IS_NEW),
        )

    assert alone.value.found == ITEM
    assert (together.value.found, together.value.index) == (ITEM, 1)


def test_body_is_written_once_and_carries_the_token_that_makes_a_repeat_harmless(dynamodb: "DynamoDBClient") -> None:
    bodies: list[bytes] = []
    dynamodb.meta.events.register("request-created.dynamodb", lambda request, **_: bodies.append(request.data))
    items: Any = [{"Put": {"TableName": "unit-config", "Item": encode_item(ITEM)}}]

    dynamodb.transact_write_items(TransactItems=items)

    sent = orjson.loads(bodies[0])
    assert decode_item(sent["TransactItems"][0]["Put"]["Item"]) == ITEM
    assert len(sent["ClientRequestToken"]) == 36


def test_parameters_are_whole_for_those_who_listen(dynamodb: "DynamoDBClient") -> None:
    """Rights are checked by them in the tests of the functions."""
    seen: list[Any] = []
    dynamodb.meta.events.register("provide-client-params", lambda params, **_: seen.append(dict(params)))
    asked: Any = {"unit-config": {"Keys": [encode_item(dict(PLACE))]}}

    dynamodb.batch_get_item(RequestItems=asked)

    assert seen == [{"RequestItems": asked}]
    assert len(asked["unit-config"]["Keys"]) == 1


def test_error_of_dynamodb_is_one_of_botocore() -> None:
    body = b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}'

    with pytest.raises(ClientError, match="no table") as caught:
        answering(body, 400).get_item(TableName="none", Key=encode_item(dict(PLACE)))

    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_answer_that_is_not_json_is_no_answer() -> None:
    """A batch that came to nothing must not look like one that was written."""
    with pytest.raises(orjson.JSONDecodeError):
        answering(b"<html>").get_item(TableName="none", Key=encode_item(dict(PLACE)))


def test_value_that_has_no_json_form_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError):
        answering(b"{}").put_item(TableName="none", Item={"pk": {"S": object()}})
