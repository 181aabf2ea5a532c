"""Why a connection does not work, and who must do what: from what is stored, without a call and without a secret.

Read are the connection with its integration and provider, the token record as it lies there (nothing is decrypted) and
the circuit of its host: at most six items, whatever the tenant has.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import ADMIN_ROLES, Caller
from hub.core.tables import Tables, key
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.integrations.connections import connections, methods, reasons
from hub.integrations.connections.connections import ConnectionNotFound
from hub.integrations.connections.reasons import CLIENT_MISCONFIGURED, PROVIDER_UNAVAILABLE, RATE_LIMITED, REASONS
from hub.integrations.custom import TOKENS_KIND
from hub.outbound.traffic import Traffic

Json = dict[str, Any]

ADMIN_SCOPES = frozenset({"integrations:write", "admin:full"})
WORKS, NOTHING = "The connection works.", "Nothing has to be done."
BY_LINK = "POST /api/v1/connections/{id}/reconnect-link returns a link to the provider's consent page."
BY_ENTRY = "Enter the credentials again: PATCH /api/tenant/integrations/{integrationId}/credentials."
NO_CLIENT = "The hub's operator must enter the provider's OAuth client first."


@dataclass(frozen=True)
class Facts:
    """All that a diagnosis is made of; `circuit` is what `Traffic.state` says of the host."""

    found: Connected
    connection: Item
    record: Item
    circuit: Json
    now_s: float

    @property
    def failure(self) -> Json:
        """The last failure to renew, if no renewal worked since."""
        failure: Json = self.record.get("failure") or {}
        return failure


@dataclass(frozen=True)
class Cause:
    reason: str
    message: str
    since: str | None


def visible(tables: Tables, caller: Caller, con_id: str) -> Item:
    """Return a connection that the caller may ask about; raises ConnectionNotFound, for that of another user too."""
    connection = connections.get(tables.config, caller.tenant, con_id)
    is_admin = bool(caller.roles & ADMIN_ROLES or caller.scopes & ADMIN_SCOPES)
    if not (is_admin or _is_of(caller, connection)):
        raise ConnectionNotFound
    return connection


def diagnose(tables: Tables, connection: Item) -> Json:
    """Return what `ConnectionDiagnosis` describes; raises IntegrationNotFound where the integration is gone."""
    found = connected.of_connection(tables.config, connection)
    place = key(found.tenant, TOKENS_KIND, connections.token_name(connection))
    facts = Facts(found, connection, tables.credentials.get(place) or {}, _circuit(tables, found), clock.epoch_s())
    return view(facts)


def view(facts: Facts) -> Json:
    """Return the diagnosis as JSON."""
    cause, connection = cause_of(facts), facts.connection
    known = REASONS[cause.reason] if cause else None
    return {
        "connectionId": connection["sk"],
        "integrationId": connection["integrationId"],
        "provider": connection["provider"],
        "status": connection["status"],
        "reason": cause.reason if cause else None,
        "message": cause.message if cause else WORKS,
        "who": _who(facts, cause),
        "nextStep": known.next_step if known else NOTHING,
        "since": cause.since if cause else connection.get("since"),
        "evidence": _evidence(facts),
        "reconnect": _reconnect(facts.found, connection),
    }


def cause_of(facts: Facts) -> Cause | None:
    """Return why calls do not work now; None where nothing is known against them."""
    connection = facts.connection
    refused = connected.refusal_of(facts.found)
    if refused is not None:
        return Cause(refused[0], REASONS[refused[0]].message, connection.get("since"))
    if connection["status"] != "active" and connection.get("reason") in REASONS:
        message = connection.get("reasonMessage") or REASONS[connection["reason"]].message
        return Cause(connection["reason"], message, connection.get("since"))
    return _passing(facts)


def _passing(facts: Facts) -> Cause | None:
    """Return what hinders calls for a while: a token that cannot be had, a host that is left alone."""
    failure, circuit = facts.failure, facts.circuit
    if failure:
        return Cause(_reason_of(failure), str(failure["message"]), None)
    if circuit.get("state", "closed") != "closed":
        return Cause(PROVIDER_UNAVAILABLE, REASONS[PROVIDER_UNAVAILABLE].message, None)
    if circuit.get("blockedUntil"):
        return Cause(RATE_LIMITED, REASONS[RATE_LIMITED].message, None)
    return None


def _reason_of(failure: Json) -> str:
    reason = failure.get("reason")
    if reason in REASONS:
        return str(reason)
    return CLIENT_MISCONFIGURED if failure.get("is_final") else PROVIDER_UNAVAILABLE


def _who(facts: Facts, cause: Cause | None) -> reasons.Who:
    if cause is None:
        return "nobody"
    has_own_client = not connected.uses_operators_client(facts.found)
    return reasons.who_acts(cause.reason, facts.connection, has_own_client=has_own_client)


def _evidence(facts: Facts) -> Json:
    connection, record, failure, circuit = facts.connection, facts.record, facts.failure, facts.circuit
    ends = _time(record.get("endsS")) or connection.get("expiresAt")
    evidence: Json = {
        "lastRefreshedAt": connection.get("lastRefreshedAt"),
        "expiresAt": ends,
        "nextRefreshAt": _next_refresh(facts),
        "lastError": failure.get("message") or connection.get("reasonMessage"),
        "circuitState": circuit.get("state", "closed"),
        "failuresInARow": failure.get("count", 0) or circuit.get("failures", 0),
        "coolDownUntil": _cool_down(facts),
    }
    missing = _missing_scopes(facts)
    return {**evidence, "missingScopes": missing} if missing else evidence


def _next_refresh(facts: Facts) -> str | None:
    """Return when the hub asks for the next token by itself; None where it cannot, or will not any more."""
    record, failure = facts.record, facts.failure
    is_over = facts.connection["status"] in ("expired", "revoked")
    if is_over or not {"refreshToken"} <= record.get("fields", {}).keys() or "renewFromS" not in record:
        return None
    return _time(max(record["renewFromS"], failure.get("until_s", 0.0)))


def _cool_down(facts: Facts) -> str | None:
    until_s = facts.failure.get("until_s", 0.0)
    if until_s > facts.now_s:
        return _time(until_s)
    return facts.circuit.get("opensAgainAt") or facts.circuit.get("blockedUntil")


def _missing_scopes(facts: Facts) -> list[str]:
    """Return what the integration asks for and the provider did not allow; nothing where the provider said nothing."""
    auth = jsontext.load(facts.found.definition_text).get("auth") or {}
    granted = set(facts.connection.get("scopes") or ())
    wanted = str(auth.get("scope") or "").replace(",", " ").split()
    return [scope for scope in wanted if scope not in granted] if granted else []


def _reconnect(found: Connected, connection: Item) -> Json:
    """Return `{possible, how}`."""
    if found.method is None or not methods.is_grant(found.method):
        return {"possible": True, "how": BY_ENTRY.replace("{integrationId}", connection["integrationId"])}
    has_client = connected.has_client(found)
    how = BY_LINK.replace("{id}", connection["sk"])
    return {"possible": has_client, "how": how if has_client else NO_CLIENT}


def _circuit(tables: Tables, found: Connected) -> Json:
    host = urlsplit(str(jsontext.load(found.definition_text).get("baseUrl") or "")).hostname
    return Traffic(tables.coordination, found.tenant, found.id).state(host) if host else {}


def _is_of(caller: Caller, connection: Item) -> bool:
    """Say whether the connection is the caller's own: a program has none."""
    return caller.key_id is None and connection["owner"] == connections.owner_of_user(caller.user) != connections.TENANT


def _time(epoch_s: float | None) -> str | None:
    return None if epoch_s is None or epoch_s == float("inf") else clock.iso(float(epoch_s))
