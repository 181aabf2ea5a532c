"""Answers that belong to no feature: the error envelope of the catalogue specification (S001), and health."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class ErrorBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str
    message: str
    details: dict[str, Any] | None = None
    requestId: str
    retryAfter: int | None = None


class ErrorEnvelope(BaseModel):
    model_config = ConfigDict(extra="forbid")

    error: ErrorBody


class Health(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Literal["ok"]
