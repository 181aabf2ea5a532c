"""Every error the hub raises on purpose, by what the caller does about it.

    HubError
    ├── BadRequest            400  correct the request
    │   ├── BadDefinition     400  correct the definition: `problems` says where and why
    │   ├── BadHandle         422  a secret handle stands where none may stand
    │   └── TargetForbidden   400  the address is one the hub never calls
    ├── Unauthenticated       401  send a valid credential
    ├── Denied                403  ask for the role or scope
    ├── NotFound              404  a foreign id and a missing id look the same
    ├── Conflict              409  read the current state, then decide
    │   └── IdempotencyConflict    the key was used for another request
    ├── TooLarge              413  send less
    ├── RateLimited           429  wait `retry_after_s`
    ├── UpstreamError         502  another system failed
    │   ├── Retryable              the same call may work later
    │   └── Refused                the same call cannot work
    └── Unavailable           503  the hub itself could not answer; send it again

The codes are those of the catalogue specification (Error Codes) and the ones the hub adds to them.
A message says what was expected, what was found and where; it never carries a secret.
"""

from dataclasses import asdict, dataclass
from typing import Any


class HubError(Exception):
    """Base of all: carries what the HTTP edge and the queue edge need to answer."""

    status = 500
    code = "INTERNAL_ERROR"
    retryable = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadRequest(HubError):
    status = 400
    code = "VALIDATION_ERROR"


@dataclass(frozen=True)
class Problem:
    """One fault in a document: `pointer` is an RFC 6901 JSON pointer into it."""

    pointer: str
    message: str


class BadDefinition(BadRequest):
    def __init__(self, message: str, problems: list[Problem]) -> None:
        super().__init__(message, problems=[asdict(problem) for problem in problems])
        self.problems = problems


class BadHandle(BadDefinition):
    status = 422


class TargetForbidden(BadRequest):
    code = "CONNECTION_FAILED"


class Unauthenticated(HubError):
    status = 401
    code = "UNAUTHENTICATED"


class Denied(HubError):
    status = 403
    code = "PERMISSION_DENIED"


class NotFound(HubError):
    """Raised without the id in the message, so that a foreign and a missing id answer byte for byte the same."""

    status = 404
    code = "NOT_FOUND"


class IntegrationNotFound(NotFound):
    code = "INTEGRATION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("No integration has this id in your tenant.")


class ProviderNotFound(NotFound):
    code = "PROVIDER_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("The catalogue has no provider of this id.")


class Conflict(HubError):
    status = 409
    code = "CONFLICT"


class IdempotencyConflict(Conflict):
    code = "IDEMPOTENCY_CONFLICT"


class TooLarge(HubError):
    status = 413
    code = "PAYLOAD_TOO_LARGE"


class RateLimited(HubError):
    status = 429
    code = "RATE_LIMIT_EXCEEDED"
    retryable = True

    def __init__(self, message: str, retry_after_s: int, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class UpstreamError(HubError):
    """Another system failed."""

    status = 502
    code = "UPSTREAM_ERROR"


class Retryable(UpstreamError):
    """The same call may work later: time-out, refused connection, 408, 429, 5xx. Workers send it again."""

    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class Refused(UpstreamError):
    """The same call cannot work: any other 4xx, an answer that cannot be read. Workers record it and stop."""


class Unavailable(HubError):
    status = 503
    code = "SERVICE_UNAVAILABLE"
    retryable = True
