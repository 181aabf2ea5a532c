"""Definitions with defaults, and a provider in memory: `send()` is all that the engine asks of a client."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from hub.connector.definition import parse_definition
from hub.connector.incremental import Value
from hub.connector.plan import Means, PageRun, compile_endpoint
from hub.connector.secrets import extract_secrets
from hub.connector.variables import Variables
from hub.core.errors import BadDefinition
from hub.outbound.calls import Call, Reply, full_url

Json = dict[str, Any]
BASE_URL = "https://api.example.com/v1"


def mapping(**changes: Any) -> Json:
    return {"dataPath": "$.items", "identifierField": "$.id", "fieldMappings": [], **changes}


def endpoint(**changes: Any) -> Json:
    made = {"id": "list", "name": "listItems", "method": "GET", "path": "/items", "responseMapping": mapping()}
    return {**made, **changes}


def definition(*endpoints: Json, **changes: Any) -> Json:
    made = {
        "name": "shop",
        "displayName": "Shop",
        "integrationType": "rest_api",
        "baseUrl": BASE_URL,
        "auth": {"type": "none"},
        "retryConfig": {"maxRetries": 2, "retryDelay": 0, "retryOn": [429, 503]},
        "endpoints": list(endpoints) or [endpoint()],
    }
    return {**made, **changes}


def problems_of(raw: Any) -> dict[str, str]:
    """Return the message by pointer of a definition that must be refused."""
    with pytest.raises(BadDefinition) as caught:
        parse_definition(raw)
    return {problem.pointer: problem.message for problem in caught.value.problems}


@dataclass(frozen=True)
class Asked:
    """A request as the provider sees it."""

    method: str
    url: str
    path: str
    query: dict[str, str]
    pairs: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


Answer = Callable[[Asked], Any]


@dataclass
class Provider:
    """Answers by a function that gives a JSON value or a Reply; keeps every request."""

    answer: Answer
    requests: list[Asked] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        asked = asked_by(call)
        self.requests.append(asked)
        self.timeouts_s.append(timeout_s)
        answer = self.answer(asked)
        return answer if isinstance(answer, Reply) else reply(answer)


def asked_by(call: Call) -> Asked:
    url = full_url(call)
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return Asked(call.method, url, parts.path, dict(pairs), pairs, call.headers, call.content)


def reply(value: Any = None, status: int = 200, body: bytes | None = None, **headers: str) -> Reply:
    content = json.dumps(value).encode() if body is None else body
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {"content-type": "application/json", **named}, content, elapsed_ms=7)


def run(
    raw: Json,
    provider: Provider,
    params: Json | None = None,
    *,
    settings: Json | None = None,
    state: Json | None = None,
    endpoint_id: str = "list",
    since: Value | None = None,
    **means: Any,
) -> PageRun:
    """Bind an endpoint as a worker does: secrets leave the definition first, and come back from the vault.

    `means` are what else a run needs, as `Means` names it.
    """
    stored, secrets = extract_secrets(raw)
    plan = compile_endpoint(parse_definition(stored), endpoint_id)
    variables = Variables(params or {}, settings or {}, state or {})
    return plan.bind(variables, Means(provider, secrets, **means), since)


def sent(raw: Json, params: Json | None = None, **bound: Any) -> Asked:
    """Return the request that the endpoint's first page sends."""
    provider = Provider(lambda _: {"items": []})
    run(raw, provider, params, **bound).fetch()
    return provider.requests[0]
