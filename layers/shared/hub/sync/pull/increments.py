"""What of a list a sync asks for, decided once when it is asked for, and what it leaves for the next one.

A job keeps what it asks from: whoever goes on with it sends the very same on every page.
"""

from datetime import datetime
from typing import Any

from hub.connector.incremental import Increment, Watermark
from hub.connector.plan import Page
from hub.core.attributes import Item
from hub.sync.pull.state import State

Json = dict[str, Any]

# Ends behind which there may be records that nobody has read.
UNFINISHED = ("max_pages", "ignored", "test_limit")


def begun(increment: Increment | None, state: State, *, is_fresh: bool) -> Json:
    """Return what a new job keeps of the last sync; nothing where the endpoint is not incremental."""
    if increment is None:
        return {}
    kept = state.watermark(increment.footprint)
    since = None if kept is None or is_fresh else increment.value(kept)
    return {
        "jobType": "FULL_SYNC" if since is None else "INCREMENTAL",
        "incrementalFrom": since,
        "keptWatermark": kept,
        "footprint": increment.footprint,
    }


def began_s(job: Item) -> float:
    """Return when the first worker began; those that go on after it have the same time."""
    return datetime.fromisoformat(job["startedAt"]).timestamp()


def progress(job: Item, page: Page) -> Json:
    """Return the highest watermark of all pages up to this one."""
    return {"watermark": higher(job.get("watermark"), page.watermark)} if "footprint" in job else {}


def left(job: Item, page: Page, read: Json) -> Json:
    """Return what a completed sync leaves to its state: its watermark where it has read everything, else the old one.

    It is never lower than before. A fresh one, which read everything, sets it anew: a way out of a wrong watermark.
    """
    if "footprint" not in job:
        return {}
    watermark = job["keptWatermark"]
    if page.stop_reason not in UNFINISHED:
        watermark = read["watermark"] if job["isFresh"] else higher(watermark, read["watermark"])
    return {"watermark": watermark, "footprint": job["footprint"]}


def higher(one: Watermark | None, other: Watermark | None) -> Watermark | None:
    """Return the higher of two watermarks, None where there is neither."""
    known = [watermark for watermark in (one, other) if watermark is not None]
    return max(known, default=None)
