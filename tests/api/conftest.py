"""Handlers in process on moto: one cloud per session, a fresh tenant per test, the real route table in between.

Requests go through the template's own routes and the very event builder of the local gateway; only the authorizer's
result is given by the test.
"""

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest

os.environ["MOTO_ACCOUNT_ID"] = "000000000000"  # read on import: the account of the local stack's ARNs
from hub.core import config, resources
from moto import mock_aws

from local import template
from local.attributes import REGION, Addresses
from local.http_events import Request, request_event
from local.openapi import load_app
from local.resources import Clients, ensure, ensure_keys
from local.routes import RouteTable

ROOT = Path(__file__).parents[2]
PARAMETERS = {"JwtIssuer": "https://id.test", "JwksUrl": "https://id.test/keys", "SyncLeaseSeconds": "120"}
_COUNTER = itertools.count(1)


class MotoClients(Clients):
    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Cloud:
    template: template.Template
    routes: RouteTable


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        os.environ |= {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        clients = MotoClients("")
        source = template.load(ROOT / "template.yaml", PARAMETERS)
        keys = ensure_keys(clients, source.key_ids())
        read = template.read(source, Addresses("https://sqs.us-east-1.amazonaws.com", "http://hub.test", keys))
        ensure(clients, read.resources)
        os.environ |= {**read.functions["Authorizer"].environment, **read.functions["SyncWorker"].environment}
        _forget()
        yield Cloud(read, RouteTable(read.routes))
        _forget()


def _forget() -> None:
    for cached in (config.settings, config.token_settings, resources.resources):
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
        answer = app(self.cloud.template.functions[match.route.function].code_dir).handler(event, None)
        text = answer.get("body")
        return Reply(answer["statusCode"], answer["headers"], json.loads(text) if text else None)

    def get(self, path: str, **options: Any) -> Reply:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return self.call("POST", path, body, **options)


@pytest.fixture
def tenant() -> str:
    return f"tenant-{next(_COUNTER)}"


@pytest.fixture
def hub(cloud: Cloud, tenant: str) -> Hub:
    return Hub(cloud, tenant)


@pytest.fixture
def other_hub(cloud: Cloud) -> Hub:
    """The same API as another tenant sees it."""
    return Hub(cloud, f"other-{next(_COUNTER)}")
