"""Revocations: the tokens of a connection that was ended are given back to the provider, then deleted.

One due item per set of tokens:

    revocation   con_....<generation>   integrationId, connectionId, generation, owner, since, tries, dueAt

A hint is the item's id; the dot in it tells it from a renewal. A provider that cannot be asked in a day is not asked
any more: the tokens are deleted anyway, and the audit trail says that they were not revoked.
"""

from typing import Literal

from hub.core import clock, due, queues
from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.clock import DAY_S
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import IS_UNCHANGED, Delete, Key, Put, Table, Tables, Update, key
from hub.integrations.custom import TOKENS_KIND

KIND = "revocation"
LONGEST_S = DAY_S
FIRST_WAIT_S, LONGEST_WAIT_S = 60.0, 3600.0
KEPT_DAYS = 7
_IS_FREE = "(attribute_not_exists(leaseUntilS) OR leaseUntilS < :now)"
# Who the audit trail says it was.
WORKER = "hub:connections"

Outcome = Literal["revoked", "refused", "unreachable", "not offered", "connected anew", "gone", "being renewed"]


def due_write(activity: Table, connection: Item) -> Put:
    """Return the write that has the present tokens of a connection given back, at once."""
    tenant, con_id, generation = Tenant.of_item(connection), connection["sk"], connection["generation"]
    name, now = f"{con_id}.{generation}", clock.epoch_s()
    facts = {
        "integrationId": connection["integrationId"],
        "connectionId": con_id,
        "generation": generation,
        "owner": connection["owner"],
        "since": now,
        "tries": 0,
    }
    return Put(activity, {**place_of(tenant, name), **facts, **due.CONNECTIONS.marks(name, now)})


def hint(resources: Resources, connection: Item) -> None:
    """Have the tokens given back now instead of within the next minute."""
    name = f"{connection['sk']}.{connection['generation']}"
    queues.send(resources.sqs, resources.settings.connection_queue_url, Hint(Tenant.of_item(connection), name))


def is_revocation(hint_id: str) -> bool:
    return "." in hint_id


def place_of(tenant: Tenant, name: str) -> Key:
    return key(tenant, KIND, name)


def token_place(item: Item) -> Key:
    return key(Tenant.of_item(item), TOKENS_KIND, item["sk"])


def wait_s(tries: int) -> float:
    """Return how long to wait after so many tries that found nobody."""
    return min(FIRST_WAIT_S * 2.0 ** min(tries, 10), LONGEST_WAIT_S)


def put_off(activity: Table, item: Item, at_s: float) -> Update:
    """Return the write that has it tried again; it holds as long as nobody else tried meanwhile."""
    later = due.CONNECTIONS.marks(item["sk"], at_s)["dueAt"]
    values = {"later": later, "tries": item["tries"] + 1, "tries_read": item["tries"]}
    place = {"pk": item["pk"], "sk": item["sk"]}
    return Update(activity, place, "SET dueAt = :later, tries = :tries", values, "tries = :tries_read")


def deletion(credentials: Table, item: Item, record: Item) -> Delete:
    """Return the write that deletes the tokens, as they were read: not those that a renewal writes meanwhile."""
    read = {"version_read": record["version"], "now": clock.epoch_s()}
    return Delete(credentials, token_place(item), f"{IS_UNCHANGED} AND {_IS_FREE}", read)


def ended(tables: Tables, item: Item, outcome: Outcome, keep_days: int) -> Change:
    """Return the change that ends the item and says in the audit trail how it went; the tokens go with it."""
    change = Change(tables, _worker(item), item["sk"], keep_days)
    expires = int(clock.epoch_s()) + KEPT_DAYS * DAY_S
    change.add(
        Update(
            tables.activity,
            {"pk": item["pk"], "sk": item["sk"]},
            "SET endedFor = :outcome, expiresEpochS = :expires REMOVE dueShard, dueAt",
            {"outcome": outcome, "expires": expires},
            "attribute_exists(dueShard)",
        ),
    )
    facts = {"integrationId": item["integrationId"], "generation": item["generation"], "tries": item["tries"] + 1}
    change.audit("connection.tokens_deleted", item["connectionId"], outcome=outcome, **facts)
    return change


def _worker(item: Item) -> Caller:
    return Caller(Tenant.of_item(item), WORKER, frozenset(), frozenset())
