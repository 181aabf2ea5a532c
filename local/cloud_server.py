"""The child process with the embedded AWS: ministack behind fault injection, its state kept on disk.

Started by `local.cloud`, which sets ministack's environment and hands over a bound socket.
When its standard input closes, it saves and ends.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from ministack.app import app as ministack_app

from local import key_ranges
from local.faults import App, Faults, Message, Receive, Send, header
from local.resources import STACK_USER_AGENT
from local.snapshots import Snapshots

_READS = (
    "BatchGet",
    "Decrypt",
    "Describe",
    "Encrypt",
    "GenerateDataKey",
    "Get",
    "List",
    "Query",
    "Scan",
    "TransactGet",
)


class Watch:
    """Passes calls on; notes changes for the snapshots, counts the hub's calls, takes the stack's commands."""

    def __init__(self, app: App, snapshots: Snapshots) -> None:
        self.faults = Faults(app, 0.0, None)
        self._snapshots = snapshots
        self._calls: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.faults(scope, receive, send)
        elif scope["path"].startswith("/_local/"):
            await _answer_json(send, self._command(scope))
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        operation = header(scope, b"x-amz-target").rpartition(".")[2] or f"S3:{scope['method']}"
        if STACK_USER_AGENT not in header(scope, b"user-agent"):
            self._calls[operation] += 1
        if operation != "ReceiveMessage":
            await self.faults(scope, receive, send)
            if not _is_read(operation):
                self._snapshots.mark_changed()
            return

        async def send_and_note(message: Message) -> None:
            if message.get("body", b"{}") != b"{}":
                self._snapshots.mark_changed()
            await send(message)

        await self.faults(scope, receive, send_and_note)

    def _command(self, scope: Message) -> object:
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        match scope["path"]:
            case "/_local/calls":
                return dict(self._calls)
            case "/_local/faults":
                self.faults.share = float(query["share"])
            case "/_local/save":
                self._snapshots.save()
        return {}


def _is_read(operation: str) -> bool:
    return operation.startswith(_READS) or operation in {"S3:GET", "S3:HEAD"}


async def _answer_json(send: Send, value: object) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _serve(server: uvicorn.Server, sockets: list[socket.socket], snapshots: Snapshots) -> None:
    saving = asyncio.create_task(snapshots.keep_saving())
    await server.serve(sockets=sockets)
    saving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await saving
    snapshots.save()


def _end_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


def main() -> None:
    """Serve until standard input closes."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--socket", type=int, required=True)
    arguments.add_argument("--snapshot", type=Path, required=True)
    arguments.add_argument("--forget", action="store_true")
    arguments.add_argument("--faults", type=float, default=0.0)
    arguments.add_argument("--faults-seed", type=int)
    given = arguments.parse_args()

    key_ranges.install()
    snapshots = Snapshots(given.snapshot, is_kept=not given.forget)
    snapshots.load()
    watch = Watch(ministack_app, snapshots)
    watch.faults = Faults(ministack_app, given.faults, given.faults_seed)
    config = uvicorn.Config(
        watch,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=3600,  # boto3 keeps its connections; a closed one would look like a fault
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, given.socket)
    asyncio.run(_serve(server, [listener], snapshots))


if __name__ == "__main__":
    main()
