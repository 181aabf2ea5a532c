"""Fails a share of the AWS calls on purpose, as a network and a busy service do."""

import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from local.resources import STACK_USER_AGENT

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_JSON_ERROR = b'{"__type":"InternalServerError","message":"failed on purpose"}'
_XML_ERROR = b"<Error><Code>InternalError</Code><Message>failed on purpose</Message></Error>"


class Faults:
    """Answers 500 to a share of the calls; half of those took effect before the answer was lost.

    Calls of the stack itself pass untouched, so that only the hub meets the faults.
    """

    def __init__(self, app: App, share: float, seed: int | None) -> None:
        self._app = app
        self._random = random.Random(seed)  # noqa: S311 - not a secret
        self.share = share

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_exempt(scope) or self._random.random() >= self.share:
            await self._app(scope, receive, send)
            return
        if self._random.random() < 0.5:
            await self._app(scope, receive, _swallow)
        else:
            await _drain(receive)
        await _answer_500(scope, send)


def _is_exempt(scope: Message) -> bool:
    agent = header(scope, b"user-agent")
    return STACK_USER_AGENT in agent or scope["path"].startswith(("/_ministack", "/_local"))


def header(scope: Message, name: bytes) -> str:
    """Return the value of a request header, or an empty text."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _swallow(_message: Message) -> None:
    """Take the answer that the caller never gets."""


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


async def _answer_500(scope: Message, send: Send) -> None:
    is_json = bool(header(scope, b"x-amz-target"))
    body, kind = (_JSON_ERROR, b"application/x-amz-json-1.0") if is_json else (_XML_ERROR, b"application/xml")
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
