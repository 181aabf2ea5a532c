"""OAuth 2.0 on the whole stack: the hub fetches, renews and rotates access tokens while syncs run."""

import secrets
from typing import Any

import pytest

from local.sandbox.grants import challenge_of
from local.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from local.sandbox.server import RunningSandbox
from local.sandbox.server import start as start_sandbox
from local.stack import Stack
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import INTEGRATIONS, HubClient, counted

Json = dict[str, Any]

COMPANIES = 500
PAGE_S = 0.03


def oauth2(provider: RunningSandbox, **changes: Any) -> Json:
    """Return a connector for the sandbox's API behind its OAuth gate."""
    auth = {
        "type": "oauth2",
        "grantType": "client_credentials",
        "tokenUrl": f"{provider.url}/oauth/token",
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        **changes,
    }
    made = connector(provider.url, endpoint(page_size=20))
    return {**made, "baseUrl": f"{provider.url}/auth/oauth/v1", "auth": auth}


def refreshing(provider: RunningSandbox, **changes: Any) -> Json:
    return oauth2(provider, grantType="refresh_token", refreshToken=granted(provider), **changes)


def granted(provider: RunningSandbox) -> str:
    """Return the refresh token of a new grant, as a user who approved gets it."""
    verifier, page = "v" * 43, f"{provider.url}/here"
    grants = provider.app.oauth.grants
    code = grants.issue_code("read write", page, challenge_of(verifier))
    return str(grants.redeem_code(code, page, verifier)["refresh_token"])


def token_requests(provider: RunningSandbox) -> int:
    return sum(each["path"] == "/oauth/token" for each in provider.requests)


def token_record(stack: Stack, tenant: str, integration_id: str) -> Json | None:
    """Return the item that holds the tokens, as DynamoDB has it."""
    database = stack.aws("dynamodb")
    (name,) = [each for each in database.list_tables()["TableNames"] if "CredentialsTable" in each]
    place = {"pk": {"S": f"{tenant}#token"}, "sk": {"S": integration_id}}
    item: Json | None = database.get_item(TableName=name, Key=place).get("Item")
    return item


# ---------------------------------------------------------------- tokens that end while a sync runs


@pytest.mark.parametrize("style", ["body", "basic"])
def test_sync_fetches_its_own_token_once(hub: HubClient, provider: RunningSandbox, style: str) -> None:
    job = hub.synced(oauth2(provider, tokenAuth=style, scope="read"))

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=COMPANIES, created=COMPANIES))
    assert token_requests(provider) == 1


def test_sync_goes_on_when_its_token_is_refused_in_the_middle(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/auth", "slow", delay_s=PAGE_S)
    job_id = hub.start(hub.create(oauth2(provider)))
    hub.job_when(job_id, lambda job: job["page"])

    provider.app.oauth.grants.expire_access_tokens()
    job = hub.ended(job_id)

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=COMPANIES, created=COMPANIES))
    assert token_requests(provider) == 2


