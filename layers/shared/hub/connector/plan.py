"""An endpoint, compiled: the test button, the preview and the sync run the very same plan."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hub.connector.actions import compile_actions
from hub.connector.auth_config import Auth, NoAuth
from hub.connector.authenticate import path_key, query_names
from hub.connector.definition import ConnectorDefinition
from hub.connector.ends import end_condition
from hub.connector.exchange import Exchange
from hub.connector.graphql_requests import is_idempotent, selection_of
from hub.connector.incremental import Increment, Value, increment_of
from hub.connector.pages import Means, Page, PageRun
from hub.connector.paging import pagination_of, paging
from hub.connector.position import Position
from hub.connector.rates import limits_of, rate_headers_of
from hub.connector.request_config import Endpoint, Parent, RetryConfig
from hub.connector.requests import Draft, draft_builder
from hub.connector.select import Record, Selection, scoped
from hub.connector.urls import origin
from hub.connector.variables import Variables
from hub.core.errors import BadDefinition, Problem
from hub.outbound.budget import Limit, RateHeaders
from hub.outbound.retry import RetryPolicy

__all__ = ["Means", "Page", "PageRun", "Plan", "Position", "Record", "compile_endpoint"]

# Fits a parameter of any type that a parent may fill.
ANY_PARENT = "1"


@dataclass(frozen=True)
class Plan:
    """It holds no secret and no value of a caller, so it may be kept for as long as the connector's version stands."""

    auth: Auth
    draft: Callable[[Variables], Draft]
    exchange: Exchange
    limits: tuple[Limit, ...]
    rate_headers: RateHeaders
    parent: Parent | None = None

    @property
    def increment(self) -> Increment | None:
        """How changes are asked for, None where the endpoint always reads everything."""
        return self.exchange.increment

    def first(self, variables: Variables, since: Value | None = None) -> Draft:
        """Return the request of the first page; `since` is what an incremental endpoint asks from, None = everything.

        Raises BadRequest for a missing or wrong parameter.
        """
        if self.increment is None or since is None:
            return self.draft(variables)
        if self.increment.variable is not None:
            variables = replace(variables, params={**variables.params, self.increment.variable: since})
        return self.increment.asked(self.draft(variables), since)

    def tried(self, variables: Variables) -> Variables:
        """Return variables that a request can be built with before it is known for which parent it is."""
        if self.parent is None:
            return variables
        return replace(variables, params={self.parent.param: ANY_PARENT, **variables.params})

    def bind(self, variables: Variables, means: Means, since: Value | None = None) -> PageRun:
        """Return the run over the endpoint's pages.

        Raises BadRequest for a missing or wrong parameter, BadDefinition for a secret that is not there.
        """
        parent = self.parent
        if parent is not None and parent.as_ is not None and parent.param in variables.params:
            means = replace(means, added={parent.as_: variables.params[parent.param]})
        return PageRun(self.exchange, self.first(variables, since), self.auth, means)


def compile_endpoint(definition: ConnectorDefinition, endpoint_id: str) -> Plan:
    """Return the plan of one endpoint of a definition that `parse_definition` accepted."""
    endpoint = endpoint_of(definition, endpoint_id)
    auth, base_url = definition.auth or NoAuth(type="none"), endpoint.base_url or definition.base_url or ""
    timeout_ms = endpoint.timeout or definition.timeout
    pagination = pagination_of(endpoint)
    exchange = Exchange(
        origin=origin(base_url),
        timeout_s=timeout_ms / 1000,
        policy=_policy(endpoint.retry_config or definition.retry_config),
        idempotent=is_idempotent(endpoint),
        rules=compile_actions([*endpoint.error_actions, *definition.error_actions]),
        selection=_selection(endpoint),
        paging=paging(pagination, query_names(auth)) if pagination else None,
        ended=end_condition(endpoint.pagination),
        increment=increment_of(endpoint, base_url, definition.default_headers, auth),
    )
    return Plan(
        auth,
        draft_builder(base_url, definition.default_headers, endpoint, path_key(auth)),
        exchange,
        limits=limits_of(definition, endpoint),
        rate_headers=rate_headers_of(definition, endpoint),
        parent=endpoint.parent,
    )


def _selection(endpoint: Endpoint) -> Selection:
    chosen, parent = selection_of(endpoint), endpoint.parent
    return scoped(chosen, parent.as_) if parent and parent.as_ and parent.scoped_ids else chosen


def endpoint_of(definition: ConnectorDefinition, endpoint_id: str) -> Endpoint:
    """Return one endpoint by its id; raises BadDefinition that names the others."""
    for endpoint in definition.endpoints:
        if endpoint.id == endpoint_id:
            return endpoint
    known = ", ".join(endpoint.id for endpoint in definition.endpoints) or "none"
    problem = Problem("/endpoints", f"expected an endpoint with the id {endpoint_id[:64]!r}, known are: {known}")
    raise BadDefinition("The definition has no such endpoint.", [problem])


def _policy(config: RetryConfig | None) -> RetryPolicy:
    """S000's delay is constant; without a retryConfig the hub's own growing delays apply."""
    if config is None:
        return RetryPolicy()
    delay_s = config.retry_delay / 1000
    return RetryPolicy(
        max_retries=config.max_retries,
        first_delay_s=delay_s,
        factor=1.0,
        max_delay_s=delay_s,
        jitter="none",
        retry_on=frozenset(config.retry_on),
    )
