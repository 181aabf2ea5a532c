"""Answers that belong to no feature: the error envelope of the catalogue specification (S001), health, pages."""

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


class Page(BaseModel):
    """What every page of a list says beside its things."""

    model_config = ConfigDict(extra="forbid")

    limit: int
    hasMore: bool
    nextCursor: str | None = None


class CountedPage(Page):
    """What `hub.core.listing` answers."""

    total: int
    offset: int
    nextOffset: int | None = None
