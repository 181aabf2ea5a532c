"""Sending webhooks: how near the delivery worker comes to what its threads and the receiver's latency allow.

`hub` renders, signs and sends; `worker` is all of the delivery worker on a store that costs nothing. The receiver is a
process of its own. The other side of the CPU figure sends the same events by hand: `httpx.Client` in as many threads, a
body and one signature.
"""

import urllib.request
from collections.abc import Sequence
from statistics import median

from tests.bench.figures import note, show
from tests.bench.sides.measured import Cost
from tests.bench.sides.processes import cost, serving

DELAY_MS = 50
SENDS_PER_THREAD = 80
THREADS = (10, 50)
ROUNDS = 3
FOR_CPU = 4_000
QUICK_MS = 5

Round = dict[str, Cost]


def main() -> None:
    for threads in THREADS:
        for side in ("hub", "worker"):
            show_rate(side, threads)
    with serving("hook_sink", QUICK_MS) as url:
        show_cpu([_round(url, FOR_CPU, 10) for _ in range(ROUNDS)])


def show_rate(side: str, threads: int) -> None:
    possible, count = threads / (DELAY_MS / 1000), threads * SENDS_PER_THREAD
    rates, made = [], []
    with serving("hook_sink", DELAY_MS) as url:
        for _ in range(ROUNDS):
            before = connections(url)
            rates.append(cost(f"hooks_by_{side}", f"{url}/hook", threads, count).per_s)
            made.append(connections(url) - before)
    name = f"{side}, {threads} threads"
    show(f"{name}, deliveries/s against threads / latency", median(rates) / possible, "x", 0.85, at_most=False)
    show(f"{name}, connections per thread", max(made) / threads, "", 1)


def show_cpu(rounds: Sequence[Round]) -> None:
    for name in rounds[0]:
        note(f"{name}, CPU per delivery", median(each[name].cpu_s_per_100k for each in rounds) * 10, " us")
    ratio = median(each["hub"].cpu_s / each["by hand"].cpu_s for each in rounds)
    show("CPU per delivery against httpx.Client in threads", ratio, "x", 1.5)


def connections(url: str) -> int:
    with urllib.request.urlopen(f"{url}/connections", timeout=10) as answer:
        return int(answer.read())


def _round(url: str, count: int, threads: int) -> Round:
    sides = {"hub": "hooks_by_hub", "by hand": "hooks_by_hand", "worker": "hooks_by_worker"}
    return {name: cost(side, f"{url}/hook", threads, count) for name, side in sides.items()}


if __name__ == "__main__":
    main()
