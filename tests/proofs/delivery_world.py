"""Events and deliveries on the memory cloud: the hub's own router, worker and sweeper, and receivers in memory."""

import base64
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import local as thread_local
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest

from hub.core import clock, due, events, jsontext, queues
from hub.core.attributes import Item, decode_item
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.tables import CALL_FAILED, Put
from hub.core.vault import Vault
from hub.outbound.calls import Call, Reply
from hub.webhooks.counters import Patience
from hub.webhooks.deliveries import deliveries
from hub.webhooks.deliveries.deliver import Deliverer
from hub.webhooks.events import accept
from hub.webhooks.events.accept import Incoming
from hub.webhooks.events.event_types import Registry
from hub.webhooks.events.fan_out import Router
from hub.webhooks.rotation import Rotation
from hub.webhooks.subscriptions.subscriptions import KIND, SECRETS_KIND, Directory, DisableRule, RetryRule, Subscription
from tests.proofs import receivers
from tests.proofs.delivery_judge import Judged, look_at_end, look_at_request
from tests.proofs.memory_cloud import MemoryCloud, Trouble
from tests.proofs.receivers import Behaviour, Receiver, Request
from tests.proofs.turns import Killed, Turns

TENANT = Tenant("proofs")
KEEP_DAYS = 30
IDLE_S = 10.0
# The delays of the cards product; of one that a message can carry and one that only the sweeper can.
QUICK = RetryRule((2, 4, 8, 16), 10_000, 0)
LONG = RetryRule((60, 1200), 15_000, 0.2)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()

Json = dict[str, Any]
Handler = Callable[[Json], Json]


class Process(Protocol):
    """What lives in one process of the delivery worker."""

    def run(self, hint: Hint) -> None: ...

    def announce(self) -> None: ...


# Makes a process, given the cloud and the client it calls receivers with.
MakeProcess = Callable[[MemoryCloud, Any], Process]


def the_hub(cloud: MemoryCloud, client: Any) -> Process:
    """Return the process as `functions/delivery_worker` makes it."""
    vault = Vault(cloud.kms, cloud.settings.kms_key_id, cloud.tables.credentials)
    chance, patience = cloud.line.turns.chance.random, Patience(cloud.line.turns.sleep)
    return Deliverer(cloud, vault, client, Directory(cloud.tables.config), chance=chance, patience=patience)


@dataclass(frozen=True)
class Crew:
    """How many processes of each function there are; without a sweeper nothing is found that has no message."""

    deliverers: int = 4
    routers: int = 0
    has_sweeper: bool = True
    make: MakeProcess = the_hub


