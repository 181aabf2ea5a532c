"""Bodies and answers of the registry of event types, for validation and openapi.json."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hub.core.models import CountedPage

Alias = Annotated[str, Field(min_length=1, max_length=128)]


class NewEventType(BaseModel):
    """`schema` is JSON Schema 2020-12 without references to elsewhere; `example` must fit it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=128)]
    description: Annotated[str, Field(max_length=2000)] = ""
    data_schema: dict[str, Any] | None = Field(None, alias="schema")
    aliases: list[Alias] = Field(default_factory=list, max_length=5)
    example: dict[str, Any] | None = None


class EventType(BaseModel):
    """`builtIn`: every tenant has it, and it cannot be replaced."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: str
    description: str
    aliases: list[str]
    data_schema: dict[str, Any] | None = Field(None, alias="schema")
    example: dict[str, Any] | None
    builtIn: bool
    version: int
    createdAt: str | None = None
    updatedAt: str | None = None


class EventTypePage(CountedPage):
    items: list[EventType]
