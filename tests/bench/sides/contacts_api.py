"""A provider's contacts over HTTP on a loopback port, as a process: pages made beforehand, by cursor, page or offset.

`python -m tests.bench.sides.contacts_api <records> <delay in ms>` prints its port. The cursors are opaque texts; a
body is `{"results": [...], "paging": {"next": text or null}, "total": number}`.
"""

import asyncio
import hashlib
import itertools
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from local.sandbox.people import generate_companies, generate_contacts

PAGE_RECORDS = 200
SEED = 7
FIELDS = tuple(
    "id first_name last_name email phone company_name status source lifetime_value tags created_at updated_at".split()
)


@dataclass(frozen=True)
class Pages:
    """Whole answers by page number, from 0; a page behind the last one is empty."""

    answers: list[bytes]
    by_cursor: dict[str, int]
    empty: bytes

    def at(self, target: bytes) -> bytes:
        number = self._number(dict(parse_qsl(target.decode().partition("?")[2])))
        return self.answers[number] if number < len(self.answers) else self.empty

    def _number(self, query: dict[str, str]) -> int:
        if "cursor" in query:
            return self.by_cursor[query["cursor"]]
        return int(query["page"]) - 1 if "page" in query else int(query.get("offset", 0)) // PAGE_RECORDS


def records_of(count: int) -> list[dict[str, Any]]:
    contacts = generate_contacts(SEED, count, generate_companies(SEED, 400))
    return [{name: contact[name] for name in FIELDS} for contact in contacts]


def pages_of(count: int) -> Pages:
    records = records_of(count)
    chunks = [records[start : start + PAGE_RECORDS] for start in range(0, count, PAGE_RECORDS)]
    cursors = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(len(chunks))]
    answers = [_answer(chunk, following, count) for chunk, following in zip(chunks, [*cursors[1:], None], strict=True)]
    return Pages(answers, dict(zip(cursors, itertools.count())), _answer([], None, count))


def _answer(records: list[dict[str, Any]], following: str | None, total: int) -> bytes:
    body = orjson.dumps({"results": records, "paging": {"next": following}, "total": total})
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    def __init__(self, pages: Pages, delay_s: float) -> None:
        self._pages = pages
        self._delay_s = delay_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._answer(self._pages.at(head.split(b" ", 2)[1]))

    def _answer(self, answer: bytes) -> None:
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(pages: Pages, delay_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(pages, delay_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(pages_of(int(sys.argv[1])), int(sys.argv[2]) / 1000))
