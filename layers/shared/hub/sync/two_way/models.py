"""Bodies and answers of the routes of sync conflicts."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from hub.core.models import Page


class SyncConflict(BaseModel):
    """Two changes of one field that no rule decides; `field` is null where one side deleted the whole record.

    Of a whole record a side is null where it was deleted, else an object.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    integrationId: str
    entityType: str
    documentType: str
    documentId: str
    externalId: str
    jobId: str
    status: Literal["open", "resolved"]
    kind: Literal["edit", "delete"]
    field: str | None
    base: Any
    local: Any
    remote: Any
    detectedAt: str
    updatedAt: str
    resolution: Literal["local", "remote", "value", "agreed"] | None
    resolvedAt: str | None
    resolvedBy: str | None


class SyncConflictPage(Page):
    """S004 lists: `{data, limit, hasMore, nextCursor?}`; conflicts are not counted."""

    data: list[SyncConflict]


class Resolution(BaseModel):
    """Which value stands; `value` is given where it is neither side's."""

    model_config = ConfigDict(extra="forbid")

    resolution: Literal["local", "remote", "value"]
    value: Any = None

    @model_validator(mode="after")
    def _value_belongs_to_value(self) -> Self:
        if (self.resolution == "value") != ("value" in self.model_fields_set):
            raise ValueError("`value` is expected with the resolution `value`, and with no other")
        return self
