"""Two strict servers in memory: a session that is an address, as Google Drive has it, and one that is named in each
request, as Dropbox has it. Both keep every byte that they took, and refuse a request that their documentation forbids.

Sources: https://developers.google.com/workspace/drive/api/guides/manage-uploads,
https://www.dropbox.com/developers/documentation/http/documentation#files-upload_session-append.
"""

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from hub.core.errors import Retryable
from hub.outbound.calls import NeverSent, Reply
from tests.unit.connector.factories import Asked, Json, reply

# Google wants multiples of 256 KiB; these tests send little.
UNIT = 1024
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
LARGEST_WHOLE = 5 * 1024 * 1024

Fault = Callable[[Callable[[], Reply]], Reply]


class Refusal(Exception):
    def __init__(self, answer: Reply) -> None:
        super().__init__(answer.status)
        self.answer = answer


def lost_before(_: Callable[[], Reply]) -> Reply:
    """Break the connection before anything was taken."""
    raise Retryable("the connection broke")


def lost_after(take: Callable[[], Reply]) -> Reply:
    """Take the request, and break the connection before the answer."""
    take()
    raise Retryable("the connection broke")


def never_sent(_: Callable[[], Reply]) -> Reply:
    raise NeverSent("could not be connected")


def answers(status: int, value: Any = None, **headers: str) -> Fault:
    return lambda _: reply(value, status, None, **headers)


@dataclass
class Server:
    """`faults` are those of the next parts, None = none; `taken` are the bytes of every session, `files` by id."""

    faults: deque[Fault | None] = field(default_factory=deque)
    requests: list[Asked] = field(default_factory=list)
    sessions: dict[str, bytearray] = field(default_factory=dict)
    sent_bytes: int = 0
    files: list[tuple[Json, bytes]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        self.requests.append(asked)
        try:
            return self._part(asked) if self.is_part(asked) else self.handle(asked)
        except Refusal as refusal:
            return refusal.answer

    def _part(self, asked: Asked) -> Reply:
        self.sent_bytes += len(asked.body or b"")
        fault = self.faults.popleft() if self.faults else None
        return self.handle(asked) if fault is None else fault(lambda: self.handle(asked))

    def is_part(self, asked: Asked) -> bool:
        raise NotImplementedError

    def handle(self, asked: Asked) -> Reply:
        raise NotImplementedError

    @property
    def content(self) -> bytes:
        assert len(self.files) == 1, "expected one file"
        return self.files[0][1]


@dataclass
class Drive(Server):
    """`takes` bytes of a part at most, a multiple of the unit: the rest is asked for again."""

    takes: int | None = None
    metadata: dict[str, Json] = field(default_factory=dict)

    def is_part(self, asked: Asked) -> bool:
        return asked.method == "PUT" and bool(asked.body)

    def handle(self, asked: Asked) -> Reply:
        if asked.method == "POST":
            kind = asked.query.get("uploadType")
            return {"multipart": self._whole, "resumable": self._start}[str(kind)](asked)
        session = asked.query.get("upload_id", "")
        if session not in self.sessions:
            raise Refusal(reply({"error": {"code": 404, "message": "Not Found"}}, 404))
        return self._put(asked, session)

    def _whole(self, asked: Asked) -> Reply:
        assert len(asked.body or b"") <= LARGEST_WHOLE + UNIT, "a multipart upload is one of at most 5 MB"
        kind = asked.headers["content-type"]
        assert kind.startswith("multipart/related; boundary=")
        whole = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + (asked.body or b""))
        first, second = (part for part in whole.walk() if not part.is_multipart())
        assert str(first["Content-Type"]).lower() == "application/json; charset=utf-8"
        content = second.get_payload(decode=True)
        assert isinstance(content, bytes)
        return self._filed(json.loads(str(first.get_payload())), content)

    def _start(self, asked: Asked) -> Reply:
        assert asked.headers["content-type"].lower() == "application/json; charset=utf-8"
        assert int(asked.headers["x-upload-content-length"]) > 0
        session = f"session{len(self.sessions) + 1}"
        self.sessions[session], self.metadata[session] = bytearray(), asked.json
        return reply(body=b"", location=f"{asked.url.partition('?')[0]}?uploadType=resumable&upload_id={session}")

    def _put(self, asked: Asked, session: str) -> Reply:
        taken, body = self.sessions[session], asked.body or b""
        if whole := re.fullmatch(r"bytes \*/(\d+)", asked.headers["content-range"]):
            assert not body
            return (
                self._filed(self.metadata[session], bytes(taken)) if len(taken) == int(whole[1]) else self._more(taken)
            )
        span = RANGE.fullmatch(asked.headers["content-range"])
        assert span is not None
        first, last, size = map(int, span.groups())
        assert last - first + 1 == len(body)
        assert first == len(taken), "a part must begin where the last one ended"
        assert len(body) % UNIT == 0 or last + 1 == size, "a part is a multiple of the unit"
        taken += body[: self.takes]
        return self._filed(self.metadata[session], bytes(taken)) if len(taken) == size else self._more(taken)

    def _more(self, taken: bytearray) -> Reply:
        return reply(body=b"", status=308, **({"range": f"bytes=0-{len(taken) - 1}"} if taken else {}))

    def _filed(self, metadata: Json, content: bytes) -> Reply:
        if (metadata, content) not in self.files:
            self.files.append((metadata, content))
        return reply({"id": f"file{len(self.files)}", "name": metadata["name"], "size": str(len(content))})


