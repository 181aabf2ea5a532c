"""Tests a custom integration: one GET of its address, or the first pages of an endpoint with a preview of the mapping.

An endpoint runs by the plan that a sync runs by, with one try per page; nothing is stored but that it was tested.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.connector.authenticate import Credentials
from hub.connector.definition import ConnectorDefinition
from hub.connector.excerpts import shown_reply, shown_request
from hub.connector.plan import PageRun, Position
from hub.connector.probe import ONE_TRY, Witness, base_call, credentials_of, telling, tried_once
from hub.connector.urls import without_query
from hub.connector.variables import Variables
from hub.core import clock
from hub.core.caller import Tenant
from hub.core.errors import BadRequest, HubError, NotFound, UpstreamError
from hub.core.ids import ulid
from hub.core.journal import Change
from hub.core.tables import Update
from hub.core.vault import Vault
from hub.integrations import advice, custom, plans, request_log
from hub.integrations.custom import CustomIntegration
from hub.integrations.expectations import Expected, compiled
from hub.integrations.preview import Preview, Walk
from hub.integrations.testing_models import EndpointTestConfig
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import Sender, send_with_retries

Json = dict[str, Any]

LIMIT_S = 25.0
# A page is not begun in the last second.
LEAST_S = 1.0
OUT_OF_TIME = (
    f"The test ended after {LIMIT_S:g} s without a complete answer. A sync may wait for `timeout` per page and tries"
    " again: start one, or ask for smaller pages."
)


@dataclass(frozen=True)
class Tester:
    """What a test needs from the function it runs in; `now` counts as `time.monotonic` does."""

    vault: Vault
    client: Sender
    now: Callable[[], float] = time.monotonic

    def test_connection(self, found: CustomIntegration, config: EndpointTestConfig) -> Json:
        """Return the TestResult of a GET of the baseUrl; whatever answers without refusing the credentials is fine."""
        test = self._prepare(found, config)
        call = base_call(test.definition, test.credentials, test.variables)
        timeout_s = test.definition.timeout / 1000
        try:
            reply = send_with_retries(
                test.witness, call, ONE_TRY, timeout_s=timeout_s, give_up_at=test.give_up_at, idempotent=False
            )
        except (BadRequest, UpstreamError) as failure:
            return test.result(call, None, error=self._explained(test, failure))
        error, note = advice.judged_connection(reply.status, without_query(call.url))
        return test.result(call, reply, error=error, note=note)

    def test_endpoint(self, found: CustomIntegration, endpoint_id: str, config: EndpointTestConfig) -> Json:
        """Return the TestResult of the endpoint's first pages.

        Raises NotFound for an endpoint that is not there, BadRequest for a parameter that is missing or wrong.
        """
        if endpoint_id not in {endpoint["id"] for endpoint in found.definition["endpoints"]}:
            raise NotFound("The integration has no such endpoint.")
        test = self._prepare(found, config)
        plan = tried_once(plans.plan_of(found.connector["definition"], endpoint_id))
        pages = plan.bind(
            params=test.variables.params, settings={}, state={}, secrets=test.secrets, client=test.witness
        )
        walk = Walk(plan, test.witness, Preview(test.credentials, test.witness))
        error = self._walk(walk, pages, test)
        call, reply = walk.shown
        if call is None:
            raise BadRequest(error or "The request could not be built.")
        return test.result(call, reply, error=error or walk.preview.refusal, **walk.view())

    def _prepare(self, found: CustomIntegration, config: EndpointTestConfig) -> "Test":
        began = self.now()
        custom.must_have_secrets(found)
        plans.must_have_address(found)
        expected = compiled(config.expectations)
        definition = plans.definition_of(found.connector["definition"])
        secrets = self.vault.read(Tenant.of_item(found.integration), custom.CREDENTIALS_KIND, found.id)
        credentials = credentials_of(definition, secrets)
        return Test(
            definition=definition,
            secrets=secrets,
            credentials=credentials,
            variables=Variables({**config.testBody, **config.testParams}),
            expected=expected,
            witness=Witness(self.client, telling(credentials)),
            give_up_at=began + LIMIT_S,
        )

    def _walk(self, walk: Walk, pages: PageRun, test: "Test") -> str | None:
        """Go through the pages until they or the test end; return what went wrong."""
        position: Position | None = None
        try:
            while walk.stop_reason is None:
                page = pages.fetch(position, test.give_up_at)
                walk.add(page, is_out_of_time=self.now() > test.give_up_at - LEAST_S)
                position = page.next
        except (BadRequest, UpstreamError) as failure:
            walk.stop_reason = "failed"
            return self._explained(test, failure)
        if walk.stop_reason == "repeated_page":
            return f"The provider answered a page it had answered before. {advice.READING}"
        return None

    def _explained(self, test: "Test", failure: HubError) -> str:
        if failure.retryable and test.witness.reply is None and self.now() >= test.give_up_at:
            return OUT_OF_TIME
        return f"{failure.message.removesuffix('.')}. {advice.advice(failure, test.witness.reply)}"


@dataclass(frozen=True, repr=False)
class Test:
    """One test with all that was prepared for it."""

    definition: ConnectorDefinition
    secrets: dict[str, str]
    credentials: Credentials
    variables: Variables
    expected: Expected
    witness: Witness
    give_up_at: float

    def result(self, call: Call, reply: Reply | None, *, error: str | None, **facts: Any) -> Json:
        """Return S000's TestResult; fields without a value are left out."""
        judged = self.expected.judge(reply, self.credentials)
        failed = sum(not each["passed"] for each in judged)
        if failed and error is None:
            error = f"{failed} of {len(judged)} expectations did not hold."
        result = {
            "success": error is None,
            "request": shown_request(call, self.credentials),
            "response": shown_reply(reply, self.credentials) if reply else None,
            "error": error,
            "expectations": judged,
            **facts,
        }
        return {name: value for name, value in result.items() if value is not None}


def record(change: Change, found: CustomIntegration, endpoint_id: str | None, result: Json) -> None:
    """Add to `change` that the integration was tested; committing it raises ConditionFailed where it was deleted."""
    outcome = "success" if result["success"] else "failure"
    place = {name: found.integration[name] for name in ("pk", "sk")}
    change.add(
        Update(
            change.tables.config,
            place,
            "SET lastTestedAt = :now, lastTestResult = :outcome",
            {"now": clock.now(), "outcome": outcome, "deleted": "deleted"},
            "attribute_exists(pk) AND status <> :deleted",
        ),
        request_log.log_line(
            change.tables.activity,
            change.caller.tenant,
            found.id,
            f"{ulid()}#test",
            {"kind": "test", "message": result.get("error") or "the test succeeded"},
            _facts(endpoint_id, result),
            change.keep_days,
        ),
    )
    change.audit("integration.tested", found.id, endpointId=endpoint_id, result=outcome)


def _facts(endpoint_id: str | None, result: Json) -> Json:
    """Return what the request log says of a test: neither headers nor bodies, and no query."""
    response = result.get("response", {})
    return {
        "endpointId": endpoint_id,
        "method": result["request"]["method"],
        "url": without_query(result["request"]["url"]),
        "status": response.get("statusCode"),
        "durationMs": response.get("latencyMs"),
        **{name: result.get(name) for name in ("pages", "records", "stopReason", "success")},
    }
