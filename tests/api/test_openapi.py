"""openapi.json is built from the routes; the routes are those of the template, and nothing else."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hub.core.caller import SCOPES
from local import openapi
from tests.api.conftest import Cloud, Hub

Json = dict[str, Any]
METHODS = {"get", "put", "post", "delete", "patch"}


@cache
def built() -> Json:
    return json.loads(json.dumps(openapi.build()))  # type: ignore[no-any-return]


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, item in built()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def nodes(value: Any) -> Iterator[Json]:
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def resolve(reference: str) -> Any:
    found: Any = built()
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def plain(route_key: str) -> str:
    """Return a route as OpenAPI writes it, which has no sign for a variable that takes the rest of the path."""
    return route_key.replace("+}", "}")


def test_document_has_the_parts_that_openapi_3_1_requires() -> None:
    document = built()

    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    assert document.keys() <= {"openapi", "info", "security", "paths", "components", "servers", "tags"}
    assert document["components"].keys() <= {"schemas", "securitySchemes", "responses", "parameters"}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in document["components"]["schemas"])


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(built()) if isinstance(node.get("$ref"), str)]

    assert references
    for reference in references:
        assert reference.startswith("#/")
        assert isinstance(resolve(reference), dict)


def test_every_schema_is_a_json_schema() -> None:
    schemas = [
        *built()["components"]["schemas"].values(),
        *(node["schema"] for node in nodes(built()["paths"]) if "schema" in node),
    ]

    assert schemas
    for schema in schemas:
        Draft202012Validator.check_schema(schema)


def test_every_operation_is_complete() -> None:
    for path, method, operation in operations():
        assert method in METHODS
        assert operation["summary"], f"{method} {path} has no summary"
        assert operation["responses"]
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d", status)
            assert response["description"]
        assert method in ("put", "post", "patch") or "requestBody" not in operation


def test_a_webhook_may_have_any_body_and_says_how_it_is_refused() -> None:
    posts = [each for path, method, each in operations() if method == "post" and each.get("security") == []]

    assert len(posts) == 3
    for operation in posts:
        assert operation["requestBody"] == {"required": False, "content": {"*/*": {}}}
        assert {"401", "404", "429", "503"} <= operation["responses"].keys()


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(names) == len(set(names))


def test_path_parameters_are_those_of_the_path() -> None:
    for path, _, operation in operations():
        described = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert described == re.findall(r"{(\w+)}", path)
        assert all(parameter["required"] for parameter in operation["parameters"] if parameter["in"] == "path")
        places = [(parameter["in"], parameter["name"]) for parameter in operation["parameters"]]
        assert len(places) == len(set(places))


def test_every_route_of_the_template_is_described_and_nothing_else(cloud: Cloud) -> None:
    described = {f"{method.upper()} {path}" for path, method, _ in operations()}

    assert described == {plain(route.key) for route in cloud.template.routes}


def test_every_route_is_in_the_function_that_the_template_names(cloud: Cloud) -> None:
    served = {(route.key, group) for group, route in openapi.all_routes()}
    wanted = {(route.key, cloud.template.functions[route.function].code_dir.name) for route in cloud.template.routes}

    assert served == wanted


def test_only_public_routes_are_without_the_authorizer(cloud: Cloud) -> None:
    public = {route.key for _, route in openapi.all_routes() if route.access.public}
    unguarded = {route.key for route in cloud.template.routes if route.authorizer is None}
    unsecured = {
        f"{method.upper()} {path}" for path, method, operation in operations() if operation.get("security") == []
    }

    assert public == unguarded
    assert unsecured == {plain(key) for key in public}


def test_every_route_that_is_not_public_says_who_may_call_it() -> None:
    for _, route in openapi.all_routes():
        assert route.access.public or route.access.roles
        assert route.access.scope is None or route.access.scope == "*" or route.access.scope in SCOPES
        assert route.access.public or route.rate, f"{route.key} is not limited"


def test_file_that_is_served_is_the_one_that_is_built() -> None:
    """`python -m local openapi` writes it."""
    assert json.loads(openapi.TARGET.read_text()) == built()


@pytest.mark.parametrize("context", [None, {}])
def test_description_is_served_to_anyone_who_asks(hub: Hub, context: dict[str, str] | None) -> None:
    reply = hub.get("/openapi.json", context=context)

    assert reply.status == 200
    assert reply.body == built()
