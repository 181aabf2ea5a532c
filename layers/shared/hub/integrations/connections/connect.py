"""Connects an integration: a new set of credentials takes the place of the former one, all in the request's change.

What a person entered comes in by `connect`, what a provider granted in the browser by `granted`. Static secrets go into
the vault, tokens into a record of their own for each generation: a worker that still renews the former one writes
where nobody reads any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from hub.connector.secrets import CLIENT_SECRET, REFRESH_TOKEN
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.clock import DAY_S
from hub.core.errors import BadDefinition, HubError, Problem
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, Put, Update, key
from hub.integrations import connected, token_records
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connected import Connected
from hub.integrations.connections import connections, methods, renewals
from hub.integrations.connections.connections import KIND
from hub.integrations.connections.methods import Entered
from hub.integrations.connections.reasons import NEVER_CONNECTED
from hub.integrations.custom import TOKENS_KIND
from hub.integrations.instances import integrations
from hub.integrations.instances.status_words import ACTIVE, ERROR, PENDING_AUTH
from hub.providers import entered as entered_values
from hub.providers.resolve import Unfilled, secrets_in

if TYPE_CHECKING:
    from hub.connector.token_requests import Grant
    from hub.core.vault import Vault
    from hub.outbound.guard import Guard

Json = dict[str, Any]

# Of a former token record: nobody uses it any more, but a worker may be writing to it.
FORMER_TOKENS_KEPT_S = DAY_S


@dataclass(frozen=True)
class Desk:
    """What connecting needs from the request it happens in."""

    change: Change
    vault: "Vault"
    guard: "Guard"


@dataclass(frozen=True, repr=False)
class Granted:
    """What a token server gave at the end of a browser flow; `asked_at_s` is when the hub asked for it."""

    grant: "Grant"
    asked_at_s: float
    owner: str = connections.TENANT
    display_name: str | None = None


@dataclass(frozen=True, repr=False)
class _Tokens:
    """Tokens on their way into their record; `ends_s` is infinite where nobody said when they end."""

    access_token: str | None
    refresh_token: str | None
    ends_s: float

    @property
    def clear(self) -> dict[str, str]:
        found = {"accessToken": self.access_token, "refreshToken": self.refresh_token}
        return {name: token for name, token in found.items() if token}


@dataclass(frozen=True, repr=False)
class _Set:
    """One set of credentials: which method, what of it may be shown, and its secrets in clear."""

    index: int
    method: Json
    owner: str
    display_name: str | None
    fields: Json
    masks: dict[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    tokens: _Tokens | None = None
    scopes: tuple[str, ...] = ()
    ends_s: float = inf
    may_lack_address: bool = False
    at: str = ""

    @property
    def is_pending(self) -> bool:
        """Whether only a client of the tenant's own was entered: the grant is yet to come."""
        return methods.is_grant(self.method) and not (self.tokens and self.tokens.clear)


def connect(desk: Desk, found: Connected, entered: Entered) -> Item:
    """Add to the change that these credentials are the integration's from now on; return the connection.

    Raises BadDefinition with every fault, Conflict for a custom integration, whose definition has its credentials.
    """
    integrations.must_not_be_custom(found.integration)
    entry = _entry(found)
    index, method = methods.chosen(entry, entered)
    fields, secrets = entered_values.split(method, entered.values)
    ends_s = _end_of(fields.pop("expiresAt", None), entered.at)
    tokens = None
    if methods.is_grant(method):
        tokens = _Tokens(secrets.pop("accessToken", "") or None, secrets.pop("refreshToken", "") or None, ends_s)
    made = _Set(
        index,
        method,
        entered.owner,
        entered.display_name,
        fields,
        methods.masks(method, entered.values),
        secrets,
        tokens,
        entered.scopes,
        ends_s,
        entered.may_lack_address,
        entered.at,
    )
    return _replaced(desk, found, entry, made)


def granted(desk: Desk, found: Connected, given: Granted) -> Item:
    """Add to the change that what the provider granted are the integration's credentials; return the connection.

    It writes no record of the vault but the tokens: the function of the browser flow has no right to another.
    """
    entry, grant = _entry(found), given.grant
    index = methods.of_grant(entry)
    ends_s = inf if grant.expires_in_s is None else given.asked_at_s + grant.expires_in_s
    tokens = _Tokens(grant.access_token, grant.refresh_token, ends_s)
    made = _Set(
        index,
        methods.with_grant_fields(entry.methods[index]),
        given.owner,
        given.display_name,
        dict(grant.fields),
        {name: methods.mask(token) for name, token in tokens.clear.items()},
        tokens=tokens,
        scopes=grant.scopes,
        ends_s=ends_s,
    )
    return _replaced(desk, found, entry, made, stores_secrets=False)