class DeliveryWorld:
    def __init__(self, seed: int = 1, trouble: Trouble | None = None, crew: Crew | None = None) -> None:
        self.crew = crew or Crew()
        self.turns = Turns(self.crew.deliverers + self.crew.routers + 1, seed)
        self.cloud = MemoryCloud(self.turns, trouble or Trouble())
        self.receivers: dict[str, Receiver] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.judged = Judged()
        # Requests, by delivery, whose worker died or could not write, or came back after its lease was over.
        self.unrecorded: Counter[str] = Counter()
        self._flying: set[str] = set()
        self._mine = thread_local()
        self._ends_at = 0.0
        clock.use(lambda: self.turns.now_s)

    # ------------------------------------------------------------ what there is

    def subscribe(self, behaviour: Behaviour, retry: RetryRule = QUICK, **fields: Any) -> Subscription:
        """Make a subscription with a host of its own."""
        number = len(self.subscriptions) + 1
        found, host = f"sub_{number:026d}", f"receiver-{number}.example.com"
        item = subscription_item(found, f"https://{host}/hook", retry) | fields
        vault = Vault(self.cloud.kms, self.cloud.settings.kms_key_id, self.cloud.tables.credentials)
        secret = vault.store(TENANT, SECRETS_KIND, found, {"secret.1": SECRET})
        assert secret is not None
        self.cloud.tables.write(Put(self.cloud.tables.config, item), secret)
        self.subscriptions[found] = Subscription(item)
        self.receivers[host] = Receiver(item["url"], behaviour)
        return self.subscriptions[found]

    def deliver(self, subscription: Subscription, *, is_hinted: bool = True) -> Item:
        """Write an event and one delivery of it, as the router leaves them; not hinted: the router died before that."""
        event = events.new(TENANT, "order.placed", {"id": "o1"}, KEEP_DAYS, source="api") | {"state": "routed"}
        event = {name: value for name, value in event.items() if name not in ("dueShard", "dueAt")}
        delivery = deliveries.new(subscription, event, event["type"])
        self.cloud.tables.write(Put(self.cloud.tables.activity, event), Put(self.cloud.tables.activity, delivery))
        if is_hinted:
            queues.send(self.cloud.sqs, self.cloud.settings.delivery_queue_url, deliveries.hint_of(delivery))
        return delivery

    def post(
        self, event_type: str = "order.placed", ordering_key: str | None = None, *, is_hinted: bool = True
    ) -> Item:
        """Accept an event as `POST /api/v1/events` does; not hinted: the function died after the write."""
        incoming = Incoming(event_type, {"id": "o1"}, ordering_key=ordering_key)
        event = accept.event_of(Registry(self.cloud.tables.config), TENANT, incoming, KEEP_DAYS)
        stored = accept.store(self.cloud.tables, event)
        if is_hinted:
            events.hint(self.cloud, stored)
        return stored

    def made(self) -> list[Item]:
        """Return all deliveries there are, as they are now."""
        start = f"{TENANT.id}#delivery#"
        return [decode_item(item) for (pk, _), item in self._activity.items.items() if pk.startswith(start)]

    def config_items(self) -> list[Item]:
        """Return the subscriptions as they are now."""
        return [decode_item(item) for item in self.cloud.memory[self.cloud.tables.config.name].items.values()]

    def item(self, key: Item) -> Item:
        return decode_item(self._activity.items[(key["pk"], key["sk"])])

    def attempts(self, delivery: Item) -> list[Item]:
        pk = deliveries.attempts_partition(TENANT, delivery["sk"])
        return [decode_item(self._activity.items[place]) for _, place in self._activity.order.get(("", pk), ())]

    def receiver_of(self, delivery: Item) -> Receiver:
        url = self.subscriptions[delivery["subscriptionId"]].item["url"]
        return self.receivers[urlsplit(url).hostname or ""]

    @property
    def _activity(self) -> Any:
        return self.cloud.memory[self.cloud.tables.activity.name]

    # ------------------------------------------------------------ what happens

    def run(self, within_s: float = 5 * 86_400.0) -> "DeliveryWorld":
        """Let everybody work until nothing is open any more, or the time is up."""
        self._ends_at = self.turns.now_s + within_s
        settings = self.cloud.settings
        tasks = [partial(self._work, settings.delivery_queue_url, self._deliverer)] * self.crew.deliverers
        tasks += [partial(self._work, settings.event_queue_url, self._router)] * self.crew.routers
        for outcome in self.turns.run([*tasks, *([self._sweep] if self.crew.has_sweeper else [])]):
            if isinstance(outcome, BaseException):
                raise outcome
        return self

    def _is_over(self) -> bool:
        if self.turns.now_s >= self._ends_at:
            return True
        if self.crew.has_sweeper:
            return not any(rows for (index, _), rows in self._activity.order.items() if index == "due")
        settings = self.cloud.settings
        urls = (settings.delivery_queue_url, settings.event_queue_url)
        return all(self.cloud.sqs.next_at(url) == float("inf") for url in urls)

    def _sweep(self) -> None:
        settings = self.cloud.settings
        queue_urls = {due.DELIVERIES: settings.delivery_queue_url, due.EVENTS: settings.event_queue_url}
        while not self._is_over():
            with suppress(Killed, *CALL_FAILED), self.cloud.line.invocation():
                for family, queue_url in queue_urls.items():
                    due.sweep(self.cloud, family, queue_url)
            self.turns.sleep(60)

    def _work(self, queue_url: str, make: Callable[[], Handler]) -> None:
        """Be one of the processes of a function; who dies is replaced."""
        handler = make()
        while not self._is_over():
            messages = self.cloud.sqs.receive(queue_url)
            if not messages:
                wait_s = self.cloud.sqs.next_at(queue_url) - self.turns.now_s
                self.turns.sleep(min(max(wait_s, 0.01), IDLE_S))
                continue
            try:
                with self.cloud.line.invocation(max(message.lineage for message in messages)):
                    self.handle(handler, messages)
            except Killed:
                self.turns.sleep(self.turns.chance.uniform(0.1, 2))
                handler = make()

    def handle(self, handler: Handler, messages: list[Any]) -> None:
        """Run the function, then take the messages out that it has not reported as failed."""
        event = {"Records": [{"messageId": message.id, "body": message.body} for message in messages]}
        failed = {each["itemIdentifier"] for each in handler(event)["batchItemFailures"]}
        for message in messages:
            if message.id not in failed:
                with suppress(*CALL_FAILED):
                    self.cloud.sqs.delete(message)

    def _deliverer(self) -> Handler:
        process = self.crew.make(self.cloud, self)

        def handler(event: Json) -> Json:
            answer = queues.handle_batch(event, lambda hint: self._watched(process, hint))
            process.announce()
            return answer

        return handler

    def _router(self) -> Handler:
        router = Router(self.cloud)
        return lambda event: queues.handle_messages(event, lambda message: self._noted(router.handle, message))

    def _noted(self, work: Callable[[Any], None], subject: Any) -> None:
        """Do the work; whatever it raises but a failed call of the cloud is a fault."""
        try:
            work(subject)
        except (*CALL_FAILED, Killed):
            raise
        except Exception as error:
            self.judged.broke.append(repr(error))
            raise

    def _watched(self, process: Process, hint: Hint) -> None:
        """A request is recorded unless its worker died, or could not write, or was away until its lease was over."""
        self._mine.sent, has_failed = [], True
        try:
            self._noted(process.run, hint)
            has_failed = False
        finally:
            for number, sent in enumerate(self._mine.sent, 1):
                is_last = number == len(self._mine.sent)
                self._look_at_record(sent, has_failed=has_failed and is_last)

    def _look_at_record(self, sent: Item, *, has_failed: bool) -> None:
        is_late = self.turns.now_s * 1000 > sent["leaseUntil"]
        is_recorded = self.item(sent)["attempts"] > sent["attempts"]
        self.unrecorded[sent["sk"]] += is_late or not is_recorded
        if not (is_recorded or has_failed or is_late):
            self.judged.unexplained.append(sent["sk"])

    # ------------------------------------------------------------ the client that the worker is given

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        """Carry a request to its receiver; the worker may die before it arrives, or before it hears the answer."""
        receiver = self.receivers[urlsplit(call.url).hostname or ""]
        headers = {name.lower(): value for name, value in call.headers.items()}
        webhook_id, began_s = headers["webhook-id"], self.turns.now_s
        delivery = self._delivery_of(headers["x-webhook-id"], webhook_id)
        look_at_request(self, delivery, timeout_s)
        outcome = receiver.decide(webhook_id, self.turns.chance)
        takes_s = receivers.takes_s(outcome, timeout_s, self.turns.chance)

        def effect() -> None:
            receiver.note(Request(webhook_id, began_s, self.turns.now_s, outcome, headers, call.content or b""))
            if outcome != receivers.REFUSED_CONNECTION:
                self._mine.sent.append(delivery)

        with self._flight(delivery["sk"]):
            self.turns.sleep(takes_s)
            self.cloud.line.call("http", "Send", effect)
            return receivers.reply(outcome, call, takes_s, self.turns.chance)

    def _delivery_of(self, subscription_id: str, event_id: str) -> Item:
        event = decode_item(self._activity.items[(f"{TENANT.id}#event", event_id)])
        delivery_id = deliveries.delivery_id(event, subscription_id)
        return self.item(deliveries.place(TENANT, subscription_id, delivery_id))

    @contextmanager
    def _flight(self, delivery_id: str) -> Iterator[None]:
        if delivery_id in self._flying:
            self.judged.together.append(delivery_id)
        self._flying.add(delivery_id)
        try:
            yield
        finally:
            self._flying.discard(delivery_id)

    # ------------------------------------------------------------ the judge

    def judge(self) -> Judged:
        """End the world and say what was wrong with it."""
        for delivery in self.made():
            look_at_end(self, delivery)
        self.turns.close()
        return self.judged


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Have the hub log nothing: thousands of lines cost more than what they tell of. To be imported by a proof."""
    log = logging.getLogger("hub")
    level = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(level)


def subscription_item(subscription_id: str, url: str, retry: RetryRule) -> Item:
    now = clock.now()
    return {
        "pk": f"{TENANT.id}#{KIND}",
        "sk": subscription_id,
        "surface": "v1",
        "owner": "",
        "name": subscription_id,
        "description": "",
        "url": url,
        "eventTypes": ["order.*"],
        "status": "active",
        "retry": jsontext.dump(retry.stored()),
        "autoDisable": jsontext.dump(DisableRule().stored()),
        "authType": "none",
        "auth": jsontext.dump({"type": "none"}),
        "headers": jsontext.dump({}),
        "contentType": "json",
        "payloadFormat": "standard",
        "transformTemplate": "",
        "filter": "",
        "throttle": "",
        "secretNames": jsontext.dump(Rotation.first("secret").stored()),
        "storedSecrets": ["secret.1"],
        "version": 1,
        "createdAt": now,
        "createdBy": "proofs",
        "updatedAt": now,
        "updatedBy": "proofs",
    }
