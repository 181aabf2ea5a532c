"""The sample events: each one is what its function expects, and is answered without an error."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.core.resources import resources
from hub.integrations.catalog import seeding
from hub.providers import provider_files
from tests.api.conftest import Cloud, app
from tests.api.tested import Provider, reply

EVENTS = Path(__file__).parents[2] / "events"
FUNCTION_BY_FILE = dict(re.findall(r"^\| `([\w-]+\.json)` \| (\w+) \|", (EVENTS / "README.md").read_text(), re.M))
ANSWERS: dict[str, Callable[[Any], bool]] = {
    "http-create-custom-integration.json": lambda answer: answer["statusCode"] == 201,
    "http-list-documents.json": lambda answer: answer["statusCode"] == 200 and "items" in json.loads(answer["body"]),
    "http-create-integration.json": lambda answer: answer["statusCode"] == 201,
    "http-oauth-callback.json": lambda answer: answer["statusCode"] == 400,
    "authorizer-api-key.json": lambda answer: [*answer["context"]] == ["denied"],
    "http-create-subscription.json": lambda answer: answer["statusCode"] == 201,
    "http-post-event.json": lambda answer: answer["statusCode"] == 202,
    "http-receive-webhook.json": lambda answer: answer["statusCode"] == 404,
    "sqs-connection-hint.json": lambda answer: answer == {"batchItemFailures": []},
    "sqs-event-hint.json": lambda answer: answer == {"batchItemFailures": []},
    "sqs-bus-event.json": lambda answer: answer == {"batchItemFailures": []},
    "sqs-delivery-hint.json": lambda answer: answer == {"batchItemFailures": []},
    "sqs-inbound-hint.json": lambda answer: answer == {"batchItemFailures": []},
    "sqs-sync-hint.json": lambda answer: answer == {"batchItemFailures": []},
    "schedule-every-minute.json": lambda answer: answer["hinted"] >= 0,
    "custom-resource-catalogue.json": lambda answer: answer == {"status": "SUCCESS"},
}


@dataclass(frozen=True)
class Context:
    """What a function is told of its own life."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture(autouse=True)
def deployed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub whose catalogue is filled; CloudFormation takes what it is told."""
    seeding.seed(resources().tables, provider_files.load_all())
    cloudformation = Provider(lambda _: reply())
    monkeypatch.setattr(app(cloud.template.functions["ProviderSeed"].code_dir), "client", lambda: cloudformation)


@pytest.mark.parametrize("file", sorted(FUNCTION_BY_FILE))
def test_sample_event_is_answered_without_an_error(cloud: Cloud, file: str) -> None:
    function = FUNCTION_BY_FILE[file]
    event = json.loads((EVENTS / file).read_text())

    with cloud.running(function):
        answer = cloud.handler(function)(event, Context())

    assert ANSWERS[file](answer), answer


def test_every_sample_event_is_described_and_sent(cloud: Cloud) -> None:
    files = {path.name for path in EVENTS.glob("*.json")}

    assert files == FUNCTION_BY_FILE.keys() == ANSWERS.keys()
    assert {*FUNCTION_BY_FILE.values()} <= cloud.template.functions.keys()
