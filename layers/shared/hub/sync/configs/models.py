"""Bodies and answers of sync configurations, as the teams product (S003, "Data Synchronization") writes them."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, field_validator

from hub.integrations.instances.surface_models import Frequency, Name, Shown, Written

Direction = Literal["pull", "push", "bidirectional"]
Side = Literal["local", "remote", "manual"]
FieldName = Annotated[str, Field(min_length=1, max_length=500)]
Id = Annotated[str, Field(min_length=1, max_length=128)]
TypeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
JsonType = Literal["string", "number", "boolean", "object", "array"]
Zone = Annotated[str, Field(min_length=1, max_length=64)]


class FieldMapping(Written):
    """S003's SyncFieldMapping; with `bidirectional` false the field is read and never sent back."""

    localField: FieldName
    remoteField: FieldName
    transformer: str | None = Field(default=None, min_length=1, max_length=10_000)
    bidirectional: bool = True


class Contract(Written):
    """What follows where records change their shape: take it, end the run, or leave out the record or the value.

    `fields` names the fields of the documents and their types; else the first completed sync learns them.
    """

    mode: Literal["evolve", "freeze", "discard_row", "discard_value"] = "evolve"
    fields: dict[FieldName, JsonType | list[JsonType]] | None = Field(default=None, min_length=1, max_length=1000)


class Wishes(Written):
    """What both a new configuration and a change of one may hold; the hub derives what is left out."""

    name: Name | None = None
    timeZone: Zone | None = None
    entity: TypeName | None = None
    endpointId: Id | None = None
    writeEndpointId: Id | None = None
    documentType: TypeName | None = None
    params: dict[str, Any] | None = None
    fieldRules: dict[FieldName, Side] | None = Field(default=None, max_length=500)
    deletes: Literal["keep", "tombstone"] | None = None
    mode: Literal["incremental", "full"] | None = None
    contract: Contract | None = None
    keepRaw: bool | None = None
    history: bool | None = None
    userId: Id | None = None


class NewSyncConfig(Wishes):
    """S003's createSyncConfig; `frequency` is in milliseconds, or rate(), cron(), hourly or daily."""

    teamId: str | None = None
    integrationId: Id
    enabled: bool = True
    syncDirection: Direction
    frequency: Frequency
    fieldMappings: list[FieldMapping] = Field(default=[], max_length=500)
    conflictResolution: Side = "remote"


class SyncConfigPatch(Wishes):
    """S003's updateSyncConfig: what is left out stays; null gives back to the hub what it derives."""

    enabled: bool | None = None
    syncDirection: Direction | None = None
    frequency: Frequency | None = None
    fieldMappings: list[FieldMapping] | None = Field(default=None, max_length=500)
    conflictResolution: Side | None = None

    @field_validator("syncDirection", "frequency", mode="before")
    @classmethod
    def _is_given(cls, value: Any) -> Any:
        """Refuse null for what the hub does not derive; what is left out is not looked at here."""
        if value is None:
            raise ValueError("expected a value, found null; leave it out to keep it")
        return value


class SyncAttempt(Written):
    """S003's logSyncAttempt."""

    success: bool


class Metrics(Shown):
    attempts: int
    successes: int
    failures: int


class SyncConfiguration(Shown):
    """S003's SyncConfiguration; the hub adds what it derived, when the next sync is due, and how the last one was.

    `derived` is one that the hub keeps for the `syncFrequency` of an integration.
    """

    id: str
    teamId: str
    integrationId: str
    enabled: bool
    syncDirection: Direction
    frequency: int | str
    lastSyncAt: str | None
    fieldMappings: list[dict[str, Any]]
    conflictResolution: Side
    createdAt: str
    updatedAt: str
    name: str | None
    timeZone: str
    entity: str
    endpointId: str | None
    writeEndpointId: str | None
    documentType: str
    params: dict[str, Any]
    fieldRules: dict[str, Side]
    deletes: Literal["keep", "tombstone"]
    mode: Literal["incremental", "full"]
    contract: dict[str, Any]
    keepRaw: bool
    history: bool
    userId: str | None
    nextSyncAt: str | None
    lastStatus: str | None
    lastReason: str | None
    lastJobId: str | None
    metrics: Metrics
    derived: bool
    version: int


class SyncConfigurations(RootModel[list[SyncConfiguration]]):
    """A bare array, as S003 writes it."""
