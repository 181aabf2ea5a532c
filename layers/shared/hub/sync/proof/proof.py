"""The proof of a run: its counters add up, the lines of its log add up to its counters, and a few ids of each outcome.

Two runs that kept versions can be compared: which documents are new, changed or gone between the ends of both.
"""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.errors import BadRequest, Conflict
from hub.core.tables import Tables
from hub.sync import fuses, job_logs
from hub.sync.proof import changed
from hub.sync.proof.samples import OUTCOMES

Json = dict[str, Any]

AT_ONCE = 500
# What one answer looks at, which has 29 seconds: more pages are not added up, more changes not compared.
MOST_LINES = 5000
MOST_CHANGES = 50_000
SHOWN = 100


def of(tables: Tables, job: Item) -> Json:
    """Return the proof of a job, see `hub.sync.proof.models.Proof`."""
    counters, pages = job["counters"], _pages(tables, job)
    adds_up = counters["read"] == sum(counters[name] for name in OUTCOMES)
    blown = [{**fuse, "approvedBy": job.get("approvedBy")} for fuse in fuses.of(job)]
    return {
        "jobId": job["sk"],
        "retryOf": job.get("retryOf"),
        "status": job["status"],
        "balanced": adds_up and pages["agree"],
        **counters,
        "held": fuses.count(job),
        "deletesOff": job.get("deletesOff"),
        "quarantined": job.get("quarantined", 0),
        "pages": pages,
        "samples": {name: job.get("samples", {}).get(name, []) for name in OUTCOMES},
        "fuse": blown[0] if blown else None,
        "fuses": blown,
    }


def _pages(tables: Tables, job: Item) -> Json:
    """Return the sums of the log's lines that count records, and whether they are those of the job.

    Of a longer log only the beginning is read: it agrees as long as it does not say more than the job.
    """
    names = ("read", *OUTCOMES)
    sums, count, seen, after, more = dict.fromkeys(names, 0), 0, 0, None, True
    while more and seen < MOST_LINES:
        lines, more = job_logs.lines(tables, job, AT_ONCE, after)
        for facts in (jsontext.load(line["facts"]) for line in lines):
            count += facts.get("pages", 1) if "read" in facts else 0
            sums = {name: sums[name] + facts.get(name, 0) for name in names}
        seen, after = seen + len(lines), lines[-1]["sk"] if lines else after
        more = more and bool(lines)
    agrees = operator.le if more else operator.eq
    agree = all(agrees(sums[name], job["counters"][name]) for name in names)
    return {"count": count, **sums, "agree": agree, "complete": not more}


@dataclass
class Difference:
    """What became of each document over several runs: whether it was there before and is there after them."""

    was: dict[str, bool] = field(default_factory=dict)
    is_there: dict[str, bool] = field(default_factory=dict)

    def add(self, outcome: str, name: str) -> None:
        self.was.setdefault(name, outcome != "created")
        self.is_there[name] = outcome != "deleted"

    def of(self, was: bool, is_there: bool) -> Json:
        found = sorted(name for name in self.was if (self.was[name], self.is_there[name]) == (was, is_there))
        return {"count": len(found), "ids": found[:SHOWN]}


def difference(changes: Iterable[Sequence[str]]) -> Difference:
    found = Difference()
    for outcome, name in changes:
        found.add(outcome, name)
    return found


def between(tables: Tables, job: Item, other: Item) -> Json:
    """Return which documents differ between the ends of two runs, whichever was first; raises Conflict, BadRequest."""
    if any(job[name] != other[name] for name in ("integrationId", "entityType")):
        raise BadRequest("Both jobs must be of the same integration and entity.", where="against")
    if not (job.get("history") and other.get("history") and "startedAt" in job and "startedAt" in other):
        raise Conflict("Runs can be compared that keep the versions of documents; switch `history` on.")
    former, later = sorted((job, other), key=lambda each: (each["startedAt"], each["sk"]))
    changes = changed.between(tables.activity, former, later)
    found = difference(islice(changes, MOST_CHANGES))
    return {
        "from": former["sk"],
        "to": later["sk"],
        "created": found.of(was=False, is_there=True),
        "updated": found.of(was=True, is_there=True),
        "deleted": found.of(was=True, is_there=False),
        "complete": next(iter(changes), None) is None,
    }
