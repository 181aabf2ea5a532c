"""Connections on the memory cloud: connected, renewed and given back by the hub's own code.

The provider rotates refresh tokens and ends a grant whose refresh token comes twice (RFC 9700, 4.14.2).
"""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.connector.secrets import CLIENT_SECRET
from hub.connector.token_requests import Grant
from hub.core import clock, due, jsontext
from hub.core.answers import no_content
from hub.core.attributes import Item, decode_item
from hub.core.caller import Caller, Tenant
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.tables import CALL_FAILED, IS_NEW, Put, key
from hub.core.vault import Vault
from hub.integrations import connected
from hub.integrations.catalog import providers
from hub.integrations.catalog.seeding import seed
from hub.integrations.connected import Connected
from hub.integrations.connections import connect, connections, disconnect
from hub.integrations.connections.connect import Desk, Granted
from hub.integrations.connections.connection_work import Worker
from hub.outbound.calls import Call, Reply
from hub.outbound.guard import Guard
from hub.providers.provider_files import ProviderFile
from tests.proofs.memory_cloud import MemoryCloud, Trouble
from tests.proofs.turns import Killed, Turns

Json = dict[str, Any]

TENANT = Tenant("proofs")
CALLER = Caller(TENANT, "u1", frozenset({"tenant_admin"}), frozenset())
KEEP_DAYS = 30
LIFETIME_S = 3600.0
SWEEP_S = 60.0
PROVIDER: Json = {
    "provider": "proofs-crm",
    "name": "proofs-crm",
    "displayName": "Proofs",
    "category": "crm",
    "status": "active",
    "audience": "tenant",
    "version": "1.0.0",
    "capabilities": ["contacts.list"],
    "supportedSyncDirections": ["pull"],
    "configSchema": {"type": "object", "properties": {}, "additionalProperties": False},
    "connector": {
        "name": "proofs-crm",
        "displayName": "Proofs",
        "integrationType": "rest_api",
        "baseUrl": "https://api.crm.test",
        "endpoints": [],
    },
    "methods": [
        {
            "kind": "oauth2",
            "auth": {
                "type": "oauth2",
                "grantType": "authorization_code",
                "authorizationUrl": "https://id.crm.test/authorize",
                "tokenUrl": "https://id.crm.test/token",
                "revocationUrl": "https://id.crm.test/revoke",
                "scope": "contacts",
            },
        }
    ],
}


@dataclass
class GrantServer:
    """The provider's authorization server; `grace_s` after its first use a refresh token may come again.

    `is_down` answers 503 to everything. Some providers end more: with `ends_former` a new grant ends the one before it,
    with `ends_all` a revoked token ends every grant that there is.
    """

    turns: Turns
    grace_s: float = 0.0
    ends_all: bool = False
    ends_former: bool = False
    is_down: bool = False
    lost: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    _present: dict[str, int] = field(default_factory=dict)
    _used_at: dict[str, float] = field(default_factory=dict)
    _good_until: dict[str, float] = field(default_factory=dict)

    def authorise(self, former: str = "") -> Grant:
        """Return what a new grant begins with; its number is the part of a token before the dot."""
        name = f"g{len(self._present) + 1}"
        if self.ends_former:
            self.revoked.add(former)
        self._present[name] = 0
        return Grant(*self._next(name), LIFETIME_S)

    def accepts(self, access_token: str) -> bool:
        name = grant_of(access_token)
        is_good = self.turns.now_s < self._good_until.get(access_token, 0.0)
        return is_good and name not in self.lost | self.revoked

    def answer(self, call: Call) -> Reply:
        form = dict(parse_qsl((call.content or b"").decode()))
        path = urlsplit(call.url).path
        if self.is_down:
            return _reply(503, {"error": "invalid_grant"})  # a server that is down says anything
        return self._revoke(form["token"]) if path == "/revoke" else self._refresh(form["refresh_token"])

    def _revoke(self, token: str) -> Reply:
        self.calls["revoke"] += 1
        self.revoked |= set(self._present) if self.ends_all else {grant_of(token)}
        return _reply(200, {})

    def _refresh(self, token: str) -> Reply:
        name = grant_of(token)
        self.calls[name] += 1
        used_at = self._used_at.get(token)
        if used_at is not None and self.turns.now_s - used_at >= self.grace_s and name not in self.revoked:
            self.lost.add(name)
        if name in self.lost | self.revoked:
            return _reply(400, {"error": "invalid_grant", "error_description": "The grant has ended."})
        self._used_at.setdefault(token, self.turns.now_s)
        access, refresh = self._next(name)
        return _reply(200, {"access_token": access, "refresh_token": refresh, "expires_in": LIFETIME_S})

    def _next(self, name: str) -> tuple[str, str]:
        self._present[name] += 1
        access, refresh = (f"{name}.{kind}{self._present[name]}" for kind in ("access", "refresh"))
        self._good_until[access] = self.turns.now_s + LIFETIME_S
        return access, refresh


