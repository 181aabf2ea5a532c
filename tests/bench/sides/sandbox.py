"""The sandbox with as many contacts as wanted, as a process; its lists come in pages of 200 at most.

`python -m tests.bench.sides.sandbox <contacts>` prints its port.
"""

import sys
import threading

from local.sandbox.server import start
from local.sandbox.world import World

if __name__ == "__main__":
    with start(world=World(contacts=int(sys.argv[1]))) as running:
        print(running.port, flush=True)  # noqa: T201
        threading.Event().wait()
