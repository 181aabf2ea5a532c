"""Many processes that want one access token at the same moment, started as `python token_callers.py`.

Reads `{callers, tenant, integrationId, auth, secrets, rejected?}` from stdin; prints one line for each process, the
token or the error's type, after a word that says which.
"""

import json
import os
import sys
from typing import Any

from hub.connector.auth_config import OAuth2Auth
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.vault import Secrets, Vault
from hub.integrations.tokens import Source, TokenStore
from hub.outbound.client import Client
from hub.outbound.guard import Guard


def main() -> None:
    wanted = json.load(sys.stdin)
    source = source_of(wanted)
    barrier, all_begin = os.pipe()
    children = []
    for _ in range(wanted["callers"]):
        child = os.fork()
        if child == 0:
            call(source, wanted, barrier, all_begin)
        children.append(child)
    os.close(all_begin)
    for child in children:
        os.waitpid(child, 0)


def source_of(wanted: dict[str, Any]) -> Source:
    """Nothing is connected yet, so that each process may use it as its own."""
    found = resources()
    vault = Vault(found.kms, found.settings.kms_key_id, found.tables.credentials)
    client = Client(Guard.from_text(found.settings.outbound_allowed_private))
    secrets = Secrets(wanted["secrets"], 1, dict.fromkeys(wanted["secrets"], 1))
    auth = OAuth2Auth.model_validate(wanted["auth"])
    return TokenStore(vault, client).source(Tenant(wanted["tenant"]), wanted["integrationId"], auth, secrets)


def call(source: Source, wanted: dict[str, Any], barrier: int, all_begin: int) -> None:
    """Wait until all processes are there, ask for the token, print it, and end."""
    os.close(all_begin)
    os.read(barrier, 1)
    try:
        rejected = wanted.get("rejected")
        line = f"token {source.renewed(rejected) if rejected else source.current()}"
    except Exception as error:  # noqa: BLE001 - the test looks at it
        line = f"error {type(error).__name__}"
    os.write(1, f"{line}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
