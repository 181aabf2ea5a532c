"""A provider of the catalogue, connected to a fake: all its addresses are the fake's, everything else is as written."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from hub.connector.auth_config import OAuth2Auth
from hub.connector.authenticate import ACCESS_TOKEN
from hub.connector.batches import Batch, BatchRun, RecordResult, compile_batch
from hub.connector.definition import ConnectorDefinition, parse_definition
from hub.connector.incremental import Value
from hub.connector.plan import Means, Page, Plan, Position, compile_endpoint
from hub.connector.request_config import Endpoint
from hub.connector.secrets import CLIENT_SECRET as CLIENT_SECRET_PLACE
from hub.connector.token_requests import read_grant, token_call
from hub.connector.uploads import Uploaded, UploadRun, compile_upload
from hub.connector.variables import Variables
from hub.core.errors import Retryable
from hub.integrations.connections.clients import with_client
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.outbound.retry import RetryPolicy, Waiting
from hub.providers import entered
from hub.providers.provider_files import paths
from hub.providers.resolve import config_values, resolve, secrets_in
from tests.parity.serving import Api, Json, serving
from tests.providers.fakes.authority import CLIENT_ID, CLIENT_SECRET, Authority
from tests.providers.fakes.controls import Fake

OPERATORS_LIST = "127.0.0.0/8"
MOST_PAGES = 60  # a walk that does not end fails here and not in an hour
MOST_TRIES = 4
UNHURRIED = Waiting(sleep=lambda _: None, chance=lambda: 0.0)


@dataclass
class Tokens:
    """A source of tokens that asks the fake's token server for another one, as the hub does."""

    client: Client
    auth: OAuth2Auth
    access: str
    refresh: str
    seen: set[str] = field(default_factory=set)

    def current(self) -> str:
        return self.access

    def renewed(self, rejected: str) -> str:
        assert rejected == self.access
        call = token_call(self.auth, {CLIENT_SECRET_PLACE: CLIENT_SECRET}, self.refresh)
        grant = read_grant(self.auth, self.client.send(call, timeout_s=5), [CLIENT_SECRET])
        self.access, self.refresh = grant.access_token, grant.refresh_token or self.refresh
        self.seen |= {self.access, self.refresh}
        return self.access

    def known(self) -> frozenset[str]:
        return frozenset({self.access, self.refresh, *self.seen})


@dataclass
class Written:
    """What became of documents: one result each, by place, and the ids of the jobs that write them."""

    results: dict[int, RecordResult] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)
    repeated: int = 0

    def outcomes(self) -> list[str]:
        return [self.results[place].outcome for place in sorted(self.results)]

    def reasons(self) -> dict[int, str]:
        return {place: one.reason or "" for place, one in self.results.items() if one.outcome == "rejected"}

    def add(self, results: list[RecordResult]) -> None:
        for result in results:
            assert result.index not in self.results, f"record {result.index} has two results"
            self.results[result.index] = result


@dataclass(frozen=True)
class Account:
    """What the hub sees of a provider, and what the provider sees of the hub."""

    fake: Fake
    api: Api
    definition: ConnectorDefinition
    settings: Json
    means: Means

    def endpoint(self, operation: str, entity: str | None = None) -> Endpoint:
        found = [one for one in self.definition.endpoints if one.operation == operation]
        fitting = [one for one in found if entity is None or one.entity == entity]
        assert fitting, f"there is no {operation} of {entity}: {[(one.id, one.entity) for one in found]}"
        return fitting[0]

    def plan(self, endpoint_id: str) -> Plan:
        return without_waits(compile_endpoint(self.definition, endpoint_id))

    def pages(self, endpoint_id: str, params: Json | None = None, since: Value | None = None) -> list[Page]:
        run = self.plan(endpoint_id).bind(self.variables(params), self.means, since)
        try:
            pages = [run.fetch()]
            while (position := pages[-1].next) is not None:
                assert len(pages) < MOST_PAGES, "the walk does not end"
                pages.append(run.fetch(kept(position)))
            return pages
        finally:
            run.close()

    def documents(self, endpoint_id: str, params: Json | None = None, since: Value | None = None) -> dict[str, Json]:
        """Return the documents by id in the order they came; a record that is rejected or comes twice fails."""
        records = [record for page in self.pages(endpoint_id, params, since) for record in page.records]
        assert [record.rejected for record in records if record.rejected] == []
        documents = {str(record.external_id): record.content or {} for record in records}
        assert len(documents) == len(records), "a record came twice"
        return documents

    def call(self, endpoint_id: str, params: Json | None = None) -> Page:
        """Send one request that is no list, a health check or a message; raises what it raises."""
        return self.plan(endpoint_id).bind(self.variables(params), self.means).fetch()

    def batch_run(self, entity: str = "contact") -> BatchRun:
        found = next(one for one in self.definition.endpoints if one.batch is not None and one.entity == entity)
        plan = compile_batch(self.definition, found.id)
        return BatchRun(replace(plan, plan=without_waits(plan.plan)), self.variables(None), self.means)

    def write(self, documents: list[Json]) -> Written:
        """Write all documents; a batch that may be sent again is, as a worker would."""
        run, written = self.batch_run(), Written()
        cut = run.batches(documents)
        written.add(cut.rejected)
        for batch in cut.batches:
            self._write_batch(run, batch, written)
        return written

    def upload(self, content: bytes, name: str, content_type: str = "text/csv") -> Uploaded:
        plan = compile_upload(self.definition, self.endpoint("upload").id)
        plan = replace(plan, exchange=replace(plan.exchange, policy=RetryPolicy(first_delay_s=0.0, max_delay_s=0.0)))
        return UploadRun(plan, self.variables(None), self.means, UNHURRIED).send(content, name, content_type)

    def variables(self, params: Json | None) -> Variables:
        return Variables(params or {}, self.settings)

    def _write_batch(self, run: BatchRun, batch: Batch, written: Written) -> None:
        for _ in range(MOST_TRIES):
            try:
                result = run.send(batch)
            except Retryable:
                written.repeated += 1
                continue
            written.add(result.results)
            written.jobs += [result.job_id] if result.job_id else []
            return
        raise AssertionError("the batch never came through")


