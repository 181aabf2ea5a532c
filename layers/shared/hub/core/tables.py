"""The five tables: keys that begin with the tenant, conditional writes, transactions, pages.

A key is made by `key(tenant, kind, id)` alone, so no query can be asked without a tenant; only the sparse indexes
`lookup` and `due` answer questions that have none.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hub.core.attributes import Item, decode_item, encode_item
from hub.core.caller import Tenant
from hub.core.config import Settings
from hub.core.errors import Unavailable
from hub.core.expressions import with_placeholders

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IS_NEW = "attribute_not_exists(pk)"
IS_UNCHANGED = "version = :version_read"
# What a call of DynamoDB raises that failed, in contrast to a condition that was not met.
CALL_FAILED = (ClientError, BotoCoreError, Unavailable)
BATCH_GET_KEYS = 100
BATCH_WRITE_ITEMS = 25
LONGEST_SORT_KEY_BYTES = 1024
# The hub's own items; no tenant id begins with an underscore.
_HUB = "_hub"
_CONTENDED = "Another request changes the same item right now; send this one again."

Key = dict[str, str]
Read = Callable[[dict[str, Any]], Item]


class ConditionFailed(Exception):
    """A conditional write found another state. `found` is the item as it is now, where DynamoDB told it."""

    def __init__(self, found: Item | None, index: int = 0) -> None:
        super().__init__(f"condition of write {index} not met")
        self.found = found
        self.index = index


class Contended(Unavailable):
    """Another transaction touched the same item at the same moment; the same request may succeed at once."""


def as_it_came(attributes: dict[str, Any]) -> Item:
    """Leave an item in DynamoDB's form, `{name: {"S": value}}`: for a caller who needs few of many."""
    return attributes


def key(tenant: Tenant, kind: str, item_id: str) -> Key:
    return {"pk": f"{tenant.id}#{kind}", "sk": item_id}


def hub_key(kind: str, item_id: str) -> Key:
    return {"pk": f"{_HUB}#{kind}", "sk": item_id}


def partition(tenant: Tenant, kind: str) -> str:
    return f"{tenant.id}#{kind}"


@dataclass(frozen=True)
class Put:
    table: "Table"
    item: Item
    only_if: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Key:
        return {"pk": self.item["pk"], "sk": self.item["sk"]}

    def request(self) -> dict[str, Any]:
        return {"Put": {"Item": encode_item(self.item), **_condition(self.table, self.only_if, self.values)}}


@dataclass(frozen=True)
class Update:
    """`change` is a DynamoDB update expression with plain names: "SET state = :state REMOVE dueAt"."""

    table: "Table"
    key: Key
    change: str
    values: Mapping[str, Any] = field(default_factory=dict)
    only_if: str = ""

    @property
    def place(self) -> Key:
        return self.key

    def request(self) -> dict[str, Any]:
        expression, names = with_placeholders(self.change)
        parts = _condition(self.table, self.only_if, self.values)
        parts["ExpressionAttributeNames"] = {**parts.get("ExpressionAttributeNames", {}), **names}
        return {"Update": {"Key": encode_item(dict(self.key)), "UpdateExpression": expression, **parts}}


@dataclass(frozen=True)
class Delete:
    table: "Table"
    key: Key
    only_if: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Key:
        return self.key

    def request(self) -> dict[str, Any]:
        return {"Delete": {"Key": encode_item(dict(self.key)), **_condition(self.table, self.only_if, self.values)}}


Write = Put | Update | Delete


