"""Bodies and answers of the sync routes, for validation and openapi.json."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from hub.core.models import Page
from hub.sync.configs.models import Contract, FieldName, Id, Side


class SyncRequest(BaseModel):
    """What `POST /api/v1/custom-integrations/{id}/sync` takes; both maps fill the endpoint's variables.

    `fresh` reads everything, even where the provider would say that nothing has changed since the last sync, and where
    an incremental endpoint would ask for changes only. With `deletes: tombstone` what a sync of everything has not seen
    is deleted. `history` keeps what documents were before, `keepRaw` the records beside them; `contract` says what
    follows where records change their shape.
    """

    model_config = ConfigDict(extra="forbid")

    endpointId: str = Field(min_length=1, max_length=128)
    params: dict[str, Any] = {}
    body: dict[str, Any] = {}
    fresh: bool = False
    deletes: Literal["keep", "tombstone"] = "keep"
    history: bool = False
    keepRaw: bool = False
    contract: Contract | None = None


class StartSync(BaseModel):
    """S004's StartSyncDto; EXPORT goes out and IMPORT comes in, both whole and without a trace for the next sync.

    `filters` are parameters of the endpoint that is read, and values of the documents that are sent. The hub adds the
    endpoints by name, where the first that fits is not meant, and `userId`: whose connection it is. `history`,
    `keepRaw`, `contract` and `deletes` are what they are in a configuration; what goes out also deletes there what was
    deleted here, unless `deletes` is keep. BIDIRECTIONAL is one job that pulls, merges and pushes: there
    `conflictResolution` is remote and `deletes` keep, unless told otherwise.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    jobType: Literal["FULL_SYNC", "INCREMENTAL", "EXPORT", "IMPORT"]
    entityType: str = Field(min_length=1, max_length=64)
    direction: Literal["INBOUND", "OUTBOUND", "BIDIRECTIONAL"]
    filters: dict[str, Any] | None = Field(default=None, max_length=50)
    endpointId: str | None = Field(default=None, min_length=1, max_length=128)
    writeEndpointId: Id | None = None
    params: dict[str, Any] = {}
    userId: str | None = Field(default=None, min_length=1, max_length=128)
    deletes: Literal["keep", "tombstone"] | None = None
    history: bool = False
    keepRaw: bool = False
    contract: Contract | None = None
    conflictResolution: Side | None = None
    fieldRules: dict[FieldName, Side] | None = Field(default=None, max_length=500)


class RunOfConfiguration(BaseModel):
    """Run a sync configuration of the integration now: as it is, also where it is disabled; its next slot stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    configId: Id


class SyncStart(RootModel[StartSync | RunOfConfiguration]):
    """What is synced, or which configuration is run."""


class CardsSync(BaseModel):
    """S002's answer; `jobId` and `status` stand where the sync was not over after 20 seconds."""

    model_config = ConfigDict(extra="forbid")

    message: str
    contactsSynced: int
    jobId: str | None = None
    status: Literal["RUNNING"] | None = None


class Counted(BaseModel):
    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int


class SyncJob(BaseModel):
    """S004's SyncJob; the hub adds what stands behind createdBy. A sync of both ways is INBOUND and has two phases.

    `incrementalFrom` is what an incremental endpoint asks from in this run; null where it reads everything. A list that
    exists once per parent asks each from its own watermark; `partition` is the parent that the job is at.
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
    partition: str | None
    page: int
    counters: Counted
    incrementalFrom: str | int | float | None
    stopReason: str | None
    nextAttemptAt: str | None
    phase: str
    phases: list[str]
    deletesHeld: int
    conflicts: int
    configId: str | None
    slot: str | None
    missedSlots: int
    userId: str | None
    retryOf: str | None


class SyncJobPage(Page):
    """The jobs of an integration, newest first; they are not counted."""

    data: list[SyncJob]


class LogLine(BaseModel):
    model_config = ConfigDict(extra="allow")

    at: str
    kind: str
    page: int
    message: str


class LogPage(Page):
    """S004 lists: `{data, limit, hasMore, nextCursor?}`; a log is not counted."""

    data: list[LogLine]
