"""Prints what happens, one readable line per unit of work."""

import json
import threading
from collections import deque
from datetime import datetime
from typing import Any, TextIO

_KEPT_LINES = 5000
# What Powertools adds to each line; the reader of a terminal knows it already.
_HIDDEN = frozenset(
    {
        "cold_start",
        "correlation_id",
        "exception_name",
        "function_arn",
        "function_memory_size",
        "function_name",
        "function_request_id",
        "level",
        "location",
        "message",
        "sampling_rate",
        "service",
        "stack_trace",
        "timestamp",
        "xray_trace_id",
    }
)


class Log:
    """Collects lines until a stream is attached, then writes them; the last ones stay readable for tests."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._recent: deque[str] = deque(maxlen=_KEPT_LINES)
        self._lock = threading.Lock()

    def attach(self, stream: TextIO) -> None:
        """Write what was collected so far, and all that follows, to `stream`."""
        with self._lock:
            self._stream = stream
            for line in self._recent:
                print(line, file=stream, flush=True)

    def text(self) -> str:
        """Return the recent lines."""
        with self._lock:
            return "\n".join(self._recent)

    def line(self, message: str, **facts: object) -> None:
        """Write `HH:MM:SS message key=value ...`; facts without a value are left out."""
        self._write(f"{datetime.now():%H:%M:%S} {message}{_facts(facts)}")

    def function_line(self, function: str, raw: str) -> None:
        """Write a line that a function printed; Powertools' JSON becomes `LEVEL function message key=value ...`."""
        try:
            entry = json.loads(raw)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or "message" not in entry:
            if not _is_metric(entry):
                self._write(f"{datetime.now():%H:%M:%S}         {function}: {raw}")
            return
        if not _is_told_by_gateway(entry):
            self._write(f"{datetime.now():%H:%M:%S} {entry.get('level', ''):7} {function}: {rendered(entry)}")

    def _write(self, line: str) -> None:
        with self._lock:
            self._recent.append(line)
            if self._stream:
                print(line, file=self._stream, flush=True)


def rendered(entry: dict[str, Any]) -> str:
    """Return message and facts of a JSON log line as text; a traceback follows on lines of its own."""
    facts = {key: value for key, value in entry.items() if key not in _HIDDEN and key != "exception"}
    message = entry["message"]
    if isinstance(message, dict):
        facts, message = {**message, **facts}, ""
    trace = "".join(f"\n    {line}" for line in str(entry.get("exception") or "").splitlines())
    return f"{message}{_facts(facts)}{trace}"


def _facts(facts: dict[str, Any]) -> str:
    shown = {key: value for key, value in facts.items() if value not in (None, "")}
    return "".join(f" {key}={_value(value)}" for key, value in shown.items())


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, separators=(",", ":"))


def _is_metric(entry: Any) -> bool:
    return isinstance(entry, dict) and "_aws" in entry


def _is_told_by_gateway(entry: dict[str, Any]) -> bool:
    """The gateway writes a line per request already; the function's adds something only when it refused."""
    return entry["message"] == "request.answered" and "code" not in entry
