"""Brings the providers that the hub ships with into the catalogue: at each deployment, and when the local stack starts.

What a super_admin set stays as it is, and a provider that was taken out stays out. A second run writes nothing.
"""

from dataclasses import dataclass, field, replace

from hub.core import clock
from hub.core.attributes import Item
from hub.core.tables import Table, Tables
from hub.integrations.catalog import provider_items, provider_writes, providers
from hub.integrations.catalog.provider_items import Json
from hub.integrations.catalog.providers import ProviderEntry, connector_place
from hub.providers.provider_files import ProviderFile

HUB = "hub"


@dataclass
class Seeded:
    """What a run did, by ids of providers."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deprecated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def seed(tables: Tables, files: list[ProviderFile]) -> Seeded:
    """Create and update providers as the files have them; those that left the files become deprecated."""
    items = {item["sk"]: item for item in providers.list_all(tables.config)}
    ours, done = _ours(tables.config, items), Seeded()
    taken = items.keys() | _removed(tables.config)
    for file in files:
        entry = ours.pop(file.provider, None)
        if entry is not None:
            changed = _as_in_file(entry, file.document())
            (done.updated if _write(tables, entry, changed) else done.unchanged).append(entry.id)
        elif file.provider not in taken:
            _create(tables, file.document())
            done.created.append(file.provider)
    for entry in ours.values():
        if _is_left_behind(entry):
            _write(tables, entry, replace(entry, item={**entry.item, "status": "deprecated"}))
            done.deprecated.append(entry.id)
    return done


def _ours(config: Table, items: dict[str, Item]) -> dict[str, ProviderEntry]:
    """Return those that came from files; what a super_admin made is none of theirs."""
    seeded = [connector_place(slug) for slug, item in items.items() if item["isSeeded"]]
    return {each["sk"]: ProviderEntry(items[each["sk"]], each) for each in config.batch_get(seeded)}


def _removed(config: Table) -> set[str]:
    partition = provider_writes.removed_place("")["pk"]
    return {item["sk"] for item in config.query_all("pk = :pk", {"pk": partition})}


def _create(tables: Tables, document: Json) -> None:
    fields = {**provider_writes.stored_fields(document, has_secret=False), "adminSet": []}
    made = provider_writes.new_entry(document, fields, HUB, is_seeded=True)
    tables.write(*provider_writes.first_writes(tables.config, made))


def _as_in_file(current: ProviderEntry, document: Json) -> ProviderEntry:
    """Return the provider as the file has it, but for what a super_admin set."""
    before = provider_items.document_of(current)
    kept = {name for name in current.item["adminSet"] if "." not in name}
    wanted = {name: value for name, value in document.items() if name not in kept}
    wanted |= {name: value for name, value in before.items() if name in {*kept, "oauthConfig"}}
    has_secret = bool(current.oauth_config.get("hasClientSecret"))
    item = {**current.item, **provider_writes.stored_fields(wanted, has_secret=has_secret)}
    return ProviderEntry(item, provider_writes.next_connector(current, wanted))


def _is_left_behind(entry: ProviderEntry) -> bool:
    return "status" not in entry.item["adminSet"] and entry.item["status"] != "deprecated"


def _write(tables: Tables, before: ProviderEntry, after: ProviderEntry) -> bool:
    """Write what differs; return whether anything did."""
    if after.item == before.item and after.version == before.version:
        return False
    stamp: Item = {"version": before.item["version"] + 1, "updatedAt": clock.now(), "updatedBy": HUB}
    tables.write(*provider_writes.changed_writes(tables.config, before, replace(after, item={**after.item, **stamp})))
    return True
