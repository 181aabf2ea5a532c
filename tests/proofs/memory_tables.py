"""DynamoDB in memory, as a client that `hub.core.tables` takes for boto3's: conditions, transactions, sparse indexes.

Many times as fast as moto, which goes the whole way of a request and an answer. What it understands it answers as
DynamoDB does (`test_memory_tables` compares it with another one); anything else is an error of the test.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ClientError

from hub.core.attributes import decode
from tests.proofs.memory_expressions import Attributes, WrongExpression, compiled
from tests.proofs.memory_expressions import Words as KeyWords

Json = dict[str, Any]
Place = tuple[str, str]

MOST_IN_A_TRANSACTION = 100
MOST_ITEM_BYTES = 400 * 1024


class Line(Protocol):
    """The way to a service: each call goes over it, and may be cut on the way there or back."""

    def call(self, service: str, operation: str, effect: Any, *, is_repeatable: bool = False) -> Any: ...


@dataclass(frozen=True)
class Index:
    """A sparse index over two attributes; `whole` when it has all attributes, else the keys only."""

    hash_name: str
    range_name: str
    whole: bool


@dataclass
class MemoryTable:
    indexes: Mapping[str, Index] = field(default_factory=dict)
    items: dict[Place, Attributes] = field(default_factory=dict)
    # Sorted sort keys of each partition, of the table (index "") and of its indexes.
    order: dict[tuple[str, str], list[tuple[str, Place]]] = field(default_factory=dict)

    def put(self, place: Place, item: Attributes) -> None:
        if sum(len(name) + len(str(value)) for name, value in item.items()) > MOST_ITEM_BYTES:
            raise WrongExpression("Item size has exceeded the maximum allowed size")
        present = self.items.get(place)
        old, new = self._rows(place, present), self._rows(place, item)
        for row in old - new:
            self._take_out(row)
        for row in new - old:
            insort(self.order.setdefault(row[:2], []), row[2:])
        self.items[place] = item

    def delete(self, place: Place) -> None:
        for row in self._rows(place, self.items.pop(place, None)):
            self._take_out(row)

    def _take_out(self, row: tuple[str, str, str, Place]) -> None:
        rows = self.order[row[:2]]
        del rows[bisect_left(rows, row[2:])]

    def _rows(self, place: Place, item: Attributes | None) -> set[tuple[str, str, str, Place]]:
        """Return (index, partition, sort key, place) of an item in the table and in each index that has it."""
        if item is None:
            return set()
        rows = {("", place[0], place[1], place)}
        for name, index in self.indexes.items():
            if index.hash_name in item and (not index.range_name or index.range_name in item):
                sort_key = item[index.range_name]["S"] if index.range_name else ""
                rows.add((name, item[index.hash_name]["S"], sort_key, place))
        return rows


def place_of(key: Attributes) -> Place:
    return key["pk"]["S"], key["sk"]["S"]


def refusal(code: str, operation: str, **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, **more}, operation)  # type: ignore[typeddict-item]


@dataclass
class MemoryDynamoDB:
    """The client. Every operation is one call over the line; a transaction that the SDK repeats takes effect once."""

    line: Line
    tables: dict[str, MemoryTable]

    def get_item(self, *, TableName: str, Key: Attributes, **_: Any) -> Json:  # noqa: N803 - the names boto3 gives
        def effect() -> Json:
            found = self.tables[TableName].items.get(place_of(Key))
            return {"Item": dict(found)} if found else {}

        answer: Json = self.line.call("dynamodb", "GetItem", effect, is_repeatable=True)
        return answer

    def batch_get_item(self, *, RequestItems: Json) -> Json:  # noqa: N803
        def effect() -> Json:
            found: dict[str, list[Attributes]] = {}
            for name, asked in RequestItems.items():
                items = self.tables[name].items
                wanted = asked.get("ExpressionAttributeNames", {}).values()
                present = [items[place_of(key)] for key in asked["Keys"] if place_of(key) in items]
                found[name] = [_only(item, wanted) if wanted else dict(item) for item in present]
            return {"Responses": found, "UnprocessedKeys": {}}

        answer: Json = self.line.call("dynamodb", "BatchGetItem", effect, is_repeatable=True)
        return answer

    def transact_get_items(self, *, TransactItems: list[Json]) -> Json:  # noqa: N803
        def effect() -> Json:
            asked = [read["Get"] for read in TransactItems]
            found = [self.tables[read["TableName"]].items.get(place_of(read["Key"])) for read in asked]
            return {"Responses": [{"Item": dict(item)} if item else {} for item in found]}

        answer: Json = self.line.call("dynamodb", "TransactGetItems", effect, is_repeatable=True)
        return answer

    def batch_write_item(self, *, RequestItems: Json) -> Json:  # noqa: N803
        def effect() -> Json:
            for name, writes in RequestItems.items():
                for write in writes:
                    if "PutRequest" in write:
                        item = write["PutRequest"]["Item"]
                        self.tables[name].put(place_of(item), item)
                    else:
                        self.tables[name].delete(place_of(write["DeleteRequest"]["Key"]))
            return {"UnprocessedItems": {}}

        answer: Json = self.line.call("dynamodb", "BatchWriteItem", effect, is_repeatable=True)
        return answer

    def put_item(self, **request: Any) -> Json:
        return self._alone("PutItem", "Put", request)

    def update_item(self, **request: Any) -> Json:
        return self._alone("UpdateItem", "Update", request)

    def delete_item(self, **request: Any) -> Json:
        return self._alone("DeleteItem", "Delete", request)

    def _alone(self, operation: str, verb: str, request: Json) -> Json:
        def effect() -> Json:
            fits, present = self._fits(verb, request)
            if not fits:
                raise refusal("ConditionalCheckFailedException", operation, **_shown(request, present))
            self._apply(verb, request)
            place = place_of(request.get("Key") or request["Item"])
            wants_new = request.get("ReturnValues") == "ALL_NEW"
            return {"Attributes": dict(self.tables[request["TableName"]].items[place])} if wants_new else {}

        answer: Json = self.line.call("dynamodb", operation, _checked(effect, operation), is_repeatable=True)
        return answer

    def transact_write_items(self, *, TransactItems: list[Json]) -> Json:  # noqa: N803
        writes = [next(iter(write.items())) for write in TransactItems]

        def effect() -> Json:
            _check_transaction(writes)
            looked = [self._fits(verb, request) for verb, request in writes]
            if not all(fits for fits, _ in looked):
                raise _cancelled([(request, *found) for (_, request), found in zip(writes, looked, strict=True)])
            for verb, request in writes:
                self._apply(verb, request)
            return {}

        # botocore gives it a token: the same transaction again is answered without being done again.
        answer: Json = self.line.call("dynamodb", "TransactWriteItems", _checked(effect, "TransactWriteItems"))
        return answer

    def _fits(self, verb: str, request: Json) -> tuple[bool, Attributes | None]:
        place = place_of(request["Item"] if verb == "Put" else request["Key"])
        present = self.tables[request["TableName"]].items.get(place)
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        found = compiled(request.get("ConditionExpression", ""), request.get("UpdateExpression", ""), names, values)
        return found.holds is None or found.holds(present or {}, values), present

    def _apply(self, verb: str, request: Json) -> None:
        table = self.tables[request["TableName"]]
        if verb == "Put":
            table.put(place_of(request["Item"]), request["Item"])
        elif verb == "Delete":
            table.delete(place_of(request["Key"]))
        elif verb == "Update":
            self._update(table, request)

    def _update(self, table: MemoryTable, request: Json) -> None:
        place, values = place_of(request["Key"]), request.get("ExpressionAttributeValues", {})
        names = request.get("ExpressionAttributeNames", {})
        found = compiled(request.get("ConditionExpression", ""), request["UpdateExpression"], names, values)
        old = table.items.get(place, {})
        new = {**request["Key"], **old}
        for change in found.changes:
            change(old, new, values)
        if place_of(new) != place:
            raise WrongExpression("a key cannot be changed")
        table.put(place, new)

    def query(self, **request: Any) -> Json:
        def effect() -> Json:
            return _queried(self.tables[request["TableName"]], request)

        answer: Json = self.line.call("dynamodb", "Query", _checked(effect, "Query"), is_repeatable=True)
        return answer


def _checked(effect: Any, operation: str) -> Any:
    def checked() -> Any:
        try:
            return effect()
        except WrongExpression as wrong:
            raise refusal("ValidationException", operation, Message=str(wrong)) from wrong

    return checked


def _check_transaction(writes: list[tuple[str, Json]]) -> None:
    places = {(request["TableName"], *place_of(request.get("Key") or request["Item"])) for _, request in writes}
    if len(places) < len(writes):
        raise WrongExpression("Transaction request cannot include multiple operations on one item")
    if not 0 < len(writes) <= MOST_IN_A_TRANSACTION:
        raise WrongExpression(f"a transaction of {len(writes)} writes")


def _shown(request: Json, present: Attributes | None) -> Json:
    asked = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return {"Item": dict(present)} if asked and present else {}


def _cancelled(looked: list[tuple[Json, bool, Attributes | None]]) -> ClientError:
    reasons = [
        {"Code": "None"} if fits else {"Code": "ConditionalCheckFailed", **_shown(request, present)}
        for request, fits, present in looked
    ]
    return refusal("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)


def _queried(table: MemoryTable, request: Json) -> Json:
    index_name, names = request.get("IndexName", ""), request["ExpressionAttributeNames"]
    index = table.indexes[index_name] if index_name else Index("pk", "sk", whole=True)
    asked = _Asked.of(request["KeyConditionExpression"], names, request["ExpressionAttributeValues"], index)
    rows = table.order.get((index_name, asked.partition), [])
    start, end = asked.span(rows)
    is_forward, limit = request.get("ScanIndexForward", True), request.get("Limit")
    if "ExclusiveStartKey" in request:
        after = request["ExclusiveStartKey"]
        last = (after[index.range_name]["S"] if index.range_name else "", place_of(after))
        start, end = (max(start, bisect_right(rows, last)), end) if is_forward else (start, bisect_left(rows, last))
    found = rows[start:end] if is_forward else rows[start:end][::-1]
    page, wanted = found[:limit], _projected(request, names)
    shown = [_shape(table.items[place], index, wanted) for _, place in page]
    answer: Json = {"Items": shown, "Count": len(page), "ScannedCount": len(page)}
    if page and len(page) == limit:
        answer["LastEvaluatedKey"] = _only(table.items[page[-1][1]], _keys(index))
    return answer


@dataclass(frozen=True)
class _Asked:
    """A key condition: one partition, and sort keys from `low` until before `high`."""

    partition: str
    low: str = ""
    high: str | None = None

    @classmethod
    def of(cls, condition: str, names: Mapping[str, str], values: Json, index: Index) -> "_Asked":
        words = KeyWords(condition, names)
        assert words.name() == index.hash_name, f"a key condition begins with {index.hash_name}"
        words.take("=")
        partition = str(decode(values[words.value()]))
        if not words.takes("AND"):
            return cls(partition)
        return cls(partition, *_bounds(words, values, index.range_name))

    def span(self, rows: list[tuple[str, Place]]) -> tuple[int, int]:
        end = len(rows) if self.high is None else bisect_left(rows, (self.high,))
        return bisect_left(rows, (self.low,)), max(end, bisect_left(rows, (self.low,)))


def _bounds(words: KeyWords, values: Json, range_name: str) -> tuple[str, str | None]:
    if words.takes("begins_with"):
        words.take("(")
        assert words.name() == range_name
        words.take(",")
        start = str(decode(values[words.value()]))
        return start, start + "\U0010ffff"
    assert words.name() == range_name
    how, value = words.take(), str(decode(values[words.value()]))
    if how == "BETWEEN":
        words.take("AND")
        return value, str(decode(values[words.value()])) + "\0"
    return {
        "=": (value, value + "\0"),
        "<": ("", value),
        "<=": ("", value + "\0"),
        ">": (value + "\0", None),
        ">=": (value, None),
    }[how]


def _keys(index: Index) -> set[str]:
    return {"pk", "sk", index.hash_name, index.range_name} - {""}


def _projected(request: Json, names: Mapping[str, str]) -> set[str]:
    return {names[word] for word in request.get("ProjectionExpression", "").replace(",", " ").split()}


def _shape(item: Attributes, index: Index, wanted: set[str]) -> Attributes:
    seen = item if index.whole else _only(item, _keys(index))
    return _only(seen, wanted) if wanted else dict(seen)


def _only(item: Attributes, names: Any) -> Attributes:
    return {name: item[name] for name in names if name in item}
