"""One cold start, as a process: imports `app` from its folder, answers one event, and says when it is done.

Run with the folders of the function and the layers on the path; the event comes on standard input.
"""

import importlib
import json
import os
import sys
from typing import Any


class Context:
    aws_request_id = "cold"
    function_name = "cold"
    memory_limit_in_mb = "512"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:cold"


def answer() -> Any:
    event = json.load(sys.stdin)
    return importlib.import_module("app").handler(event, Context())


if __name__ == "__main__":
    reply = os.dup(1)
    os.dup2(2, 1)  # what the function logs is no answer
    os.write(reply, json.dumps(answer()).encode() + b"\n")
    # The parent has its figure; taking the process down is not part of it.
    os._exit(0)
