"""The registry of event types: the built-in ones, and those that a tenant describes with a schema and other names.

Two kinds of items of the config table:

    tenant#event-type, name          name, description, schema (JSON text or ""), aliases, example (JSON text or ""),
                                     version, createdAt, createdBy, updatedAt, updatedBy
    tenant#event-type-names, all     names (JSON `{name: {aliases, schema: its digest or ""}}`), version

The second is what workers need to know of all types, in one read; it changes in the transaction of each change of a
type, which is why no two types of a tenant can share a name. A type that nobody has described may be published too.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadRequest, Conflict, NotFound
from hub.core.journal import Change
from hub.core.recent import Recent
from hub.core.tables import IS_NEW, IS_UNCHANGED, Delete, Key, Put, Table, key, partition
from hub.webhooks.events.built_in_types import BUILT_IN, BY_ALIAS

Json = dict[str, Any]

KIND = "event-type"
MOST_CACHED_TENANTS = 500
MOST_CACHED_SCHEMAS = 200
MOST_TYPES = 300
ABOUT_WEBHOOKS = "webhook."
_NAME = re.compile(r"(?=.{1,128}\Z)[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*")
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


@dataclass(frozen=True)
class Names:
    """The names of a tenant's own types: `{name: {aliases, schema}}`, `schema` being a digest or empty."""

    types: Json = field(default_factory=dict)
    version: int = 0

    @cached_property
    def by_alias(self) -> dict[str, str]:
        return {alias: name for name, about in self.types.items() for alias in about["aliases"]}

    def schema_of(self, name: str) -> str:
        """Return the digest of a type's schema; empty where the tenant has given none."""
        return str(self.types[name]["schema"]) if name in self.types else ""

    def aliases_of(self, name: str) -> Collection[str]:
        """Return the other names of a type, built-in or the tenant's."""
        found = self.types.get(name)
        return list(found["aliases"]) if found else built_in_aliases(name)


NO_NAMES = Names()


def canonical(names: Names, name: str) -> str:
    """Return the type that a name or alias stands for: dotted, lower case; raises BadRequest."""
    found = BY_ALIAS.get(name) or names.by_alias.get(name) or name
    if not is_name(found):
        raise BadRequest(
            f"Expected an event type of dotted lowercase words such as contact.created, or an alias of one; "
            f"found {name[:130]!r}."
        )
    return found


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def is_alias(text: str) -> bool:
    return _ALIAS.fullmatch(text) is not None


def is_about_webhooks(name: str) -> bool:
    """Say whether a type tells of the hub's own deliveries: no wildcard means it."""
    return name.startswith(ABOUT_WEBHOOKS)


def is_reserved(name: str) -> bool:
    """Say whether only the hub itself may publish this type."""
    found = BUILT_IN.get(name)
    return is_about_webhooks(name) or bool(found and found.owned_by_hub)


def built_in_aliases(name: str) -> Collection[str]:
    found = BUILT_IN.get(name)
    return found.aliases if found else ()


@cache
def built_in_schema(name: str) -> str:
    return jsontext.dump(BUILT_IN[name].schema)


def must_be_open(name: str) -> str:
    """Return the type if others than the hub may publish it; raises BadRequest."""
    if is_reserved(name):
        raise BadRequest(f"{name} is published by the hub alone; choose another type.")
    return name


class Registry:
    """The names of tenants' own types as this process knows them: read at most every ten seconds."""

    def __init__(self, config: Table) -> None:
        self._config = config
        self._recent: Recent[Tenant, Names] = Recent(lambda tenant: read_names(config, tenant), MOST_CACHED_TENANTS)
        self._schemas: dict[str, str] = {}

    def of_tenant(self, tenant: Tenant) -> Names:
        return self._recent.get(tenant)

    def canonical(self, tenant: Tenant, name: str) -> str:
        """Return what a name stands for; one that is not known is looked for in the table. Raises BadRequest."""
        if name in BUILT_IN or name in BY_ALIAS:
            return canonical(NO_NAMES, name)
        try:
            return canonical(self.of_tenant(tenant), name)
        except BadRequest:
            self.forget(tenant)
            return canonical(self.of_tenant(tenant), name)

    def aliases_of(self, tenant: Tenant, event_type: str) -> Collection[str]:
        """Return the other names of a type; those of built-in types cost no read."""
        if event_type in BUILT_IN:
            return built_in_aliases(event_type)
        return self.of_tenant(tenant).aliases_of(event_type)

    def schema_of(self, tenant: Tenant, event_type: str) -> str:
        """Return the schema of a type as JSON text, empty where it has none; each is read once."""
        if event_type in BUILT_IN:
            return built_in_schema(event_type)
        digest = self.of_tenant(tenant).schema_of(event_type)
        if not digest or digest in self._schemas:
            return self._schemas.get(digest, "")
        found = self._config.get(key(tenant, KIND, event_type))
        text = found["schema"] if found else ""
        if len(self._schemas) >= MOST_CACHED_SCHEMAS:
            self._schemas.clear()
        self._schemas[schema_digest(text)] = text
        return str(text)

    def forget(self, tenant: Tenant) -> None:
        """Read the tenant's names anew at the next question."""
        self._recent.forget(tenant)


def read_names(config: Table, tenant: Tenant) -> Names:
    found = config.get(_names_key(tenant))
    return Names(jsontext.load(found["names"]), found["version"]) if found else NO_NAMES


