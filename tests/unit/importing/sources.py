"""Documents, commands and logs in the style of well-known APIs, and short ways to import them."""

from typing import Any

from hub.connector.definition import parse_definition
from hub.integrations.importing.models import ImportRequest
from hub.integrations.importing.read import Imported, read

Json = dict[str, Any]


def imported(**source: Any) -> Imported:
    """Return what a source becomes; its definition is one that the format takes."""
    made = read(ImportRequest(**source))
    parse_definition(made.definition)
    return made


def endpoint(made: Imported, endpoint_id: str) -> Json:
    found: Json = next(each for each in made.definition["endpoints"] if each["id"] == endpoint_id)
    return found


def only(made: Imported) -> Json:
    (found,) = made.definition["endpoints"]
    assert isinstance(found, dict)
    return found


def messages(made: Imported, where: str = "") -> str:
    """Return the warnings whose place contains `where`, one per line."""
    return "\n".join(each["message"] for each in made.warnings if where in each["where"])


# OpenAPI


def document(paths: Json | None = None, **changes: Any) -> Json:
    """Return a small document; `paths` default to one list of things."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things"},
        "servers": [{"url": "https://api.example.com/v1"}],
        "paths": {"/things": {"get": operation(listed())}} if paths is None else paths,
        **changes,
    }


def operation(schema: Any = None, **changes: Any) -> Json:
    content = {"application/json": {"schema": schema if schema is not None else {"type": "object"}}}
    return {"responses": {"200": {"description": "ok", "content": content}}, **changes}


def listed(name: str = "data", **beside: Any) -> Json:
    """Return the schema of `{"data": [{"id": ...}], ...}`."""
    record = {"type": "object", "properties": {"id": {"type": "string"}}}
    return {"type": "object", "properties": {name: {"type": "array", "items": record}, **beside}}


def query(*names: str, **schema: Any) -> list[Json]:
    return [{"name": name, "in": "query", "schema": schema or {"type": "string"}} for name in names]


# A CRM: cursors inside `paging`, records with nested properties, OAuth or a private app's token.
CRM: Json = {
    "openapi": "3.0.3",
    "info": {"title": "Contacts of the CRM", "version": "v3", "description": "People and companies."},
    "servers": [{"url": "https://{region}.crm.example.com/", "variables": {"region": {"default": "eu1"}}}],
    "security": [{"oauth": ["contacts.read"]}],
    "paths": {
        "/crm/v3/contacts": {
            "parameters": [{"name": "archived", "in": "query", "schema": {"type": "boolean", "default": False}}],
            "get": {
                "operationId": "contacts.getPage",
                "summary": "List contacts",
                "tags": ["Basic"],
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "format": "int32", "default": 10, "maximum": 100},
                    },
                    {"name": "after", "in": "query", "schema": {"type": "string"}},
                    {
                        "name": "properties",
                        "in": "query",
                        "style": "form",
                        "explode": False,
                        "schema": {"type": "array", "items": {"type": "string"}},
                    },
                ],
                "responses": {"200": {"$ref": "#/components/responses/ContactPage"}},
            },
            "post": {
                "operationId": "contacts.create",
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ContactInput"}}},
                    "required": True,
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Contact"}}}}
                },
            },
        },
        "/crm/v3/contacts/{contactId}": {
            "get": {
                "operationId": "contacts.getById",
                "parameters": [{"name": "contactId", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Contact"}}}}
                },
            },
        },
    },
    "components": {
        "responses": {
            "ContactPage": {
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "results": {"type": "array", "items": {"$ref": "#/components/schemas/Contact"}},
                                "paging": {"$ref": "#/components/schemas/Paging"},
                            },
                        }
                    }
                }
            }
        },
        "schemas": {
            "Paging": {
                "type": "object",
                "properties": {
                    "next": {
                        "type": "object",
                        "properties": {"after": {"type": "string"}, "link": {"type": "string"}},
                    }
                },
            },
            "Base": {
                "type": "object",
                "required": ["email"],
                "properties": {"email": {"type": "string"}, "age": {"type": "integer"}},
            },
            "ContactInput": {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {
                        "type": "object",
                        "properties": {
                            "address": {
                                "type": "object",
                                "required": ["city"],
                                "properties": {"city": {"type": "string"}, "zip": {"type": ["string", "null"]}},
                            },
                            "labels": {"type": "array", "items": {"type": "string"}},
                            "createdAt": {"type": "string", "readOnly": True},
                            "manager": {"$ref": "#/components/schemas/ContactInput"},
                        },
                    },
                ]
            },
            "Contact": {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {"type": "object", "properties": {"id": {"type": "string"}, "phones": {"type": "array"}}},
                ]
            },
        },
        "securitySchemes": {
            "oauth": {
                "type": "oauth2",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "https://app.crm.example.com/oauth/authorize",
                        "tokenUrl": "/oauth/v1/token",
                        "scopes": {"contacts.read": "Read contacts"},
                    }
                },
            },
            "token": {"type": "http", "scheme": "bearer"},
        },
    },
}

# HAR


def har(*entries: Json) -> Json:
    return {"log": {"version": "1.2", "creator": {"name": "browser"}, "entries": list(entries)}}


def entry(
    url: str,
    answer: str | None = '{"ok": true}',
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    mime: str = "application/json; charset=utf-8",
    status: int = 200,
    **request: Any,
) -> Json:
    sent = [{"name": name, "value": value} for name, value in (headers or {}).items()]
    return {
        "request": {"method": method, "url": url, "headers": sent, **request},
        "response": {"status": status, "content": {"mimeType": mime, "text": answer}, "headers": []},
    }