def test_sync_renews_tokens_that_live_shorter_than_it_runs(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/auth", "slow", delay_s=PAGE_S)
    provider.app.oauth.grants.expires_in_s = 0.5

    job = hub.synced(refreshing(provider))

    assert (job["status"], job["counters"]["created"]) == ("COMPLETED", COMPANIES)
    assert token_requests(provider) >= 2


def test_rotated_refresh_token_is_used_by_the_next_sync(hub: HubClient, provider: RunningSandbox) -> None:
    """The sandbox ends the grant when the entered one comes again."""
    integration_id = hub.create(refreshing(provider))
    jobs = []
    for _ in range(3):
        jobs.append(hub.ended(hub.start(integration_id)))
        provider.app.oauth.grants.expire_access_tokens()

    assert [job["status"] for job in jobs] == ["COMPLETED"] * 3
    assert token_requests(provider) == 3


def test_edit_of_a_connector_does_not_forget_the_rotated_refresh_token(
    hub: HubClient, provider: RunningSandbox
) -> None:
    integration_id = hub.create(refreshing(provider))
    hub.ended(hub.start(integration_id))
    hub.call("PATCH", f"{INTEGRATIONS}/{integration_id}", {"description": "new", "auth": {"scope": "read"}})

    job = hub.ended(hub.start(integration_id))

    assert job["status"] == "COMPLETED"
    assert token_requests(provider) == 2


# ---------------------------------------------------------------- grants that are over


def test_sync_without_a_grant_says_what_to_do_and_a_new_one_repairs_it(
    hub: HubClient, provider: RunningSandbox
) -> None:
    integration_id = hub.create(refreshing(provider))
    hub.ended(hub.start(integration_id))
    provider.app.oauth.grants.revoke_all()

    failed = hub.ended(hub.start(integration_id))
    hub.call("PATCH", f"{INTEGRATIONS}/{integration_id}", {"auth": {"refreshToken": granted(provider)}})
    repaired = hub.ended(hub.start(integration_id))

    assert (failed["status"], repaired["status"]) == ("FAILED", "COMPLETED")
    reason = failed["errorLog"][-1]["reason"]
    assert "invalid_grant" in reason
    assert reason.endswith("Check clientId and clientSecret, or enter a new refreshToken.")


def test_sync_waits_when_the_token_server_is_down(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/oauth/token", "status_503", times=1)
    job_id = hub.start(hub.create(oauth2(provider)))

    job = hub.job_when(job_id, lambda job: job["errorLog"])

    assert "The token server answered 503" in job["errorLog"][-1]["reason"]
    assert job["status"] != "FAILED"
    hub.cancel(job_id)


def test_test_of_a_connector_fetches_a_token_too(hub: HubClient, provider: RunningSandbox) -> None:
    place = f"{INTEGRATIONS}/{hub.create(oauth2(provider))}/test"

    results = [hub.call("POST", path, {}) for path in (f"{place}/list", place)]

    assert [result["success"] for result in results] == [True, True]
    assert results[0]["request"]["headers"]["authorization"] == "****"
    assert token_requests(provider) == 1


def test_test_of_a_connector_shows_why_there_is_no_token(hub: HubClient, provider: RunningSandbox) -> None:
    wrong = f"wrong-{secrets.token_hex(12)}"
    place = f"{INTEGRATIONS}/{hub.create(oauth2(provider, clientSecret=wrong))}/test"

    result = hub.call("POST", f"{place}/list", {})

    assert not result["success"]
    assert result["request"]["url"] == f"{provider.url}/oauth/token"
    assert "answered 401: invalid_client" in result["error"]
    assert result["error"].endswith("Check tokenUrl, clientId, clientSecret and scope.")
    assert wrong not in str(result)


# ---------------------------------------------------------------- where secrets go, and when tokens go away


@pytest.mark.parametrize("moved", ["tokenUrl", "baseUrl"])
def test_client_secret_never_follows_a_change_of_address(hub: HubClient, provider: RunningSandbox, moved: str) -> None:
    """Also not that of the baseUrl: the token that the secret buys would be sent there."""
    integration_id = hub.create(oauth2(provider))
    hub.ended(hub.start(integration_id))
    place = f"{INTEGRATIONS}/{integration_id}"
    provider.app.oauth.grants.expire_access_tokens()

    with start_sandbox() as other:
        there: dict[str, Json] = {
            "tokenUrl": {"auth": {"tokenUrl": f"{other.url}/oauth/token"}},
            "baseUrl": {"baseUrl": other.url},
        }
        changed = hub.call("PATCH", place, there[moved])
        hub.call("POST", f"{place}/sync", {"endpointId": "list"}, expect=400)
        hub.call("POST", f"{place}/test", {}, expect=400)
        asked = list(other.requests)

    assert changed["secretsRequired"] == ["/auth/clientSecret"]
    assert asked == []


def test_tokens_expire_with_a_deleted_integration(
    stack: Stack, hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    integration_id = hub.create(oauth2(provider))
    hub.ended(hub.start(integration_id))
    before = token_record(stack, tenant, integration_id) or {}

    hub.call("DELETE", f"{INTEGRATIONS}/{integration_id}", expect=204)

    after = token_record(stack, tenant, integration_id) or {}
    assert ("expiresEpochS" in before, "expiresEpochS" in after) == (False, True)


def test_tokens_are_deleted_when_a_connector_no_longer_uses_them(
    stack: Stack, hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    integration_id = hub.create(oauth2(provider))
    hub.ended(hub.start(integration_id))
    before = token_record(stack, tenant, integration_id)

    hub.call("PATCH", f"{INTEGRATIONS}/{integration_id}", {"auth": {"type": "none"}})

    assert before is not None
    assert token_record(stack, tenant, integration_id) is None
