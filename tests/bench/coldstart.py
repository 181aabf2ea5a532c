"""Cold starts: process start to first answer, against a bare handler that reads one item with boto3.

Both sides run in turn against the same warm embedded AWS, with the shared layer built as it is shipped.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hub.access import api_keys
from hub.core.attributes import encode_item
from hub.core.caller import Tenant
from hub.documents import document_key
from local import cloud, template
from local.attributes import Addresses
from local.functions import environment_of
from local.http_events import Request, request_event
from local.resources import Clients, ensure, ensure_keys
from local.routes import RouteTable
from tests.bench.figures import note, show

ROOT = Path(__file__).parents[2]
RUNS = 15
TARGET = 1.3
PARAMETERS = {"JwtIssuer": "https://id.test", "JwksUrl": "https://id.test/keys"}
TENANT = Tenant("bench")
PATH = "/api/v1/documents/contacts/1"
CALLER = {"tenant": TENANT.id, "user": "u1", "roles": "user", "scopes": "", "keyId": ""}


@dataclass(frozen=True)
class Start:
    """What a new process is given."""

    environment: Mapping[str, str]
    event: Any

    def timed(self) -> tuple[float, Any]:
        """Return the milliseconds from the process's start to its first answer, and the answer."""
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-P", str(ROOT / "tests" / "bench" / "cold_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(self.environment),
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(self.event).encode())
            process.stdin.close()
            line = process.stdout.readline()
            elapsed_ms = (time.perf_counter() - started) * 1000
        return elapsed_ms, json.loads(line)


@dataclass(frozen=True)
class Stack:
    """The template's resources in an embedded AWS of its own, with one document and one API key in them."""

    aws_url: str
    template: template.Template
    layer: Path
    api_key: str

    def start(self, function: str, event: Any) -> Start:
        found = self.template.functions[function]
        shipped = [self.layer if path.name == "shared" else path for path in found.layer_dirs]
        return Start(environment_of(replace(found, layer_dirs=tuple(shipped)), self.aws_url, {}), event)

    def bare(self) -> Start:
        documents = self.template.functions["Documents"]
        bare = replace(documents, code_dir=ROOT / "tests" / "bench" / "bare", layer_dirs=())
        event = {"key": encode_item(dict(document_key(TENANT, "contacts", "1")))}
        return Start(environment_of(bare, self.aws_url, {}), event)

    def get_document(self) -> Start:
        match = RouteTable(self.template.routes).select("GET", PATH)
        assert match is not None
        request = Request("GET", PATH, "", (("host", "hub.test"),), b"", "127.0.0.1")
        return self.start("Documents", request_event(request, match, CALLER))

    def authorize(self) -> Start:
        event = {"identitySource": [f"Bearer {self.api_key}"], "requestContext": {"requestId": "cold"}}
        return self.start("Authorizer", event)


@contextmanager
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory() as folder:
        running = cloud.start(Path(folder))
        try:
            yield _filled(running.url, _built_layer(Path(folder) / "layer"))
        finally:
            running.stop()


def _built_layer(target: Path) -> Path:
    environment = os.environ | {"ARTIFACTS_DIR": str(target), "HUB_PYTHON": sys.executable}
    command = ["make", "--silent", "-C", str(ROOT / "layers" / "shared"), "build-SharedLayer"]
    subprocess.run(command, env=environment, check=True)
    return target / "python"


def _filled(aws_url: str, layer: Path) -> Stack:
    clients = Clients(aws_url)
    source = template.load(ROOT / "template.yaml", PARAMETERS)
    keys = ensure_keys(clients, source.key_ids())
    read = template.read(source, Addresses(aws_url, "http://hub.test", keys))
    ensure(clients, read.resources)
    key_id, full_key = api_keys.generate()
    names = read.functions["Documents"].environment
    key = api_keys.item(TENANT, key_id, full_key, "bench", frozenset({"contacts:read"}), None)
    for table, item in ((names["CONFIG_TABLE"], key), (names["DOCUMENTS_TABLE"], _document())):
        clients.dynamodb.put_item(TableName=table, Item=encode_item(item))
    clients.close()
    return Stack(aws_url, read, layer, full_key)


def _document() -> dict[str, Any]:
    now = "2026-01-01T00:00:00.000Z"
    return {
        **document_key(TENANT, "contacts", "1"),
        "content": '{"name":"Ada"}',
        "hash": "0",
        "version": 1,
        "origin": "bench",
        "createdAt": now,
        "updatedAt": now,
    }


def main() -> None:
    with stack() as running:
        sides = {"bare": running.bare(), "documents": running.get_document(), "authorizer": running.authorize()}
        _check({name: side.timed()[1] for name, side in sides.items()})
        rounds = [{name: side.timed()[0] for name, side in sides.items()} for _ in range(RUNS)]
    for name in sides:
        note(f"cold start of {name}, median", statistics.median(each[name] for each in rounds), " ms")
    for name in ("documents", "authorizer"):
        ratio = statistics.median(each[name] / each["bare"] for each in rounds)
        show(f"cold start of {name} against bare", ratio, "x", TARGET)


def _check(answers: Mapping[str, Any]) -> None:
    """See that each side does its work: a refusal would be quicker than an answer."""
    assert answers["bare"]["statusCode"] == 200, answers["bare"]
    assert answers["documents"]["statusCode"] == 200, answers["documents"]
    assert answers["authorizer"]["context"].get("tenant") == TENANT.id, answers["authorizer"]


if __name__ == "__main__":
    main()
