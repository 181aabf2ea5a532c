"""The providers with an API of their own, as data: what each can do, where its calls go, and what people are told.

tests/providers holds them against fakes of those APIs.
"""

import json
from typing import Any

import pytest

from hub.connector.definition import ConnectorDefinition, parse_definition
from hub.connector.plan import compile_endpoint
from hub.connector.uploads import compile_upload
from hub.providers import entered
from hub.providers.provider_files import paths
from hub.providers.resolve import HANDLE, config_values, resolve

Json = dict[str, Any]

CONTACT = {"health", "list", "search", "upsert"}
OPERATIONS: dict[str, set[str]] = {
    "salesforce": CONTACT,
    "hubspot": CONTACT,
    "zoho-crm": CONTACT,
    "mailchimp": CONTACT,
    "sendgrid": CONTACT | {"get"},
    "zapier": {"post"},
    "google-drive": {"health", "list", "search", "upload"},
    "dropbox": {"health", "list", "search", "upload"},
    "slack": {"health", "list", "post"},
    "microsoft": {"health", "list", "search"},
    "google": {"health", "list", "search"},
}
# Records in one request, as the documentation of each has it.
BATCHES = {"salesforce": 200, "hubspot": 100, "zoho-crm": 100, "mailchimp": 500, "sendgrid": 30_000}
CREDENTIALS: dict[str, Json] = {
    "salesforce": {"accessToken": "t", "instanceUrl": "https://na1.salesforce.com"},
    "hubspot": {"accessToken": "t"},
    "zoho-crm": {"accessToken": "t", "apiDomain": "https://www.zohoapis.eu"},
    "mailchimp": {"apiKey": "0123456789abcdef0123456789abcdef-us6", "audienceId": "57afe96172"},
    "sendgrid": {"apiKey": "SG.key", "listId": "ca1c48c3-1111-4222-8333-444455556666"},
    "zapier": {"webhookUrl": "https://hooks.zapier.com/hooks/catch/1/abc/"},
    "dropbox": {"accessToken": "t", "accountId": "dbid:1"},
}
SANDBOX = "http://127.0.0.1:9"

each = pytest.mark.parametrize("slug", OPERATIONS)
granted = pytest.mark.parametrize("slug", sorted(OPERATIONS.keys() - {"mailchimp", "sendgrid", "zapier"}))


def provider(slug: str) -> Json:
    path = next(path for path in paths() if path.stem == slug)
    found: Json = json.loads(path.read_text())
    return found


def connected(slug: str, kind: str, credentials: Json | None = None, **settings: str) -> ConnectorDefinition:
    """Return the definition as calls go out for it; what a token answer would tell of addresses is made up."""
    found = provider(slug)
    method = next(method for method in found["methods"] if method["kind"] == kind)
    shown, _ = entered.split(method, credentials or {})
    told = (method["auth"].get("tokenFields") or {}).get("fields", {})
    values = {**dict.fromkeys(told, "https://told.example.com"), **shown}
    client = {"clientId": "id", "clientSecret": HANDLE} if kind == "oauth2" else {}
    auth = {**method["auth"], **client}
    return parse_definition(
        resolve(
            found["connector"], {**method, "auth": auth}, {**values, **config_values(found["configSchema"], settings)}
        )
    )


def first_kind(slug: str) -> str:
    kind: str = provider(slug)["methods"][0]["kind"]
    return kind


def of_first_kind(slug: str) -> ConnectorDefinition:
    kind = first_kind(slug)
    return connected(slug, kind, None if kind == "oauth2" else CREDENTIALS[slug])


@each
def test_provider_does_what_its_kind_does(slug: str) -> None:
    definition = of_first_kind(slug)

    assert {endpoint.operation for endpoint in definition.endpoints} == OPERATIONS[slug]
    for endpoint in definition.endpoints:
        assert endpoint.description, f"{endpoint.id} says nothing of itself"
        (compile_upload if endpoint.upload else compile_endpoint)(definition, endpoint.id)


@each
def test_health_is_asked_for_where_that_starts_nothing(slug: str) -> None:
    definition = of_first_kind(slug)

    health = [endpoint.id for endpoint in definition.endpoints if endpoint.operation == "health"]
    assert health == ([] if definition.health_endpoint is None else [definition.health_endpoint])


@each
def test_people_are_told_what_is_not_possible(slug: str) -> None:
    assert len(provider(slug)["notes"]) >= 3


