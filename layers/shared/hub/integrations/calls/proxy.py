"""The pass-through: any call of the other system's API, authenticated by the connection, within budget, and logged."""

from dataclasses import dataclass
from functools import lru_cache

from hub.connector.authenticate import Signer
from hub.connector.exchange import Channel
from hub.connector.plan import Plan, compile_endpoint
from hub.connector.probe import tried_once
from hub.connector.request_config import Endpoint
from hub.connector.requests import Draft, header_builder
from hub.core.answers import Answer
from hub.core.errors import BadDefinition, HubError, Problem
from hub.core.journal import Change
from hub.integrations import connected, plans
from hub.integrations.calls import call_log
from hub.integrations.calls.call_log import Exchanged
from hub.integrations.calls.forwarding import Asked, answer_of, draft_of
from hub.integrations.calls.watch import Watch
from hub.integrations.calls.way_out import WayOut
from hub.integrations.connected import Connected

ENDPOINT = "proxy"
READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Passed:
    """What became of a request: the other system's answer, or the hub's own error in place of it."""

    answer: Answer | None
    error: HubError | None
    exchanged: Exchanged


def pass_on(way: WayOut, found: Connected, asked: Asked) -> Passed:
    """Send the request and return what came of it; raises what keeps a call from being made at all."""
    plan = _plan(found.definition_text, asked.method)
    watch, draft = Watch(), _draft(found, asked)
    means = watch.over(way.means(found, plan, knows_scopes=False))
    channel = Channel(plan.exchange, Signer(plan.auth, means.secrets, means.tokens), means.client, 0)
    try:
        answer = answer_of(channel.send(draft, None, way.give_up_at()), watch.credentials)
    except HubError as error:
        return Passed(None, error, watch.exchanged(error.message))
    return Passed(answer, None, watch.exchanged())


def record(change: Change, found: Connected, asked: Asked, passed: Passed) -> None:
    """Add to `change` what was called; a call that may have changed something is in the audit trail too."""
    call_log.record(change, found, ENDPOINT, passed.exchanged)
    if asked.method not in READING:
        status = passed.exchanged.reply.status if passed.exchanged.reply else None
        change.audit("integration.called", found.id, method=asked.method, status=status)


def _draft(found: Connected, asked: Asked) -> Draft:
    definition = plans.definition_of(found.definition_text)
    if not definition.base_url:
        raise BadDefinition("The integration has no address to call.", [Problem("/baseUrl", "expected a URL")])
    own = header_builder(definition.default_headers)(connected.variables_of(found, {}))
    return draft_of(asked, definition.base_url, {name: value for name, value in own.items() if name != "accept"})


@lru_cache(maxsize=plans.KEPT)
def _plan(definition_text: str, method: str) -> Plan:
    """Return how an endpoint of this connector would be called that says nothing of its own.

    It is tried once: whoever passes a request on sees what the provider says, and knows whether it may be sent twice.
    """
    definition = plans.definition_of(definition_text)
    endpoint = Endpoint.model_validate(
        {"id": ENDPOINT, "name": ENDPOINT, "method": method, "path": "/", "operation": "post"}
    )
    return tried_once(compile_endpoint(definition.model_copy(update={"endpoints": [endpoint]}), ENDPOINT))
