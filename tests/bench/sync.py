"""A sync without a store against dlt and a bare loop over the same pages, then against the latency of a provider.

dlt lives in an environment of its own, `.venv-dlt`; without it that comparison is left out.
"""

from collections.abc import Sequence
from statistics import median

from hub.connector.ahead import MOST_AHEAD
from tests.bench.figures import missing, note, show
from tests.bench.sides.contacts_api import PAGE_RECORDS
from tests.bench.sides.measured import Cost
from tests.bench.sides.processes import DLT, cost, serving

RECORDS, FEW_RECORDS = 100_000, 10_000
ROUNDS = 3
DELAY_MS = 50
SLOW_PAGES = 60

Round = dict[str, Cost]


def main() -> None:
    with serving("contacts_api", RECORDS, 0) as url, serving("contacts_api", FEW_RECORDS, 0) as small_url:
        show_quick([_round(url) for _ in range(ROUNDS)], cost("hub_sync", small_url, "cursor", 0))
    with serving("contacts_api", SLOW_PAGES * PAGE_RECORDS, DELAY_MS) as url:
        show_slow([_slow_round(url) for _ in range(ROUNDS)])


def show_quick(rounds: Sequence[Round], small: Cost) -> None:
    for name in rounds[0]:
        note(f"{name}, records/s", median(each[name].per_s for each in rounds), "")
        note(f"{name}, CPU per 100,000 records", median(each[name].cpu_s_per_100k for each in rounds), " s")
    show("records/s against a bare httpx loop", _rate(rounds, "hub", "httpx"), "x", 0.5, at_most=False)
    if "dlt" in rounds[0]:
        show("records/s against dlt", _rate(rounds, "hub", "dlt"), "x", 5, at_most=False)
        note("records/s against dlt without a pipeline", _rate(rounds, "hub", "dlt, source alone"), "x")
    else:
        missing("dlt")
    peak = max(each["hub"].peak_mib for each in rounds)
    show("peak memory", peak, " MiB", 90)
    show("peak memory against a tenth of the records", peak / small.peak_mib, "x", 1.1)


def show_slow(rounds: Sequence[Round]) -> None:
    floor_s = SLOW_PAGES * DELAY_MS / 1000
    slowest = median(each["cursor"].elapsed_s for each in rounds) / floor_s
    show(f"cursor pages at {DELAY_MS} ms, time against the sum of the latencies", slowest, "x", 1.2)
    for name in ("page", "offset"):
        ratio = _rate(rounds, name, "cursor")
        show(f"{name} pages at {DELAY_MS} ms, rate against one after the other", ratio, "x", 4, at_most=False)


def _round(url: str) -> Round:
    """Run every side once, one after the other."""
    costs = {"hub": cost("hub_sync", url, "cursor", 0), "httpx": cost("httpx_loop", url)}
    if DLT.exists():
        costs["dlt"] = cost("dlt_source", url, "destination", python=DLT)
        costs["dlt, source alone"] = cost("dlt_source", url, "iterate", python=DLT)
    return costs


def _slow_round(url: str) -> Round:
    return {name: cost("hub_sync", url, name, MOST_AHEAD) for name in ("cursor", "page", "offset")}


def _rate(rounds: Sequence[Round], side: str, other: str) -> float:
    return median(each[side].per_s / each[other].per_s for each in rounds)


if __name__ == "__main__":
    main()
