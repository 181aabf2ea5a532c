"""Whatever comes in: a definition that the format takes, or a refusal with its reason; never anything else."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from hub.core.errors import BadDefinition, BadRequest
from tests.unit.importing.sources import CRM, Json, entry, har, imported

LENIENT = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
OPENAPI_WORDS = (
    "get post parameters name in schema type properties items allOf oneOf anyOf $ref required default responses 200 "
    "content application/json requestBody operationId summary tags security data id style explode enum example servers "
    "url variables flows tokenUrl headers Link format description paths components schemas"
).split()
OPENAPI_VALUES = [
    *("#/components/schemas/A", "#/components/schemas/B", "object", "array", "string", "query", "path", "header"),
    *("page", "limit", "cursor", "http", "bearer", "apiKey", "oauth2", "https://x.example/", "form", "{{encrypted:x}}"),
]
PIECES = [
    *("curl ", "'", '"', "\\", "\n", "$'", "-H ", "-d ", "https://a.example/x/1?y=2", "-X POST", "-u a:b", "{{", "}}"),
    *(
        "--json ",
        "|",
        ";",
        "&",
        "^\n",
        "\\u00e9",
        "-F a=b",
        "Authorization: Bearer ",
        "X-API-Key: ",
        "--data-urlencode ",
    ),
    *(
        "content-type: application/json",
        "%",
        "#",
        "$(x)",
        "http://[::1",
        "//u:p@h.example",
        "-G ",
        "$X",
        "/{id}/",
        ":id",
    ),
]

leaf = (
    some.none() | some.booleans() | some.integers(-5, 200) | some.text(max_size=5) | some.sampled_from(OPENAPI_VALUES)
)
words = some.sampled_from(OPENAPI_WORDS) | some.text(max_size=4)
node = some.recursive(
    leaf, lambda child: some.lists(child, max_size=4) | some.dictionaries(words, child, max_size=5), max_leaves=25
)
objects = some.dictionaries(words, node, max_size=6)
schemes = some.dictionaries(some.sampled_from("ab"), node)
documents = some.fixed_dictionaries(
    {
        "openapi": some.just("3.0.1"),
        "servers": some.just([{"url": "https://x.example/v1"}]),
        "paths": some.dictionaries(
            some.sampled_from(["/a", "/a/{id}", "/b/{x}/c", "/a?x=1"]) | some.text(max_size=5).map("/{}".format),
            some.dictionaries(some.sampled_from(["get", "post", "parameters", "put"]), node),
            min_size=1,
            max_size=3,
        ),
    },
    optional={"security": node, "info": node, "components": some.fixed_dictionaries({"securitySchemes": schemes})},
)
pieces = some.lists(some.sampled_from(PIECES) | some.text(max_size=4))
commands = some.text() | pieces.map("".join) | pieces.map(lambda parts: "curl https://a.example/v1/x " + "".join(parts))
urls = some.sampled_from(["https://x.example/a/1?page=2", "https://x.example/a/2", "https://y.example/"])
pairs = some.lists(some.fixed_dictionaries({"name": some.text(max_size=8), "value": some.text(max_size=8) | node}))
requests = some.fixed_dictionaries(
    {
        "url": urls | some.text(max_size=9).map("https://x.example/{}".format),
        "method": some.sampled_from(["GET", "POST"]),
    },
    optional={
        "headers": pairs,
        "cookies": pairs,
        "postData": some.fixed_dictionaries(
            {"mimeType": some.sampled_from(["application/json", "multipart/form-data", "text/xml", ""])},
            optional={"text": some.text(max_size=8) | node.map(json.dumps), "params": pairs},
        ),
    },
)
answers = some.fixed_dictionaries(
    {"status": some.just(200), "content": some.fixed_dictionaries({"mimeType": some.just("application/json")})}
)
entries = some.fixed_dictionaries({"request": requests}, optional={"response": answers | node})
logs = some.lists(entries | node, max_size=5).map(lambda each: {"log": {"entries": each}})


def survives(**source: Any) -> None:
    """Import a source: `imported` fails the test on a definition that the format does not take."""
    with suppress(BadRequest):
        imported(**source).shown()


@LENIENT
@given(commands)
def test_no_text_breaks_the_reading_of_commands(text: str) -> None:
    survives(curl=text)


@LENIENT
@given(documents | objects)
def test_no_object_breaks_the_reading_of_documents(source: Json) -> None:
    survives(openapi=source)


@LENIENT
@given(logs | objects)
def test_no_object_breaks_the_reading_of_logs(source: Json) -> None:
    survives(har=source)


@LENIENT
@given(some.data())
def test_document_with_one_part_replaced_is_read_or_refused(data: Any) -> None:
    """A good document with one wrong value: the fault lies deeper than random objects reach."""
    copy = json.loads(json.dumps(CRM))
    place: Any = copy
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        chosen = data.draw(some.sampled_from(keys))
        if not isinstance(place[chosen], (dict, list)) or data.draw(some.integers(0, 4)) == 0:
            place[chosen] = data.draw(node)
            break
        place = place[chosen]

    survives(openapi=copy)


def test_sources_of_these_tests_can_be_imported() -> None:
    """The control: the shapes above are read, not only refused."""
    imported(openapi=CRM)
    imported(curl="curl https://a.example/v1/x")
    imported(har=har(entry("https://x.example/a/1?page=2")))


@pytest.mark.parametrize("source", [{}, {"curl": "curl https://a.example", "openapi": CRM}])
def test_exactly_one_source_is_read(source: Json) -> None:
    with pytest.raises(BadDefinition, match="cannot be imported"):
        imported(**source)
