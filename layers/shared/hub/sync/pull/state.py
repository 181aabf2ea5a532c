"""What a completed sync leaves for the next one of the same endpoint and params: when it began, what it has seen.

One item in the activity table. `{{state.lastSyncAt}}` of a definition reads it; an incremental endpoint asks from its
watermark; a list that fits on one page and has not changed since, by its validators, is not sent again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import orjson

from hub.connector.conditional import NOT_MODIFIED, Validators
from hub.connector.incremental import Watermark
from hub.connector.plan import Page
from hub.connector.position import digest
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.tables import Key, Put, Table, key

Json = dict[str, Any]

KEPT_DAYS = 400
NAMES = ("lastSyncAt",)
# A change at the time of the last sync is asked for again: clocks differ, and upserts make the overlap free.
OVERLAP = timedelta(minutes=5)


class State(Mapping[str, Any]):
    """The state of one endpoint with its params: `{"lastSyncAt": time}`, empty before the first completed sync.

    It is read when it is first asked for: most definitions never do.
    """

    def __init__(self, table: Table, job: Item) -> None:
        self._table, self._job = table, job

    @classmethod
    def known(cls, table: Table, job: Item, item: Item) -> "State":
        """Return a state whose item somebody has read, {} where there is none."""
        found = cls(table, job)
        found.take(item)
        return found

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES:  # a parameter that nobody gave is looked for here too, and is no use of the state
            raise KeyError(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    @property
    def place(self) -> Key:
        return place_of(self._job)

    def take(self, item: Item | None) -> None:
        """Let what was read at this place be the state: it is not read again."""
        self.__dict__["_item"] = item or {}

    @property
    def validators(self) -> Validators | None:
        """Return those of the first page when the last sync saw no other and ran the same version."""
        kept = self._item.get("validators")
        if kept is None or self._item["connectorVersion"] != self._job["connectorVersion"]:
            return None
        return Validators.from_json(jsontext.load(kept))

    def watermark(self, footprint: str) -> Watermark | None:
        """Return the highest value of an incremental endpoint that is still defined as it was."""
        found: Watermark | None = self._item.get("watermark")
        return found if self._item.get("footprint") == footprint else None

    @property
    def is_used(self) -> bool:
        """Say whether a request was made of what the last sync left: it may have asked for changes alone."""
        return bool(self.__dict__.get("_variables"))

    @property
    def generation(self) -> str:
        """Return the job that read everything last, "" before the first one."""
        return str(self._item.get("generation", ""))

    @cached_property
    def _item(self) -> Item:
        return self._table.get(place_of(self._job)) or {}

    @cached_property
    def _variables(self) -> Json:
        began = self._item.get("lastSyncAt")
        return {"lastSyncAt": _earlier(began)} if began else {}


def after(table: Table, job: Item, last: Page, before: State, increment: Json) -> Put:
    """Return the write that keeps the state of a sync that has just read its last page."""
    validators = before.validators if last.status == NOT_MODIFIED else last.validators
    is_whole = job["page"] == 0 and validators is not None
    item = {
        **place_of(job),
        "lastSyncAt": job["startedAt"],
        "connectorVersion": job["connectorVersion"],
        # The last sync that has read everything: what it has not seen may still be deleted.
        "generation": job["sk"] if job.get("incrementalFrom") is None else before.generation,
        **increment,
        "expiresEpochS": int(clock.epoch_s()) + KEPT_DAYS * DAY_S,
    }
    return Put(table, {**item, "validators": jsontext.dump(validators.to_json())} if is_whole and validators else item)


def feed_of(job: Item) -> str:
    """Name the list that a job reads: an endpoint with its params."""
    params = orjson.dumps(jsontext.load(job["params"]), option=orjson.OPT_SORT_KEYS)
    # Each user of an integration that has a connection for each sees other records.
    user = f"#{job['userId']}" if job.get("userId") else ""
    return f"{job['endpointId']}#{digest(params)}{user}"


def place_of(job: Item) -> Key:
    """Return where the state of a job's list is kept."""
    return key(Tenant.of_item(job), "sync-state", f"{job['integrationId']}#{feed_of(job)}")


def _earlier(at: str) -> str:
    return clock.iso((datetime.fromisoformat(at) - OVERLAP).timestamp())
