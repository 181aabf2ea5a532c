"""Checks a webhook as its receiver would: Standard Webhooks (https://www.standardwebhooks.com), by their text alone."""

import base64
import binascii
import hashlib
import hmac
import time

TOLERANCE_S = 300
_PREFIX = "whsec_"


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Say whether one of the signatures in `webhook-signature` is made with the secret, and the time is now."""
    stamp, name = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not stamp.isdecimal() or not stamp.isascii() or abs(time.time() - int(stamp)) > TOLERANCE_S:
        return False
    key = _key(secret)
    if key is None:
        return False
    digest = hmac.digest(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256)
    expected = b"v1," + base64.b64encode(digest)
    given = headers.get("webhook-signature", "").encode(errors="replace").split(b" ")
    return any(hmac.compare_digest(each, expected) for each in given)


def _key(secret: str) -> bytes | None:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
