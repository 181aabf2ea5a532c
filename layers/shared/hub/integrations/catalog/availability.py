"""Which providers a tenant sees, and which of them it may use: by audience, status and plan.

Listed are the active ones. A single one is shown also while it is tried out (`beta`) or on its way out (`deprecated`):
its integrations need its schema. New integrations take an active one or a beta, never one that is on its way out.
"""

from collections.abc import Iterable

from hub.core.attributes import Item
from hub.core.errors import Conflict, Denied, ProviderNotFound

LISTED = frozenset({"active"})
SHOWN = frozenset({"active", "beta", "deprecated"})
OPEN = frozenset({"active", "beta"})


def is_listed(item: Item) -> bool:
    return item["audience"] == "tenant" and item["status"] in LISTED


def is_shown(item: Item) -> bool:
    return item["audience"] == "tenant" and item["status"] in SHOWN


def must_be_shown(item: Item) -> None:
    """Raise ProviderNotFound for what the tenant cannot see."""
    if not is_shown(item):
        raise ProviderNotFound


def is_available(item: Item, plans: Iterable[str]) -> bool:
    """Say whether a tenant with these plans may have integrations of the provider."""
    required, held = item.get("requiredPlan"), set(plans)
    if required:
        return required in held
    return bool(held) or not item.get("isPremium")


def must_be_open(item: Item, plans: Iterable[str]) -> None:
    """Refuse a new integration: ProviderNotFound, Conflict for a deprecated provider, Denied without its plan."""
    must_be_shown(item)
    if item["status"] not in OPEN:
        raise Conflict("The provider is deprecated: its integrations go on, and there are no new ones.")
    if not is_available(item, plans):
        required = item.get("requiredPlan")
        plan = f"the plan {required!r}" if required else "a plan"
        raise Denied(f"The provider needs {plan}, which your tenant does not have.", requiredPlan=required or "any")
