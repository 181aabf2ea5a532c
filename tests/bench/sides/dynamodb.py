"""Just enough of DynamoDB on a loopback port, as a process: items by key, written without conditions, read in batches.

`python -m tests.bench.sides.dynamodb` prints its port. It speaks the JSON protocol with the checksum AWS sends; what it
costs is not the client's.
"""

import asyncio
import zlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Any

import orjson

Json = dict[str, Any]


class Items(dict[tuple[str, str, str], Json]):
    """Items by table, partition and sort key; `order` has their places, sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[tuple[str, str, str]] = []

    def put(self, table: str, item: Json) -> None:
        place = (table, item["pk"]["S"], item["sk"]["S"])
        if place not in self:
            insort(self.order, place)
        self[place] = item


def batch_get(items: Items, request: Json) -> Json:
    found: dict[str, list[Json]] = {}
    for table, asked in request["RequestItems"].items():
        wanted = set(asked["ExpressionAttributeNames"].values())
        present = (items.get((table, key["pk"]["S"], key["sk"]["S"])) for key in asked["Keys"])
        found[table] = [{name: item[name] for name in wanted & item.keys()} for item in present if item]
    return {"Responses": found, "UnprocessedKeys": {}}


def batch_write(items: Items, request: Json) -> Json:
    for table, writes in request["RequestItems"].items():
        for write in writes:
            items.put(table, write["PutRequest"]["Item"])
    return {"UnprocessedItems": {}}


def query(items: Items, request: Json) -> Json:
    """Answer `pk = :pk AND sk BETWEEN :low AND :high`, the one condition that is asked here."""
    values, limit = request["ExpressionAttributeValues"], request["Limit"]
    table, pk = request["TableName"], values[":pk"]["S"]
    low, high = ((table, pk, values[bound]["S"]) for bound in (":low", ":high"))
    places = items.order[bisect_left(items.order, low) : bisect_right(items.order, high)]
    wanted = {request["ExpressionAttributeNames"][name] for name in request["ProjectionExpression"].split(", ")}
    found = [{name: items[place][name] for name in wanted & items[place].keys()} for place in places[:limit]]
    last = {"pk": {"S": pk}, "sk": {"S": places[limit - 1][2]}} if len(places) > limit else None
    return {"Items": found, "Count": len(found)} | ({"LastEvaluatedKey": last} if last else {})


OPERATIONS: dict[bytes, Callable[[Items, Json], Json]] = {
    b"BatchGetItem": batch_get,
    b"BatchWriteItem": batch_write,
    b"Query": query,
    b"TransactWriteItems": lambda _items, _request: {},
}


class Connection(asyncio.Protocol):
    def __init__(self, items: Items) -> None:
        self._items = items
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:]) if separator else {}
        if separator and len(body) == int(headers[b"Content-Length"]):
            self._received = b""
            operation = OPERATIONS[headers[b"X-Amz-Target"].partition(b".")[2]]
            self._transport.write(_answer(operation(self._items, orjson.loads(body))))


def _answer(content: Json) -> bytes:
    body = orjson.dumps(content)
    head = (
        "HTTP/1.1 200 OK\r\nx-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nx-amz-crc32: {zlib.crc32(body)}\r\n"
        f"Content-Length: {len(body)}\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
    )
    return head.encode() + body


async def serve() -> None:
    items = Items()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(items), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
