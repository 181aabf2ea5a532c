"""What every fake can be told: to limit calls, to break connections, to take nothing for granted."""

import re
from collections.abc import Callable
from typing import ClassVar

from tests.parity.serving import Answer, Json, Lost, Refusal, Request
from tests.providers.fakes.authority import Authority

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
Route = Callable[[Request], Answer]


class Fake:
    """An account at a provider: a subclass has `routes` and says what it answers to a wrong one and to a limit.

    `accepted` are the calls that were neither limited nor refused, `calls` all but those of the OAuth server;
    `limits_given` counts the limits among them.
    """

    limited: ClassVar[Answer]

    def __init__(self, authority: Authority | None = None) -> None:
        self.authority = authority
        self.calls: list[Request] = []
        self.accepted: list[Request] = []
        self.limits_given = 0
        self._limits_left = self._limit_each = self._losses_left = 0

    def limit_next(self, count: int) -> None:
        """Answer the next calls with the provider's limit."""
        self._limits_left = count

    def limit_every(self, number: int) -> None:
        """Answer each n-th call with the provider's limit."""
        self._limit_each = number

    def lose_next(self, count: int) -> None:
        """Do what the next calls ask for, and break the connection in place of an answer."""
        self._losses_left = count

    def __call__(self, request: Request) -> Answer:
        granted = self.authority.answer(request) if self.authority else None
        if granted is not None:
            return granted
        self.calls.append(request)
        self._check_limit()
        answer = self.answer(request)
        self.accepted.append(request)
        self._check_loss()
        return answer

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def _check_limit(self) -> None:
        is_turn = self._limit_each > 0 and len(self.calls) % self._limit_each == 0
        if self._limits_left or is_turn:
            self._limits_left = max(0, self._limits_left - 1)
            self.limits_given += 1
            raise Refusal(self.limited)

    def _check_loss(self) -> None:
        if self._losses_left:
            self._losses_left -= 1
            raise Lost


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def bearer(request: Request) -> str:
    """Return the token of the Authorization header, "" without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def object_body(request: Request, refused: Callable[[str], Answer]) -> Json:
    """Return the JSON object of the body; anything else is answered with `refused`."""
    try:
        body = request.json()
    except ValueError:
        raise Refusal(refused("The request body is not valid JSON")) from None
    if not isinstance(body, dict):
        raise Refusal(refused("The request body is not a JSON object"))
    return body
