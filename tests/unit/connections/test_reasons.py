"""Why there is no token: whatever a token server answers, an outage is never read as the end of a grant."""

import json
from collections import Counter
from itertools import product
from typing import Any

import pytest

from hub.connector.auth_config import OAuth2Auth
from hub.connector.token_requests import LATER_CODES, read_grant
from hub.core.errors import BadDefinition, HubError, Refused, Retryable, TargetForbidden
from hub.core.vault import SecretUnreadable
from hub.integrations.connections import reasons
from hub.integrations.connections.reasons import (
    CLIENT_MISCONFIGURED,
    CODES,
    INSUFFICIENT_SCOPE,
    INVALID_GRANT,
    PROVIDER_UNAVAILABLE,
    RATE_LIMITED,
    REASONS,
    SECRET_UNREADABLE,
    UNEXPECTED_ANSWER,
    of_token_failure,
    who_acts,
)
from hub.outbound.calls import BudgetUsedUp, CircuitOpen, Reply

AUTH = OAuth2Auth.model_validate(
    {
        "type": "oauth2",
        "grantType": "refresh_token",
        "tokenUrl": "https://id.test/token",
        "clientId": "hub",
        "clientSecret": "{{encrypted:****}}",
        "refreshToken": "{{encrypted:****}}",
    }
)
PASSING = {408, 425, 429, *range(500, 600)}
STATUSES = [*range(200, 210), *range(300, 309), *range(400, 430), 451, 499, *range(500, 512), 520, 521, 522, 524, 530]
WORDS = [*CODES, *LATER_CODES, "INVALID_GRANT", "no_such_word", "", "429", "ünknown"]
# The same word in every form in which servers put it, and where it proves nothing.
FORMS: dict[str, Any] = {
    "RFC 6749": lambda word: {"error": word},
    "with a text": lambda word: {"error": word, "error_description": "Token has been expired or revoked."},
    "as an object": lambda word: {"error": {"code": word, "message": "see the documentation"}},
    "Slack": lambda word: {"ok": False, "error": word},
    "only in the text": lambda word: {"error": "no_such_word", "error_description": word},
    "in a page": lambda word: f"<html><title>{word}</title></html>",
    "as a list": lambda word: [word],
    "as a text": lambda word: word,
    "as a number": lambda _word: 17,
}
TOLD = ("RFC 6749", "with a text", "as an object", "Slack")


def failure(status: int, body: Any) -> HubError:
    content = body if isinstance(body, str) and body.startswith("<") else json.dumps(body)
    with pytest.raises(HubError) as caught:
        read_grant(AUTH, Reply(status, {"content-type": "application/json"}, content.encode(), 1), [])
    return caught.value


def answers() -> list[tuple[int, str, str, str]]:
    """Return every answer of the grid with the reason that was found for it."""
    return [
        (status, form, word, of_token_failure(failure(status, make(word))))
        for status, (form, make), word in product(STATUSES, FORMS.items(), WORDS)
    ]


def test_invalid_grant_and_outage_are_never_confused() -> None:
    found = answers()

    assert len(found) > 10_000
    for status, form, word, reason in found:
        is_outage = status in PASSING or (form in TOLD and word in LATER_CODES)
        is_grant = form in TOLD and CODES.get(word.lower()) == INVALID_GRANT
        assert (reason in (PROVIDER_UNAVAILABLE, RATE_LIMITED)) is is_outage, (status, form, word, reason)
        assert (reason == INVALID_GRANT) is (is_grant and not is_outage), (status, form, word, reason)
        assert (reason == RATE_LIMITED) is (status == 429), (status, form, word, reason)


def test_every_kind_of_cause_is_among_the_answers() -> None:
    """The control of the grid: it tells apart, and does not call everything by one name."""
    found = Counter(reason for *_, reason in answers())

    kinds = {INVALID_GRANT, PROVIDER_UNAVAILABLE, RATE_LIMITED, CLIENT_MISCONFIGURED, INSUFFICIENT_SCOPE}
    assert found.keys() == {*kinds, UNEXPECTED_ANSWER}
    assert min(found.values()) > 100


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Retryable("no answer in time"), PROVIDER_UNAVAILABLE),
        (CircuitOpen("left alone", 3.0), PROVIDER_UNAVAILABLE),
        (BudgetUsedUp("no place", 3.0), RATE_LIMITED),
        (Retryable("later", status=503, oauthError="invalid_grant"), PROVIDER_UNAVAILABLE),
        (Refused("no", status=400, oauthError="invalid_grant"), INVALID_GRANT),
        (Refused("no", status=400), UNEXPECTED_ANSWER),
        (BadDefinition("A secret is missing.", []), CLIENT_MISCONFIGURED),
        (TargetForbidden("a private address"), CLIENT_MISCONFIGURED),
        (SecretUnreadable("moved"), SECRET_UNREADABLE),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_failure_without_an_answer_has_its_reason(error: HubError, reason: str) -> None:
    assert of_token_failure(error) == reason


@pytest.mark.parametrize("code", sorted(REASONS))
def test_reason_says_what_it_makes_of_the_connection_and_what_to_do(code: str) -> None:
    reason = REASONS[code]

    assert reason.status in (None, "expired", "error", "revoked")
    assert reason.message.endswith(".")
    assert reason.next_step.endswith(".")


def test_cause_that_passes_by_itself_changes_no_connection() -> None:
    assert {code for code, reason in REASONS.items() if reason.status is None} == {
        PROVIDER_UNAVAILABLE,
        RATE_LIMITED,
        reasons.NEVER_CONNECTED,
    }


def test_the_one_who_must_act_follows_from_whose_it_is() -> None:
    tenants, users = {"owner": "tenant"}, {"owner": "user:u1"}

    assert [who_acts(INVALID_GRANT, each) for each in (tenants, users)] == ["tenant_admin", "user"]
    assert who_acts(CLIENT_MISCONFIGURED, users) == "operator"
    assert who_acts(CLIENT_MISCONFIGURED, users, has_own_client=True) == "tenant_admin"
    assert [who_acts(code, users) for code in (PROVIDER_UNAVAILABLE, RATE_LIMITED)] == ["provider", "nobody"]
