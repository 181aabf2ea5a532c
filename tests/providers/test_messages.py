"""Messages and hooks: Slack and Zapier."""

from dataclasses import replace
from typing import Any

import pytest

from hub.core.errors import Refused, Retryable, UpstreamError
from tests.parity.serving import Json
from tests.providers.connecting import Account, connected
from tests.providers.fakes.slack import HOOK
from tests.providers.shapes import BY_SLUG, contact

TEXT = 'Zoë said: "5 > 3" \\o/ 東京'


def _post(account: Account, params: Json) -> int:
    return account.call(account.endpoint("post").id, params).status


def _fake(account: Account) -> Any:
    return account.fake


def test_slack_gets_the_message_as_it_was_written() -> None:
    shape = BY_SLUG["slack"]
    with connected(shape.connecting, shape.fake(3)) as account:
        assert _post(account, {"channel": "C00000001", "text": TEXT}) == 200

    assert [(one["channel"], one["text"]) for one in _fake(account).messages] == [("C00000001", TEXT)]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"channel": "C9", "text": "a"}, "channel_not_found"),
        ({"channel": "C00000001", "text": "a" * 40_001}, "too_long"),
    ],
)
def test_slack_refusal_inside_a_200_is_one(params: Json, said: str) -> None:
    shape = BY_SLUG["slack"]
    with connected(shape.connecting, shape.fake(3)) as account, pytest.raises(Refused, match=said):
        _post(account, params)


@pytest.mark.parametrize(
    ("slug", "params", "held"),
    [("slack", {"channel": "C00000001", "text": TEXT}, "messages"), ("zapier", {"payload": {"a": 1}}, "caught")],
)
def test_message_whose_answer_is_lost_is_not_posted_again(slug: str, params: Json, held: str) -> None:
    shape = BY_SLUG[slug]
    with connected(shape.connecting, shape.fake(3)) as account:
        account.fake.lose_next(1)
        with pytest.raises(UpstreamError):
            _post(account, params)

    assert len(getattr(account.fake, held)) == 1


def test_slack_limit_is_a_reason_to_come_again() -> None:
    shape = BY_SLUG["slack"]
    with connected(shape.connecting, shape.fake(3)) as account:
        account.fake.limit_next(10)
        with pytest.raises(Retryable):
            _post(account, {"channel": "C00000001", "text": TEXT})

    assert _fake(account).messages == []


def test_slack_hook_is_posted_to() -> None:
    shape = BY_SLUG["slack"]
    how = replace(shape.connecting, kind="custom", entered={"webhookUrl": f"{{origin}}{HOOK}"})
    with connected(how, shape.fake(3)) as account:
        assert _post(account, {"text": TEXT}) == 200

    assert [one["text"] for one in _fake(account).messages] == [TEXT]


def test_zapier_catches_what_is_posted() -> None:
    shape = BY_SLUG["zapier"]
    event = {"event": "CONTACT_CREATED", "data": {"email": "zoë@example.com", "tags": ["a", None]}}
    with connected(shape.connecting, shape.fake(0)) as account:
        assert _post(account, {"payload": event}) == 200

    assert _fake(account).caught == [event]


def test_zapier_is_started_once_for_each_contact() -> None:
    shape = BY_SLUG["zapier"]
    with connected(shape.connecting, shape.fake(0)) as account:
        run = account.batch_run("contact")
        batches = run.batches([contact(number) for number in range(101)]).batches
        outcomes = {result.outcome for batch in batches for result in run.send(batch).results}

    assert ([len(one) for one in _fake(account).caught], outcomes) == ([100, 1], {"written"})


def test_zapier_hook_that_is_gone_is_refused() -> None:
    shape = BY_SLUG["zapier"]
    with connected(shape.connecting, shape.fake(0)) as account:
        _fake(account).gone.add("/hooks/catch/123456/abcde1/")
        with pytest.raises(Refused):
            _post(account, {"payload": {"a": 1}})


def test_zapier_has_no_health_check_that_starts_a_zap() -> None:
    """Whatever is sent to a hook starts its Zap, also a GET."""
    shape = BY_SLUG["zapier"]
    with connected(shape.connecting, shape.fake(0)) as account:
        operations = [one.operation for one in account.definition.endpoints]

    assert "health" not in operations
