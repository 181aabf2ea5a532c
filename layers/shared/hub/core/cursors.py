"""Page cursors: encrypted, and bound to the tenant and the route they were given out for.

A cursor holds the position of the last item. Its tenant is never read from it: the query is built from the caller.
"""

import base64
import json
import os
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.core.errors import BadRequest
from hub.core.tables import IS_NEW, ConditionFailed, Put, Tables, hub_key

_NONCE_BYTES = 12


class Cursors:
    def __init__(self, tables: Tables) -> None:
        self._cipher = AESGCM(_key(tables))

    def seal(self, tenant_id: str, route: str, position: Any) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, json.dumps(position).encode(), _binding(tenant_id, route))
        return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, tenant_id: str, route: str, cursor: str) -> Any:
        """Return the position; a cursor of another tenant, another route or another hand is a BadRequest."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            return json.loads(self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _binding(tenant_id, route)))
        except (ValueError, InvalidTag) as error:
            raise BadRequest(
                "`cursor` must be one that this list answered to you as nextCursor; start again without it."
            ) from error


def _binding(tenant_id: str, route: str) -> bytes:
    return f"{len(tenant_id)}:{tenant_id}:{route}".encode()


@cache
def _key(tables: Tables) -> bytes:
    """Return the stack's cursor key: made once, by whichever function needs it first.

    It guards positions, not secrets, and so is no KMS call: a list works without the right to decrypt credentials.
    """
    place = hub_key("cursor-key", "1")
    found = tables.coordination.get(place)
    if found is None:
        made_key = os.urandom(32)
        made = {**place, "key": made_key}
        try:
            tables.write(Put(tables.coordination, made, IS_NEW))
            return made_key
        except ConditionFailed:
            found = tables.coordination.get(place)
    return bytes(found["key"]) if found else b""
