"""What a tenant sets for itself: where browsers may return to after OAuth; and its plans, which the operator sets."""

from dataclasses import dataclass

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition, Denied, Problem
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, Key, Put, Table, key
from hub.integrations.oauth import return_urls

MAX_ORIGINS = 50
MAX_PLANS = 20
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True)
class TenantSettings:
    """`version` is 0 as long as nobody has set anything."""

    return_origins: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    version: int = 0

    @classmethod
    def of_item(cls, item: Item | None) -> "TenantSettings":
        if item is None:
            return cls()
        return cls(tuple(item["returnOrigins"]), tuple(item["plans"]), item["version"])

    @property
    def view(self) -> dict[str, list[str]]:
        return {"returnOrigins": list(self.return_origins), "plans": list(self.plans)}


def get(config: Table, tenant: Tenant) -> TenantSettings:
    return TenantSettings.of_item(config.get(place_of(tenant)))


def put(change: Change, current: TenantSettings, origins: list[str], plans: list[str] | None) -> TenantSettings:
    """Add the new settings to `change` and return them; `plans` None leaves those.

    Raises BadDefinition for what is no origin, Denied for plans that somebody else than a super_admin changes.
    """
    wanted = tuple(dict.fromkeys(current.plans if plans is None else plans))
    if set(wanted) != set(current.plans) and "super_admin" not in change.caller.roles:
        raise Denied("Only a super_admin may change the plans of a tenant.")
    changed = TenantSettings(_checked_origins(origins), wanted, current.version + 1)
    unchanged = (IS_UNCHANGED, {"version_read": current.version}) if current.version else (IS_NEW, {})
    item = {**place_of(change.caller.tenant), **changed.view, "version": changed.version, "updatedAt": clock.now()}
    change.add(Put(change.tables.config, item, *unchanged))
    change.audit("tenant.settings_changed", change.caller.tenant.id, **changed.view)
    return changed


def place_of(tenant: Tenant) -> Key:
    return key(tenant, "tenant", "settings")


def _checked_origins(origins: list[str]) -> tuple[str, ...]:
    found = [(index, each, _origin_of(each)) for index, each in enumerate(origins)]
    problems = [
        Problem(f"/returnOrigins/{index}", "expected an origin such as https://app.example.com, or one of this machine")
        for index, _, origin in found
        if origin is None
    ]
    if problems:
        raise BadDefinition("Some of the origins are none that a browser may be sent to.", problems)
    return tuple(dict.fromkeys(origin for _, _, origin in found if origin))


def _origin_of(text: str) -> str | None:
    """Return the origin in one way of writing; None for what has a path, for http elsewhere, for no URL."""
    found = return_urls.origin_of(text)
    scheme, _, rest = text.removesuffix("/").partition("://")
    if found is None or set("/?#") & set(rest):
        return None
    host = found.partition("://")[2].rpartition(":")[0]
    if scheme != "https" and host not in LOOPBACK:
        return None
    return found.removesuffix(return_urls.DEFAULT_PORTS[scheme])
