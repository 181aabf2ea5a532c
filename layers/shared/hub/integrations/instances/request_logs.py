"""The request log of an integration as two specifications list it, and the lines that a caller reports.

Lines are written by syncs, tests, operations and the pass-through, redacted as they are written; `request_log` says
where. Shown are the fields named here and no other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.ids import ulid
from hub.core.journal import Change
from hub.core.tables import Table
from hub.integrations import request_log

Json = dict[str, Any]

REPORTED = "reported"
# What a job notes that is no call of the other system.
NOTES = frozenset({"handed_on", "cancelled"})
# So many lines are read for one page at the most, however many of them are notes.
MOST_READ = 500


@dataclass(frozen=True)
class Line:
    """One line with its facts."""

    item: Item
    facts: Json

    @classmethod
    def of(cls, item: Item) -> "Line":
        return cls(item, jsontext.load(item["facts"]))

    @property
    def at(self) -> str:
        return str(self.item["at"])

    @property
    def is_call(self) -> bool:
        return self.item["kind"] not in NOTES and ("method" in self.facts or self.item["kind"] == "failed")

    @property
    def success(self) -> bool:
        if "success" in self.facts:
            return bool(self.facts["success"])
        status = self.facts.get("status")
        return self.item["kind"] != "failed" and (status is None or status < 400)

    @property
    def error(self) -> str | None:
        if self.success:
            return None
        return str(self.facts.get("error") or self.item.get("message") or "The call failed.")

    @property
    def duration_ms(self) -> int | None:
        duration: int | None = self.facts.get("durationMs")
        return duration


def newest(
    activity: Table, tenant: Tenant, integration_id: str, limit: int, after: str | None = None
) -> tuple[list[Line], str | None]:
    """Return up to `limit` calls older than the position, newest first, and where to go on.

    The lines of a job stand where the job began.
    """
    found: list[Line] = []
    pk, read, position = request_log.log_partition(tenant, integration_id), 0, after
    while read < MOST_READ:
        bounds = {"pk": pk, "after": position or "~"}
        page = activity.query("pk = :pk AND sk < :after", bounds, limit=limit + 1, newest_first=True)
        for item in page.items:
            line = Line.of(item)
            if line.is_call and len(found) == limit:
                return found, position
            found += [line] if line.is_call else []
            position = item["sk"]
        read += len(page.items)
        if page.next_key is None:
            return found, None
    return found, position


def report(change: Change, integration_id: str, told: Json) -> Line:
    """Add a line that a caller reports, S003's logIntegrationRequest, to `change` and return it.

    Only an administrator says that somebody else made the request.
    """
    told = {**told, "userId": _user_of(change.caller, told.get("userId"))}
    name = f"{ulid()}#{REPORTED}"
    line = {"kind": REPORTED, "message": told.get("error") or f"answered {told['statusCode']}"}
    facts = {
        "method": told["method"],
        "url": told["endpoint"].partition("?")[0],
        "status": told["statusCode"],
        "durationMs": told["duration"],
        "success": told["success"],
        "error": told.get("error"),
        "userId": told["userId"],
        "reportedBy": change.caller.actor,
        "requestId": change.request_id,
    }
    tenant, tables = change.caller.tenant, change.tables
    write = request_log.log_line(tables.activity, tenant, integration_id, name, line, facts, change.keep_days)
    change.add(write)
    change.audit("request_log.reported", integration_id, userId=told["userId"])
    return Line(write.item, facts)


def _user_of(caller: Caller, told: str | None) -> str:
    is_admin = bool(caller.roles & {"tenant_admin", "super_admin"}) or "admin:full" in caller.scopes
    return told if told and is_admin else caller.user


def teams(line: Line, tenant: Tenant, integration_id: str) -> Json:
    """Return S003's IntegrationRequestLog."""
    facts = line.facts
    row = {
        "id": line.item["sk"],
        "teamId": tenant.id,
        "integrationId": integration_id,
        "method": facts.get("method") or "",
        "endpoint": facts.get("url") or "",
        "statusCode": facts.get("status") or 0,
        "duration": line.duration_ms or 0,
        "success": line.success,
        "userId": facts.get("userId") or "",
        "timestamp": line.at,
    }
    return row if line.error is None else {**row, "error": line.error}


def v1(line: Line, tenant: Tenant, integration_id: str) -> Json:
    """Return an ApiRequestLog: S003's words with what the hub keeps of the call beyond them."""
    facts = line.facts
    kept = ("requestId", "requestHeaders", "requestBody", "responseHeaders", "responseBody", "circuitState")
    return {
        "id": line.item["sk"],
        "tenantId": tenant.id,
        "integrationId": integration_id,
        "kind": line.item["kind"],
        "method": facts.get("method"),
        "endpoint": facts.get("url"),
        "statusCode": facts.get("status"),
        "duration": line.duration_ms,
        "success": line.success,
        "error": line.error,
        "message": line.item.get("message"),
        "userId": facts.get("userId"),
        "timestamp": line.at,
        "attempt": facts.get("attempt") or facts.get("attempts"),
        **{name: facts.get(name) for name in kept},
        "endpointId": facts.get("endpointId"),
        "jobId": line.item.get("jobId"),
    }


LogView = Callable[[Line, Tenant, str], Json]