@dataclass
class Dropbox(Server):
    finished: set[str] = field(default_factory=set)

    def is_part(self, asked: Asked) -> bool:
        return asked.path.endswith("append_v2")

    def handle(self, asked: Asked) -> Reply:
        assert asked.headers["content-type"] == "application/octet-stream"
        text = asked.headers["dropbox-api-arg"]
        assert text.isascii()
        assert "\x7f" not in text
        arg, body = json.loads(text), asked.body or b""
        return {
            "upload": self._whole,
            "upload_session/start": self._start,
            "upload_session/append_v2": self._append,
            "upload_session/finish": self._finish,
        }[asked.path.removeprefix("/v1/2/files/")](arg, body)

    def _whole(self, arg: Json, body: bytes) -> Reply:
        return self._filed(arg, body)

    def _start(self, arg: Json, body: bytes) -> Reply:
        assert arg == {"close": False}
        session = f"session{len(self.sessions) + 1}"
        self.sessions[session] = bytearray(body)
        return reply({"session_id": session})

    def _append(self, arg: Json, body: bytes) -> Reply:
        taken = self._at(arg["cursor"], lambda error: error)
        taken += body
        return reply(None)

    def _finish(self, arg: Json, body: bytes) -> Reply:
        taken = self._at(arg["cursor"], lambda error: {".tag": "lookup_failed", "lookup_failed": error})
        return self._filed(arg["commit"], bytes(taken) + body)

    def _at(self, cursor: Json, told: Callable[[Json], Json]) -> bytearray:
        if cursor["session_id"] not in self.sessions:
            raise Refusal(reply({"error_summary": "not_found/..", "error": told({".tag": "not_found"})}, 409))
        taken = self.sessions[cursor["session_id"]]
        if cursor["offset"] != len(taken):
            error = told({".tag": "incorrect_offset", "correct_offset": len(taken)})
            raise Refusal(reply({"error_summary": "incorrect_offset/..", "error": error}, 409))
        return taken

    def _filed(self, commit: Json, content: bytes) -> Reply:
        if (commit, content) not in self.files:  # the same content at the same path is the same file
            self.files.append((commit, content))
        return reply({"id": "id:1", "name": commit["path"].rpartition("/")[2], "size": len(content)})
