"""Bodies and answers of the sync routes, for validation and openapi.json."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.core.models import Page


class SyncRequest(BaseModel):
    """What `POST /api/v1/custom-integrations/{id}/sync` takes; both maps fill the endpoint's variables.

    `fresh` reads everything, even where the provider would say that nothing has changed since the last sync, and where
    an incremental endpoint would ask for changes only.
    """

    model_config = ConfigDict(extra="forbid")

    endpointId: str = Field(min_length=1, max_length=128)
    params: dict[str, Any] = {}
    body: dict[str, Any] = {}
    fresh: bool = False


class Counted(BaseModel):
    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int


class SyncJob(BaseModel):
    """S004's SyncJob; the hub adds endpointId, connectorVersion, params, page, counters, stopReason, nextAttemptAt.

    `incrementalFrom` is what an incremental endpoint asks from in this run; null where it reads everything.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    tenantId: str
    integrationId: str
    jobType: Literal["FULL_SYNC", "INCREMENTAL", "EXPORT", "IMPORT"]
    entityType: str
    direction: Literal["INBOUND", "OUTBOUND"]
    filters: dict[str, Any] | None
    status: Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
    startedAt: str | None
    completedAt: str | None
    totalRecords: int
    processedRecords: int
    successRecords: int
    failedRecords: int
    errorLog: list[dict[str, Any]]
    createdAt: str
    createdBy: str
    endpointId: str
    connectorVersion: int
    params: dict[str, Any]
    page: int
    counters: Counted
    incrementalFrom: str | int | float | None
    stopReason: str | None
    nextAttemptAt: str | None


class LogLine(BaseModel):
    model_config = ConfigDict(extra="allow")

    at: str
    kind: str
    page: int
    message: str


class LogPage(Page):
    """S004 lists: `{data, limit, hasMore, nextCursor?}`; a log is not counted."""

    data: list[LogLine]
