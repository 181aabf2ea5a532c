"""The end of an OAuth flow: the code exchanged, the tokens kept, the browser sent on, and what a failure leaves."""

import json
from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.errors import Retryable
from hub.core.resources import resources
from hub.core.tables import Update, key, partition
from tests.api import consent
from tests.api.conftest import Hub, StoppedClock, just_before, lose_connection
from tests.api.consent import APP, AuthorizationServer, answered, begin, come_back, connect, custom, enabled, query_of

PLACE = "/api/v1/integrations"

pytestmark = pytest.mark.usefixtures("oauth")


def events(hub: Hub) -> list[str]:
    pk = partition(Tenant(hub.tenant), "event")
    return [item["type"] for item in resources().tables.activity.query_all("pk = :pk", {"pk": pk})]


# ---------------------------------------------------------------- connected


def test_browser_comes_back_to_the_page_it_began_at_with_what_was_connected(
    hub: Hub, oauth: AuthorizationServer
) -> None:
    consent.allow(hub, APP)
    integration_id = enabled(hub)

    answer = connect(hub, oauth, integration_id, f"{APP}/settings?tab=crm#top")

    assert (answer.status, answer.body) == (302, None)
    assert answer.headers["Location"] == f"{APP}/settings?tab=crm&status=connected&integrationId={integration_id}#top"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_browser_without_a_page_of_its_own_goes_to_the_dashboard(hub: Hub, oauth: AuthorizationServer) -> None:
    answer = connect(hub, oauth, enabled(hub))

    assert answer.headers["Location"].startswith("/dashboard/integrations?status=connected&")


