"""A sync configuration as an order: what its schedule, a caller by hand or an event starts is the same job."""

from collections.abc import Mapping
from typing import Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Table
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.sync.configs import configs
from hub.sync.starts.choosing import PHASES, Sought
from hub.sync.starts.orders import FULL, INCREMENTAL, Order

_JOB_TYPES = {"full": FULL, "incremental": INCREMENTAL}


def integration_of(table: Table, config: Item) -> Connected:
    """Return the integration of a configuration, with the connection it is for; raises IntegrationNotFound."""
    user = str(config.get("userId") or "")
    return connected.load(table, Tenant.of_item(config), config["integrationId"], user=user)


def order_of(config: Item, job_id: str = "", more: Mapping[str, Any] | None = None) -> Order:
    """Return the order; `more` is what only this start of the configuration adds to its job."""
    kept = {name: config[name] for name in configs.OF_JOBS}
    return Order(
        sought_of(config),
        _JOB_TYPES[config["mode"]],
        configs.params_of(config),
        job_id=job_id,
        more={**kept, "configId": config["sk"], **(more or {})},
    )


def sought_of(config: Item) -> Sought:
    """Return which endpoints a configuration means; what it does not name is found anew, as its definition is now."""
    given = (config[name] if name in config["given"] else None for name in configs.DERIVED)
    return Sought(PHASES[config["direction"]], *given)