def grant_of(token: str) -> str:
    return token.partition(".")[0]


def _reply(status: int, body: Json) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(body).encode(), 1)


@dataclass
class Wire:
    """The way to the provider: a call like any other, before and after which a worker may die."""

    cloud: "ConnectionCloud"
    server: GrantServer

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        self.cloud.turns_sleep(0.05, 1.0, timeout_s)
        found: Reply = self.cloud.line.call("http", urlsplit(call.url).path[1:], lambda: self.server.answer(call))
        return found


class ConnectionCloud(MemoryCloud):
    def turns_sleep(self, least_s: float, most_s: float, timeout_s: float) -> None:
        slow_s = self.line.turns.chance.uniform(least_s, most_s)
        assert slow_s < timeout_s
        self.line.turns.sleep(slow_s)


class ConnectionWorld:
    """One tenant with integrations of one provider, and whoever works on their connections."""

    worker_class: type[Worker] = Worker

    def __init__(self, seed_: int = 1, trouble: Trouble | None = None, workers: int = 2, **server: Any) -> None:
        self.turns = Turns(workers, seed_)
        clock.use(lambda: self.turns.now_s)
        self.cloud = ConnectionCloud(self.turns, Trouble())
        self.server = GrantServer(self.turns, **server)
        self.wire = Wire(self.cloud, self.server)
        seed(self.cloud.tables, [ProviderFile.model_validate(PROVIDER)])
        self._enter_client()
        self.trouble = trouble or Trouble()
        self.grants: dict[str, str] = {}

    # ------------------------------------------------------------ what people do

    def _enter_client(self) -> None:
        """The operator enters the hub's OAuth client."""
        entry = providers.get(self.cloud.tables.config, PROVIDER["provider"])
        config = jsontext.dump({**entry.oauth_config, "clientId": "hub", "hasClientSecret": True})
        secret = self.vault().store_at(providers.provider_place(entry.id), {CLIENT_SECRET: "operators-secret"})
        assert secret is not None
        self.cloud.tables.write(Put(self.cloud.tables.config, {**entry.item, "oauthConfig": config}), secret)

    def connect(self, integration_id: str) -> Item:
        """Make an integration and connect it."""
        self._write(lambda change: change.add(Put(self.cloud.tables.config, _integration(integration_id), IS_NEW)))
        return self.reconnect(integration_id)

    def reconnect(self, integration_id: str) -> Item:
        """End a browser flow: a new grant."""
        grant, asked_at_s = self.server.authorise(self.grants.get(integration_id, "")), self.turns.now_s
        self.grants[integration_id] = grant_of(grant.access_token)
        found = self.load(integration_id)
        made: list[Item] = []
        self._write(lambda change: made.append(connect.granted(self.desk(change), found, Granted(grant, asked_at_s))))
        return made[0]

    def disconnect(self, integration_id: str) -> None:
        found = self.load(integration_id)
        assert found.connection is not None
        connection = found.connection
        self._write(lambda change: disconnect.disconnect(change, found.integration, connection))

    def call(self, integration_id: str) -> str:
        """Return the access token that a call goes out with now."""
        found = self.load(integration_id)
        connected.must_be_usable(found)
        vault = self.vault()
        secrets = connected.secrets_of(self.cloud.tables.config, vault, found)
        marks = self._worker()._marks()
        source = connected.token_source_of(vault, self.wire, found, secrets, marks=marks, wait_s=20.0)
        assert source is not None
        source._store.sleep = self.turns.sleep  # type: ignore[misc]
        return source.current()

    def desk(self, change: Change) -> Desk:
        return Desk(change, self.vault(), Guard.from_text(""))

    def load(self, integration_id: str) -> Connected:
        return connected.load(self.cloud.tables.config, TENANT, integration_id)

    def vault(self) -> Vault:
        return Vault(self.cloud.kms, "key", self.cloud.tables.credentials)

    def _write(self, add: Callable[[Change], Any]) -> None:
        change = Change(self.cloud.tables, CALLER, "req_proofs", KEEP_DAYS)
        add(change)
        change.commit(no_content())

    # ------------------------------------------------------------ what the hub does by itself

    def _worker(self) -> Worker:
        return self.worker_class(self.cloud, self.vault(), self.wire)

    def work(self, hint: str, lineage: int = 1) -> None:
        """Run the worker once for a hint, as a function of its own; it may die of the trouble."""
        with self.cloud.line.invocation(lineage), suppress(Killed, *CALL_FAILED):
            self._worker().run(Hint(TENANT, hint))

    def sweep(self) -> int:
        with self.cloud.line.invocation(), suppress(Killed, *CALL_FAILED):
            return due.sweep(self.cloud, due.CONNECTIONS, self.queue)
        return 0

    @property
    def queue(self) -> str:
        return self.cloud.settings.connection_queue_url

    def pass_time(self, seconds: float) -> None:
        """Let that time pass, with the sweeper's minutes and the worker's hints in it; trouble strikes only here."""
        (outcome,) = self.turns.run([lambda: self._live_until(self.turns.now_s + seconds)])
        if isinstance(outcome, BaseException):
            raise outcome

    def _live_until(self, ends_s: float) -> None:
        self.cloud.line.trouble, next_sweep_s = self.trouble, self.turns.now_s
        while self.turns.now_s < ends_s:
            if self.turns.now_s >= next_sweep_s:
                self.sweep()
                next_sweep_s += SWEEP_S
            self._work_through()
            wake_s = min(next_sweep_s, self.cloud.sqs.next_at(self.queue), ends_s)
            self.turns.sleep(max(0.001, wake_s - self.turns.now_s))
        self.cloud.line.trouble = Trouble()

    def _work_through(self) -> None:
        for message in self.cloud.sqs.receive(self.queue):
            self.work(json.loads(message.body)["id"], message.lineage)
            self.cloud.sqs.delete(message)

    # ------------------------------------------------------------ what there is

    def connection(self, integration_id: str) -> Item:
        found = self.load(integration_id).connection
        assert found is not None
        return found

    def tokens(self, connection: Item) -> dict[str, str]:
        """Return the tokens of the present generation in clear; {} where there are none."""
        place = key(TENANT, "token", connections.token_name(connection))
        record = self.cloud.tables.credentials.get(place)
        return dict(self.vault().opened(record)) if record else {}

    def is_good(self, integration_id: str) -> bool:
        """Say whether whoever called now would be let in by the provider."""
        connection = self.connection(integration_id)
        token = self.tokens(connection).get("accessToken", "")
        return connection["status"] == "active" and self.server.accepts(token)

    def items(self, kind: str) -> list[Item]:
        found = self.cloud.memory[self.cloud.tables.activity.name].items
        return [decode_item(item) for (pk, _), item in sorted(found.items()) if pk == f"{TENANT.id}#{kind}"]

    def told(self) -> Counter[str]:
        return Counter(event["type"] for event in self.items("event"))


def _integration(integration_id: str) -> Item:
    now = clock.now()
    return {
        **key(TENANT, "integration", integration_id),
        "providerId": "proofs-crm",
        "provider": "proofs-crm",
        "name": integration_id,
        "status": "pending_auth",
        "owner": "tenant",
        "surface": "tenant",
        "settings": "{}",
        "storedSecrets": [],
        "missingSecrets": [],
        "version": 1,
        "createdAt": now,
        "updatedAt": now,
    }
