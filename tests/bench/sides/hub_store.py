"""The hub's side of the store, with documents made beforehand: written, counted and checkpointed in pages of 100.

`python -m tests.bench.sides.hub_store <count> <revision> <outcome of every record>`
"""

import sys
from collections.abc import Sequence

from tests.bench.sides.mapped import Json, documents
from tests.bench.sides.measured import told
from tests.bench.sides.stored import Store, store

PAGE = 100


def write(mapped: Sequence[tuple[str, Json]], target: Store, outcome: str) -> int:
    for start in range(0, len(mapped), PAGE):
        target.keep(mapped[start : start + PAGE], {"kind": "offset", "offset": start}, {})
    return target.done(outcome)


if __name__ == "__main__":
    count, revision, expected = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    prepared = documents(count, revision)
    target = store(f"job_{revision}_{expected}")
    told(lambda: write(prepared, target, expected))
