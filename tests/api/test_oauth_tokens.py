"""The next token of a stored one on request (spec S003, refreshOAuthToken): brought along, or asked for now."""

import json
from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Update, key
from tests.api import consent
from tests.api.conftest import Hub
from tests.api.consent import AuthorizationServer, Json, answered, enabled

LATER = "2090-01-01T00:00:00.000Z"


@pytest.fixture
def stored(hub: Hub, oauth: AuthorizationServer) -> str:
    """The id of a user's stored tokens."""
    integration_id = enabled(hub, userScoped=True)
    started = hub.post(f"/api/user/integrations/{integration_id}/connect/oauth", {}, roles="user").body
    consent.come_back(hub, consent.CALLBACK, oauth.consent(started["authorizationUrl"]))
    made = consent.connection(hub, integration_id, "u1")
    assert made is not None
    return str(made["sk"])


def refresh(hub: Hub, oauth_id: str, body: Json | None = None, **options: Any) -> Any:
    team = options.pop("team", hub.tenant)
    return hub.post(f"/api/v1/teams/{team}/oauth-tokens/{oauth_id}/refresh", body or {}, **options)


def test_token_that_is_brought_is_the_next_and_the_refresh_token_stays(hub: Hub, stored: str) -> None:
    answer = refresh(hub, stored, {"newToken": "canary-brought-by-the-team", "expiresAt": LATER})

    assert answer.status == 200
    assert answer.body["expiresAt"] == LATER
    assert answer.body["accessToken"] == "cana...team"
    tokens = consent.tokens(hub, f"{stored}.1")
    assert tokens == {"accessToken": "canary-brought-by-the-team", "refreshToken": "canary-refresh-token-1"}
    assert tokens.version == 2


def test_token_without_a_time_counts_until_it_is_refused(hub: Hub, stored: str) -> None:
    answer = refresh(hub, stored, {"newToken": "canary-brought-by-the-team"})

    record = resources().tables.credentials.get(key(Tenant(hub.tenant), "token", f"{stored}.1"))
    assert answer.body["expiresAt"] is None
    assert record is not None
    assert {"endsS", "renewFromS"} & record.keys() == set()


def test_brought_token_makes_an_expired_connection_work_again(hub: Hub, stored: str) -> None:
    tables = resources().tables
    place = key(Tenant(hub.tenant), "connection", stored)
    tables.write(Update(tables.config, place, "SET status = :s, reason = :r", {"s": "expired", "r": "invalid_grant"}))

    refresh(hub, stored, {"newToken": "canary-brought-by-the-team"})

    made = tables.config.get(place)
    assert made is not None
    assert made["status"] == "active"
    assert "reason" not in made


def test_empty_request_has_the_hub_ask_for_the_next_token(hub: Hub, oauth: AuthorizationServer, stored: str) -> None:
    answer = refresh(hub, stored)

    assert answer.status == 200
    assert oauth.asked[-1]["refresh_token"] == "canary-refresh-token-1"
    assert consent.tokens(hub, f"{stored}.1")["accessToken"] == "canary-access-token-2"
    assert "connection.refreshed" in consent.actions(hub)
    assert "canary" not in json.dumps(answer.body)


def test_refusal_of_the_provider_is_told(hub: Hub, oauth: AuthorizationServer, stored: str) -> None:
    oauth.answers = [answered({"error": "invalid_grant"}, 400)]

    answer = refresh(hub, stored)

    assert (answer.status, answer.code) == (502, "UPSTREAM_ERROR")
    made = resources().tables.config.get(key(Tenant(hub.tenant), "connection", stored))
    assert made is not None
    assert (made["status"], made["reason"]) == ("expired", "invalid_grant")


def test_foreign_and_missing_tokens_are_refused_alike(hub: Hub, other_hub: Hub, stored: str) -> None:
    answers = [
        refresh(other_hub, stored),
        refresh(other_hub, "con_missing"),
        refresh(other_hub, stored, team=hub.tenant),
        refresh(hub, stored, team=other_hub.tenant),
    ]

    assert [answer.status for answer in answers] == [404] * 4
    assert len({json.dumps({**answer.body["error"], "requestId": ""}) for answer in answers}) == 1


@pytest.mark.parametrize(
    "body",
    [{"newToken": ""}, {"newToken": "a b"}, {"newToken": "ä"}, {"newToken": 7}, {"token": "x"}],
)
def test_bad_token_is_refused(hub: Hub, stored: str, body: Json) -> None:
    assert refresh(hub, stored, body).status == 400


@pytest.mark.parametrize("expires_at", ["soon", "2020-01-01T00:00:00Z", ""])
def test_token_that_is_over_is_refused(hub: Hub, stored: str, expires_at: str) -> None:
    assert refresh(hub, stored, {"newToken": "canary-brought", "expiresAt": expires_at}).status == 400
