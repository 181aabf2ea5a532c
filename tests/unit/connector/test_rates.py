"""Rate limits of a definition: which are refused, and what a plan keeps to."""

from typing import Any

import pytest

from hub.connector.definition import parse_definition
from hub.connector.plan import compile_endpoint
from hub.core.errors import BadDefinition
from hub.outbound.budget import Limit, RateHeaders
from tests.unit.connector.factories import definition, endpoint

WHOLE = {"requestsPerMinute": 60, "burstLimit": 5}
OWN = {"requestsPerMinute": 6, "headers": {"remaining": "X-Left", "limit": "X-Most"}}


@pytest.mark.parametrize(
    ("rate_limit", "pointer", "said"),
    [
        ({"requestsPerMinute": 10, "burstLimit": 11}, "/rateLimit/burstLimit", "at most requestsPerMinute, 10"),
        ({"requestsPerMinute": 0}, "/rateLimit/requestsPerMinute", "at least 1"),
        ({"requestsPerMinute": 10, "headers": {"reset": "X Reset"}}, "/rateLimit/headers/reset", "a header name"),
        ({"requestsPerMinute": 10, "headers": {"window": "X"}}, "/rateLimit/headers/window", "unknown key"),
    ],
)
@pytest.mark.parametrize("where", ["definition", "endpoint", "beside another fault"])
def test_rate_limit_is_refused_at_the_place_of_the_fault(
    where: str, rate_limit: dict[str, Any], pointer: str, said: str
) -> None:
    on_endpoint = where == "endpoint"
    raw = definition(endpoint(rateLimit=rate_limit)) if on_endpoint else definition(rateLimit=rate_limit)
    raw |= {"unheardOf": 1} if where == "beside another fault" else {}

    with pytest.raises(BadDefinition) as caught:
        parse_definition(raw)

    found = {problem.pointer: problem.message for problem in caught.value.problems}
    assert said in found["/endpoints/0" * on_endpoint + pointer]


@pytest.mark.parametrize(
    ("whole", "own", "limits", "headers"),
    [
        (None, None, (), RateHeaders()),
        (WHOLE, None, (Limit(60, 5),), RateHeaders()),
        (None, OWN, (Limit(6, scope="list"),), RateHeaders(remaining="X-Left")),
        (WHOLE, OWN, (Limit(60, 5), Limit(6, scope="list")), RateHeaders(remaining="X-Left")),
        (
            {**WHOLE, "headers": {"remaining": "X-All", "reset": "X-Reset"}},
            OWN,
            (Limit(60, 5), Limit(6, scope="list")),
            RateHeaders(remaining="X-Left", reset="X-Reset"),
        ),
    ],
    ids=["none", "connector", "endpoint", "both", "headers of both"],
)
def test_plan_keeps_to_the_limits_of_connector_and_endpoint(
    whole: dict[str, Any] | None, own: dict[str, Any] | None, limits: tuple[Limit, ...], headers: RateHeaders
) -> None:
    on_endpoint = {} if own is None else {"rateLimit": own}
    on_definition = {} if whole is None else {"rateLimit": whole}

    plan = compile_endpoint(parse_definition(definition(endpoint(id="list", **on_endpoint), **on_definition)), "list")

    assert (plan.limits, plan.rate_headers) == (limits, headers)
