"""What the tests of connection and endpoint tests share: a provider in memory, an endpoint, a checked result."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key, partition
from hub.integrations import testing_models
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub, make_integration

Json = dict[str, Any]
PATH = "/api/v1/custom-integrations"
TOKEN = "canary-token-that-is-long-enough"
MASK = "****"

Answer = Callable[[Call], Reply]


def reply(value: Any = None, status: int = 200, *, body: bytes | None = None, **headers: str) -> Reply:
    content = json.dumps(value).encode() if body is None else body
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {"content-type": "application/json", **named}, content, elapsed_ms=7)


@dataclass
class Provider:
    """Another system in memory: answers, or fails, by a function; keeps every call."""

    answer: Answer
    calls: list[Call] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        self.calls.append(call)
        self.timeouts_s.append(timeout_s)
        return self.answer(call)


def pages(total: int, page_size: int) -> Answer:
    """Return cursor pages of records `{id, name, n}`."""

    def answer(call: Call) -> Reply:
        start = int(dict(call.params).get("after", 0))
        end = min(start + page_size, total)
        items = [{"id": f"c{number}", "name": f"Name {number}", "n": number} for number in range(start, end)]
        return reply({"items": items, "next": str(end) if end < total else None})

    return answer


def endpoint(**changed: Any) -> Json:
    return {
        "id": "list",
        "name": "list",
        "method": "GET",
        "path": "/contacts",
        "pagination": {"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"},
        "responseMapping": {
            "dataPath": "$.items",
            "identifierField": "$.id",
            "fieldMappings": [
                {"source": "$.name", "target": "label"},
                {"source": "$.n", "target": "n", "transform": {"type": "number"}},
            ],
        },
        **changed,
    }


def create(hub: Hub, **changed: Any) -> str:
    made = hub.post(PATH, make_integration(**{"endpoints": [endpoint()], **changed}))
    assert made.status == 201, made.body
    return str(made.body["id"])


def result_of(hub: Hub, integration_id: str, endpoint_id: str | None = None, **config: Any) -> Json:
    """Return the result of a test, which is one that the model describes."""
    path = f"{PATH}/{integration_id}/test" + (f"/{endpoint_id}" if endpoint_id else "")
    answered = hub.post(path, config or None)
    assert answered.status == 200, answered.body
    testing_models.TestResult.model_validate(answered.body)
    body: Json = answered.body
    return body


def checked(hub: Hub, endpoint_id: str | None = "list", **config: Any) -> Json:
    """Create an integration and return the result of its test."""
    return result_of(hub, create(hub), endpoint_id, **config)


def stored(hub: Hub, integration_id: str) -> Json:
    item = resources().tables.config.get(key(Tenant(hub.tenant), "integration", integration_id))
    assert item is not None
    return item


def log_lines(hub: Hub, integration_id: str) -> list[Json]:
    pk = partition(Tenant(hub.tenant), f"requests#{integration_id}")
    return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))
