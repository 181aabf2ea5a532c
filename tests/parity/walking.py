"""An example of the format against a server: the address is the server's, everything else is as it is written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from hub.connector.authenticate import TokenSource
from hub.connector.definition import parse_definition
from hub.connector.incremental import Value
from hub.connector.plan import Means, Page, PageRun, Plan, Position, compile_endpoint
from hub.connector.secrets import extract_secrets
from hub.connector.variables import Variables
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from tests.parity.serving import Api, Handle, Json, serving

EXAMPLES = Path(__file__).parents[2] / "layers" / "shared" / "hub" / "connector" / "examples"
OPERATORS_LIST = "127.0.0.0/8"
MOST_PAGES = 50  # a walk that does not end fails here and not in an hour


@dataclass(frozen=True)
class Walk:
    """What a sync sees of an API, and what the API saw of the sync."""

    api: Api
    run: PageRun
    plan: Plan

    def since(self) -> Value:
        """Walk to the end and return what the next sync asks from."""
        seen = [page.watermark for page in self.pages() if page.watermark is not None]
        assert self.plan.increment is not None
        return self.plan.increment.value(max(seen))

    def pages(self, start: Position | None = None) -> list[Page]:
        pages = [self.run.fetch(start)]
        while (position := pages[-1].next) is not None:
            assert len(pages) < MOST_PAGES, "the walk does not end"
            pages.append(self.run.fetch(kept(position)))
        return pages

    def documents(self) -> dict[str, Json]:
        """Return the documents by id in the order they came; a record that is rejected or comes twice fails."""
        records = [record for page in self.pages() for record in page.records]
        assert [record.rejected for record in records if record.rejected] == []
        documents = {str(record.external_id): record.content or {} for record in records}
        assert len(documents) == len(records), "a record came twice"
        return documents


@dataclass(frozen=True)
class Setting:
    """What is added to an example: `auth` holds credentials that the server knows; `endpoint` None = the first.

    `since` is what an incremental endpoint asks from.
    """

    auth: Json = field(default_factory=dict)
    params: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    state: Json = field(default_factory=dict)
    endpoint: str | None = None
    tokens: TokenSource | None = None
    most_ahead: int = 0
    since: Value | None = None


def example(name: str) -> Json:
    loaded: Json = json.loads((EXAMPLES / f"{name}.json").read_text())
    return loaded


def kept(position: Position) -> Position:
    """Return a position as a checkpoint gives it back."""
    return Position.from_json(json.loads(json.dumps(position.to_json())))


@contextmanager
def walking(definition: Json, handle: Handle, setting: Setting) -> Iterator[Walk]:
    """Serve the API and bind an endpoint of the definition to it, with retries that do not wait."""
    with serving(handle) as api, Client(Guard.from_text(OPERATORS_LIST)) as client:
        plan, secrets = _planned(at(definition, api.url, setting), setting)
        means = Means(client, secrets, setting.tokens, most_ahead=setting.most_ahead)
        run = plan.bind(Variables(setting.params, setting.settings, setting.state), means, setting.since)
        try:
            yield Walk(api, run, plan)
        finally:
            run.close()


def at(definition: Json, url: str, setting: Setting) -> Json:
    auth = {**definition["auth"], **setting.auth}
    base_url = url + urlsplit(definition["baseUrl"]).path
    return {**definition, "baseUrl": base_url, "auth": auth}


def _planned(definition: Json, setting: Setting) -> tuple[Plan, dict[str, str]]:
    """Return the plan of an endpoint, and the definition's secrets by pointer."""
    stored, secrets = extract_secrets(definition)
    made = parse_definition(stored)
    return _without_waits(compile_endpoint(made, setting.endpoint or made.endpoints[0].id)), secrets


def _without_waits(plan: Plan) -> Plan:
    policy = replace(plan.exchange.policy, first_delay_s=0.0, max_delay_s=0.0)
    return replace(plan, exchange=replace(plan.exchange, policy=policy))
