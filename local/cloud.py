"""Starts and stops the embedded AWS, a child process that answers on 127.0.0.1 only."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.attributes import REGION

_SERVICES = "dynamodb,sqs,events,kms,s3,sts"
_STOP_WITHIN_S = 15.0


@dataclass(frozen=True)
class Cloud:
    """The running child process and the socket address it serves."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def command(self, name: str) -> Any:
        """Send a command of `cloud_server`: `calls`, `save` or `faults?share=0.2`."""
        with urllib.request.urlopen(f"{self.url}/_local/{name}", timeout=30) as answer:  # noqa: S310 - our own child
            return json.load(answer)

    def stop(self) -> None:
        """End the process; it saves its state first."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once, as a power cut would; what was not saved yet is lost."""
        if self.is_alive:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(state_dir: Path, *, faults: float = 0.0, faults_seed: int | None = None, keeps_state: bool = True) -> Cloud:
    """Start the embedded AWS on the state kept in `state_dir`; it takes calls as soon as it is up."""
    folder = state_dir / "aws"
    folder.mkdir(parents=True, exist_ok=True)
    listener = _listen(folder / "port")
    port = listener.getsockname()[1]
    command = [sys.executable, "-m", "local.cloud_server", "--socket", str(listener.fileno())]
    command += ["--snapshot", str(folder / "snapshot.json"), "--faults", str(faults)]
    command += [] if keeps_state else ["--forget"]
    command += [] if faults_seed is None else ["--faults-seed", str(faults_seed)]
    with listener:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            process_group=0,  # Ctrl-C reaches the stack only; it stops its children in order
            env=os.environ | _environment(folder, port),
        )
    return Cloud(f"http://127.0.0.1:{port}", process)


def _environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "SERVICES": _SERVICES,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "0",  # it would save on shutdown only; `snapshots` saves all the time
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
    }


def _listen(port_file: Path) -> socket.socket:
    """Listen on the port of the last run, so that queue addresses stay the same, or on a free one."""
    last = int(port_file.read_text()) if port_file.exists() else 0
    try:
        listener = bind(last)
    except OSError:
        listener = bind(0)
    port_file.write_text(str(listener.getsockname()[1]))
    return listener


def bind(port: int) -> socket.socket:
    """Listen on 127.0.0.1; port 0 picks a free one."""
    # asyncio turns Nagle's algorithm off only for a socket that names its protocol; it costs 40 ms a call
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(512)
    return listener
