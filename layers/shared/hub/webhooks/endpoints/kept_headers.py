"""Which headers of a webhook are kept with it: those that say what it is about, never those that prove who sent it."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

MOST_HEADERS = 40
LONGEST_VALUE = 1000
_TELLING = re.compile(
    r"content-encoding|user-agent|ce-[a-z]{1,20}|(?:[a-z0-9-]+-)?(?:type|event|eventtype|event-?name|event-key|event-id|"
    r"topic|kind|delivery|delivery-id|webhook-id|message-id|request-id|timestamp|retry-num|triggered-at|"
    r"resource-state|api-version|shop-domain)"
)
# What no owner of an endpoint can have kept, even by routing on it.
_PROVING = re.compile(r"auth|cookie|token|secret|signature|hmac|passw|credential|(?:api|access|private)-?key|session")


def kept(headers: Mapping[str, str], routed_by: Iterable[str]) -> dict[str, str]:
    """Return the headers to keep, names in lower case; `routed_by` are those that the endpoint's rules read."""
    wanted = frozenset(routed_by)
    chosen = [name for name in headers if _is_telling(name) or (name in wanted and not _PROVING.search(name))]
    return {name: headers[name][:LONGEST_VALUE] for name in chosen[:MOST_HEADERS]}


@lru_cache(maxsize=1024)  # senders use the same few names
def _is_telling(name: str) -> bool:
    return _TELLING.fullmatch(name) is not None and not _PROVING.search(name)