@dataclass(frozen=True)
class Connecting:
    """How a provider is connected: the kind of its method, what is entered for it, and the integration's settings.

    `hosts` are names of settings whose address is another host, served by the same fake on a port of its own.
    """

    slug: str
    kind: str
    entered: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    hosts: tuple[str, ...] = ()


def provider(slug: str) -> Json:
    path = next((path for path in paths() if path.stem == slug), None)
    assert path is not None, f"there is no provider file {slug}.json"
    loaded: Json = json.loads(path.read_text())
    return loaded


@contextmanager
def connected(how: Connecting, fake: Fake) -> Iterator[Account]:
    """Serve the fake and connect the provider to it."""
    with ExitStack() as stack:
        api = stack.enter_context(serving(fake))
        others = {name: stack.enter_context(serving(fake)).url for name in how.hosts}
        client = stack.enter_context(Client(Guard.from_text(OPERATORS_LIST)))
        found = provider(how.slug)
        method = next(one for one in found["methods"] if one["kind"] == how.kind)
        settings = {**_addresses(found["configSchema"], api.url, others), **how.settings}
        yield _account(fake, api, _Parts(found, method, config_values(found["configSchema"], settings), how), client)


@dataclass(frozen=True)
class _Parts:
    found: Json
    method: Json
    settings: Json
    how: Connecting


def _account(fake: Fake, api: Api, parts: _Parts, client: Client) -> Account:
    typed = {name: value.replace("{origin}", api.url) for name, value in parts.how.entered.items()}
    shown, hidden = entered.split(parts.method, typed)
    values = {**_granted_fields(parts.method, api.url), **shown, **parts.settings}
    method = with_client(parts.method, CLIENT_ID)
    raw = resolve(parts.found["connector"], method, values)
    definition = parse_definition(raw)
    secrets = secrets_in(method, {**values, **hidden})
    tokens = _tokens(fake.authority, definition, client)
    if tokens is not None:
        secrets |= {CLIENT_SECRET_PLACE: CLIENT_SECRET, ACCESS_TOKEN: tokens.access}
    return Account(fake, api, definition, values, Means(client, secrets, tokens))


def _tokens(authority: Authority | None, definition: ConnectorDefinition, client: Client) -> Tokens | None:
    if authority is None or not isinstance(definition.auth, OAuth2Auth):
        return None
    scopes = (definition.auth.scope or "").split(definition.auth.scope_separator)
    return Tokens(client, definition.auth, *authority.give(*scopes))


def _granted_fields(method: Json, url: str) -> Json:
    """Return what the token server says of the account: addresses, which are the fake's."""
    fields = (method["auth"].get("tokenFields") or {}).get("fields") or {}
    return dict.fromkeys(fields, url)


def _addresses(schema: Json, url: str, others: Json) -> Json:
    """Return the settings that lead everything to the fake: each address keeps the path of its default."""
    properties = schema.get("properties", {})
    names = [name for name in properties if name.lower().endswith("url")]
    return {name: others.get(name, url) + urlsplit(properties[name].get("default", "")).path for name in names}


def kept(position: Position) -> Position:
    """Return a position as a checkpoint gives it back."""
    return Position.from_json(json.loads(json.dumps(position.to_json())))


def without_waits(plan: Plan) -> Plan:
    policy = replace(plan.exchange.policy, first_delay_s=0.0, max_delay_s=0.0)
    return replace(plan, exchange=replace(plan.exchange, policy=policy))
