"""A secret goes to the origins that it was entered for and nowhere else, whichever field leads elsewhere.

What the hub sends is counted: a canary at the new origin sees nothing, and the very same call is sent where nothing
was changed.
"""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from hub.core import jsontext
from hub.core.resources import resources
from hub.integrations.catalog import providers
from hub.integrations.connections.clients import client_of
from hub.outbound.calls import Call, Reply
from hub.providers.resolve import config_values
from tests.api import connecting
from tests.api.conftest import Cloud, Hub, StoppedClock
from tests.api.connecting import ACCESS, CLIENT_SECRET, KEY, REFRESH, TENANT_PATH, connector, oauth, static_methods
from tests.api.tested import Provider, reply

Json = dict[str, Any]

CANARY = "https://canary.example.net"
WAYS = [{"apiKey": KEY}, {"accessToken": ACCESS, "refreshToken": REFRESH}]


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:
    with cloud.running(""):
        connecting.put_provider()


def result_of(hub: Hub, integration_id: str) -> Json:
    answered = hub.post(f"{TENANT_PATH}/{integration_id}/connection/test")
    assert answered.status == 200, answered.body
    body: Json = answered.body
    return body


def seen_by_canary(provider: Provider) -> list[Call]:
    return [call for call in provider.calls if call.url.startswith(CANARY)]


def set_settings(hub: Hub, integration_id: str, **settings: str) -> None:
    """Change the settings past the API, which would end the connection by itself."""
    item = connecting.integration(hub, integration_id)
    resources().tables.config.batch_put([{**item, "settings": jsontext.dump(settings)}])


SETTINGS = [{"baseUrl": CANARY}, {"contentUrl": CANARY}, {"authUrl": CANARY}, {"revokeUrl": CANARY}]


@pytest.mark.parametrize("values", WAYS)
def test_control_secret_reaches_the_origin_it_was_entered_for(hub: Hub, provider: Provider, values: Json) -> None:
    result = result_of(hub, connecting.connected(hub, **values))

    assert result["success"]
    assert [connecting.has_canary(dict(call.headers)) for call in provider.calls] == [[next(iter(values.values()))]]


