"""`python -m tests.bench [names]`: every module of this folder with a `main`, or the named ones.

Figures are ratios of two sides that ran one after the other on the same machine. Nothing is judged here: a line says
PASS or MISS, the exit code is 0.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path


def found() -> dict[str, Callable[[], None]]:
    """Return each measurement's `main` by the name of its module."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    modules = {name: importlib.import_module(f"tests.bench.{name}") for name in names}
    return {name: module.main for name, module in modules.items() if hasattr(module, "main")}


def run(wanted: list[str]) -> None:
    available = found()
    unknown = sorted(set(wanted) - available.keys())
    if unknown:
        raise SystemExit(f"no measurement named {', '.join(unknown)}; there are {', '.join(available)}")
    for name in wanted or available:
        print(f"# {name}", flush=True)  # noqa: T201
        available[name]()


if __name__ == "__main__":
    run(sys.argv[1:])
