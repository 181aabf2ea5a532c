"""How long the credentials of a deleted integration stay: as long as it can be restored."""

from collections.abc import Iterator

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.journal import Change
from hub.core.tables import Key, Tables, Update, Write, key
from hub.integrations.connections import connections, renewals
from hub.integrations.custom import TOKENS_KIND

# A transaction has room for the writes of so many connections; of a user-scoped integration there may be more.
MOST = 20
_IS_THERE = "attribute_exists(pk)"


def expire(change: Change, owned: list[Item], expires_epoch_s: int) -> None:
    """Add to `change` that these connections and their credentials go, and that nothing renews them until then."""
    for connection in owned:
        change.add(*_expiry(change.tables, connection, expires_epoch_s))


def keep(change: Change, owned: list[Item]) -> None:
    """Add to `change` that these connections and their credentials stay, and are renewed again."""
    for connection in owned:
        change.add(*_stay(change.tables, connection))


def expire_rest(tables: Tables, owned: list[Item], expires_epoch_s: int) -> None:
    """Let those go that had no room in the transaction: they were of no use since it was written."""
    for connection in owned:
        tables.write(*_expiry(tables, connection, expires_epoch_s))


def keep_rest(tables: Tables, owned: list[Item]) -> None:
    for connection in owned:
        tables.write(*_stay(tables, connection))


def _expiry(tables: Tables, connection: Item, expires_epoch_s: int) -> Iterator[Write]:
    sets, values = "SET expiresEpochS = :expires", {"expires": expires_epoch_s}
    place = {"pk": connection["pk"], "sk": connection["sk"]}
    yield Update(tables.config, place, sets, values, _IS_THERE)
    for record in _records(tables, connection):
        yield Update(tables.credentials, record, sets, values, _IS_THERE)
    yield renewals.none(tables.activity, connection)


def _stay(tables: Tables, connection: Item) -> Iterator[Write]:
    place = {"pk": connection["pk"], "sk": connection["sk"]}
    yield Update(tables.config, place, "REMOVE expiresEpochS", {}, _IS_THERE)
    for record in _records(tables, connection):
        yield Update(tables.credentials, record, "REMOVE expiresEpochS", {}, _IS_THERE)
    yield renewals.renewal(tables.activity, connection, clock.epoch_s())


def _records(tables: Tables, connection: Item) -> list[Key]:
    """Return the records that a connection has now: static secrets, and the tokens of the present credentials."""
    tenant = Tenant.of_item(connection)
    places = [
        key(tenant, connections.KIND, connection["sk"]),
        key(tenant, TOKENS_KIND, connections.token_name(connection)),
    ]
    return [place for place in places if tables.credentials.get(place) is not None]
