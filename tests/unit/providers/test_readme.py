"""The description of provider files: every word of a file is explained, and its example is a provider that works."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hub.connector.strict import Strict
from hub.integrations.catalog import checks
from hub.providers import provider_files
from hub.providers.provider_files import CredentialField, Method, ProviderFile

FOLDER = Path(provider_files.__file__).parent
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([A-Za-z]+)`", TEXT.rpartition("```")[2]))
PARTS = [ProviderFile, Method, CredentialField, provider_files.Aliases, provider_files.SearchCapabilities]


def example() -> str:
    (found,) = re.findall(r"```json provider\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_word_of_a_provider_file_is_explained(part: type[Strict]) -> None:
    words = {field.alias or name for name, field in part.model_fields.items()}

    assert words - WORDS == set()


@pytest.mark.parametrize("allowed", [provider_files.Status, provider_files.Audience, provider_files.MethodKind])
def test_every_value_that_is_one_of_a_few_is_explained(allowed: Any) -> None:
    assert set(allowed.__args__) - set(re.findall(r"`(\w+)`", TEXT)) == set()


def test_the_example_is_a_provider_that_works(tmp_path: Path) -> None:
    path = tmp_path / f"{json.loads(example())['provider']}.json"
    path.write_text(example(), encoding="utf-8")

    document = provider_files.load(path).document()

    assert checks.faults(document) == []


def test_every_provider_of_the_folder_is_in_the_table_of_the_readme() -> None:
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9-]+)`", text.partition("\n## Providers\n")[2].partition("\n## ")[0]))

    assert {path.stem for path in provider_files.paths() if not path.stem.startswith("sandbox-")} <= named
