"""Sends a file: whole where it is small, else in parts that go on where the provider says it is.

A part whose fate is not known is asked for before anything is sent again. Where a provider cannot be asked, that one
part is sent once more, and the answer says whether it was there already. What is known to have arrived is never sent
again.
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from hub.connector.actions import Judged
from hub.connector.pages import Means
from hub.connector.select import identifier_text
from hub.connector.transfers import Patience, SessionLost, Transfer
from hub.connector.upload_plans import File, Resumable, UploadPlan, compile_upload, with_file
from hub.connector.upload_sessions import Line, Sending, Session
from hub.connector.variables import Variables
from hub.core.errors import BadRequest, Refused, TooLarge
from hub.mapping.config import Unfit
from hub.mapping.paths import PathFailed
from hub.outbound.calls import HEADER_VALUE
from hub.outbound.retry import Waiting

__all__ = ["UploadPlan", "UploadRun", "Uploaded", "compile_upload"]

Json = dict[str, Any]

# A provider that forgets its sessions again and again would be sent the file for ever.
MAX_SESSIONS = 2
FILE_NAME = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f/\\]{1,255}")


@dataclass(frozen=True)
class Uploaded:
    """The file as the provider has it; `raw` is what it said, {} where that repeats a secret."""

    id: str
    name: str | None
    size: int | None
    raw: Json


class UploadRun:
    """An upload with its values and credentials filled in."""

    def __init__(self, plan: UploadPlan, variables: Variables, means: Means, waiting: Waiting | None = None) -> None:
        self._plan, self._variables = plan, variables
        self._line, self._waiting = Line(plan, means), waiting or Waiting()

    def send(self, content: bytes, file_name: str, content_type: str, give_up_at: float | None = None) -> Uploaded:
        """Return the file as the provider has it; `give_up_at` is a time of `time.monotonic()`.

        Raises Retryable, Refused, TargetForbidden, BadRequest, TooLarge; no message holds a secret.
        """
        file = _checked(File(content, file_name, content_type))
        metadata = self._plan.metadata(with_file(self._variables, file))
        sending = Sending(file, metadata, self._variables, give_up_at)
        if file.size <= self._plan.most_whole_bytes:
            return self._whole(sending)
        if self._plan.resumable is None:
            raise TooLarge(f"The file has {file.size} bytes, at most {self._plan.most_whole_bytes} can be sent.")
        return self._in_parts(self._plan.resumable, sending)

    def _whole(self, sending: Sending) -> Uploaded:
        variables = with_file(self._variables, sending.file, metadata=sending.metadata)
        draft = self._plan.whole(variables, sending.file, sending.metadata)
        reply = self._line.plain.send(draft, None, sending.give_up_at)
        if not reply.is_good:
            raise self._line.failure(self._line.plain, draft, reply)
        return self._read(reply, sending.file)

    def _in_parts(self, plan: Resumable, sending: Sending) -> Uploaded:
        patience = Patience(self._plan.exchange.policy, self._waiting, sending.give_up_at)
        for _ in range(MAX_SESSIONS):
            session = Session(self._line, plan, sending)
            session.begin()
            try:
                return self._read(Transfer(plan, sending.file.size, session, patience).run(), sending.file)
            except SessionLost:
                continue
        raise Refused("The provider has forgotten the upload twice; it was not begun again.")

    def _read(self, reply: Judged, file: File) -> Uploaded:
        try:
            found = orjson.loads(reply.body)
            external_id, name = identifier_text(self._plan.id(found)), self._plan.name(found)
            size = _count(self._plan.size(found))
        except (orjson.JSONDecodeError, PathFailed, Unfit):
            raise Refused("The file was sent, and the answer does not name it.", status=reply.status) from None
        if size is not None and size != file.size:
            raise Refused(f"The file has {file.size} bytes, and the provider says that it has {size}.")
        is_safe = isinstance(found, dict) and not self._line.may_repeat_a_secret(reply.body)
        return Uploaded(external_id, name if isinstance(name, str) else None, size, found if is_safe else {})


def _checked(file: File) -> File:
    if not FILE_NAME.fullmatch(file.name):
        raise BadRequest("Expected a file name of 1 to 255 characters without '/', '\\' and control characters.")
    if not HEADER_VALUE.fullmatch(file.content_type) or "/" not in file.content_type:
        raise BadRequest("Expected a content type such as text/csv.")
    return file


def _count(value: Any) -> int | None:
    """Return a size; Google writes it as a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
