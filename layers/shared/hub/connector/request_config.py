"""What an endpoint sends: S000's "Request Configuration", with its own time-out and retries (spec model, row 24)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from hub.connector.batch_config import Batch
from hub.connector.error_config import ErrorAction
from hub.connector.response_config import TYPE_PATTERN, Pagination, ResponseMapping
from hub.connector.strict import Strict
from hub.connector.upload_config import Upload

ValueType = Literal["string", "number", "boolean", "array"]
ValueSource = Literal["static", "variable", "expression"]
TimeoutMs = Annotated[int, Field(ge=1000, le=120_000)]
ErrorStatus = Annotated[int, Field(ge=400, le=599)]
Operation = Literal["health", "list", "search", "get", "upsert", "upload", "post", "delete"]


class Param(Strict):
    """A parameter in the path or in the query; without a source it takes what the caller gives under its name."""

    name: str = Field(min_length=1, max_length=200)
    required: bool = False
    type: ValueType = "string"
    default: Any = None
    description: str | None = Field(default=None, max_length=2000)
    value_source: ValueSource | None = None
    value: Any = None


class PropertySchema(Strict):
    """With `filename` or `content_type`, texts with `{{name}}`, it is a file of a multipart body."""

    type: Literal["string", "number", "boolean", "object", "array"]
    required: bool = False
    source: ValueSource | None = None
    value: Any = None
    properties: dict[str, "PropertySchema"] | None = None
    items: "PropertySchema | None" = None
    filename: str | None = Field(default=None, max_length=1000)
    content_type: str | None = Field(default=None, max_length=200)


class BodySchema(Strict):
    type: Literal["object", "array"]
    properties: dict[str, PropertySchema] | None = None
    items: PropertySchema | None = None


class RequestBody(Strict):
    content_type: Literal["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
    body_type: Literal["template", "schema", "raw"]
    template: str | None = Field(default=None, max_length=100_000)
    schema_: BodySchema | None = Field(default=None, alias="schema")
    raw: str | None = Field(default=None, max_length=100_000)


class GraphQL(Strict):
    """A query and its variables, whose texts may hold `{{name}}`; `cursor_body_path` is where the cursor goes."""

    query: str = Field(min_length=1, max_length=100_000)
    operation_name: str | None = Field(default=None, pattern=r"^[_A-Za-z][_0-9A-Za-z]{0,199}$")
    variables: dict[str, Any] = Field(default={}, max_length=200)
    cursor_body_path: str | None = Field(default=None, min_length=1, max_length=1000)


class Incremental(Strict):
    """`field` of a record says when it changed, `param` asks for what changed since; formats of `date`, or number.

    As a `variable` it is what texts of the request call `{{param}}`.
    """

    field: str = Field(min_length=1, max_length=1000)
    param: str = Field(min_length=1, max_length=1000)
    location: Literal["query", "header", "body", "variable"] = "query"
    format: str = Field(default="ISO8601", max_length=100)
    param_format: str | None = Field(default=None, max_length=100)
    overlap_seconds: int | None = Field(default=None, ge=0, le=7 * 86_400)


class Parent(Strict):
    """The endpoint is asked once for each document of a type, with `param` set to its id or to what is at `field`.

    Under `as` each record has that value beside what it came with; with `scoped_ids` its id begins with it.
    """

    document_type: str = Field(pattern=TYPE_PATTERN)
    param: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$")
    field: str | None = Field(default=None, min_length=1, max_length=1000)
    as_: str | None = Field(default=None, alias="as", pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$")
    scoped_ids: bool = False


class RateLimitHeaders(Strict):
    """The names under which a provider tells about its limit; `limit` is for people, nothing follows from it."""

    limit: str | None = Field(default=None, max_length=200)
    remaining: str | None = Field(default=None, max_length=200)
    reset: str | None = Field(default=None, max_length=200)


class RateLimit(Strict):
    requests_per_minute: int = Field(ge=1, le=100_000)
    burst_limit: int | None = Field(default=None, ge=1, le=100_000)
    headers: RateLimitHeaders | None = None


class RetryConfig(Strict):
    max_retries: int = Field(default=3, ge=0, le=10)
    retry_delay: int = Field(default=1000, ge=0, le=60_000)
    retry_on: list[ErrorStatus] = Field(default=[408, 429, 500, 502, 503, 504], max_length=200)


class Endpoint(Strict):
    """`base_url` is another address than the definition's; `entity` is the type of what is read or written."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    name: str = Field(min_length=1, max_length=100)
    description: str | None = Field(default=None, max_length=2000)
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    base_url: str | None = Field(default=None, max_length=2048)
    path: str = Field(max_length=2048)
    operation: Operation | None = None
    entity: str | None = Field(default=None, pattern=TYPE_PATTERN)
    query_params: list[Param] = Field(default=[], max_length=100)
    path_params: list[Param] = Field(default=[], max_length=50)
    headers: dict[str, str] = Field(default={}, max_length=50)
    body: RequestBody | None = None
    graphql: GraphQL | None = None
    batch: Batch | None = None
    upload: Upload | None = None
    response_mapping: ResponseMapping | None = None
    pagination: Pagination | None = None
    incremental: Incremental | None = None
    parent: Parent | None = None
    rate_limit: RateLimit | None = None
    timeout: TimeoutMs | None = None
    retry_config: RetryConfig | None = None
    error_actions: list[ErrorAction] = Field(default=[], max_length=50)
    idempotent: bool = False
    tags: list[str] = Field(default=[], max_length=50)

    @property
    def reads_records(self) -> bool:
        """Whether its answers are read as records, so that it must say where they are."""
        return self.batch is None and self.upload is None and self.operation in (None, "list", "search")
