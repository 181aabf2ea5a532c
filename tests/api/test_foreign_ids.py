"""Whoever knows every id of another tenant learns nothing from them, on any route, wherever an id can stand.

The probes are made from the template's routes, so a new route is probed as soon as it is there. Each one is sent twice:
with a thing of the other tenant, and with one that nobody has. The answers must be the same, byte for byte.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import product
from typing import Any

import pytest

from hub.core import rate_limit
from hub.core.resources import resources
from tests.api import custom_integrations, inbound_endpoints, instances, subscriptions
from tests.api.conftest import Hub, Reply
from tests.api.tested import Provider
from tests.rules.reading import functions, read

Json = dict[str, Any]

VARIABLE = re.compile(r"\{(\w+)\+?\}")
AT_LEAST = 1000
# The routes are dealt out to so many tests of about the same size.
PARTS = 4
# Of all pairs of an own and a foreign thing so many are tried on a route, others on the next.
EVERY = 4
WRITING = {"POST", "PUT", "PATCH"}
# Where an id can stand beside the path.
NAMES = "integrationId connectionId endpointId eventId subscriptionId jobId userId teamId tenantId cursor state".split()
CALLERS: tuple[Json, ...] = ({"roles": "tenant_admin"}, {"roles": "user"}, {"roles": "", "scopes": "admin:full"})


@dataclass(frozen=True)
class Route:
    method: str
    path: str

    @property
    def variables(self) -> list[str]:
        return VARIABLE.findall(self.path)


@dataclass(frozen=True)
class Probe:
    """One question; `foreign` is where in it the other tenant's things stand."""

    route: Route
    values: tuple[str, ...] = ()
    body: Json | None = None
    query: Json = field(default_factory=dict)
    headers: Json = field(default_factory=dict)

    def path(self) -> str:
        values = iter(self.values)
        return VARIABLE.sub(lambda _: next(values), self.route.path)


def routes() -> list[Route]:
    """Return every route of the template that wants a caller."""
    lines = [event for function in functions(read()) for _, event in function.of_type("HttpApi")]
    closed = [event for event in lines if (event.get("Auth") or {}).get("Authorizer") != "NONE"]
    return sorted((Route(event["Method"].upper(), event["Path"]) for event in closed), key=str)


@dataclass(frozen=True)
class World:
    """What one tenant has, by what it is."""

    hub: Hub
    ids: dict[str, str]
    private: str


def world(hub: Hub) -> World:
    """Make one of everything, each over the API; `private` is in what it holds."""
    private = f"private-{sha256(hub.tenant.encode()).hexdigest()[:12]}"
    custom = custom_integrations.create(hub, displayName=private)["id"]
    endpoint = inbound_endpoints.create(hub)["id"]
    event = hub.post("/api/v1/events", {"type": "order.shipped", "data": {"name": private}}).body["id"]
    started = hub.post(f"/api/v1/custom-integrations/{custom}/sync", {"endpointId": "contacts"})
    assert started.status == 202, started.body
    hub.call("PUT", "/api/v1/documents/contact/secret-contact", {"content": {"name": private}})
    hub.call("PUT", "/api/v1/documents/contact/secret-other", {"content": {"name": private}})
    page = hub.get("/api/v1/documents/contact", query={"limit": 1}).body
    enabled = instances.enabled(hub, private)["id"]
    connected = hub.post(f"{instances.TENANT}/{enabled}/connect/api-key", {"apiKey": instances.CANARY})
    assert connected.status == 200, connected.body
    ids = {
        "custom": custom,
        "endpoint": endpoint,
        "event": event,
        "job": started.body["id"],
        "subscription": subscriptions.subscribe(hub)["id"],
        "document": "secret-contact",
        "integration": enabled,
        "connection": connected.body["connectionId"],
        "user": f"user-of-{hub.tenant}",
        "cursor": page["nextCursor"],
        "tenant": hub.tenant,
    }
    return World(hub, ids, private)


def twin(text: str) -> str:
    """Return a thing of the same form that nobody has."""
    return text[:-4] + "".join("0" if letter != "0" else "1" for letter in text[-4:])


def probes(part: int, owner: World, asker: World) -> Iterator[Probe]:
    for route in routes()[part::PARTS]:
        yield from _in_path(route, owner, asker)
        yield from _beside_path(route, owner)


def _in_path(route: Route, owner: World, asker: World) -> Iterator[Probe]:
    count = len(route.variables)
    body: Json | None = {} if route.method in WRITING else None
    for foreign in owner.ids.values() if count else ():
        yield Probe(route, (foreign, *["1"] * (count - 1)), body)
    pairs = product(enumerate(asker.ids.values()), enumerate(owner.ids.values())) if count > 1 else ()
    for (own_number, own), (foreign_number, foreign) in pairs:
        if (own_number + foreign_number + len(route.path)) % EVERY == 0:
            yield Probe(route, (own, foreign, *["1"] * (count - 2)), body)


def _beside_path(route: Route, owner: World) -> Iterator[Probe]:
    for index, name in enumerate(NAMES):
        foreign = list(owner.ids.values())[index % len(owner.ids)]
        values = ("nothing-of-this-name",) * len(route.variables)
        if route.method in WRITING:
            yield Probe(route, values, {name: foreign})
        else:
            yield Probe(route, values, query={name: foreign})
    yield Probe(route, ("nothing",) * len(route.variables), headers={"X-Tenant-Id": owner.hub.tenant})


