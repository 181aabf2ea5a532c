"""The least that reading such an API takes: get each page, parse it, look at each record.

`python -m tests.bench.sides.httpx_loop <url>`
"""

import sys

import httpx

from tests.bench.sides.measured import told


def read_all(url: str) -> int:
    count, cursor = 0, None
    with httpx.Client(headers={"authorization": "Bearer the-token-of-the-contacts"}, timeout=30) as client:
        while True:
            params = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = client.get(f"{url}/contacts", params=params).json()
            for record in page["results"]:
                count += bool(record["id"])
            cursor = page["paging"]["next"]
            if cursor is None:
                return count


if __name__ == "__main__":
    told(lambda: read_all(sys.argv[1]))