def list_all(config: Table, tenant: Tenant) -> list[Item]:
    """Return all types that the tenant can use, built-in ones as items of the same shape."""
    own = config.query_all("pk = :pk", {"pk": partition(tenant, KIND)})
    return [*map(_built_in_item, BUILT_IN), *own]


def get(config: Table, tenant: Tenant, name: str) -> Item:
    """Return a type by its name or an alias; raises NotFound."""
    name = BY_ALIAS.get(name, name)
    if name in BUILT_IN:
        return _built_in_item(name)
    found = config.get(key(tenant, KIND, name)) or _by_alias(config, tenant, name)
    if found is None:
        raise NotFound("No event type has this name in your tenant.")
    return found


def put(change: Change, current: Item | None, described: Item) -> Item:
    """Add a tenant's type to `change`, in place of `current`; return the item. Raises BadRequest, Conflict."""
    config, tenant, name = change.tables.config, change.caller.tenant, described["sk"]
    names = read_names(config, tenant)
    _must_be_free(names, name, described["aliases"])
    now, actor = clock.now(), change.caller.actor
    made: Item = {
        **described,
        "version": current["version"] + 1 if current else 1,
        "createdAt": current["createdAt"] if current else now,
        "createdBy": current["createdBy"] if current else actor,
        "updatedAt": now,
        "updatedBy": actor,
    }
    only_if = IS_UNCHANGED if current else IS_NEW
    change.add(Put(config, made, only_if, {"version_read": current["version"]} if current else {}))
    about = {"aliases": made["aliases"], "schema": schema_digest(made["schema"])}
    change.add(_names_write(config, tenant, names, {name: about}))
    change.audit("event_type.replaced" if current else "event_type.created", name, version=made["version"])
    return made


def schema_digest(text: str) -> str:
    """Return what tells one stored schema from another; empty for none."""
    return hashlib.sha256(text.encode()).hexdigest()[:32] if text else ""


def delete(change: Change, current: Item) -> None:
    """Add the end of a tenant's type to `change`; raises Conflict for a built-in one."""
    config, tenant, name = change.tables.config, change.caller.tenant, current["sk"]
    must_be_own(name)
    names = read_names(config, tenant)
    change.add(Delete(config, key(tenant, KIND, name), IS_UNCHANGED, {"version_read": current["version"]}))
    change.add(_names_write(config, tenant, names, {name: None}))
    change.audit("event_type.deleted", name)


def must_be_own(name: str) -> None:
    """Raise Conflict for a type that every tenant has."""
    if name in BUILT_IN:
        raise Conflict(f"{name} is built in: it cannot be replaced or deleted.")


def described(tenant: Tenant, name: str, **facts: Any) -> Item:
    """Return the item of a type without what its history adds; `facts` are description, schema, aliases, example."""
    return {
        **key(tenant, KIND, name),
        "name": name,
        "description": facts["description"],
        "schema": jsontext.dump(facts["schema"]) if facts["schema"] is not None else "",
        "aliases": facts["aliases"],
        "example": jsontext.dump(facts["example"]) if facts["example"] is not None else "",
    }


def view(item: Item) -> Json:
    """Return `hub.webhooks.events.event_type_models:EventType`."""
    times: Json = {name: item[name] for name in ("createdAt", "updatedAt") if name in item}
    return {
        "name": item["sk"],
        "description": item["description"],
        "aliases": item["aliases"],
        "schema": jsontext.load(item["schema"]) if item["schema"] else None,
        "example": jsontext.load(item["example"]) if item["example"] else None,
        "builtIn": item["sk"] in BUILT_IN,
        "version": item["version"],
        **times,
    }


def _must_be_free(names: Names, name: str, aliases: Collection[str]) -> None:
    """Raise Conflict when a name is another type's, BadRequest when the tenant has too many types."""
    if name not in names.types and len(names.types) >= MOST_TYPES:
        raise BadRequest(f"A tenant may describe at most {MOST_TYPES} event types.")
    for each in (name, *aliases):
        other = _owner(names, each)
        if other not in (None, name):
            raise Conflict(f"{each} is a name of the event type {other} already.")


def _owner(names: Names, text: str) -> str | None:
    if text in BUILT_IN or text in names.types:
        return text
    return BY_ALIAS.get(text) or names.by_alias.get(text)


def _by_alias(config: Table, tenant: Tenant, alias: str) -> Item | None:
    name = read_names(config, tenant).by_alias.get(alias)
    return config.get(key(tenant, KIND, name)) if name else None


def _names_write(config: Table, tenant: Tenant, names: Names, changed: Json) -> Put:
    kept = {name: about for name, about in {**names.types, **changed}.items() if about}
    item = {**_names_key(tenant), "names": jsontext.dump(kept), "version": names.version + 1}
    if not names.version:
        return Put(config, item, IS_NEW)
    return Put(config, item, IS_UNCHANGED, {"version_read": names.version})


def _names_key(tenant: Tenant) -> Key:
    return key(tenant, f"{KIND}-names", "all")


def _built_in_item(name: str) -> Item:
    built_in = BUILT_IN[name]
    return {
        "sk": name,
        "name": name,
        "description": built_in.description,
        "schema": built_in_schema(name),
        "aliases": list(built_in.aliases),
        "example": jsontext.dump(built_in.example),
        "version": 1,
    }
