"""API keys: `hub_live_<id>_<secret><checksum>`, stored as a hash, found by id, compared in constant time.

`id` is 16 and `secret` 43 characters of base 62 (256 bits); the checksum is the CRC-32 of all before in 6 characters,
so that a mistyped key is refused without a look-up and a leaked one can be recognised by scanners.
"""

import hashlib
import hmac
import secrets
import zlib

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import SCOPES, Caller, Tenant
from hub.core.errors import Unauthenticated
from hub.core.tables import Table

PREFIX = "hub_live_"
ID_LENGTH = 16
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
_LENGTH = len(PREFIX) + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_REFUSAL = "The API key is not valid."


def generate() -> tuple[str, str]:
    """Return a new key's id and the key itself, which is shown once and never stored."""
    key_id = _random(ID_LENGTH)
    body = f"{PREFIX}{key_id}_{_random(SECRET_LENGTH)}"
    return key_id, body + _checksum(body)


def item(tenant: Tenant, key_id: str, full_key: str, name: str, scopes: frozenset[str], expires_at: str | None) -> Item:
    """Return the stored form: found by `lookup`, which needs no tenant."""
    return {
        "pk": f"{tenant.id}#api-key",
        "sk": key_id,
        "lookup": _lookup(key_id),
        "name": name,
        "hash": _hash(full_key),
        "scopes": sorted(scopes),
        "enabled": True,
        "expiresAt": expires_at,
        "createdAt": clock.now(),
    }


def verify(full_key: str, config: Table) -> Caller:
    """Return whom the key speaks for. Every refusal says the same, so that nothing can be learnt from it."""
    key_id = _id_of(full_key)
    found = config.query("lookup = :lookup", {"lookup": _lookup(key_id)}, index="lookup").items if key_id else []
    stored = found[0] if found else {"hash": ""}
    if not hmac.compare_digest(_hash(full_key), stored["hash"]) or not _is_usable(stored):
        raise Unauthenticated(_REFUSAL)
    granted = frozenset(stored["scopes"]) & SCOPES
    return Caller(Tenant.of_item(stored), f"key:{key_id}", frozenset(), granted, key_id=key_id)


def _is_usable(stored: Item) -> bool:
    return stored["enabled"] and (stored["expiresAt"] is None or stored["expiresAt"] > clock.now())


def _id_of(full_key: str) -> str | None:
    body, checksum = full_key[:-CHECKSUM_LENGTH], full_key[-CHECKSUM_LENGTH:]
    if len(full_key) != _LENGTH or not full_key.isascii() or _checksum(body) != checksum:
        return None
    return body[len(PREFIX) : len(PREFIX) + ID_LENGTH]


def _lookup(key_id: str) -> str:
    return f"api-key#{key_id}"


def _hash(full_key: str) -> str:
    return hashlib.sha256(full_key.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
