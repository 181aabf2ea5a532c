"""What an endpoint sends: S000's "Request Configuration", with its own time-out and retries (spec model, row 24)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from hub.connector.response_config import Pagination, ResponseMapping
from hub.connector.strict import Strict

ValueType = Literal["string", "number", "boolean", "array"]
ValueSource = Literal["static", "variable", "expression"]
TimeoutMs = Annotated[int, Field(ge=1000, le=120_000)]
ErrorStatus = Annotated[int, Field(ge=400, le=599)]


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
    type: Literal["string", "number", "boolean", "object", "array"]
    required: bool = False
    source: ValueSource | None = None
    value: Any = None
    properties: dict[str, "PropertySchema"] | None = None
    items: "PropertySchema | None" = None


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


class RateLimit(Strict):
    requests_per_minute: int = Field(ge=1, le=100_000)
    burst_limit: int | None = Field(default=None, ge=1, le=100_000)


class RetryConfig(Strict):
    max_retries: int = Field(default=3, ge=0, le=10)
    retry_delay: int = Field(default=1000, ge=0, le=60_000)
    retry_on: list[ErrorStatus] = Field(default=[408, 429, 500, 502, 503, 504], max_length=200)


class Endpoint(Strict):
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    name: str = Field(min_length=1, max_length=100)
    description: str | None = Field(default=None, max_length=2000)
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str = Field(max_length=2048)
    query_params: list[Param] = Field(default=[], max_length=100)
    path_params: list[Param] = Field(default=[], max_length=50)
    headers: dict[str, str] = Field(default={}, max_length=50)
    body: RequestBody | None = None
    response_mapping: ResponseMapping
    pagination: Pagination | None = None
    rate_limit: RateLimit | None = None
    timeout: TimeoutMs | None = None
    retry_config: RetryConfig | None = None
    idempotent: bool = False
    tags: list[str] = Field(default=[], max_length=50)
