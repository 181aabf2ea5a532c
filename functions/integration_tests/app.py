"""Tests of integrations and providers (specs S000, S001, S003, S004): what a call with their credentials finds."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from hub.core import events
from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.caller import SUPER_ADMIN, admins
from hub.core.errors import Conflict, IntegrationNotFound, ProviderNotFound
from hub.core.resources import resources
from hub.core.tables import ConditionFailed
from hub.integrations import connected, custom, testing
from hub.integrations.catalog import chosen, providers
from hub.integrations.connected import Connected
from hub.integrations.connections import checking
from hub.integrations.connections.checking import Checked
from hub.integrations.connections.marks import Marks
from hub.integrations.testing import Tester
from hub.integrations.testing_models import EndpointTestConfig
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.outbound.retry import Sender

api = Api("integration_tests")
handler = api.handle

WRITE = admins("integrations:write")
CONFIG = "hub.integrations.testing_models:EndpointTestConfig"
CONNECTION_TEST = "hub.integrations.testing_models:ConnectionTest"
RESULT = "hub.integrations.testing_models:TestResult"

Test = Callable[[Tester, Connected, EndpointTestConfig], dict[str, Any]]


@api.route("POST", "/api/v1/custom-integrations/{id}/test", access=WRITE, rate="test", body=CONFIG, answer=RESULT)
def test_connection(request: Request) -> Answer:
    """Test the connection: one GET of the baseUrl with the credentials."""
    return _tested(request, None, Tester.test_connection)


@api.route(
    "POST", "/api/v1/custom-integrations/{id}/test/{endpointId}", access=WRITE, rate="test", body=CONFIG, answer=RESULT
)
def test_endpoint(request: Request) -> Answer:
    """Test an endpoint: its first pages, and what their records become."""
    endpoint_id = request.path["endpointId"]
    return _tested(request, endpoint_id, lambda tester, found, config: tester.test_endpoint(found, endpoint_id, config))


@api.route(
    "POST", "/api/admin/integrations/{category}/{id}/test", access=SUPER_ADMIN, rate="test", answer=CONNECTION_TEST
)
def test_provider(request: Request) -> Answer:
    """Test whether a provider can be reached, without credentials, and whether its OAuth client is set up."""
    entry = providers.get(request.resources.tables.config, request.path["id"])
    if not chosen.is_in(entry.item, request.path["category"]):
        raise ProviderNotFound
    result = checking.check_provider(_tester(request), request.caller.tenant, entry)
    request.change.audit("provider.tested", entry.id, success=result["success"])
    return request.change.commit(ok(result))


@api.route("POST", "/api/tenant/integrations/{id}/connection/test", access=WRITE, rate="test", answer=CONNECTION_TEST)
def test_tenant_connection(request: Request) -> Answer:
    """Test an integration's connection."""
    return _checked(request, request.path["id"], lambda checked: checked.view)


@api.route(
    "POST",
    "/api/v1/teams/{teamId}/integrations/{integrationId}/test",
    access=WRITE,
    rate="test",
    answer="hub.integrations.testing_models:TeamsTest",
)
def test_team_integration(request: Request) -> Answer:
    """Test an integration of a team."""
    if request.path["teamId"] != request.caller.tenant.id:
        raise IntegrationNotFound
    shown = partial(_facts, names=("success", "message"))
    return _checked(request, request.path["integrationId"], lambda checked: shown(checked.view | checked.said))


@api.route("POST", "/api/v1/integrations/{id}/test", access=WRITE, rate="test", answer=CONNECTION_TEST)
def test_integration(request: Request) -> Answer:
    """Test an integration."""
    shown = partial(_facts, names=("success", "message", "error", "testedAt", "responseTime"))
    return _checked(request, request.path["id"], lambda checked: shown(checked.view))


def client(request: Request) -> Sender:
    """Return the way out for a test. The tests put a provider in memory here."""
    return _client(request.own_hosts)


def _tested(request: Request, endpoint_id: str | None, test: Test) -> Answer:
    found = custom.get(request.resources.tables.config, request.caller.tenant, request.path["id"])
    result = test(_tester(request), Connected(found, {}), request.parsed(EndpointTestConfig))
    testing.record(request.change, found, endpoint_id, result)
    try:
        return request.change.commit(ok(result))
    except ConditionFailed:  # deleted while its test ran
        raise IntegrationNotFound from None


def _checked(request: Request, integration_id: str, view: Callable[[Checked], dict[str, Any]]) -> Answer:
    """Test what the integration shares, and write down what was found."""
    config, caller, tester = request.resources.tables.config, request.caller, _tester(request)
    user = "" if caller.key_id else caller.user
    found = connected.load(config, caller.tenant, integration_id, user=user, is_shared=True)
    checked = checking.check(tester, found)
    checking.record(request.change, found, checked)
    try:
        answer = request.change.commit(ok(view(checked)))
    except ConditionFailed:  # deleted, or connected anew, while its test ran
        raise Conflict("The integration was changed while its test ran; test it again.") from None
    checking.settle(tester, found, checked)
    return answer


def _facts(result: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: result[name] for name in names if name in result}


def _tester(request: Request) -> Tester:
    return Tester(resources().vault, client(request), request.resources.tables, _marks(request))


def _marks(request: Request) -> Marks:
    found = request.resources
    return Marks(found.tables, found.settings.retention_days, partial(events.hint, found))


# Kept for the life of the process: connections are reused by the next test.
@lru_cache(maxsize=4)
def _client(own_hosts: frozenset[str]) -> Client:
    return Client(Guard.from_text(resources().settings.outbound_allowed_private, own_hosts=own_hosts))