def _condition(table: "Table", only_if: str, values: Mapping[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {"TableName": table.name}
    if only_if:
        parts["ConditionExpression"], parts["ExpressionAttributeNames"] = with_placeholders(only_if)
        parts["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if values:
        parts["ExpressionAttributeValues"] = _values(values)
    return parts


def _may_exist(item_key: Key) -> bool:
    """DynamoDB calls a request with a longer key wrong; for whoever names such an id, it is one that is not there."""
    return len(item_key["sk"].encode(errors="replace")) <= LONGEST_SORT_KEY_BYTES


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    return encode_item({f":{name}": value for name, value in values.items()})


@dataclass(frozen=True)
class Found:
    """One page of a query; `next_key` continues it."""

    items: list[Item]
    next_key: dict[str, Any] | None


class Table:
    """One table; `ranges_from` so many items are better read as a range than by key, 0 = never."""

    def __init__(self, client: "DynamoDBClient", name: str, ranges_from: int = 8) -> None:
        self._client: Any = client
        self.name = name
        self.ranges_from = ranges_from

    def get(self, item_key: Key) -> Item | None:
        """Return the item as last written (a consistent read), or None."""
        if not _may_exist(item_key):
            return None
        answer = self._client.get_item(TableName=self.name, Key=encode_item(dict(item_key)), ConsistentRead=True)
        return decode_item(answer["Item"]) if "Item" in answer else None

    def batch_get(self, keys: Sequence[Key], fields: str = "", read: Read = decode_item) -> list[Item]:
        """Return the items that exist, whole or with the attributes in `fields`, in no order; one call per 100 keys.

        `read` makes an item of what DynamoDB answered; `as_it_came` leaves that to the caller.
        """
        shape: dict[str, Any] = {"ConsistentRead": True}
        if fields:
            shape["ProjectionExpression"], shape["ExpressionAttributeNames"] = with_placeholders(fields)
        found: list[Item] = []
        keys = [item_key for item_key in keys if _may_exist(item_key)]
        for start in range(0, len(keys), BATCH_GET_KEYS):
            chunk = [encode_item(dict(item_key)) for item_key in keys[start : start + BATCH_GET_KEYS]]
            for attempt in _attempts():
                answer = self._client.batch_get_item(RequestItems={self.name: {"Keys": chunk, **shape}})
                found += map(read, answer["Responses"].get(self.name, ()))
                chunk = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                if not chunk:
                    break
                attempt.wait()
        return found

    def batch_put(self, items: Sequence[Item]) -> None:
        """Write all items without conditions, 25 a call; what DynamoDB hands back is sent again."""
        for start in range(0, len(items), BATCH_WRITE_ITEMS):
            chunk = [{"PutRequest": {"Item": encode_item(item)}} for item in items[start : start + BATCH_WRITE_ITEMS]]
            for attempt in _attempts():
                answer = self._client.batch_write_item(RequestItems={self.name: chunk})
                chunk = answer.get("UnprocessedItems", {}).get(self.name, [])
                if not chunk:
                    break
                attempt.wait()

    def query(
        self,
        keys: str,
        values: Mapping[str, Any],
        *,
        index: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        start: dict[str, Any] | None = None,
        fields: str = "",
        read: Read = decode_item,
    ) -> Found:
        """Return one page: `keys` is the key condition with plain names ("pk = :pk AND begins_with(sk, :start)").

        The items are whole or have the attributes in `fields`; `read` is as for `batch_get`.
        """
        expression, names = with_placeholders(keys)
        projection, named = with_placeholders(fields)
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": expression,
            "ExpressionAttributeNames": {**names, **named},
            "ExpressionAttributeValues": _values(values),
            "ScanIndexForward": not newest_first,
        }
        request |= {"IndexName": index} if index else {"ConsistentRead": True}
        request |= {"ProjectionExpression": projection} if fields else {}
        request |= {"Limit": limit} if limit else {}
        request |= {"ExclusiveStartKey": encode_item(start)} if start else {}
        answer = self._client.query(**request)
        last = answer.get("LastEvaluatedKey")
        return Found([read(item) for item in answer["Items"]], decode_item(last) if last else None)

    def query_all(self, keys: str, values: Mapping[str, Any], *, index: str | None = None) -> Iterator[Item]:
        start: dict[str, Any] | None = None
        while True:
            found = self.query(keys, values, index=index, start=start)
            yield from found.items
            start = found.next_key
            if start is None:
                return

    def update(self, item_key: Key, change: str, values: Mapping[str, Any], only_if: str = "") -> Item:
        """Change one item and return it whole as it is afterwards; raises ConditionFailed."""
        request = Update(self, item_key, change, values, only_if).request()["Update"]
        try:
            answer = self._client.update_item(**request, ReturnValues="ALL_NEW")
        except ClientError as error:
            raise _meaning(error) from error
        return decode_item(answer["Attributes"])


class Tables:
    def __init__(self, client: "DynamoDBClient", settings: Settings) -> None:
        self._client: Any = client
        self.config = Table(client, settings.config_table)
        self.credentials = Table(client, settings.credentials_table)
        self.documents = Table(client, settings.documents_table, settings.range_reads_from)
        self.activity = Table(client, settings.activity_table)
        self.coordination = Table(client, settings.coordination_table)

    def get_together(self, *places: tuple[Table, Key]) -> list[Item | None]:
        """Return items of several tables as last written, None where there is none: one call."""
        wanted: dict[str, Any] = {}
        for table, item_key in places:
            request = wanted.setdefault(table.name, {"Keys": [], "ConsistentRead": True})
            request["Keys"].append(encode_item(dict(item_key)))
        found: dict[tuple[str, str, str], Item] = {}
        for attempt in _attempts():
            answer = self._client.batch_get_item(RequestItems=wanted)
            for name, items in answer["Responses"].items():
                found |= {(name, item["pk"], item["sk"]): item for item in map(decode_item, items)}
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                break
            attempt.wait()
        return [found.get((table.name, item_key["pk"], item_key["sk"])) for table, item_key in places]

    def write(self, *writes: Write) -> None:
        """Do all of it or nothing; one write goes out alone, at half the price. Raises ConditionFailed, Contended."""
        if not writes:
            return
        try:
            if len(writes) == 1:
                self._write_one(writes[0].request())
            else:
                self._client.transact_write_items(TransactItems=[write.request() for write in writes])
        except ClientError as error:
            if not _is_own_repeat(error, writes):
                raise _meaning(error) from error

    def _write_one(self, request: dict[str, Any]) -> None:
        (verb, parts), *_ = request.items()
        send = {"Put": self._client.put_item, "Update": self._client.update_item, "Delete": self._client.delete_item}
        send[verb](**parts)


def _meaning(error: ClientError) -> Exception:
    """Say what a refused write means; any other error of AWS stays what it is."""
    response: Any = error.response
    if response["Error"]["Code"] == "ConditionalCheckFailedException":
        return ConditionFailed(_item(response.get("Item")))
    if response["Error"]["Code"] == "TransactionConflictException":  # of a write that went out alone
        return Contended(_CONTENDED)
    for index, reason in enumerate(response.get("CancellationReasons", ())):
        if reason.get("Code") == "ConditionalCheckFailed":
            return ConditionFailed(_item(reason.get("Item")), index)
        if reason.get("Code") == "TransactionConflict":
            return Contended(_CONTENDED)
    return error


def _is_own_repeat(error: ClientError, writes: Sequence[Write]) -> bool:
    """Say whether the write had taken effect before and only its answer was lost: the SDK then sent it again.

    A transaction is all or nothing, so one new item of ours that is already there, equal in all, proves the whole.
    """
    response: Any = error.response
    refusals = response.get("CancellationReasons") or [{"Item": response.get("Item")}]
    return any(
        isinstance(write, Put) and refusal.get("Item") and decode_item(refusal["Item"]) == write.item
        for write, refusal in zip(writes, refusals, strict=False)
    )


def _item(attributes: dict[str, Any] | None) -> Item | None:
    return decode_item(attributes) if attributes else None


@dataclass
class _Attempt:
    number: int

    def wait(self) -> None:
        # Full jitter: parallel workers that were throttled together must not come back together.
        sleep(random.uniform(0, min(2.0, 0.05 * 2**self.number)))  # noqa: S311 - no secret depends on it


def _attempts(most: int = 8) -> Iterator[_Attempt]:
    for number in range(most):
        yield _Attempt(number)
    raise Unavailable("DynamoDB kept handing back part of a batch; the same request may succeed later.")