@pytest.mark.parametrize(("slug", "size"), BATCHES.items(), ids=BATCHES.keys())
def test_batch_is_as_large_as_the_api_allows(slug: str, size: int) -> None:
    batches = [endpoint.batch for endpoint in of_first_kind(slug).endpoints if endpoint.operation == "upsert"]

    assert {batch.size for batch in batches if batch} == {size}


@each
def test_call_leads_to_the_sandbox_that_the_settings_name(slug: str) -> None:
    found, kind = provider(slug), first_kind(slug)
    names = [name for name, each in found["configSchema"]["properties"].items() if each.get("format") == "uri"]

    definition = connected(
        slug, kind, CREDENTIALS.get(slug) if kind != "oauth2" else None, **dict.fromkeys(names, SANDBOX)
    )

    urls = [definition.base_url, *(endpoint.base_url for endpoint in definition.endpoints)]
    auth = definition.auth
    urls += [getattr(auth, name, None) for name in ("token_url", "authorization_url", "revocation_url")]
    assert {url.startswith(SANDBOX) for url in urls if url} == {True}


@granted
def test_grant_asks_for_a_refresh_token_with_https_alone(slug: str) -> None:
    auth = of_first_kind(slug).auth

    assert auth is not None
    assert auth.type == "oauth2"
    assert auth.authorization_url is not None
    assert auth.authorization_url.startswith("https://")
    assert auth.token_url.startswith("https://")
    assert auth.scope


@pytest.mark.parametrize("slug", CREDENTIALS)
def test_credentials_of_the_cards_are_taken(slug: str) -> None:
    """The names are those of spec S002."""
    found, values = provider(slug), CREDENTIALS[slug]
    methods = [method for method in found["methods"] if method["kind"] != "oauth2"]

    fitting = [method for method in methods if not entered.faults(method, values)]

    assert fitting
    assert connected(slug, fitting[0]["kind"], values)


# What a file can say beyond a definition


def test_data_centre_of_mailchimp_is_the_end_of_its_key() -> None:
    assert connected("mailchimp", "api_key", CREDENTIALS["mailchimp"]).base_url == "https://us6.api.mailchimp.com/3.0"


def test_organisation_of_salesforce_comes_with_the_token_unless_a_setting_names_it() -> None:
    assert connected("salesforce", "oauth2").base_url == "https://told.example.com/services/data/v61.0"
    assert connected("salesforce", "oauth2", instanceUrl=SANDBOX, apiVersion="v60.0").base_url == (
        f"{SANDBOX}/services/data/v60.0"
    )


@pytest.mark.parametrize(
    ("field", "targets"),
    [("Email", ["Email"]), ("Hub_Id__c", ["Email", "Hub_Id__c"])],
    ids=["standard", "custom"],
)
def test_field_that_tells_contacts_apart_is_written_once(field: str, targets: list[str]) -> None:
    definition = connected("salesforce", "oauth2", externalIdField=field)

    upsert = next(endpoint for endpoint in definition.endpoints if endpoint.id == "upsert-contacts")
    assert upsert.path == f"/composite/sobjects/Contact/{field}"
    assert upsert.batch is not None
    rules = upsert.batch.field_mappings
    assert sorted(rule.target for rule in rules if rule.source == "$.email") == targets


def test_status_of_new_members_is_a_setting() -> None:
    definition = connected("mailchimp", "api_key", CREDENTIALS["mailchimp"], memberStatus="pending")

    upsert = next(endpoint for endpoint in definition.endpoints if endpoint.batch)
    assert upsert.batch is not None
    assert [rule.default for rule in upsert.batch.field_mappings if rule.target == "status"] == ["pending"]


def test_incoming_webhook_of_slack_can_post_and_do_nothing_else() -> None:
    definition = connected("slack", "custom", {"webhookUrl": "https://hooks.slack.com/services/T/B/x"})

    assert definition.base_url == "https://hooks.slack.com:443"
    assert [endpoint.operation for endpoint in definition.endpoints] == ["post"]


def test_contents_of_dropbox_go_to_their_own_host() -> None:
    definition = connected("dropbox", "oauth2")

    hosts = {endpoint.operation: endpoint.base_url for endpoint in definition.endpoints}
    assert (hosts["upload"], hosts["list"]) == ("https://content.dropboxapi.com", None)


def test_operators_client_of_zoho_is_shown_in_every_data_centre() -> None:
    found = provider("zoho-crm")

    assert {"https://accounts.zoho.eu", "https://accounts.zoho.in"} <= set(found["methods"][0]["tokenOrigins"])
