"""What both sides of the webhook comparison send: one contact, again and again."""

import base64
from collections.abc import Iterator
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
DATA: dict[str, Any] = {
    "id": "c00001",
    "email": "ada.lovelace@example.com",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "company": {"id": "o17", "name": "Analytical Engines", "country": "GB"},
    "tags": ["customer", "newsletter"],
    "updatedAt": "2026-11-21T10:00:00.000Z",
}


# What a thread sends before all threads wait for each other, as they do between invocations.
SENDS_IN_A_ROW = 20


def runs(deliveries: int, threads: int) -> Iterator[range]:
    """Yield the numbers of what the threads send in one go; the next go begins when the last one has ended."""
    size = threads * SENDS_IN_A_ROW
    for start in range(0, deliveries, size):
        yield range(start, min(start + size, deliveries))
