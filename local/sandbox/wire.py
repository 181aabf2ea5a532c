"""Between ASGI and the handlers: reads a request, sends a response whole, in half or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from local.sandbox.messages import Headers, Request, Response

Message = MutableMapping[str, Any]

LARGEST_BODY_BYTES = 5 * 1024 * 1024


class OpenProtocol(H11Protocol):
    """HTTP that also hands the connection to the application, which may cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "connection": transport}
        super().connection_made(transport)


class Wire:
    """One request and the connection it came on."""

    def __init__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def read(self) -> Request | None:
        """The request, or None when the client went away or sends more than anybody should."""
        body = await self._body()
        if body is None:
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._scope["headers"]}
        query = self._scope["query_string"].decode("latin-1")
        return Request(self._scope["method"], self._scope["path"], query, headers, body)

    async def wait(self, delay_s: float) -> bool:
        """Whether the client is still there after the delay; ends early when it goes."""
        try:
            await asyncio.wait_for(self._receive(), delay_s)
        except TimeoutError:
            return True
        return False

    async def send(self, response: Response) -> None:
        await self._start(response)
        await self._send({"type": "http.response.body", "body": response.body})

    async def send_half(self, response: Response) -> None:
        """Announce the whole body, send half of it and close."""
        await self._start(response)
        half = response.body[: len(response.body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        await self.drop()

    async def drop(self) -> None:
        """Close the connection and see it closed."""
        self._scope["state"]["connection"].close()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, response: Response) -> None:
        headers = [*response.headers, *_length(response)]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": response.status, "headers": raw})

    async def _body(self) -> bytes | None:
        parts: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            if sum(map(len, parts)) > LARGEST_BODY_BYTES:
                await self.drop()
                return None
            if not message.get("more_body"):
                return b"".join(parts)


def _length(response: Response) -> Headers:
    return () if response.status in (204, 304) else (("content-length", str(len(response.body))),)
