"""Zapier's catch hooks: whatever is sent to a hook starts its Zap, also a GET.

Source: https://help.zapier.com/hc/en-us/articles/8496288690317 (Trigger Zaps from webhooks),
https://help.zapier.com/hc/en-us/articles/29972220283789 (limits of webhooks).
"""

import json
import re
from typing import Any, ClassVar
from uuid import UUID

from tests.parity.serving import Answer, Refusal, Request
from tests.providers.fakes.controls import Fake, media_type

HOOK = "/hooks/catch/123456/abcde1/"
PATH = re.compile(r"/hooks/catch/\d+/\w+/?")
MOST_BYTES = 10 * 1024 * 1024


class Zapier(Fake):
    """`caught` is what each Zap was started with; hooks in `gone` were deleted."""

    limited: ClassVar[Answer] = Answer(429, {"status": "error", "message": "Too many requests"}, {"retry-after": "1"})

    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.caught: list[Any] = []
        self.gone: set[str] = set()
        self._first = count

    def answer(self, request: Request) -> Answer:
        if PATH.fullmatch(request.path) is None:
            raise Refusal(Answer(404, {"status": "error", "message": "not found"}))
        if request.path.strip("/") in {path.strip("/") for path in self.gone}:
            raise Refusal(Answer(410, {"status": "error", "message": "Please unsubscribe me!"}))
        if len(request.body) > MOST_BYTES:
            raise Refusal(Answer(413, {"status": "error", "message": "Payload too large"}))
        self.caught.append(_payload(request))
        caught_id = str(UUID(int=self._first + len(self.caught)))
        return Answer(200, {"attempt": caught_id, "id": caught_id, "request_id": caught_id, "status": "success"})


def _payload(request: Request) -> Any:
    if media_type(request) == "application/json":
        try:
            return json.loads(request.body)
        except ValueError:
            raise Refusal(Answer(400, {"status": "error", "message": "Invalid JSON"})) from None
    return request.form or request.query
