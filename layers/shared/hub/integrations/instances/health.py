"""How integrations are doing: their status, circuit, connection, and what their newest calls say.

One integration costs a query of the log and a read of the circuit; a page of them one read of all circuits, and a query
of the log for each, some at a time.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Tables
from hub.integrations.catalog import providers
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.instances import request_logs
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.request_logs import Line
from hub.integrations.instances.status_words import V1
from hub.integrations.instances.views_v1 import last_success
from hub.outbound.traffic import Traffic

Json = dict[str, Any]

CALLS_OF_ONE, CALLS_OF_MANY = 50, 10
AT_A_TIME = 8
CIRCUIT_WORDS = {"closed": "CLOSED", "open": "OPEN", "half_open": "HALF_OPEN"}
CLOSED: Json = {"state": "closed", "opensAgainAt": None}
_BY_STATUS = {
    "draft": ("The integration was never switched on.", "Activate it."),
    "pending_auth": ("The integration has no credentials.", "Connect it."),
    "paused": ("The integration is switched off.", "Activate it."),
}


_NO_PROVIDER = ("The provider is not in the catalogue any more.", "Delete the integration, or ask the hub's operator.")


@dataclass(frozen=True)
class Way:
    """Where calls go to, "" where no address is known yet; `barred` is why none can and what to do about it."""

    host: str
    barred: tuple[str, str] | None = None


@dataclass(frozen=True)
class Figures:
    """What the newest calls say. Errors are counted since the last success."""

    calls: int
    errors: int
    last_success_at: str | None
    last_error: str | None
    last_error_at: str | None
    latency_ms: int | None

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Figures":
        ordered = sorted(lines, key=lambda line: line.at, reverse=True)
        good = [line for line in ordered if line.success]
        bad = [line for line in ordered if not line.success]
        timed = [line.duration_ms for line in ordered if line.duration_ms is not None]
        since = good[0].at if good else ""
        return cls(
            len(ordered),
            sum(line.at > since for line in bad),
            good[0].at if good else None,
            bad[0].error if bad else None,
            bad[0].at if bad else None,
            timed[0] if timed else None,
        )


def of_one(tables: Tables, shown: Instance) -> Json:
    """Return the health of one integration, see `v1_models.IntegrationHealth`."""
    return _judged(tables, shown, _entries(tables, [shown]), CALLS_OF_ONE)


def of_many(tables: Tables, page: list[Instance]) -> list[Json]:
    """Return the health of a page of integrations."""
    entries = _entries(tables, page)

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        return list(threads.map(lambda shown: _judged(tables, shown, entries, CALLS_OF_MANY), page))


def _judged(tables: Tables, shown: Instance, entries: Mapping[str, ProviderEntry], calls: int) -> Json:
    tenant, way = Tenant.of_item(shown.item), way_of(shown, entries)
    circuit = Traffic(tables.coordination, tenant, shown.id).state(way.host) if way.host else CLOSED
    lines, _ = request_logs.newest(tables.activity, tenant, shown.id, calls)
    return view(shown, way, circuit, Figures.of(lines))


def view(shown: Instance, way: Way, circuit: Json, figures: Figures) -> Json:
    """Return S004's health with the cause of what does not work, and what to do next."""
    item = shown.item
    cause, next_step = diagnosis(shown, way, circuit, figures)
    error_at, error = _newest_error(item, figures)
    return {
        "integrationId": shown.id,
        "name": item["name"],
        "status": V1[item["status"]],
        "circuitState": CIRCUIT_WORDS[circuit["state"]],
        "circuitOpensAgainAt": circuit["opensAgainAt"],
        "connectionStatus": shown.connection_status,
        "lastSuccessfulCall": max(filter(None, (figures.last_success_at, last_success(item))), default=None),
        "lastError": error,
        "lastErrorAt": error_at,
        "errorCount": figures.errors,
        "calls": figures.calls,
        "latency": figures.latency_ms,
        "cause": cause,
        "nextStep": next_step,
        "checkedAt": clock.now(),
    }


def _newest_error(item: Item, figures: Figures) -> tuple[str | None, str | None]:
    """Return when something went wrong last and what: as it was noted, or as the calls say."""
    noted = (item.get("lastErrorAt"), item.get("lastError"))
    known = [(at, error) for at, error in (noted, (figures.last_error_at, figures.last_error)) if error]
    return max(known, key=lambda each: each[0] or "", default=(None, None))


def diagnosis(shown: Instance, way: Way, circuit: Json, figures: Figures) -> tuple[str | None, str | None]:
    """Return why the integration does not work and what to do about it; None twice where it does."""
    item, connection = shown.item, shown.connection or {}
    if item.get("missingSecrets"):
        return "Secrets are missing.", "Enter them at /api/v1/custom-integrations."
    if connection.get("status") in ("expired", "error", "revoked") and item["status"] != "paused":
        return _of_reason(connection)
    if item["status"] in _BY_STATUS:
        return _BY_STATUS[item["status"]]
    if way.barred:
        return way.barred
    if circuit["state"] != "closed":
        return "The provider failed several times in a row and is left alone.", "Wait: the hub tries again by itself."
    if item["status"] == "error" or figures.errors:
        cause = item.get("lastError") or figures.last_error or "The last call failed."
        return str(cause), "Test the connection; the request log has the calls."
    return None, None


def way_of(shown: Instance, entries: Mapping[str, ProviderEntry]) -> Way:
    """Return where most calls go to, and what keeps all of them from going there."""
    if shown.connector is not None:
        return Way(_host(jsontext.load(shown.connector["definition"]).get("baseUrl") or ""))
    entry = entries.get(shown.provider)
    if entry is None:
        return Way("", _NO_PROVIDER)
    from hub.integrations import connected  # the connector's addresses

    owner = str(shown.item.get("owner", "tenant"))
    found = connected.of_provider(entry, shown.item, shown.connection, owner)
    refused = connected.refusal_of(found) if shown.connection else None
    host = _host(str(found.found.definition.get("baseUrl") or ""))
    return Way(host, _of_reason({"reason": refused[0]}) if refused else None)


def _of_reason(connection: Item) -> tuple[str, str]:
    from hub.integrations.connections.reasons import DISCONNECTED, REASONS

    reason = REASONS.get(connection.get("reason") or DISCONNECTED, REASONS[DISCONNECTED])
    return connection.get("reasonMessage") or reason.message, reason.next_step


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _entries(tables: Tables, page: Iterable[Instance]) -> dict[str, ProviderEntry]:
    """Return the providers of a page: one read."""
    slugs = sorted({shown.provider for shown in page if not shown.is_custom})
    if not slugs:
        return {}
    kinds = (providers.provider_place, providers.connector_place)
    found = {(item["pk"], item["sk"]): item for item in tables.config.batch_get([of(s) for s in slugs for of in kinds])}
    pairs = {slug: [found.get((of(slug)["pk"], slug)) for of in kinds] for slug in slugs}
    return {slug: ProviderEntry(item, connector) for slug, (item, connector) in pairs.items() if item and connector}
