"""The delivery worker as it is, on a store that costs nothing: every answer of AWS was made beforehand.

`python -m tests.bench.sides.hooks_by_worker <url> <threads> <deliveries>`
"""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from hub.core import clock, events
from hub.core.attributes import Item, encode_item
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.tables import Put
from hub.core.vault import Vault
from hub.webhooks.deliveries import deliveries
from hub.webhooks.deliveries.deliver import Deliverer
from hub.webhooks.subscriptions.subscriptions import SECRETS_KIND, Directory, RetryRule, Subscription
from tests.bench.sides.hooks import DATA, SECRET, runs
from tests.bench.sides.hub_sync import loopback_client
from tests.bench.sides.measured import told
from tests.proofs.delivery_world import subscription_item
from tests.proofs.memory_cloud import MemoryCloud, Trouble
from tests.proofs.turns import Turns

TENANT = Tenant("proofs")
TIMEOUT_MS = 10_000
SUBSCRIPTION_ID = "sub_bench"


@dataclass
class NoStore:
    """A client of DynamoDB that says what the worker wants to hear, and keeps nothing."""

    items: dict[str, Any]

    def get_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803 - the name boto3 gives
        kind = Key["pk"]["S"].split("#")[1]
        return {"Item": self.items[kind]} if kind in self.items else {}

    def query(self, **_: Any) -> Any:
        return {"Items": [self.items["of-tenant"]]}

    def update_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803
        return {"Attributes": {**self.items["delivery"], **Key}}

    def transact_write_items(self, **_: Any) -> Any:
        return {}


def worker(url: str, client: Any) -> Deliverer:
    cloud = MemoryCloud(Turns(0, 1), Trouble())
    found = Subscription(subscription_item(SUBSCRIPTION_ID, url, RetryRule((), TIMEOUT_MS, 0)))
    vault = Vault(cloud.kms, cloud.settings.kms_key_id, cloud.tables.credentials)
    secret = vault.store(TENANT, SECRETS_KIND, found.id, {"secret.1": SECRET})
    assert isinstance(secret, Put)
    event = events.new(TENANT, "contact.created", DATA, 30, source="api")
    store = NoStore(items(found, secret.item, event))
    for table in vars(cloud.tables).values():
        if hasattr(table, "_client"):
            table._client = store
    cloud.tables._client = store
    return Deliverer(cloud, vault, client, Directory(cloud.tables.config))


def items(found: Subscription, secret: Item, event: Item) -> dict[str, Any]:
    lease = {"state": "delivering", "owner": "me", "leaseUntil": round((clock.epoch_s() + 3600) * 1000)}
    delivery = deliveries.new(found, event, "contact.created") | lease
    subscription = encode_item(found.item)
    return {
        "of-tenant": subscription,
        "subscription": encode_item(secret),
        "event": encode_item(event),
        "delivery": encode_item(delivery),
    }


def run_all(made: Deliverer, pool: ThreadPoolExecutor, threads: int, count: int) -> int:
    hints = [Hint(TENANT, f"{SUBSCRIPTION_ID}/dlv_{number:026d}") for number in range(count)]
    for numbers in runs(count, threads):
        list(pool.map(made.run, [hints[number] for number in numbers]))
        made.announce()
    return count


if __name__ == "__main__":
    url, threads, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logging.getLogger("hub").setLevel(logging.ERROR)
    with loopback_client() as client, ThreadPoolExecutor(threads) as pool:
        made = worker(url, client)
        told(lambda: run_all(made, pool, threads, count))
