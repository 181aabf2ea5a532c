"""Every provider that the hub ships with, whoever wrote its file: it can be read, stored and called."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hub.connector.definition import parse_definition
from hub.core.errors import BadDefinition
from hub.integrations.catalog import checks, provider_items
from hub.integrations.catalog.catalog_models import ProviderDocument
from hub.providers import provider_files
from hub.providers.resolve import HANDLE, config_values, resolve

Json = dict[str, Any]

PATHS = provider_files.paths()
OF_THE_TEXTS = set(
    "salesforce hubspot zoho-crm mailchimp sendgrid zapier google-drive dropbox slack microsoft google rest graphql"
    " webhook".split()
)
SANDBOXES = {"load_board", "accounting", "eld", "crm", "rating", "tracking", "payment", "edi"}
CARDS = set("SALESFORCE HUBSPOT ZOHO MAILCHIMP SENDGRID ZAPIER GOOGLE_DRIVE DROPBOX".split())
TEAMS = {"zapier", "slack", "rest", "graphql", "webhook", "salesforce", "hubspot", "microsoft", "google"}
SECRET = re.compile(r"(xox[abp]-|SG\.[\w-]{10}|sk_live_|AKIA[0-9A-Z]{12}|-----BEGIN)")

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def file(path: Path) -> Json:
    return provider_files.load(path).document()


@each
def test_file_is_one_that_a_super_admin_could_have_written(path: Path) -> None:
    document = file(path)

    ProviderDocument.model_validate(document)
    assert checks.faults(document) == []


@each
def test_file_resolves_for_every_way_to_connect(path: Path) -> None:
    document = file(path)

    for method in document["methods"]:
        values = checks.sample_values(document["connector"], method, document["configSchema"])
        client = {"clientId": "a", "clientSecret": HANDLE} if method["auth"]["type"] == "oauth2" else {}
        definition = resolve(document["connector"], {**method, "auth": {**client, **method["auth"]}}, values)
        assert parse_definition(definition).name == document["connector"]["name"]


@each
def test_item_gives_back_the_document_that_it_was_made_of(path: Path) -> None:
    document = file(path)
    fields = provider_items.fields_of(document)

    assert json.loads(fields["configSchema"]) == document["configSchema"]
    assert fields["authKind"] == document["methods"][0]["kind"]
    assert json.loads(provider_items.definition_text(document)) == {
        "connector": document["connector"],
        "methods": document["methods"],
    }


@each
def test_settings_of_a_file_say_what_they_are_and_take_no_others(path: Path) -> None:
    schema = file(path)["configSchema"]

    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for name, setting in schema.get("properties", {}).items():
        assert setting.get("title"), f"{name} has no title for people"
    assert config_values(schema, {}).keys() <= schema.get("properties", {}).keys()


@each
def test_every_address_can_be_another_one_for_a_sandbox(path: Path) -> None:
    document = file(path)
    settable = document["configSchema"].get("properties", {}).keys()
    urls = list(addresses([document["connector"], *(method["auth"] for method in document["methods"])]))

    fixed = [url for url in urls if not (found := re.match(r"\{\{(\w+)\}\}", url)) or found[1] not in settable]

    assert fixed == []


def addresses(value: Any) -> Any:
    if isinstance(value, dict):
        words = ("baseUrl", "tokenUrl", "authorizationUrl", "revocationUrl")
        yield from (value[word] for word in words if word in value)
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from addresses(child)


@each
def test_file_holds_no_secret(path: Path) -> None:
    assert SECRET.search(path.read_text(encoding="utf-8")) is None


@each
def test_capability_and_entity_words_fit_the_endpoints(path: Path) -> None:
    document = file(path)
    endpoints = document["connector"]["endpoints"]
    known = {each["name"] for each in document["availableEntities"]}

    assert {each.get("entity") for each in endpoints if each.get("operation") == "list"} - {None} <= known
    assert set(document["searchableEntities"]) <= known
    assert bool(document["searchableEntities"]) == document["supportsSearch"]
    assert document["supportsBatch"] == any("batch" in each for each in endpoints)


@each
def test_every_field_that_a_person_must_enter_is_used(path: Path) -> None:
    """What need not be entered may be for people alone, as spec S002's accountId of Dropbox is."""
    for method in file(path)["methods"]:
        text = json.dumps(method["auth"]) + json.dumps(file(path)["connector"])
        for field in (field for field in method.get("fields", []) if field.get("required", True)):
            names = {field["name"], f"{field['name']}Path", *field.get("derive", {})}
            assert any(f"{{{{{name}" in text or f"{{{name}}}" in text for name in names), field["name"]


def test_the_catalogue_of_the_specifications_is_complete() -> None:
    found = {path.stem for path in PATHS}

    assert found >= OF_THE_TEXTS
    sandboxes = [file(path) for path in PATHS if path.stem.startswith("sandbox-")]
    assert {each["category"] for each in sandboxes} == SANDBOXES
    assert len(sandboxes) == len(SANDBOXES)


def test_other_surfaces_find_each_provider_under_one_name() -> None:
    aliases = [provider_files.load(path).aliases for path in PATHS]
    cards = [each.cards for each in aliases if each.cards]
    teams = [each.teams for each in aliases if each.teams]

    assert set(cards) >= CARDS
    assert set(teams) >= TEAMS
    assert len(cards) == len(set(cards))
    assert len(teams) == len(set(teams))


def test_file_under_another_name_than_its_provider_is_refused(tmp_path: Path) -> None:
    copied = tmp_path / "other.json"
    copied.write_text((Path(provider_files.__file__).parent / "rest.json").read_text(encoding="utf-8"))

    with pytest.raises(BadDefinition, match="holds the provider 'rest'"):
        provider_files.load(copied)


@pytest.mark.parametrize("text", ["{", "[]", '{"provider": "other"}', '{"provider": "other", "colour": "red"}'])
def test_file_that_is_no_provider_is_named(tmp_path: Path, text: str) -> None:
    broken = tmp_path / "other.json"
    broken.write_text(text)

    with pytest.raises(BadDefinition, match=r"other\.json"):
        provider_files.load(broken)
