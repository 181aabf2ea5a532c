"""The process in which JavaScript runs, started by `hub.mapping.engine` as a program of its own.

QuickJS asks for its time limit between steps of a program, and not inside a long native call: `Array(2 ** 32).join()`
or `throw {toString() { for (;;); }}` would never come back. Here the kernel ends the process instead, and the caller
lives. The process has an empty environment and opens no file and no socket, so there is nothing to be had in it.

Asked: the head (CPU ms, heap bytes, program bytes, input bytes), the program, the input. Answered: `=` and the text
that the program gives, or `!` and the engine's message, behind its length. Each question gets a context of its own.
"""

import resource
import signal
import struct
import sys
from typing import BinaryIO

HEAD = struct.Struct("<IIII")
ANSWER = struct.Struct("<cI")
# How much longer than its limit a program may run before the kernel ends it.
GRACE = 2.0
LONGEST_MESSAGE = 500


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the other side closes."""
    while head := asked.read(HEAD.size):
        cpu_ms, heap_bytes, program_bytes, input_bytes = HEAD.unpack(head)
        program, text = asked.read(program_bytes).decode(), asked.read(input_bytes).decode()
        signal.setitimer(signal.ITIMER_PROF, GRACE * cpu_ms / 1000)
        mark, answer = evaluated(program, text, cpu_ms / 1000, heap_bytes)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(ANSWER.pack(mark, len(answer)) + answer)
        answers.flush()


def evaluated(program: str, text: str, cpu_s: float, heap_bytes: int) -> tuple[bytes, bytes]:
    """Run a program that finds its input in the global `input` and ends with a text."""
    from _quickjs import Context, JSException

    context = Context()
    context.set_memory_limit(heap_bytes)
    context.set_time_limit(cpu_s)
    try:
        context.set("input", text)
        answer = context.eval(program)
    except (JSException, MemoryError, ValueError) as error:
        return b"!", str(error)[:LONGEST_MESSAGE].encode(errors="replace")
    return (b"=", answer.encode(errors="replace")) if isinstance(answer, str) else (b"!", b"no text")


def close_doors() -> None:
    """Keep the three streams and nothing else; what is written into memory is never written to a disk."""
    import _quickjs  # noqa: F401  the last file that is opened

    for limit, most in ((resource.RLIMIT_NOFILE, 3), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    close_doors()
    serve(sys.stdin.buffer, sys.stdout.buffer)
