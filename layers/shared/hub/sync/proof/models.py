"""Answers about what a run has done and may still do: proof, differences, revert, quarantine."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from hub.core.models import Page
from hub.sync.models import Counted, SyncJob


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fuse(_Closed):
    """Deletions that wait: how many of how many documents, some ids, and until when they can be approved.

    INBOUND ones are of documents here, OUTBOUND ones of the provider's records, of so many that are linked.
    """

    count: int
    documents: int
    sample: list[str]
    approveUntil: str
    direction: Literal["INBOUND", "OUTBOUND"]
    approvedBy: str | None


class PageSums(Counted):
    """The sums over the lines of the log; `agree` says that they are the counters of the job.

    Where the log is too long they are those of its first 5,000 lines, `complete` is false, and they agree as long as
    none is above the counters.
    """

    model_config = ConfigDict(extra="forbid")

    count: int
    agree: bool
    complete: bool


class Ids(_Closed):
    """How many, and the first hundred by id."""

    count: int
    ids: list[str]


class Difference(_Closed):
    """What differs between the ends of two runs."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    former: str = Field(alias="from")
    to: str
    created: Ids
    updated: Ids
    deleted: Ids
    complete: bool


class Proof(Counted):
    """`balanced`: read = created + updated + unchanged + rejected + deleted, and the log's pages say the same.

    A sync of both ways may have two `fuses`; `fuse` is the first one.
    """

    model_config = ConfigDict(extra="forbid")

    jobId: str
    retryOf: str | None
    status: str
    balanced: bool
    held: int
    deletesOff: str | None
    quarantined: int
    pages: PageSums
    samples: dict[str, list[str]]
    fuse: Fuse | None
    fuses: list[Fuse]
    difference: Difference | None = None


class RevertRequest(_Closed):
    """With `preview` nothing is changed: the answer says what would be."""

    preview: bool = False


class RevertPreview(_Closed):
    preview: Literal[True]
    jobId: str
    created: int
    updated: int
    unchanged: int
    rejected: int
    deleted: int
    samples: dict[str, list[str]]
    left: list[dict[str, Any]]
    complete: bool


class Reverted(RootModel[SyncJob | RevertPreview]):
    """The job that takes a run back, or what it would do."""


class Quarantined(_Closed):
    """A record that was not stored as it came; `record` is null where it was too large or repeated a secret."""

    entity: str
    externalId: str | None
    reason: str
    record: Any
    jobId: str
    at: str


class QuarantinePage(Page):
    data: list[Quarantined]


class QuarantineRetry(_Closed):
    """Without an entity the first record that waits says which list is run again."""

    entity: str | None = Field(default=None, min_length=1, max_length=64)
