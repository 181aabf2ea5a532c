"""What a handler answers; the edge adds the headers that every answer carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """`body` is JSON data, a text, bytes as another system gave them, or None for no body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def ok(body: Any, **headers: str) -> Answer:
    return Answer(200, body, headers)


def created(body: Any) -> Answer:
    return Answer(201, body)


def accepted(body: Any) -> Answer:
    return Answer(202, body)


def no_content() -> Answer:
    return Answer(204)
