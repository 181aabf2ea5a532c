"""Tests a connection: does the provider take the credentials, and what does that say of connection and integration.

A test is the provider's health request; without one a GET of its address. A provider that can only be written to is
not called: what it would be sent is built, and nothing is posted.
"""

from dataclasses import dataclass
from typing import Any

from hub.connector.definition import ConnectorDefinition
from hub.core import clock
from hub.core.caller import Tenant
from hub.core.errors import BadRequest, Conflict, UpstreamError
from hub.core.ids import ulid
from hub.core.journal import Change
from hub.core.tables import Update, key
from hub.core.vault import SecretUnreadable
from hub.integrations import connected, plans, request_log
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connected import Connected
from hub.integrations.connections import methods
from hub.integrations.connections.reasons import (
    ACCESS_TOKEN_EXPIRED,
    CREDENTIALS_REFUSED,
    INSUFFICIENT_SCOPE,
    PROVIDER_UNAVAILABLE,
    RATE_LIMITED,
    REASONS,
    SECRET_UNREADABLE,
)
from hub.integrations.instances import integrations
from hub.integrations.testing import Tester
from hub.integrations.testing_models import EndpointTestConfig

Json = dict[str, Any]

SUCCEEDED, FAILED = "success", "failure"
WORKS = "The provider answers, and takes the credentials."
ANSWERS = "The provider answers."
DRY = "The address may be called and the credentials are there; nothing was posted."
_BY_STATUS = {401: CREDENTIALS_REFUSED, 403: INSUFFICIENT_SCOPE, 429: RATE_LIMITED}
_NOTED = ("expired", "error")


@dataclass(frozen=True)
class Checked:
    """What a test found; `reason` is a code of `reasons`, "" where nothing is known against the connection."""

    is_success: bool
    message: str
    reason: str = ""
    method: str | None = None
    url: str | None = None
    status: int | None = None
    took_ms: int | None = None

    @property
    def view(self) -> Json:
        """Return S001's result: `{success, message?, error?, testedAt, responseTime?, details?}`."""
        told = {"message": self.message} if self.is_success else {"error": self.message}
        facts = {"reason": self.reason or None, "method": self.method, "url": self.url, "statusCode": self.status}
        details = {name: value for name, value in facts.items() if value is not None}
        took = {} if self.took_ms is None else {"responseTime": self.took_ms}
        return {"success": self.is_success, **told, "testedAt": clock.now(), **took, "details": details}

    @property
    def said(self) -> Json:
        """Return the message, whatever the outcome, as S003 answers it."""
        return {"message": self.message}


def check(tester: Tester, found: Connected) -> Checked:
    """Return what a test of the connection finds; nothing of what is wrong with it is raised."""
    refused = connected.refusal_of(found)
    if refused is not None:
        return Checked(False, refused[1], refused[0])
    try:
        if found.fault is None and _is_write_only(plans.definition_of(found.definition_text)):
            return Checked(True, DRY)
        return _of_result(found, tester.test_connection(found, EndpointTestConfig()))
    except (BadRequest, Conflict, UpstreamError) as fault:
        return Checked(False, fault.message, str(fault.details.get("reason", "")))
    except SecretUnreadable as fault:
        return Checked(False, fault.message, SECRET_UNREADABLE)


def check_provider(tester: Tester, tenant: Tenant, entry: ProviderEntry) -> Json:
    """Return whether a provider answers at all, without any credentials, and whether its OAuth client is set up.

    Any answer is fine, also that credentials are missing: only a failure of its own, or none, is not.
    """
    nobody = {**key(tenant, "integration", f"provider-{entry.id}"), "provider": entry.id, "status": "active"}
    found = connected.of_provider(entry, nobody, None)
    details = {"oauthClient": _client_state(entry)}
    if found.fault is not None or not found.found.definition.get("baseUrl"):
        told = "The provider has no address of its own: each integration sets it, and is tested there."
        return {**Checked(True, told).view, "details": details}
    checked = _reached(tester, found)
    return {**checked.view, "details": {**checked.view["details"], **details}}


def _reached(tester: Tester, found: Connected) -> Checked:
    try:
        call, reply = tester.reach(found)
    except UpstreamError as fault:
        return Checked(False, fault.message, PROVIDER_UNAVAILABLE)
    facts: Json = {
        "method": call.method,
        "url": call.url.partition("?")[0],
        "status": reply.status,
        "took_ms": reply.elapsed_ms,
    }
    if reply.status >= 500:
        return Checked(False, f"The provider answered {reply.status}.", PROVIDER_UNAVAILABLE, **facts)
    return Checked(True, ANSWERS, **facts)


