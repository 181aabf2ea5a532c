"""How a provider is written: its item, its connector's item, and each version of that."""

from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.expressions import setting
from hub.core.tables import IS_NEW, IS_UNCHANGED, Key, Put, Table, Update, Write, hub_key
from hub.integrations.catalog import provider_items
from hub.integrations.catalog.providers import ProviderEntry, connector_place, provider_place, version_place

Json = dict[str, Any]


def stored_fields(document: Json, *, has_secret: bool) -> Item:
    """Return the fields of a provider's item that follow from its document and from whether its client has a secret."""
    fields = provider_items.fields_of(document)
    config = {**jsontext.load(fields["oauthConfig"]), **({"hasClientSecret": True} if has_secret else {})}
    return {**fields, "oauthConfig": jsontext.dump(config), "isCallable": bool(document.get("connector"))}


def new_entry(document: Json, fields: Item, actor: str, *, is_seeded: bool = False) -> ProviderEntry:
    """Return the two items of a new provider; `fields` are those of its item."""
    slug, now = document["provider"], clock.now()
    made = {"createdAt": now, "createdBy": actor, "updatedAt": now, "updatedBy": actor}
    item = {**provider_place(slug), **fields, "isSeeded": is_seeded, "version": 1, **made}
    connector = {"definition": provider_items.definition_text(document), "version": 1, "createdAt": now}
    return ProviderEntry(item, {**connector_place(slug), **connector})


def first_writes(config: Table, made: ProviderEntry) -> list[Write]:
    """Return the writes of a new provider; a version that a removed one of this id left is written over."""
    version = {**made.connector_item, **version_place(made.id, made.version)}
    return [Put(config, made.item, IS_NEW), Put(config, made.connector_item, IS_NEW), Put(config, version)]


def next_connector(current: ProviderEntry, document: Json) -> Item:
    """Return the connector's item as a document has it, with the next version where it is another one."""
    text = provider_items.definition_text(document)
    if text == current.connector_item["definition"]:
        return current.connector_item
    return {**current.connector_item, "definition": text, "version": current.version + 1}


def changed_writes(config: Table, before: ProviderEntry, after: ProviderEntry) -> list[Write]:
    """Return the writes of a changed provider: what differs, and its connector's next version where it has one."""
    fields = {name: value for name, value in after.item.items() if before.item.get(name) != value}
    sets, values = setting(fields)
    read = {"version_read": before.item["version"]}
    changed = Update(config, provider_place(after.id), sets, {**values, **read}, IS_UNCHANGED)
    if after.version == before.version:
        return [changed]
    sets, values = setting({name: after.connector_item[name] for name in ("definition", "version")})
    read = {"version_read": before.version}
    version = {**after.connector_item, **version_place(after.id, after.version), "createdAt": clock.now()}
    place = connector_place(after.id)
    return [changed, Update(config, place, sets, {**values, **read}, IS_UNCHANGED), Put(config, version)]


def removed_place(slug: str) -> Key:
    """Return the key of the note that somebody took the provider out of the catalogue."""
    return hub_key("provider-removed", slug)
