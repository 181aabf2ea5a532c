"""How a file is sent: in one request, or in parts that can go on after a failure."""

from typing import Annotated, Any, Literal

from pydantic import Field

from hub.connector.response_config import LONGEST_PATH
from hub.connector.strict import Strict

MAX_PART_BYTES = 64 * 1024 * 1024
MAX_WHOLE_BYTES = 150 * 1024 * 1024
Path = Annotated[str, Field(min_length=1, max_length=LONGEST_PATH)]
Status = Annotated[int, Field(ge=200, le=499)]


class SimpleUpload(Strict):
    """The endpoint's own request with the file as its body, or as the part behind its metadata (RFC 2387)."""

    kind: Literal["raw", "multipart_related"]
    max_bytes: int = Field(ge=1, le=MAX_WHOLE_BYTES)


class UploadStep(Strict):
    """One request of a resumable upload; without a `path` it goes to the address that the session was given."""

    method: Literal["POST", "PUT", "PATCH"]
    path: str | None = Field(default=None, max_length=2048)
    query: dict[str, str] = Field(default={}, max_length=50)
    headers: dict[str, str] = Field(default={}, max_length=50)
    content: Literal["none", "metadata", "part"] = "none"


class UploadOffset(Strict):
    """Answers that say how much has arrived: a number at a path, or the last byte in a header such as Range."""

    status: list[Status] = Field(min_length=1, max_length=20)
    paths: list[Path] = Field(min_length=1, max_length=10)


class ResumableUpload(Strict):
    """`session_path` of the answer to `start` is the session; without `finish` the last part's answer is the file."""

    part_bytes: int = Field(ge=1024, le=MAX_PART_BYTES)
    start: UploadStep
    session_path: Path
    part: UploadStep
    ask: UploadStep | None = None
    finish: UploadStep | None = None
    offset: UploadOffset


class Upload(Strict):
    """`metadata` is JSON whose texts may hold `{{name}}`; the paths find the file in the last answer."""

    metadata: dict[str, Any] = Field(default={}, max_length=100)
    simple: SimpleUpload
    resumable: ResumableUpload | None = None
    id_path: Path
    name_path: Path | None = None
    size_path: Path | None = None
