"""Integrations of the providers that the hub ships with, made on each surface that names them."""

import pytest

from hub.integrations.catalog import providers, seeding
from hub.integrations.instances.teams_models import TeamsIntegration
from hub.integrations.instances.v1_models import Integration
from hub.providers import provider_files
from tests.api.conftest import Cloud, Hub
from tests.api.instances import CARDS, V1, Json, of_user, pointers, refused, team
from tests.api.subscriptions import tables

# S002, "Provider Configuration".
CARDS_CREDENTIALS: dict[str, Json] = {
    "SALESFORCE": {"accessToken": "canary-token-0001", "instanceUrl": "https://na1.salesforce.com"},
    "HUBSPOT": {"accessToken": "canary-token-0002"},
    "ZOHO": {"accessToken": "canary-token-0003", "apiDomain": "https://www.zohoapis.eu"},
    "MAILCHIMP": {"apiKey": "0123456789abcdef0123456789abcdef-us6", "audienceId": "list-1"},
    "SENDGRID": {"apiKey": "SG.canary-key-0000000001", "listId": "list-1"},
    "GOOGLE_DRIVE": {
        "accessToken": "canary-token-0004",
        "refreshToken": "canary-token-0005",
        "expiresAt": "2090-01-01T00:00:00.000Z",
    },
    "DROPBOX": {"accessToken": "canary-token-0006", "accountId": "dbid:1"},
    "ZAPIER": {"webhookUrl": "https://hooks.zapier.com/hooks/catch/1/canary/"},
}
SECRET = ("accessToken", "refreshToken", "apiKey", "webhookUrl")


def settings_of(slug: str) -> Json:
    """Return the least that a provider must be told."""
    required = providers.get(tables().config, slug).config_schema.get("required", [])
    return dict.fromkeys(required, "https://api.example.com")


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:  # noqa: ARG001 - the tables must be there
    seeding.seed(tables(), provider_files.load_all())


@pytest.mark.parametrize("kind", ["zapier", "slack", "rest", "graphql", "webhook"])
def test_team_has_each_of_the_five_types(hub: Hub, kind: str) -> None:
    body = {"type": kind, "name": kind, "enabled": True, "config": settings_of(kind)}

    reply = hub.post(team(hub), body)

    assert reply.status == 201, refused(reply)
    TeamsIntegration.model_validate(reply.body)
    assert reply.body["type"] == kind


@pytest.mark.parametrize("name", sorted(CARDS_CREDENTIALS))
def test_user_connects_with_the_credentials_of_the_specification(hub: Hub, name: str) -> None:
    body = {"provider": name, "credentials": CARDS_CREDENTIALS[name]}

    reply = of_user(hub, "POST", f"{CARDS}/connect", body)

    assert reply.status == 201, refused(reply)
    (row,) = of_user(hub, "GET", CARDS).body
    assert (row["provider"], row["status"]) == (name, "ACTIVE")
    entered = CARDS_CREDENTIALS[name]
    assert row["credentials"].keys() == entered.keys()
    assert {each: row["credentials"][each] for each in entered if each not in SECRET} == {
        each: value for each, value in entered.items() if each not in SECRET
    }
    assert not any(entered[each] in repr(row) for each in SECRET if each in entered)
    assert of_user(hub, "DELETE", f"{CARDS}/{name}").status == 200


@pytest.mark.parametrize("slug", [path.stem for path in provider_files.paths()])
def test_tenant_makes_one_of_every_provider(hub: Hub, slug: str) -> None:
    body = {"providerId": slug, "name": slug, "config": settings_of(slug), "environment": "SANDBOX"}

    reply = hub.post(V1, body)

    assert reply.status == 201, refused(reply)
    Integration.model_validate(reply.body)
    assert reply.body["status"] in ("PENDING_AUTH", "ACTIVE")
    assert hub.get(f"{V1}/{reply.body['id']}/health").status == 200


def test_zapier_takes_the_config_of_the_specification_and_keeps_no_key(hub: Hub) -> None:
    """S003, "Creating an Integration": the key has no use, since the address of the webhook is its credential."""
    config = {"webhookId": "zap-123", "apiKey": "xxx-yyy-zzz"}
    body = {"teamId": hub.tenant, "name": "Zapier Connection", "type": "zapier", "config": config, "enabled": True}

    made = hub.post(team(hub), body)
    changed = hub.call("PATCH", f"{team(hub)}/{made.body['id']}", {"config": {"apiKey": "canary-key"}})

    assert (made.status, made.body["enabled"], made.body["status"]) == (201, True, "pending_auth")
    assert made.body["config"] == changed.body["config"] == {"webhookId": "zap-123"}
    held = tables().config.query_all("pk = :pk", {"pk": f"{hub.tenant}#integration"})
    assert not any(secret in repr(list(held)) for secret in ("xxx-yyy-zzz", "canary-key"))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"provider": "ZOHO", "credentials": {"accessToken": "canary-token"}}, "/credentials/apiDomain"),
        ({"provider": "SALESFORCE", "credentials": {"accessToken": "canary-token"}}, "/credentials/instanceUrl"),
        ({"provider": "HUBSPOT", "credentials": {"accessToken": "canary\ntoken"}}, "/credentials/accessToken"),
        ({"provider": "HUBSPOT", "credentials": {"accessToken": "canary-t\u00f6ken"}}, "/credentials/accessToken"),
        ({"provider": "HUBSPOT", "credentials": {"accessToken": "a"}, "settings": {"size": 1}}, "/settings/size"),
    ],
    ids=["no domain", "no address", "line feed", "umlaut", "setting"],
)
def test_credentials_are_refused_where_they_were_entered(hub: Hub, body: Json, where: str) -> None:
    reply = of_user(hub, "POST", f"{CARDS}/connect", body)

    assert (reply.status, pointers(reply)) == (400, [where])
    assert "canary" not in repr(reply.body)
    assert of_user(hub, "GET", CARDS).body == []


def test_stored_token_takes_the_next_one_before_its_address_is_known(hub: Hub) -> None:
    """S003, "Setting Up OAuth": its example names no instance of Salesforce, and the team brings the next token."""
    tokens = f"/api/v1/teams/{hub.tenant}/oauth-tokens"
    body = {
        "teamId": hub.tenant,
        "provider": "salesforce",
        "userId": "user-123",
        "accessToken": "canary-token-that-is-long-enough",
        "refreshToken": "canary-refresh-that-is-long-enough",
        "scopes": ["api", "refresh_token"],
        "expiresAt": "2090-01-01T00:00:00.000Z",
    }
    stored = hub.post(tokens, body)
    assert stored.status == 201, refused(stored)
    next_token = {"newToken": "canary-brought-by-the-team", "expiresAt": "2091-01-01T00:00:00.000Z"}

    brought = hub.post(f"{tokens}/{stored.body['id']}/refresh", next_token)
    asked = hub.post(f"{tokens}/{stored.body['id']}/refresh")

    assert (brought.status, brought.body["expiresAt"]) == (200, next_token["expiresAt"])
    assert "canary-brought" not in repr(brought.body)
    found = hub.get(tokens, query={"provider": "salesforce", "userId": "user-123"})
    assert found.body == brought.body
    assert asked.status == 409
