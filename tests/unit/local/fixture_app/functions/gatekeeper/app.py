"""Lets in whoever knows the word; a tenant is named after the colon."""

import sys
from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    word, _, tenant = event["headers"]["authorization"].partition(":")
    if word == "crash":
        raise RuntimeError("the authorizer has a bad day")
    sys.stdout.write("asked\n")
    return {"isAuthorized": word == "sesame", "context": {"tenant": tenant}}
