"""Handlers in process on moto: one cloud per session, a fresh tenant per test, the real route table in between.

Requests go through the template's own routes and the very event builder of the local gateway; only the authorizer's
result is given by the test.
"""

import base64
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from hub.core import clock, config, resources
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Tables, partition
from local import template
from local.attributes import REGION, Addresses
from local.http_events import Request, request_event
from local.openapi import load_app
from local.resources import Clients, ensure, ensure_keys
from local.routes import RouteTable
from tests.api import small_api
from tests.api.moto_speed import answer_fast
from tests.rules.rights import Guard

if TYPE_CHECKING:
    from tests.api.consent import AuthorizationServer
    from tests.api.tested import Provider

ROOT = Path(__file__).parents[2]
PARAMETERS = {
    "JwtIssuer": "https://id.test",
    "JwksUrl": "https://id.test/keys",
    "SyncLeaseSeconds": "120",
    "SyncIntervalSeconds": "0",
}
_COUNTER = itertools.count(1)
OF_THE_HUB = "_hub#"  # the partitions of no tenant
CATALOGUE = ("_hub#provider", "_hub#connector")  # of them, what tests make anew


class MotoClients(Clients):
    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Cloud:
    """`rights` refuses what AWS would refuse to the function that runs, from the policies in the template."""

    template: template.Template
    routes: RouteTable
    rights: Guard

    def handler(self, function: str) -> Any:
        """Return the entry point of the template's function."""
        return app(self.template.functions[function].code_dir).handler

    def forget(self) -> None:
        """Take out tenants' items, the catalogue and all messages, and what moto keeps of all that it ever made."""
        reset_model_data()
        for table in [table for backend in _all_of(dynamodb_backends) for table in backend.tables.values()]:
            for pk in [pk for pk in table.items if _is_of_a_test(str(pk.value))]:
                del table.items[pk]
        for backend in _all_of(sqs_backends):
            for name, queue in backend.queues.items():
                queue.last_purged_at = None  # moto keeps AWS's pace: one purge a minute
                backend.purge_queue(name)

    @contextmanager
    def running(self, function: str) -> Iterator[None]:
        """Let the calls in this block have the rights of that function and no others."""
        self.rights.function = function if function in self.template.functions else None
        try:
            yield
        finally:
            self.rights.function = None


def _all_of(backends: Any) -> list[Any]:
    return [backend for regions in backends.values() for backend in regions.values()]


@dataclass(frozen=True)
class SmallCloud(Cloud):
    """The same cloud with another API in front: the routes of `small_api`."""

    def handler(self, function: str) -> Any:
        assert function == "Small"
        return small_api.handler


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    answer_fast()
    with mock_aws():
        os.environ |= {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        clients = MotoClients("")
        source = template.load(ROOT / "template.yaml", PARAMETERS)
        keys = ensure_keys(clients, source.key_ids())
        read = template.read(source, Addresses("https://sqs.us-east-1.amazonaws.com", "http://hub.test", keys))
        ensure(clients, read.resources)
        for function in ("Authorizer", "Operations", "Oauth", "SyncWorker"):
            os.environ |= read.functions[function].environment
        _forget()
        yield Cloud(read, RouteTable(read.routes), _rights(read))
        _forget()


def _rights(read: template.Template) -> Guard:
    names = {
        resource.attributes["Ref"].rpartition("/")[2]: resource.logical_id
        for resource in read.resources
        if "Ref" in resource.attributes
    }
    guard = Guard({**names, read.functions["Sync"].environment["KMS_KEY_ID"]: "HubKey"})
    made = resources.resources()
    guard.watch((made.dynamodb, made.sqs, made.events, made.kms, made.s3))
    return guard


def _forget() -> None:
    """Let the next cloud be seen, by the functions too: they keep what they made for the life of their process."""
    read = (config.settings, config.token_settings, config.dead_letter_queues, config.dashboard_url)
    for cached in (*read, resources.resources, app):
        cached.cache_clear()


@cache
def app(code_dir: Path) -> Any:
    return load_app(code_dir / "app.py")


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The error code of a refusal."""
        return str(self.body["error"]["code"])


def _is_of_a_test(pk: str) -> bool:
    return not pk.startswith(OF_THE_HUB) or pk.startswith(CATALOGUE)


def _body_of(answer: Mapping[str, Any]) -> Any:
    """Return JSON as its value, what another system answered as bytes, and None for nothing."""
    text = answer.get("body")
    if answer.get("isBase64Encoded"):
        return base64.b64decode(text or "")
    return json.loads(text) if text else None


@dataclass(frozen=True)
class Hub:
    """One tenant's view of the API, as an administrator unless a call says otherwise."""

    cloud: Cloud
    tenant: str

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        roles: str = "tenant_admin",
        scopes: str = "",
        context: Mapping[str, str] | None = None,
    ) -> Reply:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = tuple((name.lower(), value) for name, value in (headers or {}).items())
        sent = (("content-type", "application/json"), ("host", "hub.test"), *given)
        request = Request(method, path, urlencode(query or {}), sent, raw, "127.0.0.1")
        match = self.cloud.routes.select(method, path)
        assert match is not None, f"the template has no route for {method} {path}"
        caller = {"tenant": self.tenant, "user": "u1", "roles": roles, "scopes": scopes, "keyId": ""}
        event = request_event(request, match, caller if context is None else dict(context))
        return self.send(match.route.function, event)

    def send(self, function: str, event: dict[str, Any]) -> Reply:
        """Give a function an event as it is."""
        with self.cloud.running(function):
            answer = self.cloud.handler(function)(event, None)
        return Reply(answer["statusCode"], answer["headers"], _body_of(answer))

    def get(self, path: str, **options: Any) -> Reply:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return self.call("POST", path, body, **options)

    def audit_entries(self) -> list[Item]:
        """Return the tenant's audit entries, oldest first."""
        return list(self._tables.activity.query_all("pk = :pk", {"pk": partition(Tenant(self.tenant), "audit")}))

    def documents(self, document_type: str) -> list[Item]:
        """Return the stored documents of a type."""
        pk = partition(Tenant(self.tenant), f"doc#{document_type}")
        return list(self._tables.documents.query_all("pk = :pk", {"pk": pk}))

    @property
    def _tables(self) -> Tables:
        return resources.resources().tables


