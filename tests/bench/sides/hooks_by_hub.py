"""The hub's side: render, sign and send a delivery through the client that the delivery worker has.

`python -m tests.bench.sides.hooks_by_hub <url> <threads> <deliveries>`
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hub.core import events, jsontext
from hub.core.caller import Tenant
from hub.outbound.calls import Call
from hub.outbound.client import Client
from hub.webhooks.deliveries import deliveries, requests
from hub.webhooks.subscriptions.subscriptions import Subscription
from tests.bench.sides.hooks import DATA, SECRET, runs
from tests.bench.sides.hub_sync import loopback_client
from tests.bench.sides.measured import told

TENANT = Tenant("bench")
TIMEOUT_S = 10.0


def subscription(url: str) -> Subscription:
    item: dict[str, Any] = {"pk": "bench#subscription", "sk": "sub_1", "url": url, "contentType": "json"}
    return Subscription(item | {"payloadFormat": "standard", "transformTemplate": ""})


def send(client: Client, found: Subscription, number: int) -> None:
    event = events.new(TENANT, "contact.created", DATA, 30, event_id=f"evt_{number:026d}", source="api")
    delivery = deliveries.new(found, event, "contact.created")
    body = requests.body_of(found, event, delivery["sentAs"])
    headers = requests.headers_of(found, delivery, body, [SECRET], int(time.time()))
    reply = client.send(Call("POST", found.item["url"], headers, content=body), timeout_s=TIMEOUT_S)
    assert reply.status == 204, jsontext.dump(dict(reply.headers))


def send_all(client: Client, pool: ThreadPoolExecutor, url: str, threads: int, count: int) -> int:
    found = subscription(url)
    for numbers in runs(count, threads):
        list(pool.map(lambda number: send(client, found, number), numbers))
    return count


if __name__ == "__main__":
    url, threads, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with loopback_client() as client, ThreadPoolExecutor(threads) as pool:
        told(lambda: send_all(client, pool, url, threads, count))
