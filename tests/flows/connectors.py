"""Connector definitions for the sandbox's companies and contacts, with only what a test needs to say."""

from typing import Any

from local.sandbox import access

Json = dict[str, Any]

QUICK_RETRIES: Json = {"maxRetries": 2, "retryDelay": 10}

# The sandbox's gate and the credentials that open it.
AUTHS: dict[str, tuple[str, Json | None]] = {
    "none": ("", None),
    "api-key-header": (
        "/auth/api-key",
        {"type": "api_key", "keyName": "X-API-Key", "keyLocation": "header", "keyValue": access.API_KEY},
    ),
    "api-key-query": (
        "/auth/api-key",
        {"type": "api_key", "keyName": "api_key", "keyLocation": "query", "keyValue": access.API_KEY},
    ),
    "bearer": ("/auth/bearer", {"type": "bearer", "token": access.BEARER_TOKEN}),
    "basic": ("/auth/basic", {"type": "basic", "username": access.BASIC_USER, "password": access.BASIC_PASSWORD}),
    "custom-headers": ("/auth/custom-headers", {"type": "custom_headers", "headers": dict(access.CUSTOM_HEADERS)}),
}

# How each of the sandbox's lists is paged, and where its records are.
PAGINGS: dict[str, tuple[str, Json]] = {
    "offset": ("$.data.items", {"type": "offset", "offsetParam": "offset", "limitParam": "limit"}),
    "page": (
        "$.results",
        {
            "type": "page",
            "pageParam": "page",
            "pageSizeParam": "per_page",
            "endCondition": {"type": "has_more_field", "field": "$.has_more"},
        },
    ),
    "cursor": (
        "$.results",
        {"type": "cursor", "cursorParam": "after", "cursorPath": "$.paging.next.after", "limitParam": "limit"},
    ),
    "link": ("$", {"type": "link", "nextLinkPath": "header:Link", "limitParam": "per_page"}),
    "nextlink": ("$.records", {"type": "link", "nextLinkPath": "$.nextRecordsUrl", "limitParam": "limit"}),
}


def endpoint(paging: str = "cursor", records: str = "companies", page_size: int = 100, **changes: Any) -> Json:
    """Return an endpoint `list` over all records of one kind, stored as documents of the type `records`."""
    data_path, pagination = PAGINGS[paging]
    return {
        "id": "list",
        "name": "listRecords",
        "method": "GET",
        "path": f"/{paging}/{records}",
        "retryConfig": QUICK_RETRIES,
        "pagination": {**pagination, "maxLimit": page_size},
        "responseMapping": {"dataPath": data_path, "identifierField": "$.id", "targetShardTypeId": records},
        **changes,
    }


def connector(url: str, *endpoints: Json, auth: str = "none", **changes: Any) -> Json:
    """Return an active connector for the sandbox at `url`; `changes` replace or add fields."""
    gate, credentials = AUTHS[auth]
    return {
        "name": "sandbox",
        "displayName": "Sandbox",
        "integrationType": "rest_api",
        "baseUrl": f"{url}{gate}/v1",
        "auth": credentials or {"type": "none"},
        "status": "active",
        "endpoints": list(endpoints) or [endpoint()],
        **changes,
    }
