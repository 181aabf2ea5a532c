"""Signing secrets as the hub makes them, in the form of Standard Webhooks (https://www.standardwebhooks.com)."""

import base64
import os

PREFIX = "whsec_"
KEY_BYTES = 32


def new_secret() -> str:
    """Return a secret of 256 bits: `whsec_` and base64."""
    return PREFIX + base64.b64encode(os.urandom(KEY_BYTES)).decode()
