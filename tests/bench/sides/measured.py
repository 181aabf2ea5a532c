"""What one side of a comparison cost its process, told as one line of JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

KIB_OF_MAXRSS = 1 if sys.platform != "darwin" else 1 / 1024
PROC = Path("/proc")


@dataclass(frozen=True)
class Cost:
    """`cpu_s` and `elapsed_s` are of the work alone; `peak_mib` is of the whole process, its imports included."""

    records: int
    elapsed_s: float
    cpu_s: float
    peak_mib: float

    @property
    def per_s(self) -> float:
        return self.records / self.elapsed_s

    @property
    def cpu_s_per_100k(self) -> float:
        return self.cpu_s / self.records * 100_000


def told(work: Callable[[], int]) -> None:
    """Do the work, which returns its number of records, and print what it cost."""
    started, cpu = time.perf_counter(), time.process_time()
    records = work()
    cost = Cost(records, time.perf_counter() - started, time.process_time() - cpu, peak_mib())
    print(json.dumps(asdict(cost)), flush=True)  # noqa: T201


def peak_mib() -> float:
    """Return the most memory the process has had; Linux's ru_maxrss is not it, as it begins with the parent's size."""
    if not PROC.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB_OF_MAXRSS / 1024
    return peak_mib_of("self")


def peak_mib_of(pid: int | str) -> float:
    """Return the most memory that a process has had so far."""
    status = (PROC / str(pid) / "status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def cpu_s_of(pid: int) -> float:
    """Return the CPU seconds that a process has taken so far, to a hundredth."""
    after_name = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
