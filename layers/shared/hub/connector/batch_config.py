"""How many records are written with one request, and how its answer says what became of each of them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from hub.connector.response_config import LONGEST_PATH, FieldMapping
from hub.connector.strict import Strict

MAX_RECORDS = 30_000
MAX_BYTES = 20_000_000
WHOLE_BODY = "$"
Path = Annotated[str, Field(min_length=1, max_length=LONGEST_PATH)]
# One path may be written without a list around it.
Paths = Annotated[
    list[Path],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1, max_length=10),
]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Words = Annotated[list[Word], Field(min_length=1, max_length=20)]
Counted = Literal["total", "created", "updated", "written", "rejected"]


class Sign(Strict):
    """Something that is told by the value at a path; without a `value` by anything there but null."""

    path: Path
    value: str | int | float | bool | None = None


class BatchResults(Strict):
    """Where the answer says what became of a record: by its place, by its key, or only of those that failed."""

    match: Literal["position", "key", "errors_by_key", "job", "status"]
    path: Paths | None = None
    success: Sign | None = None
    created: Sign | None = None
    created_in: Path | None = None
    id_path: Path | None = None
    key_path: Path | None = None
    item_key_path: Path | None = None
    errors_path: Path | None = None
    error_key_path: Path | None = None
    message_path: Path | None = None
    code_path: Path | None = None


class BatchJob(Strict):
    """Records that are only accepted: `endpoint` is asked, with the job's id as `param`, how far they are."""

    id_path: Path
    endpoint: str = Field(max_length=64)
    param: str = Field(min_length=1, max_length=200)
    status_path: Path
    done: Words
    failed: list[Word] = Field(default=[], max_length=20)
    counts: dict[Counted, Path] = Field(default={})


class Batch(Strict):
    """The list at `items_path` of the JSON body holds up to `size` records, each made of a document."""

    size: int = Field(ge=1, le=MAX_RECORDS)
    max_bytes: int | None = Field(default=None, ge=1000, le=MAX_BYTES)
    items_path: Path
    field_mappings: list[FieldMapping] = Field(default=[], max_length=500)
    required: list[Path] = Field(default=[], max_length=100)
    results: BatchResults
    job: BatchJob | None = None
