"""Many processes that want one access token at the same moment, started as `python token_callers.py`.

Reads `{callers, tenant, integrationId, auth, secrets, rejected?, grant?}` from stdin; prints one line for each process,
the token or the error's type, after a word that says which. With `grant`, what a connection was granted, the tokens are
those of a connection, whose record is written unless it is there.
"""

import json
import os
import sys
from contextlib import suppress
from typing import Any

from hub.connector.auth_config import OAuth2Auth
from hub.core import clock
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import IS_NEW, ConditionFailed, Key, Put, key
from hub.core.vault import Secrets, Vault
from hub.integrations.custom import TOKENS_KIND
from hub.integrations.token_records import first_record
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
    tenant, name, store = Tenant(wanted["tenant"]), wanted["integrationId"], TokenStore(vault, client)
    if "grant" not in wanted:
        return store.source(tenant, name, auth, secrets)
    write_record(vault, key(tenant, TOKENS_KIND, name), wanted["grant"])
    return store.granted(tenant, name, auth, secrets)


def write_record(vault: Vault, place: Key, grant: dict[str, str]) -> None:
    """Write what a connection begins with, in a process of its own: what it connects to is nobody else's."""
    writer = os.fork()
    if writer == 0:
        with suppress(ConditionFailed):
            record = first_record(place, vault.sealer(place, 1)(grant), clock.epoch_s())
            resources().tables.write(Put(vault.credentials, record, IS_NEW))
        os._exit(0)
    os.waitpid(writer, 0)


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
