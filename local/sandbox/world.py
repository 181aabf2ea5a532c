"""The sandbox's data: contacts and companies that tests read, add to, change and delete."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from threading import RLock
from typing import Any

from local.sandbox.messages import Json, encode
from local.sandbox.people import generate_companies, generate_contacts, timestamp

Clock = Callable[[], datetime]


class Row:
    """One record with its JSON text, encoded once. Never changed: a changed record is a new row."""

    def __init__(self, content: Json) -> None:
        self.id: str = content["id"]
        self.updated_at: str = content["updated_at"]
        self.content = content

    @cached_property
    def encoded(self) -> bytes:
        return encode(self.content)


class Table:
    """Records by id, in the order of their ids."""

    def __init__(self, id_format: str, seeded: Iterable[Row], now: Callable[[], str]) -> None:
        self._id_format = id_format
        self._seeded = {row.id: row for row in seeded}
        self._now = now
        self._lock = RLock()
        self.reset()

    def reset(self) -> None:
        """Bring back the generated records."""
        with self._lock:
            self._rows = dict(self._seeded)
            self._last_number = len(self._rows)

    def rows(self, updated_since: str | None = None) -> list[Row]:
        """All rows, or those changed at or after a time in the sandbox's own format."""
        with self._lock:
            rows = list(self._rows.values())
        return rows if updated_since is None else [row for row in rows if row.updated_at >= updated_since]

    def get(self, record_id: str) -> Json:
        """A copy of the record; raises KeyError."""
        return copy.deepcopy(self._rows[record_id].content)

    def add(self, fields: Json) -> Json:
        """The new record with its id and times."""
        with self._lock:
            self._last_number += 1
            now = self._now()
            record_id = self._id_format.format(self._last_number)
            return self._keep({"id": record_id, **fields, "created_at": now[:10], "updated_at": now})

    def update(self, record_id: str, fields: Json) -> Json:
        """The record with some fields changed and a later `updated_at`; raises KeyError."""
        with self._lock:
            return self._keep({**self._rows[record_id].content, **fields, "updated_at": self._now()})

    def remove(self, record_id: str) -> None:
        """Delete for good; raises KeyError."""
        with self._lock:
            del self._rows[record_id]

    def _keep(self, content: Json) -> Json:
        row = Row(copy.deepcopy(content))
        self._rows[row.id] = row
        return content


class World:
    """All data of one sandbox; `reset` brings back what the seed gives."""

    def __init__(self, seed: int = 7, contacts: int = 10_000, companies: int = 500, clock: Clock | None = None) -> None:
        company_rows, contact_rows = _seeded_rows(seed, contacts, companies)
        self._clock = clock or _utc_now
        self._lock = RLock()
        self._latest = datetime.min.replace(tzinfo=UTC)
        self.companies = Table("co{:04d}", company_rows, self._now)
        self.contacts = Table("c{:05d}", contact_rows, self._now)

    def reset(self) -> None:
        self.companies.reset()
        self.contacts.reset()

    def add_contact(self, /, **fields: Any) -> Json:
        """The new contact: ACTIVE and without tags unless said otherwise, its company name filled in."""
        defaults: Json = {"email": None, "phone": None, "status": "ACTIVE", "tags": []}
        return self.contacts.add({**defaults, **self._with_company_name(fields)})

    def update_contact(self, contact_id: str, /, **fields: Any) -> Json:
        """The changed contact; raises KeyError."""
        return self.contacts.update(contact_id, self._with_company_name(fields))

    def delete_contact(self, contact_id: str) -> None:
        """Delete for good (no tombstone: for one, update the status to DELETED); raises KeyError."""
        self.contacts.remove(contact_id)

    def contacts_of(self, company_id: str, updated_since: str | None = None) -> list[Row]:
        """The contacts of a company, all or those changed since; raises KeyError where there is no such company."""
        self.companies.get(company_id)
        return [row for row in self.contacts.rows(updated_since) if row.content.get("company_id") == company_id]

    def delete_company(self, company_id: str) -> None:
        """Delete for good; its contacts stay. Raises KeyError."""
        self.companies.remove(company_id)

    def _with_company_name(self, fields: Json) -> Json:
        """Raises KeyError for a company that does not exist."""
        if "company_id" not in fields:
            return fields
        company_id = fields["company_id"]
        return {**fields, "company_name": company_id and self.companies.get(company_id)["name"]}

    def _now(self) -> str:
        """A time later than every time given out before, so that no change hides behind another."""
        with self._lock:
            self._latest = max(self._clock(), self._latest + timedelta(milliseconds=1))
            return timestamp(self._latest)


def rows_after(rows: list[Row], record_id: str) -> list[Row]:
    """The rows behind an id, also when that record is gone."""
    return rows[bisect_right(rows, record_id, key=lambda row: row.id) :]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@lru_cache(maxsize=2)
def _seeded_rows(seed: int, contacts: int, companies: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Generated once for all sandboxes of a process; rows never change, so sharing them is safe."""
    company_records = generate_companies(seed, companies)
    contact_records = generate_contacts(seed, contacts, company_records)
    return tuple(map(Row, company_records)), tuple(map(Row, contact_records))