@pytest.mark.parametrize("values", WAYS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_changed_setting_never_leads_a_secret_away(hub: Hub, provider: Provider, values: Json, settings: Json) -> None:
    made = connecting.connected(hub, **values)
    is_used = "accessToken" in values or "baseUrl" in settings or "contentUrl" in settings
    set_settings(hub, made, **settings)

    result = result_of(hub, made)

    assert seen_by_canary(provider) == []
    assert (result["success"], result["details"].get("reason")) == (
        (False, "address_changed") if is_used else (True, None)
    )


MOVED: list[tuple[str, Json]] = [
    ("baseUrl", {"connector": connector(baseUrl=CANARY)}),
    (
        "endpoint baseUrl",
        {
            "connector": connector(
                endpoints=[{**each, "baseUrl": CANARY} for each in connector()["endpoints"]],
            )
        },
    ),
    ("tokenUrl", {"methods": [{**oauth(), "auth": {**oauth()["auth"], "tokenUrl": f"{CANARY}/token"}}]}),
    ("revocationUrl", {"methods": [{**oauth(), "auth": {**oauth()["auth"], "revocationUrl": f"{CANARY}/revoke"}}]}),
]


@pytest.mark.parametrize("values", WAYS)
@pytest.mark.parametrize(("field", "changed"), MOVED, ids=[field for field, _ in MOVED])
def test_changed_provider_never_leads_a_secret_away(
    hub: Hub, provider: Provider, values: Json, field: str, changed: Json
) -> None:
    made = connecting.connected(hub, **values)
    changed = {name: [*value, *static_methods()] if name == "methods" else value for name, value in changed.items()}
    connecting.put_provider(connecting.provider_document(**changed))

    result = result_of(hub, made)

    is_used = "accessToken" in values or "baseUrl" in field
    assert seen_by_canary(provider) == []
    assert (result["success"], result["details"].get("reason")) == (
        (False, "address_changed") if is_used else (True, None)
    )


def test_changed_account_address_never_leads_a_secret_away(hub: Hub, provider: Provider) -> None:
    """`instanceUrl` comes with the credentials; a setting overrides it."""
    methods = [
        {
            "kind": "api_key",
            "auth": {"type": "bearer", "token": "{{apiKey}}"},
            "fields": [
                {"name": "apiKey", "title": "Key", "secret": True},
                {"name": "instanceUrl", "title": "Address", "type": "url"},
            ],
        }
    ]
    document = connecting.provider_document(connector=connector(baseUrl="{{instanceUrl}}"), methods=methods)
    connecting.put_provider(document)
    made = connecting.connected(hub, apiKey=KEY, instanceUrl="https://eu1.example.com")
    control = result_of(hub, made)
    set_settings(hub, made, instanceUrl=CANARY)

    result = result_of(hub, made)

    assert (control["success"], [urlsplit(call.url).hostname for call in provider.calls]) == (True, ["eu1.example.com"])
    assert result["details"]["reason"] == "address_changed"


@pytest.mark.parametrize("settings", SETTINGS)
def test_patched_settings_end_the_connection(hub: Hub, provider: Provider, settings: Json) -> None:
    made = connecting.connected(hub, accessToken=ACCESS, refreshToken=REFRESH)

    hub.call("PATCH", f"{TENANT_PATH}/{made}", {"settings": settings})

    assert connecting.connection(hub, made)["status"] == "revoked"
    assert connecting.integration(hub, made)["status"] == "pending_auth"
    assert not result_of(hub, made)["success"]
    assert provider.calls == []


# ---------------------------------------------------------------- the OAuth client


def token_server(call: Call) -> Reply:
    if call.url.endswith("/token"):
        return reply({"access_token": "fetched-token", "token_type": "Bearer", "expires_in": 3600})
    return reply({"items": []})


def asked_for_tokens(provider: Provider) -> list[Json]:
    return [dict(parse_qsl((call.content or b"").decode())) for call in provider.calls if call.url.endswith("/token")]


def over(hub: Hub, **body: Any) -> str:
    """Return an integration whose token has ended and can be renewed."""
    made = connecting.create(hub, **body)
    connecting.connect(hub, made, accessToken=ACCESS, refreshToken=REFRESH, expiresAt="2020-01-01T00:00:00Z")
    return made


def test_control_operators_client_renews_at_the_catalogues_token_server(hub: Hub, provider: Provider) -> None:
    connecting.with_client()
    provider.answer = token_server

    result = result_of(hub, over(hub))

    assert result["success"], result
    asked = asked_for_tokens(provider)
    assert [(each["client_id"], each["client_secret"], each["refresh_token"]) for each in asked] == [
        ("operator", CLIENT_SECRET, REFRESH)
    ]


def test_operators_client_is_not_sent_to_a_token_server_of_the_tenants_choice(hub: Hub, provider: Provider) -> None:
    connecting.with_client()
    provider.answer = token_server

    result = result_of(hub, over(hub, settings={"authUrl": CANARY}))

    assert not result["success"]
    assert CLIENT_SECRET not in repr(provider.calls)
    assert asked_for_tokens(provider) == []


@pytest.mark.parametrize("settings", [{}, {"revokeUrl": CANARY}], ids=["control", "moved"])
def test_operators_client_proves_itself_where_the_catalogue_says_also_when_tokens_are_given_back(
    hub: Hub, provider: Provider, settings: Json
) -> None:
    """A tenant that could choose where tokens are revoked would be sent the operator's secret by disconnecting."""
    connecting.with_client()
    provider.answer = token_server

    result = result_of(hub, over(hub, settings=settings))

    assert (bool(asked_for_tokens(provider)), result["success"]) == (not settings, not settings)


def test_name_within_a_default_does_not_lead_the_operators_client_away() -> None:
    document = connecting.provider_document()
    document["configSchema"]["properties"]["authUrl"]["default"] = "https://id.example.{{region}}"
    entry = connecting.put_provider(document)
    connecting.with_client()
    entry = providers.get(resources().tables.config, entry.id)
    method, given = entry.methods[0], config_values(entry.config_schema, {"revokeUrl": "https://id.example.{{region}}"})
    listed = {**method, "tokenOrigins": ["https://id.example.eu"]}

    assert client_of(entry, listed, {}, {**given, "region": "eu"}) == ("operator", True)
    assert client_of(entry, listed, {}, {**given, "region": "com.evil.example"}) == (None, False)
    assert client_of(entry, method, {}, {**given, "region": "com.evil.example"}) == (None, False)


def test_tenants_own_client_renews_at_a_token_server_of_its_choice(hub: Hub, provider: Provider) -> None:
    provider.answer = token_server
    made = connecting.create(hub, settings={"authUrl": CANARY})
    values = {"accessToken": ACCESS, "refreshToken": REFRESH, "expiresAt": "2020-01-01T00:00:00Z"}
    connecting.connect(hub, made, **values, clientId="mine", clientSecret=CLIENT_SECRET)

    result = result_of(hub, made)

    assert result["success"], result
    assert [each["client_id"] for each in asked_for_tokens(provider)] == ["mine"]


# ---------------------------------------------------------------- tokens


@pytest.mark.usefixtures("provider")
def test_token_that_cannot_be_renewed_marks_the_connection(hub: Hub) -> None:
    made = connecting.create(hub)
    connecting.connect(hub, made, accessToken=ACCESS, expiresAt="2020-01-01T00:00:00Z")

    result = result_of(hub, made)

    found = connecting.connection(hub, made)
    assert (result["success"], result["details"]["reason"]) == (False, "access_token_expired")
    assert (found["status"], found["reason"]) == ("expired", "access_token_expired")
    assert connecting.integration(hub, made)["status"] == "error"
    assert connecting.events(hub)[2:] == ["integration.error"]


def test_revoked_grant_expires_the_connection_and_an_outage_does_not(
    hub: Hub, provider: Provider, stopped_clock: StoppedClock
) -> None:
    connecting.with_client()
    made = over(hub)
    provider.answer = lambda _: reply({"error": "invalid_grant"}, 503)
    outage = result_of(hub, made)
    states = [connecting.connection(hub, made)["status"]]
    stopped_clock.advance(60)
    provider.answer = lambda _: reply({"error": "invalid_grant"}, 400)

    revoked = result_of(hub, made)

    states.append(connecting.connection(hub, made)["status"])
    assert states == ["active", "expired"]
    assert [each["details"].get("reason") for each in (outage, revoked)] == ["provider_unavailable", "invalid_grant"]


def test_damaged_token_record_says_so(hub: Hub, provider: Provider) -> None:
    made = connecting.connected(hub, accessToken=ACCESS, refreshToken=REFRESH)
    record = connecting.token_record(hub, connecting.connection(hub, made))
    assert record is not None
    record["fields"]["accessToken"]["c"] = b"x" * 40
    resources().tables.credentials.batch_put([record])

    result = result_of(hub, made)

    assert (result["success"], result["details"]["reason"]) == (False, "secret_unreadable")
    assert provider.calls == []


def test_result_of_a_test_holds_no_secret(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda call: reply({"error": f"bad {json.dumps(dict(call.headers))}"}, 401)

    result = result_of(hub, connecting.connected(hub))

    assert not result["success"]
    assert connecting.has_canary(result) == []
