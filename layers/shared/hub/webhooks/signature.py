"""The signatures of what the hub sends: one secret, both header sets.

Sources: Standard Webhooks (https://www.standardwebhooks.com) for `webhook-signature`, the cards product's "Webhook
Security" for `X-Webhook-Signature`.
"""

import base64
import binascii
import hashlib
import hmac

from hub.core.signing_secret import PREFIX

# Standard Webhooks: a key has 24 to 64 bytes.
FEWEST_KEY_BYTES, MOST_KEY_BYTES = 24, 64


def key_of(secret: str) -> bytes | None:
    """Return the bytes that a Standard Webhooks secret stands for, padded or not; None for text that is not base64."""
    text = secret.removeprefix(PREFIX)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str | None:
    """Return one entry of `webhook-signature`; None for a secret that does not decode to 24 to 64 bytes."""
    key = key_of(secret)
    if key is None or not FEWEST_KEY_BYTES <= len(key) <= MOST_KEY_BYTES:
        return None
    digest = hmac.digest(key, b"%b.%d.%b" % (message_id.encode(), timestamp, body), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def hex_signature(secret: str, body: bytes) -> str:
    """Return `X-Webhook-Signature`: the key is the text of the whole secret."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()