def credential_secret_name(connection: Item) -> str:
    """Return what S001 calls the place of the secrets: a name, by which nobody finds them."""
    tenant = connection["pk"].partition("#")[0]
    return f"hub/{tenant}/{connection['integrationId']}/{connection['generation']}"


def _entry(found: Connected) -> ProviderEntry:
    assert found.entry is not None  # noqa: S101 - custom integrations were refused before
    return found.entry


def _end_of(text: Any, at: str) -> float:
    if text in (None, ""):
        return inf
    from hub.connector.token_requests import epoch_of

    ends_s = epoch_of(str(text))
    if ends_s is None:
        problem = Problem(f"{at}/expiresAt", "expected a time such as 2026-07-01T10:00:00Z")
        raise BadDefinition("The credentials do not fit the provider.", [problem])
    return ends_s


def _replaced(desk: Desk, found: Connected, entry: ProviderEntry, made: _Set, *, stores_secrets: bool = True) -> Item:
    """Add all writes of a new set of credentials; return the connection as it will be."""
    former = found.connection
    connection, keeps_client = _with_former_client(_new_item(desk.change, found, made), former, entry, found)
    resolved = connected.of_provider(entry, found.integration, connection, made.owner)
    connection["boundTo"] = _checked(desk.guard, resolved, made)
    if stores_secrets:
        _store_static(desk, connection, made, resolved, keeps_client)
    elif keeps_client and former:
        connection["secretsVersion"] = former["secretsVersion"]
    _store_tokens(desk, connection, made, former)
    _put(desk.change, connection, former)
    _settle(desk.change, found.integration, connection, is_pending=made.is_pending)
    return connection


def _new_item(change: Change, found: Connected, made: _Set) -> Item:
    tenant, former, now = change.caller.tenant, found.connection, clock.now()
    pending = {"status": "revoked", "reason": NEVER_CONNECTED} if made.is_pending else {"status": "active"}
    ends = {} if made.ends_s == inf else {"expiresAt": clock.iso(made.ends_s)}
    return {
        **connections.place_of(tenant, found.id, made.owner),
        "id": connections.connection_id(tenant, found.id, made.owner),
        "integrationId": found.id,
        "provider": found.integration["provider"],
        "owner": made.owner,
        "method": made.method["kind"],
        "methodIndex": made.index,
        "displayName": made.display_name,
        "fields": jsontext.dump(made.fields),
        "derivedNames": entered_values.derived_names(made.method),
        "masks": jsontext.dump(made.masks),
        "secretNames": [],
        "secretsVersion": 0,
        **pending,
        "since": now,
        "generation": former["generation"] + 1 if former else 1,
        "boundTo": [],
        "scopes": list(made.scopes),
        **ends,
        "connectedAt": now,
        "connectedBy": change.caller.actor,
        "createdAt": former.get("createdAt", now) if former else now,
        "version": former["version"] + 1 if former else 1,
    }


def _with_former_client(
    connection: Item, former: Item | None, entry: ProviderEntry, found: Connected
) -> tuple[Item, bool]:
    """Return the connection with the tenant's own OAuth client, where it has one and tokens alone are new.

    It stays as long as its secret is sent to the token server that it was entered for, and to no other.
    """
    fields, known = connections.fields_of(connection), connections.fields_of(former)
    method = entry.methods[connection["methodIndex"]]
    if former is None or not methods.is_grant(method) or "clientId" in fields or "clientId" not in known:
        return connection, False
    kept = {**connection, "fields": jsontext.dump({**fields, "clientId": known["clientId"]})}
    resolved = connected.of_provider(entry, found.integration, kept, connection["owner"])
    if not former["secretsVersion"] or not connected.client_origins(resolved) <= set(former["boundTo"]):
        return connection, False
    return kept, True


