"""The description at `GET /`: every URL and credential of the sandbox, for a newcomer with a browser."""

from __future__ import annotations

from local.sandbox.access import API_KEY, BASIC_PASSWORD, BASIC_USER, BEARER_TOKEN, CUSTOM_HEADERS
from local.sandbox.batches import MOST_RECORDS
from local.sandbox.faults import KINDS
from local.sandbox.files import MOST_BYTES
from local.sandbox.listing import DEFAULT_SIZE, LARGEST_SIZE
from local.sandbox.messages import Json, Request, Response, as_json
from local.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, SCOPES
from local.sandbox.world import World

LISTS = {
    "offset": "/v1/offset/contacts?offset=0&limit=100 -> {data: {items: [...]}, total}",
    "page": "/v1/page/contacts?page=1&per_page=100 -> {results: [...], page, pages, total, has_more}",
    "cursor": "/v1/cursor/contacts?limit=100&after=... -> {results: [...], paging: {next: {after}}}, last: no paging",
    "link": "/v1/link/contacts?page=1&per_page=100 -> [...] and a Link header with first, prev, next, last",
    "nextlink": "/v1/nextlink/contacts?limit=100 -> {records: [...], totalSize, done, nextRecordsUrl}",
    "everything": "/v1/contacts -> {contacts: [...]}, not paged",
    "nested": "/v1/companies/{id}/contacts -> {contacts: [...]}, not paged; "
    "/v1/{offset, page, cursor or link}/companies/{id}/contacts in pages",
    "search": "POST /v1/contacts/search {filter: {status: 'ACTIVE'}, query: 'ann', offset: 0, limit: 100} "
    "-> {items: [...], total}",
}
RECORDS = {
    "read": "GET /v1/contacts/{id}, GET /v1/companies/{id}",
    "create": "POST /v1/contacts (JSON or form) -> 201; first_name and last_name are required",
    "change": "PATCH or PUT /v1/contacts/{id} -> 200",
    "delete": "DELETE /v1/contacts/{id} -> 204",
    "upsert": f"POST /v1/batch/contacts {{contacts: [{{email, first_name, last_name, ...}}]}}, {MOST_RECORDS} at most "
    "-> {results: [{email, id, outcome: created or updated} or {email, error: {code, message}}]}",
    "account": "GET /v1/account -> {id, name, plan}",
    "echo": "any method /v1/echo -> what arrived",
}
FILES = {
    "upload": f"POST /v1/files?name=contacts.csv with the file as its body, {MOST_BYTES} bytes at most -> 201 "
    "{id, name, size, content_type, sha256}",
    "list": "GET /v1/files -> {files: [...]}",
    "read": "GET /v1/files/{id} -> the file",
}
CONTROL = {
    "faults": "POST /_control/faults {path_prefix, kind, after?, times?, delay_s?, retry_after_s?}; GET; DELETE",
    "requests": "GET /_control/requests?path_prefix=; DELETE",
    "limit": "POST /_control/limit {requests, window_s}",
    "oauth": "POST /_control/oauth {expires_in?, redirect_uris?, revoke_all?, expire_access_tokens?}",
    "hooks": "POST /_control/hooks/{name} {statuses, delay_s?, retry_after_s?}; GET; DELETE",
    "send-webhook": "POST /_control/send-webhook {url, secret, body, header?, prefix?, algorithm?, headers?}",
    "reset": "POST /_control/reset",
}


def index(world: World, request: Request) -> Response:
    """The description as readable JSON."""
    return as_json(description(world, request.origin), indent=2)


def description(world: World, url: str) -> Json:
    return {
        "name": "Sandbox provider",
        "about": "A made-up SaaS API to connect to. Everything here is generated, all credentials are public.",
        "holds": {"contacts": len(world.contacts.rows()), "companies": len(world.companies.rows())},
        "start_here": f"{url}/v1/page/contacts?per_page=3",
        "lists": {
            **LISTS,
            "note": f"companies likewise; {DEFAULT_SIZE} a page unless told, {LARGEST_SIZE} at most; "
            "?updated_since=2024-06-01T00:00:00Z on every list; ETag on every GET",
        },
        "records": RECORDS,
        "files": FILES,
        "graphql": 'POST /graphql {"query": "{ contacts(first: 100, after: null) { edges { node { id firstName } } '
        'pageInfo { hasNextPage endCursor } totalCount } }"}',
        "access": _access(),
        "oauth": _oauth(url),
        "webhooks": "POST /hooks/{name} keeps what arrives; GET /_control/hooks/{name} shows it",
        "control": CONTROL,
        "faults": KINDS,
        "health": "/healthz",
    }


def _access() -> Json:
    return {
        "note": "put the prefix before /v1/... or /graphql",
        "/auth/api-key": {"X-API-Key": API_KEY, "or in query or JSON body": "api_key"},
        "/auth/bearer": {"Authorization": f"Bearer {BEARER_TOKEN}"},
        "/auth/basic": {"user": BASIC_USER, "password": BASIC_PASSWORD},
        "/auth/custom-headers": dict(CUSTOM_HEADERS),
        "/auth/oauth": "an access token of the OAuth server below",
        "/limited": "no credentials, 10 requests in 2 s; then 429 with Retry-After",
    }


def _oauth(url: str) -> Json:
    return {
        "authorize": f"{url}/oauth/authorize (code, PKCE S256 required; &auto=1 approves without the page)",
        "token": f"{url}/oauth/token (authorization_code, refresh_token with rotation, client_credentials)",
        "revoke": f"{url}/oauth/revoke",
        "metadata": f"{url}/.well-known/oauth-authorization-server",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scopes": list(SCOPES),
        "redirect_uri": "any http page on 127.0.0.1, localhost or [::1]",
    }
