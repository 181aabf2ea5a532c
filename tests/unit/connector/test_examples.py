"""The examples of the format, in the folder and in its README; tests/parity runs those of the folder."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hub.connector import webhook_config
from hub.connector.definition import parse_definition
from hub.connector.plan import compile_endpoint
from hub.connector.secrets import secret_fields
from hub.connector.strict import Strict
from tests.unit.connector import test_readme
from tests.unit.connector.factories import Json

FOLDER = test_readme.README.parent / "examples"
FILES = sorted(FOLDER.glob("*.json"))
each = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def definition_in(file: Path) -> Json:
    definition: Json = json.loads(file.read_text())
    return definition


@each
def test_example_is_a_definition_that_works(file: Path) -> None:
    made = parse_definition(definition_in(file))

    assert made.name == file.stem
    assert [compile_endpoint(made, endpoint.id).auth for endpoint in made.endpoints]


@each
def test_secret_of_an_example_is_none(file: Path) -> None:
    secrets = secret_fields(definition_in(file)).values()

    assert [secret for secret in secrets if not re.fullmatch(r"([A-Z]\S+ )?put-[a-z-]+-here", secret)] == []


def test_folder_holds_examples_alone_and_the_readme_names_each() -> None:
    named = re.findall(r"^\| \[`([\w-]+\.json)`\]\(examples/\1\)", test_readme.README.read_text(), re.MULTILINE)

    assert sorted(named) == sorted(path.name for path in FOLDER.iterdir())


def test_every_word_of_the_format_is_in_an_example() -> None:
    """Webhooks apart: what comes in is no matter of an API's shape."""
    parts = [test_readme.WHOLE[kind](json.loads(text)) for kind, text in test_readme.EXAMPLES]
    definitions = [*map(definition_in, FILES), *parts]
    used = {word for definition in definitions for word in words_used(parse_definition(definition))}

    assert words_of_the_format() - used == set()


def words_of_the_format() -> set[str]:
    return {
        f"{model.__name__}.{field.alias}"
        for model in models(Strict)
        if model.__module__.startswith("hub.connector.") and model.__module__ != webhook_config.__name__
        for field in model.model_fields.values()
    }


def models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from models(model)


def words_used(value: Any) -> Iterator[str]:
    """Yield what a part of a definition says itself, without what it takes from the defaults."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        for name in value.model_fields_set:
            yield f"{type(value).__name__}.{fields[name].alias}"
            yield from words_used(getattr(value, name))
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from words_used(part)
