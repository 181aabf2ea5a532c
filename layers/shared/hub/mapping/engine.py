"""Runs JavaScript in a process of its own, which is kept for the next call: see `hub.mapping.sandbox`."""

import atexit
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hub.mapping import sandbox

HEAP_BYTES = 16 * 1024 * 1024
# The input and what is cut out of it: JavaScript keeps up to two bytes per character.
HEAP_PER_INPUT_BYTE = 4


class EngineFailed(Exception):
    """The program gave no answer; the text says why, for whoever wrote the program.

    `place` is the line and the byte in it, from 1, where the program cannot be read.
    """

    def __init__(self, reason: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(reason)
        self.reason, self.place = reason, place


class EngineLost(EngineFailed):
    """The process ended, and not for its time: whoever ended it may have been short of memory for a moment."""


@dataclass(frozen=True)
class Limits:
    """CPU time of one call, and its heap beside the input."""

    cpu_ms: int
    heap_bytes: int = HEAP_BYTES


def run(program: str, text: str, limits: Limits) -> str:
    """Return the text that a program makes of the text it finds in `input`; raises EngineFailed."""
    question = program.encode(errors="replace"), text.encode(errors="replace"), limits
    try:
        mark, answer = _asked(*question)
    except EngineLost:  # the program has no effects, so that it may run again
        mark, answer = _asked(*question)
    if mark == b"!":
        raise _failure(answer, limits)
    return answer


def _asked(program: bytes, text: bytes, limits: Limits) -> tuple[bytes, str]:
    engine = _idle_engine() or Engine()
    found = engine.ask(program, text, limits)
    _idle.append(engine)
    return found


class Engine:
    """One process. It is thrown away when it does not answer, and serves one caller at a time."""

    def __init__(self) -> None:
        found = find_spec("_quickjs")
        if found is None or found.origin is None:
            raise ModuleNotFoundError("the package quickjs-ng is not installed")
        # A shared libpython is found beside the interpreter, wherever that is; nothing else is handed down.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", sandbox.__file__, str(Path(found.origin).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"},
            cwd="/",
            start_new_session=True,
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, program: bytes, text: bytes, limits: Limits) -> tuple[bytes, str]:
        heap_bytes = limits.heap_bytes + HEAP_PER_INPUT_BYTE * (len(program) + len(text))
        head = sandbox.HEAD.pack(limits.cpu_ms, heap_bytes, len(program), len(text))
        try:
            mark, answer = self._exchanged(head + program + text)
        except (OSError, EOFError):
            self.close()
            raise _ending(self._process.returncode, limits) from None
        return mark, answer.decode(errors="replace")

    def _exchanged(self, question: bytes) -> tuple[bytes, bytes]:
        asked, answers = self._process.stdin, self._process.stdout
        if asked is None or answers is None:
            raise EOFError
        asked.write(question)
        asked.flush()
        head = answers.read(sandbox.ANSWER.size)
        if len(head) < sandbox.ANSWER.size:
            raise EOFError
        mark, size = sandbox.ANSWER.unpack(head)
        answer = answers.read(size)
        if len(answer) < size:
            raise EOFError
        return mark, answer

    def close(self) -> None:
        self._process.kill()
        with suppress(BrokenPipeError), self._process:  # closes the streams, with what was not read, and waits
            pass


_idle: list[Engine] = []


def _idle_engine() -> Engine | None:
    while _idle:
        try:
            engine = _idle.pop()
        except IndexError:  # another thread was faster
            return None
        if engine.is_alive:
            return engine
        engine.close()
    return None


@atexit.register
def close() -> None:
    """End the processes that wait for work."""
    while _idle:
        _idle.pop().close()


_MESSAGES = {
    "interrupted": "took longer than {cpu_ms} ms of CPU",
    "out of memory": "needs more than {mib} MiB of memory",
    "Maximum call stack": "calls itself without end",
}


_PLACE = re.compile(r"at <input>:([0-9]+):([0-9]+)")


def _failure(message: str, limits: Limits) -> EngineFailed:
    """Return the engine's message, without its stack and where we know better in our words."""
    for known, words in _MESSAGES.items():
        if known in message:
            return EngineFailed(words.format(cpu_ms=limits.cpu_ms, mib=limits.heap_bytes >> 20))
    if message.strip() in ("", "null"):  # no memory was left to say so
        return _failure("out of memory", limits)
    place = _PLACE.search(message)
    return EngineFailed(message.splitlines()[0], (int(place[1]), int(place[2])) if place else None)


def _ending(code: int | None, limits: Limits) -> EngineFailed:
    if code == -signal.SIGPROF:
        return EngineFailed(_MESSAGES["interrupted"].format(cpu_ms=limits.cpu_ms))
    return EngineLost(f"ended the engine (exit code {code})")
