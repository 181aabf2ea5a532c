"""Deliveries in a test: a receiver in memory, and a worker that takes one hint at a time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.core import clock, events, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.ids import new_id
from hub.core.resources import resources
from hub.core.tables import Put, key
from hub.outbound.calls import Call, Reply
from hub.webhooks import counters
from hub.webhooks.counters import Counts, Patience
from hub.webhooks.deliveries import attempts, deliveries, lanes
from hub.webhooks.deliveries.attempts import Attempt
from hub.webhooks.deliveries.deliver import Deliverer
from hub.webhooks.rotation import Rotation
from hub.webhooks.subscriptions.subscriptions import SECRETS_KIND, Directory, DisableRule, RetryRule, Subscription
from tests.api.conftest import Hub
from tests.api.sync_work import vault

Json = dict[str, Any]

URL = "https://receiver.example.com/hooks"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
KEEP_DAYS = 30


def answer(status: int, body: bytes = b"", **headers: str) -> Callable[[Call], Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, named, body, 7)


def fails_with(error: Exception) -> Callable[[Call], Reply]:
    def fail(_: Call) -> Reply:
        raise error

    return fail


@dataclass
class Receiver:
    """Answers 204; `instead` answers the first calls, one each, `always` all of them."""

    instead: list[Callable[[Call], Reply]] = field(default_factory=list)
    always: Callable[[Call], Reply] = field(default_factory=lambda: answer(204))
    calls: list[Call] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls.append(call)
        return self.instead.pop(0)(call) if self.instead else self.always(call)

    @property
    def ids(self) -> list[str]:
        return [call.headers["webhook-id"] for call in self.calls]


def subscription_item(tenant: Tenant, **changed: Any) -> Item:
    """Return an active subscription of the cards' rule, as it is stored."""
    item: Item = {
        **key(tenant, "subscription", new_id("sub")),
        "surface": "v1",
        "owner": "",
        "name": "receiver",
        "description": "",
        "url": URL,
        "eventTypes": ["contact.created"],
        "status": "active",
        "retry": RetryRule((2, 4, 8, 16), 10_000, 0),
        "autoDisable": DisableRule(),
        "authType": "none",
        "auth": {"type": "none"},
        "headers": {},
        "contentType": "json",
        "payloadFormat": "standard",
        "transformTemplate": "",
        "filter": "",
        "throttle": "",
        "secretNames": Rotation.first("secret"),
        "storedSecrets": [],
        "version": 1,
        "createdAt": clock.now(),
        "createdBy": "u1",
        "updatedAt": clock.now(),
        "updatedBy": "u1",
    } | changed
    stored = {name: value.stored() for name, value in item.items() if hasattr(value, "stored")}
    texts = {**{name: item[name] for name in ("auth", "headers", "transformTemplate", "throttle")}, **stored}
    return item | {name: jsontext.dump(value) if value != "" else "" for name, value in texts.items()}


@dataclass
class Outbound:
    """The deliveries of one tenant to one receiver; `worker` is one process, which remembers what it has read."""

    hub: Hub
    receiver: Receiver
    worker: Deliverer = field(init=False)

    def __post_init__(self) -> None:
        self.worker = self.new_worker()

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.hub.tenant)

    def new_worker(self, directory: Directory | None = None) -> Deliverer:
        directory = directory or Directory(resources().tables.config)
        patience = Patience(lambda _: None, lambda: 0.0)
        return Deliverer(resources(), vault(), self.receiver, directory, None, lambda: 0.0, patience)

    def new_worker_that_knows(self, subscription: Subscription) -> Deliverer:
        """Return a worker that has read the subscriptions, as they were, and no secret yet."""

        class Stale(Directory):
            def find(self, tenant: Tenant, subscription_id: str) -> Subscription | None:
                return super().find(tenant, subscription_id) if self.forgot else subscription

            def forget(self, tenant: Tenant) -> None:
                self.forgot = True
                super().forget(tenant)

            forgot = False

        return self.new_worker(Stale(resources().tables.config))

    def subscribe(self, secrets: dict[str, str] | None = None, **changed: Any) -> Subscription:
        subscription = Subscription(subscription_item(self.tenant, **changed))
        put = vault().store(self.tenant, SECRETS_KIND, subscription.id, {"secret.1": SECRET, **(secrets or {})})
        assert put is not None
        resources().tables.write(Put(resources().tables.config, subscription.item), put)
        return subscription

    def change(self, subscription: Subscription, **changed: Any) -> Subscription:
        after = subscription.item | changed | {"version": subscription.item["version"] + 1}
        resources().tables.write(Put(resources().tables.config, after))
        return Subscription(after)

    def publish(self, subscription: Subscription, data: Any = None, *, ordering_key: str = "", **changed: Any) -> Item:
        """Store an event and its delivery, as the router leaves them."""
        tables = resources().tables
        data = {"id": "c1"} if data is None else data
        event = events.new(self.tenant, changed.pop("event_type", "contact.created"), data, KEEP_DAYS)
        delivery = deliveries.new(subscription, event, event["type"]) | changed
        queued = []
        if ordering_key:
            lane = lanes.lane_of(ordering_key)
            delivery |= {"lane": lane, "turn": lanes.next_turn(tables.coordination, self.tenant, ordering_key)}
            queued = deliveries.rejoined(tables, delivery)
        tables.write(Put(tables.activity, event), Put(tables.activity, delivery), *queued)
        return delivery

    def work(self, *waiting: Item) -> None:
        """Let the worker take one hint of each."""
        with self.hub.cloud.running("DeliveryWorker"):
            for delivery in waiting:
                self.worker.run(deliveries.hint_of(delivery))

    def now(self, delivery: Item) -> Item:
        found = resources().tables.activity.get({"pk": delivery["pk"], "sk": delivery["sk"]})
        assert found is not None
        return found

    def state(self, delivery: Item) -> str:
        return str(self.now(delivery)["state"])

    def attempts(self, delivery: Item) -> list[Attempt]:
        return attempts.read(resources().tables.activity, self.tenant, delivery["sk"])

    def subscription(self, subscription: Subscription) -> Item:
        item = subscription.item
        found = resources().tables.config.get({"pk": item["pk"], "sk": item["sk"]})
        assert found is not None
        return found

    def counts(self, subscription: Subscription) -> Counts:
        return counters.read(resources().tables.activity, self.tenant, subscription.id)

    def events(self, event_type: str) -> list[Json]:
        """Return the data of the stored events of a type."""
        found = resources().tables.activity.query_all("pk = :pk", {"pk": f"{self.tenant.id}#event"})
        return [json.loads(event["data"]) for event in found if event["type"] == event_type]
