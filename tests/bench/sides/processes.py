"""Starts the sides of a comparison: each in a process of its own, servers for as long as they are needed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.sides.measured import Cost

ROOT = Path(__file__).parents[3]
# An environment of its own, which `make bench` creates.
DLT = ROOT / ".venv-dlt" / "bin" / "python"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


@contextmanager
def serving(side: str, *arguments: object) -> Iterator[str]:
    """Run a server module, which prints its port; gives its URL."""
    with subprocess.Popen(_command(sys.executable, side, arguments), cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def cost(side: str, *arguments: object, python: str | Path = sys.executable, aws_url: str = "") -> Cost:
    """Run a side to its end and return what it cost; AWS is at `aws_url` for it."""
    return Cost(**_last_line(_command(python, side, arguments), aws_url))


def costs(side: str, *arguments: object) -> dict[str, Cost]:
    """Run a side that measures several works, to its end, and return what each cost by its name."""
    told = _last_line(_command(sys.executable, side, arguments), "")
    return {name: Cost(**each) for name, each in told.items()}


def _last_line(command: list[str], aws_url: str) -> dict[str, Any]:
    environment = os.environ | ENVIRONMENT | {"AWS_ENDPOINT_URL": aws_url}
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, env=environment)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _command(python: str | Path, side: str, arguments: tuple[object, ...]) -> list[str]:
    return [str(python), "-m", f"tests.bench.sides.{side}", *map(str, arguments)]