def make_integration(name: str = "crm", **changed: Any) -> dict[str, Any]:
    """Return a small custom integration as a tenant writes it; its secret is a canary."""
    endpoint = {
        "id": "contacts",
        "name": "Contacts",
        "method": "GET",
        "path": "/contacts",
        "responseMapping": {"dataPath": "$.items", "identifierField": "id"},
    }
    return {
        "name": name,
        "displayName": "CRM",
        "integrationType": "rest_api",
        "baseUrl": "https://crm.example.com",
        "auth": {"type": "bearer", "token": "canary-token-that-is-long-enough"},
        "endpoints": [endpoint],
        **changed,
    }


@contextmanager
def just_before(operation: str, act: Callable[[], object], service: str = "dynamodb") -> Iterator[None]:
    """Let `act` happen once, right before the hub's next call of this name goes out."""
    events, name = getattr(resources.resources(), service).meta.events, f"before-call.{service}.{operation}"

    def once(**_: Any) -> None:
        events.unregister(name, once)
        act()

    events.register(name, once)
    try:
        yield
    finally:
        events.unregister(name, once)


def lose_connection() -> None:
    """What a call of AWS does that finds nobody there; the URL must show nowhere."""
    raise EndpointConnectionError(endpoint_url="https://canary-aws.test")


class StoppedClock:
    """The hub's clock, which moves only when told to."""

    def __init__(self, epoch_s: float) -> None:
        self.epoch_s = epoch_s

    def advance(self, seconds: float) -> None:
        self.epoch_s += seconds


@pytest.fixture
def stopped_clock() -> Iterator[StoppedClock]:
    stopped = StoppedClock(time.time() // 60 * 60 + 10)  # ten seconds into a minute
    clock.use(lambda: stopped.epoch_s)
    yield stopped
    clock.use(None)


@pytest.fixture
def tenant() -> str:
    return f"tenant-{next(_COUNTER)}"


@pytest.fixture
def hub(cloud: Cloud, tenant: str) -> Iterator[Hub]:
    yield Hub(cloud, tenant)
    cloud.forget()


@pytest.fixture
def other_hub(cloud: Cloud) -> Hub:
    """The same API as another tenant sees it."""
    return Hub(cloud, f"other-{next(_COUNTER)}")


def _small(cloud: Cloud) -> Cloud:
    routes = [
        template.Route(row.method, row.path, "Small", None if row.access.public else "HubAuthorizer")
        for row in small_api.api.routes.values()
    ]
    return SmallCloud(cloud.template, RouteTable(routes), cloud.rights)


@pytest.fixture
def small_hub(hub: Hub) -> Hub:
    """The tenant's view of an API with one route for each thing that the edge does."""
    return replace(hub, cloud=_small(hub.cloud))


@pytest.fixture
def other_small_hub(other_hub: Hub) -> Hub:
    return replace(other_hub, cloud=_small(other_hub.cloud))


@pytest.fixture
def provider(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> "Provider":
    """What every test calls instead of the network: the function's `client` is made to be replaced."""
    from tests.api.tested import Provider, reply  # it builds on this module

    made = Provider(lambda _: reply({"items": [], "next": None}))
    function = app(cloud.template.functions["IntegrationTests"].code_dir)
    monkeypatch.setattr(function, "client", lambda _request: made)
    return made


@pytest.fixture
def upstream(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> "Provider":
    """The same for what is called on request."""
    from tests.api.tested import Provider, reply

    made = Provider(lambda _: reply({"ok": True}))
    function = app(cloud.template.functions["Calls"].code_dir)
    monkeypatch.setattr(function, "client", lambda _request: made)
    return made


@pytest.fixture
def oauth(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator["AuthorizationServer"]:
    """An authorization server that the OAuth function asks in place of any other, and two providers that use it."""
    from tests.api import consent

    made = consent.AuthorizationServer(more={"instance_url": "https://acme.example.com"})
    function = app(hub.cloud.template.functions["Oauth"].code_dir)
    monkeypatch.setattr(function, "client", lambda _request: made)
    with consent.catalogue():
        yield made
