"""What a test of a custom integration takes and answers: S000's EndpointTestConfig and TestResult, and what we add."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_EXPECTATIONS = 20


class JsonPathExpectation(BaseModel):
    """The first value at `path` of the answer's body is `value`."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, max_length=500)
    value: Any


class Expectations(BaseModel):
    model_config = ConfigDict(extra="forbid")

    statusCode: int | None = Field(default=None, ge=100, le=599)
    bodyContains: list[Annotated[str, Field(min_length=1, max_length=1000)]] = Field([], max_length=MAX_EXPECTATIONS)
    jsonPath: list[JsonPathExpectation] = Field([], max_length=MAX_EXPECTATIONS)


class EndpointTestConfig(BaseModel):
    """Both maps fill the variables of the request, as `params` and `body` of a sync do."""

    model_config = ConfigDict(extra="forbid")

    testParams: dict[str, Any] = {}
    testBody: dict[str, Any] = {}
    expectations: Expectations | None = None


class SentRequest(BaseModel):
    """The first page's request, or that of the page that failed; secrets read `****`."""

    model_config = ConfigDict(extra="forbid")

    url: str
    method: str
    headers: dict[str, str]
    body: Any = None


class Response(BaseModel):
    """`truncated`: headers or body were longer than is shown."""

    model_config = ConfigDict(extra="forbid")

    statusCode: int
    headers: dict[str, str]
    body: Any
    latencyMs: int
    truncated: bool


class MappingPreview(BaseModel):
    """`mappedData` has null where a record is rejected, and `errors` says why; `truncated`: there was more to show."""

    model_config = ConfigDict(extra="forbid")

    rawData: list[Any]
    mappedData: list[dict[str, Any] | None]
    errors: list[str]
    truncated: bool


class Judged(BaseModel):
    """One expectation; `path` is that of a jsonPath."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["statusCode", "bodyContains", "jsonPath"]
    path: str | None = None
    expected: Any
    found: Any
    passed: bool


class TestResult(BaseModel):
    """S000's TestResult; `pages`, `records` and `stopReason` are those of an endpoint.

    `reason` is a code for why there is no access token.
    """

    model_config = ConfigDict(extra="forbid")

    success: bool
    request: SentRequest
    response: Response | None = None
    mappingPreview: MappingPreview | None = None
    error: str | None = None
    reason: str | None = None
    note: str | None = None
    pages: int | None = None
    records: int | None = None
    stopReason: str | None = None
    expectations: list[Judged]


class ConnectionTest(BaseModel):
    """S001's answer to a test of a connection, S004's without `details`; `details.reason` is a code."""

    model_config = ConfigDict(extra="forbid")

    success: bool
    message: str | None = None
    error: str | None = None
    testedAt: str
    responseTime: int | None = None
    details: dict[str, Any] | None = None


class TeamsTest(BaseModel):
    """S003's testIntegration."""

    model_config = ConfigDict(extra="forbid")

    success: bool
    message: str
