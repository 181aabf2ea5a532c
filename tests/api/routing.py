"""Events on their way to deliveries in a test: subscriptions as items, a router that takes one message."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

from hub.core import queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Put, key, partition
from tests.api.conftest import Hub, app
from tests.api.queued import hints_in

Json = dict[str, Any]
CREATED: Json = {"contactId": "contact-123"}
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Routing:
    """The event router as one tenant's events meet it."""

    hub: Hub

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.hub.tenant)

    def subscribe(self, *event_types: str, **fields: Any) -> str:
        """Store an active subscription and return its id."""
        subscription_id = f"sub_{next(_NUMBERS):026}"
        item = {
            **key(self.tenant, "subscription", subscription_id),
            "status": "active",
            "eventTypes": list(event_types),
            "filter": "",
            **fields,
        }
        resources().tables.write(Put(resources().tables.config, item))
        return subscription_id

    def publish(self, event_type: str = "contact.created", data: Json | None = None, **more: Any) -> str:
        """Publish an event over the API and return its id."""
        answer = self.hub.post("/api/v1/events", {"type": event_type, "data": data or CREATED, **more})
        assert answer.status == 202, answer.body
        return str(answer.body["id"])

    def route(self, event_id: str, *, warm: bool = False) -> bool:
        """Give the router the event's hint; say whether it was done with it."""
        return self.receive(queues.Hint(self.tenant, event_id).text(), warm=warm)

    def from_bus(self, event_type: str, detail: Json, **changed: Any) -> bool:
        """Give the router a message of EventBridge; say whether it was taken."""
        return self.receive(bus_message(event_type, detail, **changed))

    def receive(self, body: str, *, warm: bool = False) -> bool:
        """Give the router a message; a router that is not `warm` knows nothing of tenants yet."""
        router = app(self.hub.cloud.template.functions["EventRouter"].code_dir)
        if not warm:
            router._router.cache_clear()
        with self.hub.cloud.running("EventRouter"):
            answer = router.handler({"Records": [{"messageId": "m1", "body": body}]}, None)
        return bool(answer == {"batchItemFailures": []})

    def event(self, event_id: str) -> Item:
        found = resources().tables.activity.get(key(self.tenant, "event", event_id))
        assert found is not None
        return found

    def events(self) -> list[Item]:
        return list(resources().tables.activity.query_all("pk = :pk", {"pk": partition(self.tenant, "event")}))

    def deliveries(self, subscription_id: str) -> list[Item]:
        """Return the deliveries of a subscription, oldest first."""
        pk = partition(self.tenant, f"delivery#{subscription_id}")
        return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))

    def waiting(self, queue: str = "delivery") -> list[Json]:
        """Take this tenant's hints out of a queue and return them."""
        return hints_in(queue, self.hub.tenant)


def bus_message(event_type: str, detail: Any, **changed: Any) -> str:
    """Return an event as EventBridge puts it into a queue."""
    message = {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": event_type,
        "source": "myapp",
        "account": "000000000000",
        "time": "2026-11-21T10:30:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
        **changed,
    }
    return json.dumps(message)