def test_connection_of_a_provider_has_what_was_granted(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = enabled(hub)

    connect(hub, oauth, integration_id)

    made = consent.connection(hub, integration_id)
    assert made is not None
    assert (made["status"], made["method"], made["generation"]) == ("active", "oauth2", 1)
    assert made["scopes"] == ["contacts.read"]
    assert json.loads(made["fields"]) == {"instanceUrl": "https://acme.example.com"}
    assert consent.integration(hub, integration_id)["status"] == "active"
    stored = consent.tokens(hub, f"{made['sk']}.1")
    assert stored == {"accessToken": "canary-access-token-1", "refreshToken": "canary-refresh-token-1"}


def test_tokens_of_a_custom_integration_are_found_by_its_next_call(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = custom(hub)

    connect(hub, oauth, integration_id)

    assert consent.integration(hub, integration_id)["status"] == "active"
    stored = consent.tokens(hub, integration_id)
    assert stored == {"accessToken": "canary-access-token-1", "refreshToken": "canary-refresh-token-1"}


@pytest.mark.parametrize("make", [enabled, custom])
def test_connecting_is_one_transaction_with_its_event_and_its_audit_entry(
    hub: Hub, oauth: AuthorizationServer, make: Any
) -> None:
    integration_id = make(hub)

    connect(hub, oauth, integration_id)

    assert consent.actions(hub)[-1] == "connection.connected"
    assert events(hub)[-1] == "integration.connected"
    assert integration_id in repr(hub.audit_entries()[-1])


def test_code_is_exchanged_once_with_its_verifier_within_20_seconds(hub: Hub, oauth: AuthorizationServer) -> None:
    started = begin(hub, enabled(hub))
    brought = oauth.consent(started["authorizationUrl"])

    come_back(hub, consent.CALLBACK, brought)

    (asked,) = oauth.asked
    assert consent.challenge_of(asked["code_verifier"]) == query_of(started["authorizationUrl"])["code_challenge"]
    assert asked["grant_type"] == "authorization_code"
    assert asked["code"] == brought["code"]
    assert asked["redirect_uri"] == query_of(started["authorizationUrl"])["redirect_uri"]
    assert oauth.timeouts_s == [20.0]


def test_page_that_posts_the_code_is_answered_the_integration(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = enabled(hub)
    started = begin(hub, integration_id)

    answer = hub.post(f"{PLACE}/{integration_id}/oauth/callback", oauth.consent(started["authorizationUrl"]))

    assert answer.status == 200
    assert (answer.body["id"], answer.body["status"], answer.body["authType"]) == (integration_id, "ACTIVE", "OAUTH2")
    assert "canary" not in repr(answer)


def test_post_of_a_custom_integrations_code_is_answered_too(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = custom(hub)
    started = begin(hub, integration_id)

    answer = hub.post(f"{PLACE}/{integration_id}/oauth/callback", oauth.consent(started["authorizationUrl"]))

    assert (answer.status, answer.body["status"]) == (200, "ACTIVE")


def test_repeated_post_with_its_key_gets_the_same_answer(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id, headers = enabled(hub), {"idempotency-key": "once"}
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])

    answers = [hub.post(f"{PLACE}/{integration_id}/oauth/callback", brought, headers=headers) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert len(oauth.asked) == 1


def test_user_connects_for_themselves_and_nobody_else(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = enabled(hub, userScoped=True)
    started = hub.post(f"/api/user/integrations/{integration_id}/connect/oauth", {}, roles="user").body

    come_back(hub, consent.CALLBACK, oauth.consent(started["authorizationUrl"]))

    own, whole = consent.connection(hub, integration_id, "u1"), consent.connection(hub, integration_id)
    assert own is not None
    assert (own["owner"], whole) == ("user:u1", None)


def test_connecting_again_is_a_new_generation_and_the_former_tokens_expire(
    hub: Hub, oauth: AuthorizationServer
) -> None:
    integration_id = enabled(hub)
    connect(hub, oauth, integration_id)
    connect(hub, oauth, integration_id)

    made = consent.connection(hub, integration_id)
    assert made is not None
    assert made["generation"] == 2
    assert consent.tokens(hub, f"{made['sk']}.2")["accessToken"] == "canary-access-token-2"
    former = resources().tables.credentials.get(key(Tenant(hub.tenant), "token", f"{made['sk']}.1"))
    assert former is not None
    assert "expiresEpochS" in former


def test_paused_integration_is_connected_and_stays_paused(hub: Hub, oauth: AuthorizationServer) -> None:
    provider, own = enabled(hub, status="paused"), custom(hub)
    place = key(Tenant(hub.tenant), "integration", own)
    tables = resources().tables
    tables.write(Update(tables.config, place, "SET status = :paused", {"paused": "paused"}))

    for integration_id in (provider, own):
        connect(hub, oauth, integration_id)

    assert [consent.integration(hub, each)["status"] for each in (provider, own)] == ["paused", "paused"]


def test_grant_wins_over_a_renewal_that_is_under_way(hub: Hub, oauth: AuthorizationServer) -> None:
    """The worker holds the lease, asks, and finds that its record is another one: what the user granted stays."""
    integration_id = custom(hub)
    connect(hub, oauth, integration_id)
    place = key(Tenant(hub.tenant), "token", integration_id)
    credentials = resources().tables.credentials
    leased = credentials.update(place, "SET leaseOwner = :me, leaseUntilS = :until", {"me": "w", "until": 9e9})

    connect(hub, oauth, integration_id)

    record = credentials.get(place)
    assert record is not None
    assert record["version"] == leased["version"] + 1
    assert "leaseOwner" not in record
    assert consent.tokens(hub, integration_id)["accessToken"] == "canary-access-token-2"


def test_grant_is_kept_although_the_record_changes_at_that_very_moment(hub: Hub, oauth: AuthorizationServer) -> None:
    """A code cannot be exchanged twice: what it brought is written again, on the record as it is then."""
    integration_id = custom(hub)
    connect(hub, oauth, integration_id)
    place = key(Tenant(hub.tenant), "token", integration_id)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])

    with just_before("TransactWriteItems", lambda: bump(place)):
        answer = come_back(hub, consent.CUSTOM_CALLBACK, brought)

    assert "status=connected" in answer.headers["Location"]
    assert consent.tokens(hub, integration_id)["accessToken"] == "canary-access-token-2"


def bump(place: dict[str, str]) -> None:
    """Let another worker write the record."""
    resources().tables.credentials.update(place, "SET version = version + :one", {"one": 1})


# ---------------------------------------------------------------- not connected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answered({"error": "invalid_grant"}, 400), "invalid_grant"),
        (answered({"error": "invalid_code"}), "invalid_grant"),
        (answered({"ok": False, "error": "invalid_code"}), "invalid_grant"),
        (answered({"error": "invalid_client"}, 401), "client_misconfigured"),
        (answered({"error": "invalid_grant"}, 503), "provider_unavailable"),
        (answered({"error": "slow_down"}, 429), "rate_limited"),
        (answered({"nothing": True}), "unexpected_answer"),
        (Retryable("could not be connected"), "provider_unavailable"),
    ],
)
def test_browser_is_told_why_there_are_no_tokens(
    hub: Hub, oauth: AuthorizationServer, answer: Any, reason: str
) -> None:
    integration_id = enabled(hub)
    oauth.answers = [answer]

    back = connect(hub, oauth, integration_id)

    assert query_of(back.headers["Location"]) == {"error": reason, "integrationId": integration_id}
    assert consent.connection(hub, integration_id) is None
    assert consent.refusals(hub) == [(integration_id, reason)]
    assert len(oauth.asked) == 1


def test_user_who_says_no_is_sent_back_with_the_providers_word_for_it(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = enabled(hub)
    state = begin(hub, integration_id)["state"]

    back = come_back(hub, consent.CALLBACK, {"state": state, "error": "access_denied", "error_description": "x<y"})

    assert query_of(back.headers["Location"]) == {"error": "access_denied", "integrationId": integration_id}
    assert consent.refusals(hub) == [(integration_id, "access_denied")]
    assert oauth.asked == []


def test_page_that_posts_the_providers_no_is_told_the_reason(hub: Hub) -> None:
    integration_id = enabled(hub)
    state = begin(hub, integration_id)["state"]

    answer = hub.post(f"{PLACE}/{integration_id}/oauth/callback", {"state": state, "error": "access_denied"})

    assert (answer.status, answer.code) == (400, "CONNECTION_FAILED")
    assert "access_denied" in answer.body["error"]["message"]


def test_words_of_a_provider_are_only_passed_on_when_they_are_a_code(hub: Hub) -> None:
    integration_id = enabled(hub)
    state = begin(hub, integration_id)["state"]

    back = come_back(hub, consent.CALLBACK, {"state": state, "error": "<script>alert(1)</script>\r\nSet-Cookie: a=b"})

    assert query_of(back.headers["Location"])["error"] == "unknown_error"


def test_account_at_an_address_that_the_hub_never_calls_is_given_back(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = enabled(hub)
    oauth.more = {"instance_url": "http://169.254.169.254"}

    back = connect(hub, oauth, integration_id)

    assert query_of(back.headers["Location"])["error"] == "address_refused"
    assert oauth.revoked == ["canary-refresh-token-1"]
    assert consent.connection(hub, integration_id) is None


def test_flow_is_over_when_the_integration_was_connected_otherwise_meanwhile(
    hub: Hub, oauth: AuthorizationServer
) -> None:
    integration_id = enabled(hub)
    late = oauth.consent(begin(hub, integration_id)["authorizationUrl"])
    connect(hub, oauth, integration_id)

    back = come_back(hub, consent.CALLBACK, late)

    assert query_of(back.headers["Location"])["error"] == "changed"
    assert len(oauth.asked) == 1


@pytest.mark.parametrize("word", ["tokenUrl", "authorizationUrl", "clientId", "scope"])
def test_code_goes_nowhere_when_the_definition_was_changed_meanwhile(
    hub: Hub, oauth: AuthorizationServer, word: str
) -> None:
    integration_id = custom(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])
    changed = {"auth": {word: "https://evil.example.net/x", "clientSecret": "canary-of-the-new-client"}}
    assert hub.call("PATCH", f"/api/v1/custom-integrations/{integration_id}", changed).status == 200

    back = come_back(hub, consent.CUSTOM_CALLBACK, brought)

    assert query_of(back.headers["Location"])["error"] == "changed"
    assert oauth.calls == []


def test_flow_of_a_deleted_integration_is_over(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = custom(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])
    assert hub.call("DELETE", f"/api/v1/custom-integrations/{integration_id}").status == 204

    back = come_back(hub, consent.CUSTOM_CALLBACK, brought)

    assert query_of(back.headers["Location"])["error"] == "changed"
    assert oauth.calls == []


def test_lost_connection_to_the_database_gives_the_grant_back(
    hub: Hub, oauth: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.integrations.oauth.finish.KEEP_AGAIN_S", ())
    integration_id = enabled(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])

    with just_before("TransactWriteItems", lose_connection):
        answer = come_back(hub, consent.CALLBACK, brought)

    assert (answer.status, answer.code) == (503, "SERVICE_UNAVAILABLE")
    assert oauth.revoked == ["canary-refresh-token-1"]


# ---------------------------------------------------------------- nothing secret is told


def test_log_and_audit_hold_neither_state_nor_code_nor_tokens(
    hub: Hub, oauth: AuthorizationServer, capsys: pytest.CaptureFixture[str]
) -> None:
    started = begin(hub, enabled(hub))
    brought = oauth.consent(started["authorizationUrl"])
    come_back(hub, consent.CALLBACK, brought)
    come_back(hub, consent.CALLBACK, brought)

    told = capsys.readouterr().out + repr(hub.audit_entries())
    assert "oauth.refused" in told
    verifier = oauth.asked[0]["code_verifier"]
    for secret in (started["state"], brought["code"], verifier, consent.CLIENT_SECRET, "canary-"):
        assert secret not in told


def test_message_of_a_failed_exchange_holds_no_secret(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = enabled(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])
    said = f"no {brought['code']} {consent.CLIENT_SECRET}"
    oauth.answers = [answered({"error": "invalid_grant", "error_description": said}, 400)]

    answer = hub.post(f"{PLACE}/{integration_id}/oauth/callback", brought)

    assert answer.status == 400
    assert "no **** ****" in answer.body["error"]["message"]


def test_time_of_a_token_counts_from_when_it_was_asked_for(
    hub: Hub, oauth: AuthorizationServer, stopped_clock: StoppedClock
) -> None:
    integration_id = enabled(hub)
    connect(hub, oauth, integration_id)

    made = consent.connection(hub, integration_id)
    assert made is not None
    record = resources().tables.credentials.get(key(Tenant(hub.tenant), "token", f"{made['sk']}.1"))
    assert record is not None
    assert record["endsS"] == stopped_clock.epoch_s + 3600
