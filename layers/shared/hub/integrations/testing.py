"""Tests an integration: one GET of its address, or the first pages of an endpoint with a preview of the mapping.

An endpoint runs by the plan that a sync runs by, with one try per page; nothing is stored but that it was tested.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub import documents
from hub.connector.authenticate import Credentials
from hub.connector.definition import ConnectorDefinition
from hub.connector.excerpts import shown_reply, shown_request
from hub.connector.exchange import UNAUTHORIZED
from hub.connector.plan import Means, PageRun, Plan, Position
from hub.connector.probe import ONE_TRY, Witness, base_call, tried_once
from hub.connector.rates import limits_of, rate_headers_of
from hub.connector.urls import without_query
from hub.connector.variables import Variables
from hub.core import clock
from hub.core.errors import BadRequest, HubError, NotFound, UpstreamError
from hub.core.ids import ulid
from hub.core.journal import Change
from hub.core.tables import Tables, Update
from hub.core.vault import Vault
from hub.integrations import advice, connected, plans, request_log
from hub.integrations.connected import Connected
from hub.integrations.connections.marks import Marks
from hub.integrations.custom import CustomIntegration
from hub.integrations.expectations import Expected, compiled
from hub.integrations.preview import Preview, Walk
from hub.integrations.testing_models import EndpointTestConfig
from hub.integrations.testing_tokens import LONGEST_WAIT_S, Signature, signature
from hub.outbound.budget import Limit, RateHeaders
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import Sender, send_with_retries
from hub.outbound.traffic import Rules, Traffic

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
    """What a test needs from the function it runs in; `now` counts as `time.monotonic` does.

    `marks` notes on a connection what becomes of its tokens.
    """

    vault: Vault
    client: Sender
    tables: Tables
    marks: Marks | None = None
    now: Callable[[], float] = time.monotonic

    def test_connection(self, found: Connected, config: EndpointTestConfig) -> Json:
        """Return the TestResult of the healthEndpoint's first request.

        Without one: of a GET of the baseUrl; whatever answers without refusing the credentials is fine.
        """
        test = self._prepare(found, config)
        if (unsigned := test.unsigned()) is not None:
            return unsigned
        if test.definition.health_endpoint is not None:
            return self._test_health(found, test.definition.health_endpoint, test)
        call = base_call(test.definition, test.credentials, test.variables)
        try:
            reply = test.sent(call)
            if reply.status == UNAUTHORIZED and (renewed := test.signed.signer.renewed()) is not None:
                call = base_call(test.definition, renewed, test.variables)
                reply = test.sent(call)
        except (BadRequest, UpstreamError) as failure:
            return test.result(call, None, error=self._explained(test, failure))
        error, note = advice.judged_connection(reply.status, without_query(call.url))
        return test.result(call, reply, error=error, note=note)

    def reach(self, found: Connected) -> tuple[Call, Reply]:
        """Return a GET of the address without any credentials, and its answer; raises UpstreamError."""
        definition = plans.definition_of(found.definition_text)
        client = self._regulated(found, limits_of(definition, None), rate_headers_of(definition, None))
        call = base_call(definition, Credentials(), connected.variables_of(found, {}))
        timeout_s, give_up_at = definition.timeout / 1000, self.now() + LIMIT_S
        reply = send_with_retries(client, call, ONE_TRY, timeout_s=timeout_s, give_up_at=give_up_at, idempotent=False)
        return call, reply

    def test_endpoint(self, found: Connected, endpoint_id: str, config: EndpointTestConfig) -> Json:
        """Return the TestResult of the endpoint's first pages.

        Raises NotFound for an endpoint that is not there, BadRequest for a parameter that is missing or wrong.
        """
        if endpoint_id not in {endpoint["id"] for endpoint in found.found.definition["endpoints"]}:
            raise NotFound("The integration has no such endpoint.")
        test = self._prepare(found, config)
        if (unsigned := test.unsigned()) is not None:
            return unsigned
        plan, pages = self._bound(found, endpoint_id, test)
        walk = Walk(plan, test.witness, Preview(test.credentials, test.witness))
        error = self._walk(walk, pages, test)
        call, reply = walk.shown
        if call is None:
            raise BadRequest(error or "The request could not be built.")
        return test.result(call, reply, error=error or walk.preview.refusal, **walk.view())

    def _test_health(self, found: Connected, endpoint_id: str, test: "Test") -> Json:
        error = None
        try:
            self._bound(found, endpoint_id, test)[1].fetch(give_up_at=test.give_up_at)
        except (BadRequest, UpstreamError) as failure:
            error = self._explained(test, failure)
        if test.witness.call is None:
            raise BadRequest(error or "The request could not be built.")
        return test.result(test.witness.call, test.witness.reply, error=error)

    def _bound(self, found: Connected, endpoint_id: str, test: "Test") -> tuple[Plan, PageRun]:
        plan = tried_once(plans.plan_of(found.definition_text, endpoint_id))
        test.witness.client = self._regulated(found, plan.limits, plan.rate_headers)
        means = Means(
            client=test.witness,
            secrets=test.secrets,
            tokens=test.signed.tokens,
            find_documents=partial(documents.find_many, self.tables.documents, found.tenant),
        )
        pages = plan.bind(test.variables, means)
        return plan, pages

    def _prepare(self, found: Connected, config: EndpointTestConfig) -> "Test":
        began = self.now()
        connected.must_be_sendable(found)
        plans.must_have_address(found.found)
        expected = compiled(config.expectations)
        definition = plans.definition_of(found.definition_text)
        secrets = connected.secrets_of(self.tables.config, self.vault, found)
        tokens = connected.token_source_of(
            self.vault, self.client, found, secrets, marks=self.marks, wait_s=LONGEST_WAIT_S
        )
        signed = signature(definition, secrets, tokens)
        client = self._regulated(found, limits_of(definition, None), rate_headers_of(definition, None))
        return Test(
            definition=definition,
            secrets=secrets,
            signed=signed,
            variables=connected.variables_of(found, {**config.testBody, **config.testParams}),
            expected=expected,
            witness=Witness(client, signed.hide()),
            give_up_at=began + LIMIT_S,
        )

    def _regulated(self, found: Connected, limits: Sequence[Limit], headers: RateHeaders) -> Sender:
        """Return the way out for a test, which counts for the provider as a sync's calls do.

        It asks no circuit breaker: who tests wants to see what the provider says now, and what a half-done definition
        meets shall not hold back the syncs.
        """
        rules = Rules(has_breaker=False)
        traffic = Traffic(self.tables.coordination, found.tenant, found.id, rules)
        return traffic.regulated(self.client, limits, headers)

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
    signed: Signature
    variables: Variables
    expected: Expected
    witness: Witness
    give_up_at: float

    @property
    def credentials(self) -> Credentials:
        return self.signed.credentials

    def sent(self, call: Call) -> Reply:
        timeout_s = self.definition.timeout / 1000
        return send_with_retries(
            self.witness, call, ONE_TRY, timeout_s=timeout_s, give_up_at=self.give_up_at, idempotent=False
        )

    def unsigned(self) -> Json | None:
        """Return the TestResult of a test that got no access token; its request is the one for the token."""
        refusal, call = self.signed.refusal, self.signed.asked
        if refusal is None or call is None:
            return None
        error = f"The hub got no access token. {refusal.message}"
        return self.result(call, None, error=error, reason=refusal.details.get("reason"))

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
    if outcome != found.integration.get("lastTestResult"):
        _tell(change, found.id, result)


def _tell(change: Change, integration_id: str, result: Json) -> None:
    """Publish that the other system can be reached now, or that it cannot; a repeat of what was known tells nobody."""
    if result["success"]:
        change.tell("integration.connected", {"integrationId": integration_id})
    else:
        change.tell(
            "integration.error", {"integrationId": integration_id, "error": result.get("error", "The test failed.")}
        )


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
