"""A pull of 100,000 sandbox contacts through the real worker on the local stack, beside dlt's merge into DuckDB.

Every side reads the same cursor pages of one sandbox, a process of its own, and keeps the same eight fields by the
contact's id; each counts what it has stored. The hub's figures are the sync worker's process: the local DynamoDB is
another one, an emulation whose CPU says nothing of AWS; DuckDB works inside of dlt's process. The worker pulls a tenth
of the records first, so that its start is in no figure and its memory can be compared. dlt writes Parquet files, with
which it is at its best here; what it does when nothing is said, SQL texts, is shown beside.
"""

import tempfile
from collections.abc import Mapping

from tests.bench.figures import missing, note, show
from tests.bench.sides.measured import PROC, Cost
from tests.bench.sides.processes import DLT, cost, costs, serving

RECORDS, FEW_RECORDS = 100_000, 10_000
NEEDED = ("duckdb", "pyarrow")
# How dlt hands each of its loads over, by name; the second merges into what the first has left.
MERGES = {"dlt merge, all new": "parquet", "dlt merge, again": "parquet"}
MERGE_BY_DEFAULT = {"dlt merge as it is by default, all new": "insert_values"}

Sides = dict[str, Cost]


def main() -> None:
    if not PROC.exists():
        raise SystemExit("what another process costs is read from /proc, which this system does not have")
    with serving("sandbox", RECORDS) as many, serving("sandbox", FEW_RECORDS) as few:
        engine = {"engine, nothing stored": cost("hub_sync", _lists(many), "after", 0)}
        worker = costs("worker_pull", _lists(few), _lists(many))
        merges = _merges(_lists(many))
    show_costs(engine | _named(worker) | merges)
    show_memory(worker["few"], worker["created"], worker["unchanged"])
    if merges:
        show_against_dlt(worker, merges)
    else:
        missing("dlt's merge into DuckDB")


def show_costs(sides: Sides) -> None:
    for name, each in sides.items():
        assert each.records == RECORDS, (name, each)
        note(f"{name}, records/s", each.per_s, "")
        note(f"{name}, CPU per 100,000 records", each.cpu_s_per_100k, " s")
        note(f"{name}, peak memory", each.peak_mib, " MiB")


def show_memory(few: Cost, many: Cost, again: Cost) -> None:
    note(f"worker, peak memory after {few.records:,} records", few.peak_mib, " MiB")
    note(f"worker, peak memory after {many.records:,} more", many.peak_mib, " MiB")
    show("worker, peak memory against a tenth of the records", again.peak_mib / few.peak_mib, "x", 1.1)


def show_against_dlt(worker: Sides, merges: Sides) -> None:
    for outcome, name in zip(("created", "unchanged"), MERGES, strict=True):
        hub, merge = worker[outcome], merges[name]
        note(f"worker, all {outcome}, CPU against dlt merge", hub.cpu_s_per_100k / merge.cpu_s_per_100k, "x")
        note(f"worker, all {outcome}, records/s against dlt merge", hub.per_s / merge.per_s, "x")
        note(f"worker, all {outcome}, peak memory against dlt merge", hub.peak_mib / merge.peak_mib, "x")


def _merges(url: str) -> Sides:
    packages = DLT.parents[1].glob("lib/python*/site-packages/*")
    if not set(NEEDED) <= {package.name for package in packages}:
        return {}
    return _merged(url, MERGES) | _merged(url, MERGE_BY_DEFAULT)


def _merged(url: str, formats: Mapping[str, str]) -> Sides:
    """Load one after the other into one database; each checks its rows."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: cost("dlt_merge", url, folder, written, python=DLT) for name, written in formats.items()}


def _named(worker: Sides) -> Sides:
    return {
        "worker, all created": worker["created"],
        "worker, all unchanged": worker["unchanged"],
        "local AWS while all created": worker["created, AWS"],
        "local AWS while all unchanged": worker["unchanged, AWS"],
    }


def _lists(sandbox_url: str) -> str:
    return f"{sandbox_url}/v1/cursor"


if __name__ == "__main__":
    main()