def _client_state(entry: ProviderEntry) -> str:
    if not any(methods.is_grant(method) for method in entry.methods):
        return "not needed"
    config = entry.oauth_config
    return "configured" if config.get("clientId") and config.get("hasClientSecret") else "missing"


def record(change: Change, found: Connected, checked: Checked) -> None:
    """Add to the change what the test found: on both items, in the request log, and as an event where it is news."""
    outcome, now = SUCCEEDED if checked.is_success else FAILED, clock.now()
    place = {name: found.integration[name] for name in ("pk", "sk")}
    sets = "SET lastTestedAt = :now, lastTestResult = :outcome"
    values = {"now": now, "outcome": outcome, "deleted": "deleted"}
    change.add(
        Update(change.tables.config, place, sets, values, "attribute_exists(pk) AND status <> :deleted"),
        _log_line(change, found, checked),
    )
    if found.connection is not None and checked.is_success:
        place = {name: found.connection[name] for name in ("pk", "sk")}
        same = {"now": now, "generation": found.connection["generation"]}
        change.add(Update(change.tables.config, place, "SET lastValidatedAt = :now", same, "generation = :generation"))
    change.audit("connection.tested", found.id, result=outcome, reason=checked.reason or None)
    if outcome != found.integration.get("lastTestResult", SUCCEEDED) and not is_for_marks(found, checked):
        _tell(change, found, checked)


def is_for_marks(found: Connected, checked: Checked) -> bool:
    """Say whether the state of the connection follows from the test: then `Marks` notes it, with its own event."""
    if found.connection is None:
        return False
    if checked.is_success:
        return found.connection["status"] in _NOTED
    return bool(checked.reason) and REASONS[checked.reason].status in _NOTED


def settle(tester: Tester, found: Connected, checked: Checked) -> None:
    """Note on the connection what follows from the test."""
    if tester.marks is None or found.connection is None or not is_for_marks(found, checked):
        return
    if checked.is_success:
        tester.marks.recovered(found.tenant, found.connection)
    else:
        tester.marks.noticed(found.tenant, found.connection, checked.reason, checked.message)


def _of_result(found: Connected, result: Json) -> Checked:
    """Read what a test of a definition found."""
    request, response = result["request"], result.get("response", {})
    status = response.get("statusCode")
    facts = {"method": request["method"], "url": request["url"].partition("?")[0], "status": status}
    if result["success"]:
        message = str(result.get("note") or (WORKS if found.connection else ANSWERS))
        return Checked(True, message, took_ms=response.get("latencyMs"), **facts)
    return Checked(False, result["error"], _reason(found, result, status), took_ms=response.get("latencyMs"), **facts)


def _reason(found: Connected, result: Json, status: int | None) -> str:
    if told := result.get("reason"):
        return str(told)
    if status == 401 and found.connection is not None and found.connection["method"] == "access_token":
        return ACCESS_TOKEN_EXPIRED
    if status is None or status >= 500:
        return PROVIDER_UNAVAILABLE
    return _BY_STATUS.get(status, "")


def _is_write_only(definition: ConnectorDefinition) -> bool:
    """Say whether the provider can only be written to: a GET of such an address may count as a post."""
    return (
        definition.health_endpoint is None
        and bool(definition.endpoints)
        and not any(endpoint.method == "GET" for endpoint in definition.endpoints)
    )


def _log_line(change: Change, found: Connected, checked: Checked) -> Any:
    facts = {
        "method": checked.method,
        "url": checked.url,
        "status": checked.status,
        "durationMs": checked.took_ms,
        "success": checked.is_success,
        "error": None if checked.is_success else checked.message,
        "userId": change.caller.user,
        "requestId": change.request_id,
        "attempt": 1,
    }
    line = {"kind": "test", "message": checked.message}
    name, tenant = f"{ulid()}#test", change.caller.tenant
    return request_log.log_line(change.tables.activity, tenant, found.id, name, line, facts, change.keep_days)


def _tell(change: Change, found: Connected, checked: Checked) -> None:
    about = {"integrationId": found.id}
    event = (
        ("integration.connected", about)
        if checked.is_success
        else (
            "integration.error",
            {**about, "error": checked.message},
        )
    )
    integrations.tell(change, found.integration, *event)
