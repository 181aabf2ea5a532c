"""One integration as the four specifications show it, field by field, from their own examples."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.tables import key
from hub.integrations.instances import status_words, switching, views_cards, views_teams, views_tenant, views_v1
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.cards_models import CardsIntegration, ConnectedCardsIntegration
from hub.integrations.instances.settings import merged
from hub.integrations.instances.teams_models import TeamsIntegration
from hub.integrations.instances.tenant_models import TenantIntegration
from hub.integrations.instances.v1_models import Integration

Json = dict[str, Any]

TENANT = Tenant("acme")
AT = "2025-11-20T10:30:00.000Z"
ITEM: Json = {
    **key(TENANT, "integration", "integration-123"),
    "providerId": "salesforce",
    "provider": "salesforce",
    "category": "crm",
    "authKind": "oauth2",
    "name": "Sales",
    "description": "Our CRM",
    "icon": "cloud",
    "integrationType": "rest_api",
    "status": "active",
    "environment": "PRODUCTION",
    "settings": '{"apiVersion":"v61.0"}',
    "surface": "cards",
    "cardsProvider": "SALESFORCE",
    "owner": "user:u1",
    "userScoped": False,
    "allowedShardTypes": ["contact"],
    "searchEnabled": True,
    "searchableEntities": ["contact"],
    "retryEnabled": True,
    "uniqueName": "integration#cards#u1#salesforce",
    "enabledAt": AT,
    "enabledBy": "u1",
    "lastSyncAt": AT,
    "createdAt": AT,
    "createdBy": "u1",
    "updatedAt": AT,
    "updatedBy": "u1",
    "version": 3,
}
CONNECTION: Json = {
    **key(TENANT, "connection", "con_1"),
    "status": "active",
    "method": "oauth2",
    "fields": '{"instanceUrl":"https://your-instance.salesforce.com"}',
    "masks": '{"accessToken":"00D5...Ab9x"}',
    "connectedAt": AT,
    "expiresAt": "2025-11-20T12:30:00.000Z",
}
SHOWN = Instance(ITEM, CONNECTION)
MASKED = {
    "accessToken": "00D5...Ab9x",
    "instanceUrl": "https://your-instance.salesforce.com",
    "expiresAt": "2025-11-20T12:30:00.000Z",
}


def test_cards_list_is_the_example_of_the_specification() -> None:
    """S002, "List Integrations"."""
    row = views_cards.listed(SHOWN)

    CardsIntegration.model_validate(row)
    assert row == {
        "id": "integration-123",
        "provider": "SALESFORCE",
        "status": "ACTIVE",
        "credentials": MASKED,
        "lastSyncAt": AT,
    }


def test_cards_connect_is_the_example_of_the_specification() -> None:
    """S002, "Connect Integration"."""
    row = views_cards.connected(SHOWN)

    ConnectedCardsIntegration.model_validate(row)
    assert row == {
        "id": "integration-123",
        "provider": "SALESFORCE",
        "status": "ACTIVE",
        "credentials": MASKED,
        "createdAt": AT,
    }


def test_teams_view_has_the_fields_of_the_interface() -> None:
    """S003, "Integration Interface"."""
    row = views_teams.one(SHOWN)

    TeamsIntegration.model_validate(row)
    assert row == {
        "id": "integration-123",
        "teamId": "acme",
        "type": "rest",
        "name": "Sales",
        "enabled": True,
        "config": {"apiVersion": "v61.0"},
        "credentials": MASKED,
        "createdAt": AT,
        "updatedAt": AT,
        "lastSyncAt": AT,
        "provider": "salesforce",
        "status": "active",
        "version": 3,
    }


def test_v1_view_has_the_fields_of_the_model() -> None:
    """S004, "Integration Model"; apiKeyEncrypted and oauthTokens are never answered."""
    row = views_v1.one(SHOWN)

    Integration.model_validate(row)
    assert row == {
        "id": "integration-123",
        "tenantId": "acme",
        "providerId": "salesforce",
        "name": "Sales",
        "description": "Our CRM",
        "config": {"apiVersion": "v61.0"},
        "environment": "PRODUCTION",
        "authType": "OAUTH2",
        "oauthExpiresAt": "2025-11-20T12:30:00.000Z",
        "status": "ACTIVE",
        "lastSuccessfulCall": AT,
        "lastError": None,
        "lastErrorAt": None,
        "errorCount": 0,
        "isEnabled": True,
        "retryEnabled": True,
        "maxRetries": 3,
        "timeoutSeconds": 30,
        "syncFrequency": None,
        "lastSyncAt": AT,
        "nextSyncAt": None,
        "createdAt": AT,
        "updatedAt": AT,
        "createdBy": "u1",
        "surface": "cards",
        "owner": "u1",
        "version": 3,
    }


def test_tenant_view_has_what_create_takes_and_what_the_hub_knows() -> None:
    """S001, "Create/Enable Integration Instance"."""
    row = views_tenant.one(SHOWN)

    TenantIntegration.model_validate(row)
    assert row == {
        "id": "integration-123",
        "tenantId": "acme",
        "integrationId": "salesforce",
        "providerName": "salesforce",
        "category": "crm",
        "name": "Sales",
        "displayName": "Sales",
        "description": "Our CRM",
        "icon": "cloud",
        "status": "connected",
        "settings": {"apiVersion": "v61.0"},
        "allowedShardTypes": ["contact"],
        "searchEnabled": True,
        "searchableEntities": ["contact"],
        "userScoped": False,
        "connectionStatus": "active",
        "lastConnectedAt": AT,
        "lastSyncAt": AT,
        "lastTestedAt": None,
        "lastTestResult": None,
        "error": None,
        "enabledAt": AT,
        "enabledBy": "u1",
        "createdAt": AT,
        "createdBy": "u1",
        "updatedAt": AT,
        "updatedBy": "u1",
        "version": 3,
    }


def test_every_canonical_status_has_a_word_on_every_surface() -> None:
    tables = (status_words.CUSTOM, status_words.TENANT, status_words.CARDS, status_words.V1)

    assert all({*table} == {*status_words.CANONICAL} for table in tables)
    assert status_words.TEAMS_ENABLED.keys() == status_words.V1_ENABLED.keys() == status_words.V1.keys()


@pytest.mark.parametrize(
    ("kind", "word"),
    [("oauth2", "OAUTH2"), ("basic", "BASIC"), ("none", "NONE"), ("api_key", "API_KEY"), ("access_token", "API_KEY")],
)
def test_methods_have_the_words_of_v1(kind: str, word: str) -> None:
    assert views_v1.auth_type(kind) == word


@pytest.mark.parametrize(
    ("present", "status", "is_enabled", "way"),
    [
        ("active", None, None, None),
        ("active", "ACTIVE", True, None),
        ("active", "PAUSED", None, "pause"),
        ("active", None, False, "pause"),
        ("active", "PAUSED", False, "pause"),
        ("paused", "ACTIVE", None, "activate"),
        ("paused", "ACTIVE", False, "activate"),
        ("paused", "PAUSED", True, "enable"),
        ("paused", "ACTIVE", True, "activate"),
        ("error", "ERROR", True, None),
        ("error", "ERROR", False, "pause"),
        ("pending_auth", "PENDING_AUTH", True, None),
        ("pending_auth", "ACTIVE", True, "activate"),
    ],
)
def test_words_of_v1_say_which_way(present: str, status: str | None, is_enabled: bool | None, way: str | None) -> None:
    assert switching.way(present, status, is_enabled) == way


@pytest.mark.parametrize(
    ("present", "patch", "expected"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({}, {"a": None}, {}),
        ({"a": 1}, {"a": {"b": None, "c": {"d": None}}}, {"a": {"c": {}}}),
    ],
)
def test_settings_are_merged_as_rfc_7396_has_it(present: Json, patch: Json, expected: Json) -> None:
    before = str(present)

    assert merged(present, patch) == expected
    assert str(present) == before
