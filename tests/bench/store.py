"""The store of a sync: CPU against boto3's `batch_writer`, and unchanged records against a sync that stores nothing.

Every side talks to the same DynamoDB on a loopback port: a process of its own, whose time is not the client's.
"""

from collections.abc import Sequence
from statistics import median

from tests.bench.figures import note, show
from tests.bench.sides.measured import Cost
from tests.bench.sides.processes import cost, serving

RECORDS = 100_000
WRITTEN = 25_000
ROUNDS = 3

Round = dict[str, Cost]


def main() -> None:
    with serving("contacts_api", RECORDS, 0) as url:
        rounds = [_round(url) for _ in range(ROUNDS)]
    for name in rounds[0]:
        note(f"{name}, CPU per 100,000 records", median(each[name].cpu_s_per_100k for each in rounds), " s")
    for name in ("created", "updated"):
        ratio = median(each[name].cpu_s_per_100k / each["batch_writer"].cpu_s_per_100k for each in rounds)
        show(f"{name}, CPU against batch_writer", ratio, "x", 0.6)
    show_syncs(rounds)


def show_syncs(rounds: Sequence[Round]) -> None:
    for name in ("sync, not stored", "sync, all new", "sync, all unchanged"):
        note(f"{name}, records/s", median(each[name].per_s for each in rounds), "")
    ratio = median(each["sync, all unchanged"].per_s / each["sync, not stored"].per_s for each in rounds)
    show("sync, all unchanged, records/s against not stored", ratio, "x", 0.3, at_most=False)
    for name in ("sync, all new", "sync, all unchanged"):
        show(f"{name}, peak memory", max(each[name].peak_mib for each in rounds), " MiB", 90)


def _round(url: str) -> Round:
    """Run every side once, one after the other; each side checks what became of its records."""
    with serving("dynamodb") as aws_url:
        written = {
            "batch_writer": cost("batch_writer", WRITTEN, aws_url=aws_url),
            "created": cost("hub_store", WRITTEN, 1, "created", aws_url=aws_url),
            "updated": cost("hub_store", WRITTEN, 2, "updated", aws_url=aws_url),
        }
    with serving("dynamodb") as aws_url:
        return {
            **written,
            "sync, not stored": cost("hub_sync", url, "cursor", 0),
            "sync, all new": cost("hub_pulled_sync", url, "job_1", "created", aws_url=aws_url),
            "sync, all unchanged": cost("hub_pulled_sync", url, "job_2", "unchanged", aws_url=aws_url),
        }


if __name__ == "__main__":
    main()
