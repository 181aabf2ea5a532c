"""Builds openapi.json (OpenAPI 3.1) from the routes of every function that the template puts behind the API."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.core.api import Route, load
from hub.core.models import ErrorEnvelope

Json = dict[str, Any]

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "functions" / "insights" / "openapi.json"
_SCHEMAS = "#/components/schemas/{model}"
_REASONS = {
    "400": "The request is not valid; `details` says where",
    "401": "No valid credential",
    "403": "The caller lacks the role or scope",
    "404": "Nothing with this id in the caller's tenant",
    "409": "The present state does not allow it",
    "429": "Rate limit exceeded",
    "503": "The hub could not answer; send it again",
}
# A public POST is a webhook.
_PUBLIC_REASONS = {"GET": ("503",), "POST": ("401", "404", "429", "503")}


def write() -> Path:
    TARGET.write_text(json.dumps(build(), indent=1, ensure_ascii=False) + "\n")
    return TARGET


def build() -> Json:
    routes = sorted(all_routes(), key=lambda found: (found[1].path, found[1].method))
    schemas, definitions = _schemas([route for _, route in routes])
    paths: Json = {}
    for group, route in routes:
        paths.setdefault(route.path.replace("+}", "}"), {})[route.method.lower()] = _operation(group, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Integration Hub",
            "version": "0.1.0",
            "description": "Connectors, syncs and webhooks for every tenant, in your own AWS account.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A JWT, or an API key hub_live_..."}
            },
        },
    }


def all_routes() -> Iterator[tuple[str, Route]]:
    """Yield each function's group name and routes."""
    for path in sorted(ROOT.glob("functions/*/app.py")):
        api = getattr(load_app(path), "api", None)
        if api is not None:
            yield from ((api.group, route) for route in api.routes.values())


def load_app(path: Path) -> ModuleType:
    """Return functions/<group>/app.py as a module of its own name: all of them are called `app`."""
    spec = importlib.util.spec_from_file_location(f"functions_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _schemas(routes: list[Route]) -> tuple[dict[str, Json], Json]:
    """Return each model reference's schema, and all definitions they point to."""
    wanted: dict[str, tuple[type[BaseModel], Any]] = {"error": (ErrorEnvelope, "serialization")}
    for route in routes:
        if route.body:
            wanted[route.body] = (load(route.body), "validation")
        if route.answer:
            wanted[route.answer] = (load(route.answer), "serialization")
    found, definitions = models_json_schema(list(dict.fromkeys(wanted.values())), ref_template=_SCHEMAS)
    return {name: found[pair] for name, pair in wanted.items()}, definitions["$defs"]


def _operation(group: str, route: Route, schemas: dict[str, Json]) -> Json:
    operation: Json = {
        "operationId": f"{group}.{route.handler.__name__}",
        "tags": [group],
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route, schemas),
    }
    if route.access.public:
        operation["security"] = []
    else:
        operation["x-access"] = {"roles": sorted(route.access.roles), "scope": route.access.scope}
    if route.body:
        schema = load(route.body).model_json_schema()
        is_required = bool(schema.get("required") or schema.get("anyOf"))
        operation["requestBody"] = {"required": is_required, "content": _json(schemas[route.body])}
    elif route.access.public and route.method == "POST":
        operation["requestBody"] = {"required": False, "content": {"*/*": {}}}
    return operation


def _responses(route: Route, schemas: dict[str, Json]) -> Json:
    success: Json = {"description": route.summary}
    if route.answer:
        success["content"] = _json(schemas[route.answer])
    elif route.status != 204:
        success["content"] = _json({"type": "object"})
    refusals = {
        status: {"description": reason, "content": _json(schemas["error"])}
        for status, reason in _REASONS.items()
        if not route.access.public or status in _PUBLIC_REASONS[route.method]
    }
    return {str(route.status): success, **refusals}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _path_parameters(route: Route) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)\+?}", route.path)
    ]


def _query_parameters(route: Route) -> list[Json]:
    return [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in route.query.items()
    ]


def _header_parameters(route: Route) -> list[Json]:
    if route.method != "POST" or route.access.public:
        return []
    text = "1 to 255 characters; a repeat within 24 hours gets the first answer again"
    return [{"name": "Idempotency-Key", "in": "header", "description": text, "schema": {"type": "string"}}]
