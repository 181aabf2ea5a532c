"""What the operations of an integration take and answer, for validation and openapi.json."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_RECORDS = 1000

Kind = Literal["health", "list", "search", "get", "upsert", "upload", "post", "delete"]


class ExportedDocuments(BaseModel):
    """The tenant's documents of a type as CSV; without `columns` all their fields."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(min_length=1, max_length=64)
    columns: list[str] = Field([], max_length=200)


class FileToSend(BaseModel):
    """One of `text`, `base64` and `documents` is the content."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255)
    contentType: str | None = Field(default=None, max_length=200)
    text: str | None = None
    base64: str | None = None
    documents: ExportedDocuments | None = None


class OperationRequest(BaseModel):
    """`params` fill the variables; `records` are what an upsert writes, `file` what an upload sends.

    `cursor` is the `nextCursor` of the page before.
    """

    model_config = ConfigDict(extra="forbid")

    params: dict[str, Any] = {}
    cursor: str | None = Field(default=None, max_length=8192)
    records: list[dict[str, Any]] = Field([], max_length=MAX_RECORDS)
    file: FileToSend | None = None


class OperationParam(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    required: bool
    type: str
    description: str | None = None


class Operation(BaseModel):
    """`batchSize` is how many records go with one call of the other system."""

    model_config = ConfigDict(extra="forbid")

    name: str
    title: str
    kind: Kind
    entity: str | None = None
    description: str | None = None
    method: str
    path: str
    params: list[OperationParam]
    isPaged: bool
    isIncremental: bool
    batchSize: int | None = None


class OperationList(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: list[Operation]


class ReadRecord(BaseModel):
    """A record as the document it becomes, or why it becomes none."""

    model_config = ConfigDict(extra="forbid")

    externalId: str | None = None
    content: dict[str, Any] | None = None
    rejected: str | None = None


class WrittenRecord(BaseModel):
    """What became of one record; `index` is its place among those that were sent."""

    model_config = ConfigDict(extra="forbid")

    index: int
    outcome: Literal["created", "updated", "written", "accepted", "rejected", "unknown", "not_sent"]
    externalId: str | None = None
    code: str | None = None
    reason: str | None = None


class SentFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    name: str | None
    size: int


class OperationResult(BaseModel):
    """A page of `records`, the `results` of an upsert with `counts` by outcome, the `file`, or the answer's `body`."""

    model_config = ConfigDict(extra="forbid")

    operation: str
    kind: Kind
    calls: int
    status: int | None = None
    records: list[ReadRecord] | None = None
    total: int | None = None
    hasMore: bool | None = None
    nextCursor: str | None = None
    stopReason: str | None = None
    results: list[WrittenRecord] | None = None
    counts: dict[str, int] | None = None
    jobs: list[str] | None = None
    incomplete: str | None = None
    file: SentFile | None = None
    body: Any = None
