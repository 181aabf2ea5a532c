"""A receiver of webhooks on a loopback port, as a process: answers each request 204 after a while.

`python -m tests.bench.sides.hook_sink <delay in ms>` prints its port. `GET /connections` tells how many connections
were made to it so far, its own not counted.
"""

import asyncio
import sys

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Connection(asyncio.Protocol):
    made = 0

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        Connection.made += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = bytes(self._received).partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head):
            self._received.clear()
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"GET /connections"):
            Connection.made -= 1
            text = b"%d" % Connection.made
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text))
        elif self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, ANSWER)
        else:
            self._transport.write(ANSWER)


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)


async def serve(delay_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(delay_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) / 1000))
