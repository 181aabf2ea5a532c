"""Bodies and answers of the document routes, for openapi.json and the tests."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hub.core.models import Page


class DocumentEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    content: dict[str, Any]
    history: bool = False


class Document(BaseModel):
    """`raw` is the record as the provider sent it: with ?raw=true, null where it is not kept."""

    model_config = ConfigDict(extra="forbid")

    id: str
    type: str
    content: dict[str, Any]
    version: int
    origin: str
    createdAt: str
    updatedAt: str
    raw: Any = None


class DocumentPage(Page):
    items: list[Document]


class DocumentChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    operation: Literal["upsert", "delete"]
    id: str
    type: str
    version: int
    origin: str
    updatedAt: str
    document: Document | None = None


class ChangePage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    changes: list[DocumentChange]
    limit: int
    hasMore: bool
    nextCursor: str
