"""Invokes functions in pools of child processes, one invocation at a time per process."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.attributes import REGION
from local.logs import Log
from local.template import Function

_HOST = Path(__file__).with_name("function_host.py")
_START_WITHIN_S = 30.0
_MAX_PAYLOAD_BYTES = 6 * 1024 * 1024  # of a synchronous invocation, in each direction


class FunctionFailed(Exception):
    """The function raised, was killed or ran out of time."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type


class PayloadTooLarge(Exception):
    """The event is larger than Lambda accepts."""


def environment_of(function: Function, aws_url: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of the function's processes: the template's lines and what Lambda adds."""
    paths = [function.code_dir, *function.layer_dirs]
    return {
        "PATH": os.environ.get("PATH", ""),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
        "PYTHONUNBUFFERED": "1",
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        **function.environment,
        **overrides,
    }


class _Worker:
    """One child process with the function loaded."""

    def __init__(self, function: Function, environment: dict[str, str], log: Log) -> None:
        self._function = function
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_HOST), function.handler],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=function.code_dir,
            env=environment,
            process_group=0,
        )
        threading.Thread(target=self._copy_output, args=(log,), daemon=True).start()
        self._is_ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def _copy_output(self, log: Log) -> None:
        assert self._process.stderr  # noqa: S101 - it is a pipe
        with self._process.stderr as lines:
            for line in lines:
                log.function_line(self._function.logical_id, line.decode("utf-8", "replace").rstrip())

    def invoke(self, event: Any, request_id: str) -> Any:
        """Return what the handler returned; raises FunctionFailed."""
        if not self._is_ready:
            _value(self._reply(_START_WITHIN_S))
            self._is_ready = True
        request = {
            "event": event,
            "request_id": request_id,
            "function_arn": self._function.arn,
            "timeout_s": self._function.timeout_s,
        }
        self._send(json.dumps(request).encode() + b"\n")
        return _value(self._reply(self._function.timeout_s))

    def _send(self, line: bytes) -> None:
        try:
            assert self._process.stdin  # noqa: S101 - it is a pipe
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except OSError:
            raise FunctionFailed("Runtime.ExitError", "the process has ended") from None

    def _reply(self, within_s: float) -> dict[str, Any]:
        """Read one line; a process that takes too long is killed, which ends the read."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(within_s, expire)
        timer.start()
        try:
            assert self._process.stdout  # noqa: S101 - it is a pipe
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if len(line) > _MAX_PAYLOAD_BYTES:
            raise FunctionFailed("Function.ResponseSizeTooLarge", f"the result has {len(line)} bytes")
        if line.endswith(b"\n"):
            return json.loads(line)  # type: ignore[no-any-return]
        self._process.wait()
        if expired.is_set():
            raise FunctionFailed("Sandbox.Timedout", f"timed out after {within_s:g} seconds")
        raise FunctionFailed("Runtime.ExitError", f"the process ended with {self._process.returncode}")

    def stop(self) -> None:
        if self.is_alive:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                _close(pipe)


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:
        return  # unsent bytes of a process that died


def _value(reply: dict[str, Any]) -> Any:
    if "error" in reply:
        raise FunctionFailed(reply["error"]["errorType"], reply["error"]["errorMessage"])
    return reply.get("value")


@dataclass
class Pool:
    """The execution environments of one function: started when needed, reused, replaced when they die."""

    function: Function
    environment: dict[str, str]
    limit: int
    log: Log
    _idle: list[_Worker] = field(default_factory=list)
    _busy: set[_Worker] = field(default_factory=set)
    _change: threading.Condition = field(default_factory=threading.Condition)
    _is_open: bool = True

    def invoke(self, event: Any, request_id: str | None = None) -> Any:
        """Return what the handler returned, waiting for a free process if all are busy.

        Raises FunctionFailed, or PayloadTooLarge before anything ran.
        """
        if len(json.dumps(event)) > _MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge
        worker = self._take()
        try:
            return worker.invoke(event, request_id or str(uuid.uuid4()))
        except FunctionFailed as error:
            self.log.line("function failed", function=self.function.logical_id, error=error.error_type)
            raise
        finally:
            self._give_back(worker)

    def pids(self) -> list[int]:
        """Return the process ids of the execution environments."""
        with self._change:
            return sorted(worker.pid for worker in (*self._idle, *self._busy) if worker.is_alive)

    def _take(self) -> _Worker:
        with self._change:
            self._change.wait_for(lambda: self._idle or len(self._busy) < self.limit or not self._is_open)
            if not self._is_open:
                raise FunctionFailed("Runtime.ExitError", "the stack is stopping")
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    break
                worker.stop()
            else:
                worker = _Worker(self.function, self.environment, self.log)
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._change:
            self._busy.discard(worker)
            if worker.is_alive and self._is_open:
                self._idle.append(worker)
            else:
                worker.stop()
            self._change.notify_all()

    def stop(self, grace_s: float) -> None:
        """Let running invocations finish for up to `grace_s`, then end all processes."""
        ends_at = time.monotonic() + grace_s
        with self._change:
            self._is_open = False
            self._change.notify_all()
            self._change.wait_for(lambda: not self._busy, max(0.0, ends_at - time.monotonic()))
            for worker in (*self._idle, *self._busy):
                worker.stop()
            self._idle.clear()
