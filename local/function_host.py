"""Runs one function in a process of its own, one invocation at a time, as Lambda's execution environment does.

Requests come as JSON lines on standard input, replies leave as JSON lines on the original standard output;
whatever the function prints goes to standard error. When standard input closes, the process ends at once.
Only the standard library is imported here: the function sees nothing of the local stack.
"""

import importlib
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

Handler = Callable[[Any, Any], Any]


class Context:
    """The context object that Lambda passes to a handler."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id: str = request["request_id"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.invoked_function_arn: str = request["function_arn"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = str(os.getpid())
        self._ends_at = time.monotonic() + request["timeout_s"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the process is killed."""
        return max(0, int((self._ends_at - time.monotonic()) * 1000))


def load(handler: str) -> Handler:
    """Import `module.function` from the code folder, which is on the path."""
    module, _, name = handler.rpartition(".")
    found: Handler = getattr(importlib.import_module(module), name)
    return found


def failure(error: BaseException) -> dict[str, Any]:
    """Print the traceback and describe the error as Lambda does."""
    traceback.print_exception(error)
    return {"error": {"errorType": type(error).__name__, "errorMessage": str(error)}}


def run(handler: Handler, request: dict[str, Any]) -> bytes:
    """Return the reply line of one invocation."""
    try:
        reply = json.dumps({"value": handler(request["event"], Context(request))})
    except Exception as error:  # noqa: BLE001 - the edge: whatever a handler raises is a function error
        reply = json.dumps(failure(error))
    return reply.encode() + b"\n"


def read_requests(inbox: "queue.SimpleQueue[bytes]") -> None:
    """Fill the inbox; end the process when the stack closes the pipe or dies."""
    for line in sys.stdin.buffer:
        inbox.put(line)
    os._exit(0)


def main() -> None:
    """Load the function, say that it is ready, serve invocations."""
    replies: BinaryIO = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=read_requests, args=(inbox,), daemon=True).start()
    try:
        handler = load(sys.argv[1])
    except BaseException as error:  # noqa: BLE001 - the edge: an import that fails is a function error too
        replies.write(json.dumps(failure(error)).encode() + b"\n")
        sys.stderr.flush()
        os._exit(1)  # an orderly end would wait for the thread that reads
    replies.write(b"{}\n")
    while True:
        replies.write(run(handler, json.loads(inbox.get())))


if __name__ == "__main__":
    main()
