"""What an integration may be set to: its provider's configSchema, addresses that may be called, known entities."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.errors import BadDefinition, Conflict, Problem
from hub.integrations.instances import sync_frequency

if TYPE_CHECKING:
    from hub.integrations.catalog.providers import ProviderEntry
    from hub.outbound.guard import Guard

Json = dict[str, Any]

_DOCUMENT_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Checker:
    """Checks what is wanted of one provider's integration; `at` is what the surface calls the settings."""

    entry: "ProviderEntry"
    guard: "Guard"
    at: str = "settings"

    def check(self, settings: Json, fields: Mapping[str, Any]) -> None:
        """Refuse settings, or fields of the item, that do not fit; raises BadDefinition with every fault."""
        from hub.providers.resolve import check_settings

        problems = check_settings(self.entry.config_schema, settings, f"/{self.at}")
        problems = [*problems, *self._bad_addresses(settings), *self._bad_fields(fields)]
        if problems:
            raise BadDefinition("The integration cannot be set up like this; `details.problems` says why.", problems)

    def _bad_addresses(self, settings: Json) -> Iterator[Problem]:
        """Yield settings that name an address the hub never calls. A name is resolved each time it is called."""
        for name, value in settings.items():
            if isinstance(value, str) and _URL.match(value) and (fault := self.guard.refusal(value)):
                yield Problem(f"/{self.at}/{name}", fault)

    def _bad_fields(self, fields: Mapping[str, Any]) -> Iterator[Problem]:
        yield from self._unknown_entities(fields.get("searchableEntities") or [])
        yield from bad_fields(fields)
        if fields.get("userScoped") is False and self.entry.item.get("requiresUserScoping"):
            yield Problem("/userScoped", "this provider works with each user's own connection: expected true")

    def _unknown_entities(self, wanted: list[str]) -> Iterator[Problem]:
        known = self.entry.item.get("searchableEntities") or []
        for index, name in enumerate(wanted):
            if name not in known:
                listed = ", ".join(known) or "none"
                yield Problem(f"/searchableEntities/{index}", f"expected an entity of the provider ({listed})")


def bad_fields(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with fields that no provider has a say in."""
    for index, name in enumerate(fields.get("allowedShardTypes") or []):
        if not _DOCUMENT_TYPE.fullmatch(name):
            yield Problem(f"/allowedShardTypes/{index}", "expected 1 to 64 letters, digits, '.', '_' or '-'")
    frequency = fields.get("syncFrequency")
    if frequency is not None and (fault := sync_frequency.fault(frequency)):
        yield Problem("/syncFrequency", fault)


def kept(entry: "ProviderEntry", settings: Json) -> Json:
    """Return what is stored of settings: what a provider's schema marks `writeOnly` is taken and not kept."""
    properties = entry.config_schema.get("properties") or {}
    return {name: value for name, value in settings.items() if not properties.get(name, {}).get("writeOnly")}


def merged(present: Json, patch: Json) -> Json:
    """Return settings after a JSON merge patch (RFC 7396): null takes a setting away."""
    result = dict(present)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            former = result.get(name)
            result[name] = merged(former if isinstance(former, dict) else {}, value)
        else:
            result[name] = value
    return result


def settings_of(item: Item) -> Json:
    settings: Json = jsontext.load(item.get("settings") or "{}")
    return settings


def must_allow(item: Item, document_type: str) -> None:
    """Refuse to store documents of a type that the integration may not touch; no list allows all types."""
    allowed = item.get("allowedShardTypes") or []
    if allowed and document_type not in allowed:
        raise Conflict(
            f"The integration may store {', '.join(allowed)} and nothing else; add the type to `allowedShardTypes`.",
            type=document_type,
        )


def leaves_its_address(entry: "ProviderEntry", item: Item, connection: Item | None) -> bool:
    """Say whether the integration, as changed, sends its credentials elsewhere than they were entered for."""
    if connection is None or connection["status"] == "revoked":
        return False
    from hub.integrations import connected  # the connector's addresses: only where settings change

    return not connected.destinations(connected.of_provider(entry, item, connection)) <= set(connection["boundTo"])
