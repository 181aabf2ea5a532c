"""Tests of custom integrations (spec S000, "Testing & Validation"): the only HTTP function that reads secrets."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.caller import admins
from hub.core.errors import IntegrationNotFound
from hub.core.resources import resources
from hub.core.tables import ConditionFailed
from hub.core.vault import Vault
from hub.integrations import custom, testing
from hub.integrations.custom import CustomIntegration
from hub.integrations.testing import Tester
from hub.integrations.testing_models import EndpointTestConfig
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.outbound.retry import Sender

api = Api("integration_tests")
handler = api.handle

WRITE = admins("integrations:write")
CONFIG = "hub.integrations.testing_models:EndpointTestConfig"
RESULT = "hub.integrations.testing_models:TestResult"

Test = Callable[[Tester, CustomIntegration, EndpointTestConfig], dict[str, Any]]


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


def client(request: Request) -> Sender:
    """Return the way out for a test. The tests put a provider in memory here."""
    return _client(request.own_hosts)


def _tested(request: Request, endpoint_id: str | None, test: Test) -> Answer:
    found = custom.get(request.resources.tables.config, request.caller.tenant, request.path["id"])
    tester = Tester(_vault(), client(request), request.resources.tables)
    result = test(tester, found, request.parsed(EndpointTestConfig))
    testing.record(request.change, found, endpoint_id, result)
    try:
        return request.change.commit(ok(result))
    except ConditionFailed:  # deleted while its test ran
        raise IntegrationNotFound from None


# Kept for the life of the process: connections and unwrapped keys are reused by the next test.
@lru_cache(maxsize=4)
def _client(own_hosts: frozenset[str]) -> Client:
    return Client(Guard.from_text(resources().settings.outbound_allowed_private, own_hosts=own_hosts))


@cache
def _vault() -> Vault:
    found = resources()
    return Vault(found.kms, found.settings.kms_key_id, found.tables.credentials)
