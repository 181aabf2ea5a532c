"""Events on the hub's bus, for the user's own services: `source` hub, `detail-type` the event's name."""

from typing import Any

from hub.core import clock, jsontext
from hub.core.caller import Tenant
from hub.core.errors import Unavailable
from hub.core.ids import new_id
from hub.core.resources import Resources


def publish(resources: Resources, tenant: Tenant, name: str, data: dict[str, Any]) -> None:
    """Put `{id, tenantId, timestamp, ...data}` on the bus as `name`, for example sync.completed; raises Unavailable."""
    detail = {"id": new_id("evt"), "tenantId": tenant.id, "timestamp": clock.now(), **data}
    answer = resources.events.put_events(
        Entries=[
            {
                "EventBusName": resources.settings.bus_name,
                "Source": "hub",
                "DetailType": name,
                "Detail": jsontext.dump(detail),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise Unavailable(f"The event bus did not take {name}; the same call may succeed later.")
