"""Verdicts are remembered per identity, for as long as the template says."""

from typing import Any

import pytest

from local.authorizer import BadVerdict, Gatekeeper, Verdict
from local.http_events import Request
from local.routes import Match
from local.template import Authorizer, Route

MATCH = Match(Route("GET", "/", "F", "A"), {})


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class AuthorizerFunction:
    """Lets everyone in and counts how often it was asked."""

    def __init__(self, result: Any = None) -> None:
        self.result = result or {"isAuthorized": True, "context": {"tenant": "acme"}}
        self.asked = 0

    def __call__(self, _event: Any, _request_id: str) -> Any:
        self.asked += 1
        return self.result


def make_request(authorization: str | None) -> Request:
    headers = (("authorization", authorization),) if authorization is not None else ()
    return Request("GET", "/", "", headers, b"", "127.0.0.1")


def make_gatekeeper(function: AuthorizerFunction, clock: Clock, ttl_s: int = 10) -> Gatekeeper:
    return Gatekeeper(Authorizer("A", "arn", ("authorization",), ttl_s), function, clock)


def ask(gatekeeper: Gatekeeper, token: str) -> Verdict:
    request = make_request(token)
    identity = gatekeeper.identity_of(request)
    assert identity
    return gatekeeper.judge(identity, request, MATCH)


@pytest.mark.parametrize("token", [None, ""])
def test_identity_is_none_when_the_header_is_missing_or_empty(token: str | None) -> None:
    gatekeeper = make_gatekeeper(AuthorizerFunction(), Clock())

    assert gatekeeper.identity_of(make_request(token)) is None
    assert gatekeeper.identity_of(make_request("t")) == ("t",)


def test_verdict_is_asked_again_when_its_time_is_over() -> None:
    function, clock = AuthorizerFunction(), Clock()
    gatekeeper = make_gatekeeper(function, clock)

    ask(gatekeeper, "t")
    clock.now += 9.9
    ask(gatekeeper, "t")
    assert function.asked == 1

    clock.now += 0.2
    ask(gatekeeper, "t")
    assert function.asked == 2


def test_verdict_of_one_identity_says_nothing_about_another() -> None:
    function = AuthorizerFunction()
    gatekeeper = make_gatekeeper(function, Clock())

    ask(gatekeeper, "t")
    ask(gatekeeper, "u")

    assert function.asked == 2


def test_verdict_is_never_remembered_when_the_template_says_0() -> None:
    function = AuthorizerFunction()
    gatekeeper = make_gatekeeper(function, Clock(), ttl_s=0)

    ask(gatekeeper, "t")
    ask(gatekeeper, "t")

    assert function.asked == 2


@pytest.mark.parametrize("result", ["yes", {"isAuthorized": "yes"}, {"principalId": "me"}])
def test_verdict_that_is_not_a_simple_response_is_an_error(result: Any) -> None:
    with pytest.raises(BadVerdict):
        ask(make_gatekeeper(AuthorizerFunction(result), Clock()), "t")
