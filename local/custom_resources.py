"""Runs the template's custom resources as CloudFormation does: calls the function and waits for its answer by HTTP."""

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from local.attributes import PSEUDO_PARAMETERS
from local.intrinsics import Json, TemplateError

ANSWER_WITHIN_S = 5.0
_MAX_ANSWER_BYTES = 4096


@dataclass(frozen=True)
class CustomResource:
    """A resource that a function makes; `properties` are what it is told."""

    logical_id: str
    function_arn: str
    properties: Json


class Answers:
    """Takes the answers of functions, on a port of its own; use it as a context manager."""

    def __init__(self, within_s: float = ANSWER_WITHIN_S) -> None:
        self._within_s = within_s
        self._given: dict[str, Json] = {}
        self._change = threading.Condition()
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(min(length, _MAX_ANSWER_BYTES + 1))
                self.send_response(200 if answers._take(self.path, body) else 400)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port: int = self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url_of(self, request_id: str) -> str:
        return f"http://127.0.0.1:{self.port}/{request_id}"

    def wait(self, request_id: str) -> Json | None:
        """Return the answer, None where there is none in time."""
        with self._change:
            self._change.wait_for(lambda: request_id in self._given, self._within_s)
            return self._given.get(request_id)

    def _take(self, path: str, body: bytes) -> bool:
        try:
            answer = json.loads(body) if len(body) <= _MAX_ANSWER_BYTES else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            return False
        with self._change:
            self._given[path.removeprefix("/")] = answer
            self._change.notify_all()
        return True


def make(resource: CustomResource, answers: Answers, invoke: Callable[[Any], Any]) -> None:
    """Have the function make or update the resource; raises TemplateError where it fails or says nothing."""
    request_id = str(uuid.uuid4())
    invoke(
        {
            "RequestType": "Create",
            "ResponseURL": answers.url_of(request_id),
            "StackId": PSEUDO_PARAMETERS["AWS::StackId"],
            "RequestId": request_id,
            "ResourceType": "AWS::CloudFormation::CustomResource",
            "LogicalResourceId": resource.logical_id,
            "ResourceProperties": resource.properties,
        }
    )
    answer = answers.wait(request_id)
    if answer is None:
        raise TemplateError(f"{resource.logical_id}: its function gave no answer to CloudFormation")
    if answer.get("Status") != "SUCCESS":
        raise TemplateError(f"{resource.logical_id}: {answer.get('Reason')}")