def of_nobody(probe: Probe, owner: World) -> Probe:
    """Return the same question about things that nobody has."""
    twins = {value: twin(value) for value in owner.ids.values()}
    return Probe(
        probe.route,
        tuple(twins.get(value, value) for value in probe.values),
        probe.body and {name: twins.get(value, value) for name, value in probe.body.items()},
        {name: twins.get(value, value) for name, value in probe.query.items()},
        {name: twins.get(value, value) for name, value in probe.headers.items()},
    )


def asked(hub: Hub, probe: Probe, caller: Json) -> tuple[int, str, str]:
    """Return status, content type and body as they went out, less the number of the request."""
    reply: Reply = hub.call(
        probe.route.method, probe.path(), probe.body, query=probe.query, headers=probe.headers, **caller
    )
    told = json.dumps(reply.body, default=repr).replace(reply.headers["X-Request-Id"], "") if reply.body else ""
    return reply.status, reply.headers.get("Content-Type", ""), told


def without_echo(told: tuple[int, str, str], owner: World) -> tuple[int, str, str]:
    """Return an answer in which what was asked for is called as in the other question: an echo tells nothing."""
    status, kind, text = told
    for value in owner.ids.values():
        text = text.replace(value, twin(value))
    return status, kind, text


def are_alike(one: tuple[int, str, str], other: tuple[int, str, str]) -> bool:
    """Say whether two answers tell the same; what the asker is given of its own has new ids and cursors each time."""
    return one[:2] == other[:2] if one[0] < 400 else one == other and one[0] < 500


def everything_of(hub: Hub) -> dict[str, list[Json]]:
    """Return all items of a tenant, but for the counters of its requests."""
    tables = resources().tables
    found: dict[str, list[Json]] = {}
    for table in (tables.config, tables.credentials, tables.documents, tables.activity, tables.coordination):
        items = resources().dynamodb.scan(TableName=table.name)["Items"]
        found[table.name] = [
            item for item in items if item["pk"]["S"].startswith(f"{hub.tenant}#") and "used" not in item
        ]
    return found


@pytest.fixture
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the asker ask as often as it likes: thousands of questions are more than a minute's."""
    monkeypatch.setattr(rate_limit, "take", lambda *_: None)


@pytest.mark.usefixtures("uncounted", "stopped_clock")
@pytest.mark.parametrize("part", range(PARTS))
def test_things_of_another_tenant_look_like_things_that_are_not_there(
    part: int, hub: Hub, other_hub: Hub, upstream: Provider, provider: Provider
) -> None:
    owner, asker = world(other_hub), world(hub)
    before, told, sent = everything_of(other_hub), [], 0

    assert upstream is not provider  # neither of them is the network
    for number, probe in enumerate(probes(part, owner, asker)):
        caller = CALLERS[number % len(CALLERS)]
        missing = asked(hub, of_nobody(probe, owner), caller)
        foreign = without_echo(asked(hub, probe, caller), owner)
        sent += 1
        assert missing[0] != 429, "a refusal for another reason would hide what the answer tells"
        if not are_alike(foreign, missing) or owner.private in foreign[2]:
            told.append((probe, caller, foreign, missing))

    assert not told, f"{len(told)} of {sent} tell them apart, for one {told[0]}"
    assert sent >= AT_LEAST // PARTS
    assert everything_of(other_hub) == before


def test_owner_is_told_of_its_own_things(hub: Hub) -> None:
    """The control: what is hidden above is there."""
    found = world(hub)

    statuses = {
        path: hub.get(path).status
        for path in (
            f"/api/v1/custom-integrations/{found.ids['custom']}",
            f"/api/v1/webhooks/endpoints/{found.ids['endpoint']}",
            f"/api/v1/events/{found.ids['event']}",
            f"/api/v1/sync-jobs/{found.ids['job']}",
            f"/api/v1/webhooks/subscriptions/{found.ids['subscription']}",
            f"{instances.TENANT}/{found.ids['integration']}",
            f"/api/v1/connections/{found.ids['connection']}/diagnosis",
            "/api/v1/documents/contact/secret-contact",
        )
    }

    assert set(statuses.values()) == {200}, statuses
    assert hub.get("/api/v1/documents/contact", query={"limit": 1, "cursor": found.ids["cursor"]}).status == 200


def test_idempotency_key_of_another_tenant_is_ones_own(hub: Hub, other_hub: Hub) -> None:
    key = {"Idempotency-Key": "the-same-key"}
    theirs = other_hub.post("/api/v1/events", {"type": "order.shipped", "data": {"of": "them"}}, headers=key)

    ours = hub.post("/api/v1/events", {"type": "order.shipped", "data": {"of": "us"}}, headers=key)

    assert (theirs.status, ours.status) == (202, 202)
    assert ours.body["id"] != theirs.body["id"]
    assert "Idempotent-Replayed" not in ours.headers


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
def test_route_refuses_whoever_shows_no_credential(hub: Hub, route: Route) -> None:
    reply = hub.call(route.method, VARIABLE.sub("x", route.path), None, context={"denied": "no token"})

    assert (reply.status, reply.code) == (401, "UNAUTHENTICATED")
