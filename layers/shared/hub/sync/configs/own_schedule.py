"""The schedule of an integration itself (spec S004, `syncFrequency`): kept as a configuration that the hub derives.

It pulls the first entity that the integration lists, and can be changed like any other but for its frequency, which is
said in one place. An integration of which nothing can be read has none.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition
from hub.core.ids import hashed_id
from hub.core.journal import Change
from hub.core.tables import Key, Table, key
from hub.integrations.instances import views_v1
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.integrations import TENANTS
from hub.integrations.instances.status_words import ACTIVE
from hub.sync.configs import configs
from hub.sync.configs.configs import Wanted

if TYPE_CHECKING:
    from hub.integrations.connected import Connected

Json = dict[str, Any]

NAME = "default"


def follow(change: Change, shown: Instance, former: str | None = None) -> Json:
    """Add to `change` what the integration's frequency, that was `former`, makes of its schedule; return its view."""
    frequency = shown.item.get("syncFrequency")
    if frequency is None and former is None:
        return views_v1.one(shown)
    before = change.tables.config.get(place_of(shown.item))
    return _view(shown, _followed(change, shown, before))


def view(table: Table, shown: Instance) -> Json:
    """Return an integration as S004 writes it, with when it is synced next."""
    return view_of(table, [shown])(shown)


def view_of(table: Table, every: Iterable[Instance]) -> Callable[[Instance], Json]:
    """Return what shows these integrations, each with when it is synced next."""
    places = [place_of(shown.item) for shown in every if shown.item.get("syncFrequency") is not None]
    found = {item["sk"]: item for item in (table.batch_get(places) if places else ())}
    return lambda shown: _view(shown, found.get(place_of(shown.item)["sk"]))


def place_of(integration: Item) -> Key:
    return key(Tenant.of_item(integration), configs.KIND, hashed_id("scf", integration["sk"]))


def _view(shown: Instance, config: Item | None) -> Json:
    """One that is switched off, or waits for credentials, is not synced next at any time."""
    is_due = config is not None and configs.is_there(config) and shown.item["status"] == ACTIVE
    return {**views_v1.one(shown), "nextSyncAt": config.get("nextSyncAt") if config and is_due else None}


def _followed(change: Change, shown: Instance, before: Item | None) -> Item | None:
    frequency = shown.item.get("syncFrequency")
    is_there = before is not None and configs.is_there(before)
    if before is not None and is_there and before["frequency"] == frequency:
        return before
    wanted = None if frequency is None else _wanted(change, shown, before)
    if wanted is None:
        if before is not None and is_there:
            configs.delete(change, before)
        return None
    if before is None:
        return configs.create(change, wanted, derived_id=place_of(shown.item)["sk"])
    return configs.update(change, before, wanted)


def _wanted(change: Change, shown: Instance, before: Item | None) -> Wanted | None:
    """Return the configuration of the integration's frequency, None where there is nothing to pull."""
    from hub.sync.configs import checks as config_checks  # expressions and schedules, which only a new frequency needs
    from hub.sync.configs.models import NewSyncConfig, SyncConfigPatch

    running, frequency = _running(change.tables.config, shown), shown.item["syncFrequency"]
    try:
        if before is None:
            new = NewSyncConfig(integrationId=shown.id, syncDirection="pull", frequency=frequency, name=NAME)
            return config_checks.of_new(running, new)
        again = {} if configs.is_there(before) else {"enabled": True}
        patch = SyncConfigPatch.model_validate({"frequency": frequency, **again})
        return config_checks.of_patch(running, before, patch)
    except BadDefinition:
        return None


def _running(table: Table, shown: Instance) -> "Connected":
    from hub.integrations.catalog import providers
    from hub.integrations.connected import of_provider

    entry = providers.get(table, shown.item["provider"])
    return of_provider(entry, shown.item, shown.connection, shown.item.get("owner", TENANTS))
