"""The examples of the custom connector specification (S000), as it writes them."""

import json
from typing import Any

Json = dict[str, Any]

# "Mapping Examples"
FIELD_MAPPINGS: list[Json] = [
    {"source": "$.first_name", "target": "firstName", "transform": {"type": "direct"}},
    {"source": "$.last_name", "target": "lastName", "transform": {"type": "direct"}},
    {"source": "$.email", "target": "email", "transform": {"type": "direct"}},
    {
        "source": "$.first_name",
        "target": "fullName",
        "transform": {"type": "concat", "config": {"fields": ["$.first_name", "$.last_name"], "separator": " "}},
    },
    {
        "source": "$.created_at",
        "target": "createdAt",
        "transform": {"type": "date", "config": {"inputFormat": "YYYY-MM-DD", "outputFormat": "ISO8601"}},
    },
    {
        "source": "$.status",
        "target": "status",
        "transform": {
            "type": "map",
            "config": {
                "mapping": {"ACTIVE": "active", "INACTIVE": "archived", "DELETED": "deleted"},
                "default": "unknown",
            },
        },
    },
    {
        "source": "$",
        "target": "description",
        "transform": {"type": "template", "config": {"template": "Contact from {{$.source}} - {{$.company_name}}"}},
    },
]

# "Path Parameters Example"
PATH_PARAMETERS: Json = {
    "method": "GET",
    "path": "/users/{userId}/orders/{orderId}",
    "pathParams": [
        {"name": "userId", "required": True, "type": "string"},
        {"name": "orderId", "required": True, "type": "string"},
    ],
}

# "Request Body Template Example"
LEAD: Json = {
    "method": "POST",
    "path": "/leads",
    "body": {
        "contentType": "application/json",
        "bodyType": "template",
        "template": json.dumps(
            {
                "name": "{{contact.name}}",
                "email": "{{contact.email}}",
                "company": "{{company.name}}",
                "source": "castiel",
                "customFields": {"projectId": "{{project.id}}"},
            }
        ),
    },
}

# "Webhook Example"
WEBHOOK: Json = {
    "webhookSecret": "wh_secret_abc123",
    "signatureConfig": {"header": "X-Signature", "algorithm": "hmac-sha256", "signaturePrefix": "sha256="},
    "eventRouting": [
        {
            "eventTypePath": "$.event_type",
            "eventTypeValue": "contact.created",
            "action": "create_shard",
            "targetShardTypeId": "c_contact",
            "dataPath": "$.data",
            "fieldMappings": [
                {"source": "$.id", "target": "externalId"},
                {"source": "$.name", "target": "name"},
                {"source": "$.email", "target": "email"},
            ],
        },
        {
            "eventTypePath": "$.event_type",
            "eventTypeValue": "contact.updated",
            "action": "update_shard",
            "targetShardTypeId": "c_contact",
            "identifierPath": "$.data.id",
            "dataPath": "$.data",
            "fieldMappings": [{"source": "$.name", "target": "name"}, {"source": "$.email", "target": "email"}],
        },
    ],
    "responseStatus": 200,
    "responseBody": '{"status": "received"}',
}

# "Example Configurations"
API_KEY: Json = {"type": "api_key", "keyName": "X-API-Key", "keyLocation": "header", "keyValue": "abc123"}
OAUTH2: Json = {
    "type": "oauth2",
    "grantType": "client_credentials",
    "tokenUrl": "https://api.example.com/oauth/token",
    "clientId": "my-client-id",
    "clientSecret": "secret",
    "scope": "read write",
}
