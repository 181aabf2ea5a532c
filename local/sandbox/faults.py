"""Faults that can be switched on: what providers do on a bad day."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

from local.sandbox.messages import Json, Refusal, Response, as_json

KINDS: Mapping[str, str] = {
    "status_NNN": "answers this status (400 to 599); Retry-After when retry_after_s is given, on 429 always",
    "slow": "answers after delay_s",
    "drop_connection": "closes the connection without an answer",
    "truncated": "announces the whole body, sends half of it, closes the connection",
    "not_json": "answers 200 with an HTML page",
    "graphql_error": "answers 200 with a GraphQL error and no data",
    "repeated_cursor": "names the page just asked for as the next one (cursor, link, nextlink, GraphQL)",
    "repeated_page": "ignores the position and answers the first page (all lists)",
    "schema_drift": "renames, moves and retypes fields of the records",
}
_STATUS_KIND = re.compile(r"status_([45]\d\d)")
_RENAMED = {"first_name": "given_name", "last_name": "surname", "name": "title"}
_MAINTENANCE_PAGE = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"


@dataclass
class Fault:
    """A fault on all paths with a prefix: after `after` requests, for `times` requests (None: for ever)."""

    path_prefix: str
    kind: str
    after: int = 0
    times: int | None = None
    delay_s: float = 0.0
    retry_after_s: float | None = None
    seen: int = 0
    fired: int = 0

    def strikes(self, path: str) -> bool:
        """Whether this request meets the fault; counts it."""
        if not path.startswith(self.path_prefix):
            return False
        self.seen += 1
        strikes = self.seen > self.after and (self.times is None or self.fired < self.times)
        self.fired += strikes
        return strikes

    def answer(self) -> Response | None:
        """The response that replaces the real one, or None when the kind leaves it in place."""
        status = _STATUS_KIND.fullmatch(self.kind)
        if status:
            return self._refusal(int(status[1]))
        return _ANSWERS.get(self.kind)

    def _refusal(self, status: int) -> Response:
        wait_s = 1 if self.retry_after_s is None and status == 429 else self.retry_after_s
        headers = () if wait_s is None else (("retry-after", str(math.ceil(wait_s))),)
        return as_json({"error": {"message": f"The sandbox answers {status} as told"}}, status, headers)


_ANSWERS: Mapping[str, Response] = {
    "not_json": Response(200, _MAINTENANCE_PAGE, (("content-type", "text/html; charset=utf-8"),)),
    "graphql_error": as_json(
        {"data": None, "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]},
    ),
}


class Faults:
    """The faults that are switched on; tests may use it from another thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = Lock()

    def add(self, path_prefix: str, kind: str, **settings: Any) -> None:
        """Switch a fault on; raises Refusal for a kind that is not there."""
        if (kind not in KINDS and not _STATUS_KIND.fullmatch(kind)) or kind == "status_NNN":
            raise Refusal(400, f"kind must be one of {', '.join(KINDS)}, found {kind!r}")
        with self._lock:
            self._faults.append(Fault(path_prefix, kind, **settings))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def striking(self, path: str) -> list[Fault]:
        """The faults that this request meets, in the order they were switched on."""
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(path)]

    def listed(self) -> list[Json]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]


def drifted(record: Json) -> Json:
    """The record after the provider changed its mind: fields renamed, `email` moved, numbers and lists retyped."""
    changed = {_RENAMED.get(name, name): value for name, value in record.items() if name != "email"}
    if "email" in record:
        changed["contact"] = {"email": record["email"]}
    if "lifetime_value" in record:
        changed["lifetime_value"] = float(record["lifetime_value"])
    if "tags" in record:
        changed["tags"] = ",".join(record["tags"])
    return changed
