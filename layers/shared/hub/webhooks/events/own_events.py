"""The hub's frequent events about webhooks: told to the bus at once, and kept only where a subscription wants them."""

from hub.core.caller import Tenant
from hub.webhooks.subscriptions.subscriptions import Directory


def wanted(directory: Directory, tenant: Tenant, event_type: str) -> bool:
    """Say whether an active subscription names this type exactly; wildcards never mean the hub's own `webhook.*`."""
    return any(each.is_active and event_type in each.event_types for each in directory.of_tenant(tenant).values())
