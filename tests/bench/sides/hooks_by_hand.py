"""Webhooks as one sends them by hand: a body, the signature of Standard Webhooks, `httpx.Client` in threads.

`python -m tests.bench.sides.hooks_by_hand <url> <threads> <deliveries>`
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.bench.sides.hooks import DATA, SECRET, runs
from tests.bench.sides.measured import told

KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


def send(client: httpx.Client, url: str, number: int) -> None:
    message_id, timestamp = f"evt_{number:026d}", str(int(time.time()))
    event = {"id": message_id, "type": "contact.created", "timestamp": timestamp, "data": DATA}
    body = json.dumps(event).encode()
    digest = hmac.digest(KEY, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    assert client.post(url, content=body, headers=headers).is_success


def send_all(client: httpx.Client, pool: ThreadPoolExecutor, url: str, threads: int, count: int) -> int:
    for numbers in runs(count, threads):
        list(pool.map(lambda number: send(client, url, number), numbers))
    return count


if __name__ == "__main__":
    url, threads, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=threads)
    with httpx.Client(limits=limits, timeout=10) as client, ThreadPoolExecutor(threads) as pool:
        told(lambda: send_all(client, pool, url, threads, count))