def _checked(guard: "Guard", resolved: Connected, made: _Set) -> list[str]:
    """Return the origins that calls will go to; raises BadDefinition for what cannot, or must not, be called.

    Of a client without a grant only the token server is known: the grant may tell where the account lives.
    """
    from hub.integrations.plans import definition_of  # the connector's models

    if made.is_pending:
        found = sorted(connected.client_origins(resolved))
    elif resolved.fault is not None and made.may_lack_address:
        found = []
    elif resolved.fault is not None:
        raise _as_entered(resolved.fault, made)
    else:
        definition_of(resolved.definition_text)
        found = sorted(connected.destinations(resolved))
    problems = [Problem("", reason) for each in found if (reason := guard.refusal(each))]
    if problems:
        raise BadDefinition("The integration leads to an address that the hub never calls.", problems)
    return found


def _as_entered(fault: HubError, made: _Set) -> HubError:
    """Say what is missing where it can be entered, and not where the definition needs it."""
    if not isinstance(fault, Unfilled) or not fault.missing:
        return fault
    problems = [
        Problem(f"{made.at}/{name}", f"expected a value, here or as the setting {name!r}") for name in fault.missing
    ]
    return BadDefinition("The credentials do not fit the provider.", problems)


def _store_static(desk: Desk, connection: Item, made: _Set, resolved: Connected, keeps_client: bool) -> None:
    """Add the write of what is sent as it was entered; a record that holds nothing more is emptied."""
    secrets = secrets_in(made.method, {**resolved.settings, **made.secrets})
    if methods.is_grant(made.method) and made.secrets.get("clientSecret"):
        secrets[CLIENT_SECRET] = made.secrets["clientSecret"]
    if made.secrets.get("refreshToken"):
        secrets[REFRESH_TOKEN] = made.secrets["refreshToken"]
    kept = (CLIENT_SECRET,) if keeps_client else ()
    write = desk.vault.store(desk.change.caller.tenant, KIND, connection["sk"], secrets, kept)
    if write is None:
        return
    desk.change.add(write)
    connection["secretNames"] = sorted(write.item["fields"])
    connection["secretsVersion"] = write.item["version"] if write.item["fields"] else 0


def _store_tokens(desk: Desk, connection: Item, made: _Set, former: Item | None) -> None:
    """Add the writes of the tokens, and of when they are to be renewed; the former ones expire."""
    change, tenant = desk.change, desk.change.caller.tenant
    credentials, activity = change.tables.credentials, change.tables.activity
    if former is not None and former["method"] == "oauth2":
        place, expires = key(tenant, TOKENS_KIND, connections.token_name(former)), clock.epoch_s()
        values = {"expires": int(expires) + FORMER_TOKENS_KEPT_S}
        change.add(Update(credentials, place, "SET expiresEpochS = :expires", values))
    tokens = made.tokens
    if tokens is None or not tokens.clear:
        change.add(*([renewals.none(activity, former)] if former is not None else []))
        return
    place = key(tenant, TOKENS_KIND, connections.token_name(connection))
    record = token_records.first_record(place, desk.vault.sealer(place, 1)(tokens.clear), tokens.ends_s)
    change.add(Put(credentials, record, IS_NEW))
    if tokens.ends_s < inf:
        change.add(renewals.renewal(activity, connection, record["renewFromS"]))
    elif former is not None:
        change.add(renewals.none(activity, former))


def _put(change: Change, connection: Item, former: Item | None) -> None:
    condition, values = (IS_NEW, {}) if former is None else (IS_UNCHANGED, {"version_read": former["version"]})
    change.add(Put(change.tables.config, connection, condition, values))


def _settle(change: Change, integration: Item, connection: Item, *, is_pending: bool) -> None:
    """Add what follows for the integration, the event and the audit entry."""
    facts = {name: connection[name] for name in ("provider", "method", "owner")}
    if is_pending:
        if integration["status"] in (ACTIVE, ERROR) and connections.is_its_only(integration, connection):
            integrations.alter(change, integration, {"status": PENDING_AUTH})
        change.audit("connection.client_stored", connection["sk"], integrationId=integration["sk"], **facts)
        return
    integrations.mark_connected(change, integration)
    change.audit("connection.connected", connection["sk"], integrationId=integration["sk"], **facts)
    tell(change, connection, "integration.connected", {"integrationId": integration["sk"]})


def tell(change: Change, connection: Item, event_type: str, data: Json) -> None:
    """Add an event about a connection to the change; that of a user concerns no other user."""
    change.tell(event_type, data)
    if user := connections.user_of(connection["owner"]):
        change.told[-1]["userId"] = user
