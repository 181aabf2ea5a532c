"""What tests of the connection worker share: a connection with a grant, a provider's server in memory, the worker."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.outbound.calls import Call, Reply
from tests.api import connecting
from tests.api.conftest import Hub, StoppedClock

Json = dict[str, Any]

LIFETIME_S = 3600


def answer(status: int, body: Json | None = None) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(body or {}).encode(), 1)


@dataclass
class Authority:
    """A provider's authorization server in memory; `failures` answer first, one call each."""

    failures: list[Reply] = field(default_factory=list)
    asked: list[tuple[str, Json]] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s <= 30
        self.asked.append((urlsplit(call.url).path, dict(parse_qsl((call.content or b"").decode()))))
        if self.failures:
            return self.failures.pop(0)
        if self.asked[-1][0] == "/revoke":
            return answer(200)
        number = len(self.paths("/token"))
        tokens = {"access_token": f"canary-access-{number}", "refresh_token": f"canary-refresh-{number}"}
        return answer(200, {**tokens, "expires_in": LIFETIME_S})

    def paths(self, path: str) -> list[Json]:
        return [form for asked, form in self.asked if asked == path]


@dataclass
class Work:
    """A tenant with an integration that was connected with pasted tokens, and the worker that keeps it so."""

    hub: Hub
    authority: Authority
    clock: StoppedClock
    integration_id: str

    @property
    def connection(self) -> Item:
        return connecting.connection(self.hub, self.integration_id)

    @property
    def integration(self) -> Item:
        return connecting.integration(self.hub, self.integration_id)

    def run(self, *ids: str) -> Json:
        """Run the function with hints of these ids, as SQS does; without any, with that of the connection."""
        names = ids or (self.connection["sk"],)
        bodies = [json.dumps({"tenant": self.hub.tenant, "id": name}) for name in names]
        event = {"Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}
        with self.hub.cloud.running("ConnectionWorker"):
            found: Json = self.hub.cloud.handler("ConnectionWorker")(event, None)
        return found

    def revocation_id(self) -> str:
        return f"{self.connection['sk']}.{self.connection['generation']}"

    def item(self, kind: str, name: str = "") -> Item:
        """Return the due item of the connection."""
        place = key(Tenant(self.hub.tenant), kind, name or self.connection["sk"])
        return resources().tables.activity.get(place) or {}

    def record(self) -> Item | None:
        return connecting.token_record(self.hub, self.connection)

    def reconnect(self) -> None:
        connect_with_tokens(self.hub, self.integration_id, self.clock)


def connect_with_tokens(hub: Hub, integration_id: str, at: StoppedClock) -> None:
    from hub.core import clock

    ends = clock.iso(at.epoch_s + LIFETIME_S)
    tokens = {"accessToken": connecting.ACCESS, "refreshToken": connecting.REFRESH, "expiresAt": ends}
    answered = connecting.connect(hub, integration_id, **tokens)
    assert answered.status == 200, answered.body


def working(hub: Hub, stopped: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Return a connection with a grant; calls of the worker go to the authority in memory."""
    connecting.put_provider()
    connecting.with_client()
    authority = Authority()
    module = hub.cloud.handler("ConnectionWorker").__globals__
    monkeypatch.setitem(module, "_client", lambda: authority)
    made = connecting.create(hub)
    connect_with_tokens(hub, made, stopped)
    return Work(hub, authority, stopped, made)
