"""Conditional requests: the first page of a list is only sent again where it has changed (RFC 9110, 13.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson

from hub.connector.position import digest
from hub.connector.requests import Draft
from hub.outbound.calls import HEADER_VALUE, Reply

NOT_MODIFIED = 304
LONGEST_VALIDATOR = 512
ASKED_BY = {"etag": "if-none-match", "last-modified": "if-modified-since"}


@dataclass(frozen=True)
class Validators:
    """What an answer said of its version, and of which request; another request must not be answered by it."""

    request: str
    headers: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return `{"request": digest, "headers": {"if-none-match": ...}}`."""
        return {"request": self.request, "headers": dict(self.headers)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["request"], raw["headers"])

    def asked(self, draft: Draft) -> Draft:
        """Return the draft with the condition, where it is the request that they belong to."""
        if self.request != _request_digest(draft):
            return draft
        return replace(draft, headers={**draft.headers, **self.headers})


def validators_of(draft: Draft, reply: Reply) -> Validators | None:
    """Return what makes the same request conditional, None where the answer does not say its version."""
    found = {asked: reply.headers[given] for given, asked in ASKED_BY.items() if given in reply.headers}
    headers = {name: value for name, value in found.items() if _is_sendable(value)}
    return Validators(_request_digest(draft), headers) if headers and draft.method == "GET" else None


def _is_sendable(value: str) -> bool:
    return 0 < len(value) <= LONGEST_VALIDATOR and HEADER_VALUE.fullmatch(value) is not None


def _request_digest(draft: Draft) -> str:
    """The condition itself is no part of the request."""
    headers = sorted((name, value) for name, value in draft.headers.items() if name not in ASKED_BY.values())
    return digest(orjson.dumps([draft.method, draft.url, headers, list(draft.params)]))
