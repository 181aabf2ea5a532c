"""Rate limits of a connector and of its endpoints: what is wrong with them, and how the traffic keeps to them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hub.connector.request_config import Endpoint, RateLimit
from hub.core.errors import Problem
from hub.outbound.budget import Limit, RateHeaders
from hub.outbound.calls import HEADER_NAME

if TYPE_CHECKING:
    from hub.connector.definition import ConnectorDefinition


def check_rate_limit(rate_limit: RateLimit | None, place: str) -> Iterator[Problem]:
    if rate_limit is None:
        return
    most = rate_limit.requests_per_minute
    if rate_limit.burst_limit is not None and rate_limit.burst_limit > most:
        yield Problem(f"{place}/burstLimit", f"expected at most requestsPerMinute, {most}")
    names = rate_limit.headers.model_dump() if rate_limit.headers else {}
    for word, name in names.items():
        if name is not None and not HEADER_NAME.fullmatch(name):
            yield Problem(f"{place}/headers/{word}", "expected a header name")


def limits_of(definition: "ConnectorDefinition", endpoint: Endpoint | None) -> tuple[Limit, ...]:
    """Return the limits that a call has to keep to, all of them: the connector's and the endpoint's own."""
    scoped = {"": definition.rate_limit} | ({endpoint.id: endpoint.rate_limit} if endpoint else {})
    return tuple(
        Limit(rate_limit.requests_per_minute, rate_limit.burst_limit, scope)
        for scope, rate_limit in scoped.items()
        if rate_limit is not None
    )


def rate_headers_of(definition: "ConnectorDefinition", endpoint: Endpoint | None) -> RateHeaders:
    """Return the names of the provider's headers, the endpoint's before the connector's."""
    both = (endpoint.rate_limit if endpoint else None, definition.rate_limit)
    named = [rate_limit.headers for rate_limit in both if rate_limit and rate_limit.headers]
    return RateHeaders(
        remaining=next((headers.remaining for headers in named if headers.remaining), None),
        reset=next((headers.reset for headers in named if headers.reset), None),
    )
