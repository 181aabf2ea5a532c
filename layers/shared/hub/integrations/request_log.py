"""The request log of an integration: one line per page of a sync and per test, by time."""

from typing import Any

from hub.core import clock, jsontext
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.tables import IS_NEW, Put, Table, key, partition

Json = dict[str, Any]


def log_partition(tenant: Tenant, integration_id: str) -> str:
    return partition(tenant, _kind_of_key(integration_id))


def log_line(
    activity: Table, tenant: Tenant, integration_id: str, name: str, line: Json, facts: Json, keep_days: int
) -> Put:
    """Return the write of one line: `{kind, message, ...}` plus the facts of the calls; never a secret.

    `name` is unique and begins with a ULID without its prefix, so that the lines stand in the order of their times.
    """
    item = {
        **key(tenant, _kind_of_key(integration_id), name),
        "at": clock.now(),
        **line,
        "facts": jsontext.dump(facts),
        "expiresEpochS": int(clock.epoch_s()) + keep_days * DAY_S,
    }
    return Put(activity, item, IS_NEW)


def _kind_of_key(integration_id: str) -> str:
    return f"requests#{integration_id}"
