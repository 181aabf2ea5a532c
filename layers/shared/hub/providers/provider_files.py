"""The providers that the hub brings along: one JSON file each, beside this module, in the connector format and more."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from hub.connector.strict import Strict
from hub.core import jsontext
from hub.core.errors import BadDefinition
from hub.core.problems import parse_as

Json = dict[str, Any]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_AS_WRITTEN = {"available_entities", "entity_mappings", "methods"}
Line = Annotated[str, Field(min_length=1, max_length=200)]
Status = Literal["active", "beta", "deprecated", "disabled"]
Audience = Literal["system", "tenant"]
Direction = Literal["pull", "push", "bidirectional"]
MethodKind = Literal["oauth2", "access_token", "api_key", "basic", "custom", "none"]


class CredentialField(Strict):
    """What a person enters to connect. A secret of type `url` becomes `<name>Origin` and the secret `<name>Path`."""

    name: Name
    title: Line
    description: str | None = Field(default=None, max_length=2000)
    secret: bool = False
    required: bool = True
    type: Literal["string", "url"] = "string"
    pattern: str | None = Field(default=None, max_length=500)
    # name of a field that is no secret: a pattern whose first group finds its value in this one
    derive: dict[Name, str] = Field(default={}, max_length=10)


class Method(Strict):
    """One way to connect; texts of `auth` may hold `{{field}}`.

    The operator's OAuth client is shown to the token server that the defaults of the settings lead to, and to those of
    `token_origins`: others that the provider has. `connector` are words of the connector that are others for who
    connects this way.
    """

    kind: MethodKind
    auth: Json
    token_origins: list[Annotated[str, Field(max_length=2048)]] = Field(default=[], max_length=50)
    fields: list[CredentialField] = Field(default=[], max_length=20)
    connector: Json = Field(default={})


class Entity(Strict):
    """S001's IntegrationEntity, which it does not describe: what else is written stays."""

    model_config = ConfigDict(extra="allow")

    name: Line
    display_name: Line | None = None


class EntityMapping(Strict):
    """S001's EntityToShardTypeMapping, likewise."""

    model_config = ConfigDict(extra="allow")

    entity: Line
    shard_type: Line


class SearchCapabilities(Strict):
    full_text: bool
    field_specific: bool
    filtered: bool


class Aliases(Strict):
    """What the provider is called on other surfaces: `cards` (S002), `teams` (S003: a type or an OAuth provider)."""

    cards: str | None = Field(default=None, max_length=64)
    teams: str | None = Field(default=None, max_length=64)


class Listing(Strict):
    """What S001 and S004 say of a provider beside its identity."""

    capabilities: list[Line] = Field(default=[], max_length=200)
    supported_sync_directions: list[Direction] = Field(default=[], max_length=3)
    supports_realtime: bool = False
    supports_webhooks: bool = False
    supports_notifications: bool = False
    supports_batch: bool = False
    supports_search: bool = False
    searchable_entities: list[Line] = Field(default=[], max_length=100)
    search_capabilities: SearchCapabilities | None = None
    requires_user_scoping: bool = False
    available_entities: list[Entity] = Field(default=[], max_length=200)
    entity_mappings: list[EntityMapping] = Field(default=[], max_length=200)
    icon: str = Field(default="", max_length=2048)
    color: str = Field(default="", max_length=40)
    version: str = Field(default="1.0.0", max_length=40)
    is_premium: bool = False
    required_plan: str | None = Field(default=None, max_length=100)
    api_version: str | None = Field(default=None, max_length=40)
    documentation_url: str | None = Field(default=None, max_length=2048)
    rate_limit_requests: int | None = Field(default=None, ge=1)
    rate_limit_window: int | None = Field(default=None, ge=1)
    notes: list[str] = Field(default=[], max_length=50)
    methods: list[Method] = Field(default=[], max_length=10)

    def document(self) -> Json:
        """Return all of it as JSON, in one form: defaults filled in, parts that are lists of objects as written."""
        plain = self.model_dump(by_alias=True, exclude_none=True)
        parts = self.model_dump(by_alias=True, exclude_unset=True, include=_AS_WRITTEN)
        return {**plain, **{to_camel(name): parts.get(to_camel(name), []) for name in _AS_WRITTEN}}


class ProviderFile(Listing):
    """One file. `connector` is a connector definition without `auth`, `config_schema` describes the settings."""

    provider: Slug
    name: Line
    display_name: Line
    description: str | None = Field(default=None, max_length=5000)
    category: Slug
    status: Status = "active"
    audience: Audience = "tenant"
    aliases: Aliases = Aliases()
    config_schema: Json
    connector: Json
    methods: list[Method] = Field(min_length=1, max_length=10)


def paths() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.json"))


def load(path: Path) -> ProviderFile:
    """Return the provider of a file; raises BadDefinition with its faults, the file's name in front."""
    try:
        found = parse_as(ProviderFile, jsontext.load(path.read_text(encoding="utf-8")))
    except (BadDefinition, ValueError) as fault:
        problems = fault.problems if isinstance(fault, BadDefinition) else []
        raise BadDefinition(f"{path.name} is no provider: {fault}", problems) from None
    if found.provider != path.stem:
        raise BadDefinition(f"{path.name} holds the provider {found.provider!r}.", [])
    return found


@cache
def load_all() -> list[ProviderFile]:
    """Return all of them, in the order of their names."""
    return [load(path) for path in paths()]
