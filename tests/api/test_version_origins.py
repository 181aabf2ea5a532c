"""A secret goes to the origin it was entered for and to no other, whichever version of the connector runs.

The attack: publish a connector for one address, change the address, let somebody enter a secret there, and have the
old version send it to the old address. Each attack has its control: the same steps at one address, which must run.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.errors import Unavailable
from hub.core.resources import resources
from hub.integrations import custom, versions
from hub.outbound.calls import Call
from tests.api.conftest import Hub, Reply, StoppedClock
from tests.api.custom_integrations import PATH, create, patch
from tests.api.sync_work import Json, Provider, Sync, connector, contacts, vault
from tests.spec_examples import OAUTH2

HERE, THERE, SAME_ORIGIN = "https://crm.example.com", "https://other.example.net", "https://crm.example.com/v2"
TOKENS_HERE, TOKENS_THERE = OAUTH2["tokenUrl"], "https://login.other.example.net/token"


@dataclass(frozen=True)
class Kind:
    """One kind of auth: its form around a secret, the fields that hold one, and what a call then carries."""

    auth: Callable[[str], Json]
    fields: list[str]
    carries: Callable[[Call, str], bool]


def _bearer(call: Call, secret: str) -> bool:
    return call.headers["authorization"] == f"Bearer {secret}"


def _basic(call: Call, secret: str) -> bool:
    return call.headers["authorization"] == "Basic " + base64.b64encode(f"u:{secret}".encode()).decode()


KINDS: dict[str, Kind] = {
    "bearer": Kind(lambda secret: {"type": "bearer", "token": secret}, ["/auth/token"], _bearer),
    "key in a header": Kind(
        lambda secret: {"type": "api_key", "keyName": "X-K", "keyLocation": "header", "keyValue": secret},
        ["/auth/keyValue"],
        lambda call, secret: call.headers["x-k"] == secret,
    ),
    "key in the query": Kind(
        lambda secret: {"type": "api_key", "keyName": "k", "keyLocation": "query", "keyValue": secret},
        ["/auth/keyValue"],
        lambda call, secret: ("k", secret) in call.params,
    ),
    "basic": Kind(lambda secret: {"type": "basic", "username": "u", "password": secret}, ["/auth/password"], _basic),
    "headers": Kind(
        lambda secret: {"type": "custom_headers", "headers": {"X-One": secret, "X-Two": f"{secret}-2"}},
        ["/auth/headers/X-One", "/auth/headers/X-Two"],
        lambda call, secret: (call.headers["x-one"], call.headers["x-two"]) == (secret, f"{secret}-2"),
    ),
    "oauth2": Kind(
        lambda secret: {
            **OAUTH2,
            "clientSecret": f"{secret}-c",
            "accessToken": secret,
            "refreshToken": f"{secret}-r",
        },
        ["/auth/accessToken", "/auth/clientSecret", "/auth/refreshToken"],
        _bearer,
    ),
}


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Provider(contacts(5), page_size=2))


def connected(sync: Sync, auth: Json) -> Json:
    """Create an integration at one address and publish it."""
    made = create(sync.hub, **connector(auth=auth))
    assert sync.hub.post(f"{PATH}/{made['id']}/publish").status == 200
    return made


def moved(sync: Sync, made: Json, change: Json) -> None:
    changed = patch(sync.hub, made, change)
    assert changed.status == 200, changed.body
    assert "secretsRequired" not in changed.body


def start(sync: Sync, made: Json) -> Reply:
    return sync.hub.post(f"{PATH}/{made['id']}/sync", {"endpointId": "list"})


def pointers(reply: Reply) -> list[str]:
    return [problem["pointer"] for problem in reply.body["error"]["details"]["problems"]]


def under_way(sync: Sync, made: Json) -> str:
    """Return a job whose first page is done and whose next worker has yet to come."""
    job_id = sync.start(made["id"])
    sync.work(job_id, lambda: 1000)
    sync.provider.calls.clear()
    return job_id


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_published_version_does_not_get_a_secret_that_was_entered_for_another_address(sync: Sync, kind: Kind) -> None:
    made = connected(sync, kind.auth("secret-of-here"))
    moved(sync, made, {"baseUrl": THERE, "auth": kind.auth("secret-of-there")})

    refused = start(sync, made)

    assert (refused.status, refused.code, pointers(refused)) == (400, "VALIDATION_ERROR", kind.fields)
    assert "secret-of" not in repr(refused.body)
    moved(sync, made, {"baseUrl": SAME_ORIGIN, "auth": kind.auth("secret-of-v2")})
    sync.work(sync.start(made["id"]))
    assert [call.url for call in sync.provider.calls] == [f"{HERE}/contacts"] * 3
    assert all(kind.carries(call, "secret-of-v2") for call in sync.provider.calls)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_older_version_cannot_be_published_to_get_the_secret_of_another_address(sync: Sync, kind: Kind) -> None:
    made = create(sync.hub, **connector(auth=kind.auth("secret-of-here")))
    moved(sync, made, {"baseUrl": THERE, "auth": kind.auth("secret-of-there")})

    refused = sync.hub.post(f"{PATH}/{made['id']}/publish", {"version": 1})

    assert (refused.status, pointers(refused)) == (400, kind.fields)
    moved(sync, made, {"baseUrl": SAME_ORIGIN, "auth": kind.auth("secret-of-v2")})
    assert sync.hub.post(f"{PATH}/{made['id']}/publish", {"version": 1}).status == 200
    sync.work(sync.start(made["id"]))
    assert kind.carries(sync.provider.calls[0], "secret-of-v2")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_job_under_way_does_not_get_the_secret_of_another_address(sync: Sync, kind: Kind) -> None:
    made = connected(sync, kind.auth("secret-of-here"))
    attacked = under_way(sync, made)

    moved(sync, made, {"baseUrl": THERE, "auth": kind.auth("secret-of-there")})
    sync.work(attacked)

    job = sync.job(attacked)
    assert (job["status"], sync.provider.calls) == ("FAILED", [])
    assert "sends secrets elsewhere than they were entered for" in job["errorLog"][0]["reason"]
    moved(sync, made, {"baseUrl": HERE, "auth": kind.auth("secret-of-here-again")})
    control = under_way(sync, made)
    moved(sync, made, {"baseUrl": SAME_ORIGIN, "auth": kind.auth("secret-of-v2")})
    sync.work(control)
    assert sync.job(control)["status"] == "COMPLETED"
    assert all(kind.carries(call, "secret-of-v2") for call in sync.provider.calls)


OAUTHS: dict[str, tuple[Json, Json, list[str]]] = {
    "token server changed": (
        {"tokenUrl": TOKENS_THERE, "clientSecret": "new", "refreshToken": "new"},
        {},
        ["/auth/clientSecret", "/auth/refreshToken"],
    ),
    "address changed, tokens are fetched": (
        {"accessToken": None, "clientSecret": "new", "refreshToken": "new"},
        {"baseUrl": THERE},
        ["/auth/clientSecret", "/auth/refreshToken"],
    ),
}


@pytest.mark.parametrize("name", OAUTHS)
def test_neither_client_secret_nor_fetched_token_follows_an_old_version(sync: Sync, name: str) -> None:
    """What a client secret is exchanged for goes to the baseUrl: a fetched token must not go to the old one either."""
    change, moving, fields = OAUTHS[name]
    full = {**OAUTH2, "accessToken": "access", "refreshToken": "refresh"}
    auth = {part: value for part, value in full.items() if change.get(part, value) is not None}
    made = connected(sync, auth)
    moved(sync, made, {**moving, "auth": {part: value for part, value in change.items() if value}})

    refused = start(sync, made)

    assert (refused.status, pointers(refused)) == (400, fields)
    moved(sync, made, {"baseUrl": SAME_ORIGIN, "auth": {"tokenUrl": TOKENS_HERE + "/", **again(auth)}})
    assert start(sync, made).status == 202


def again(auth: Json) -> Json:
    return {part: f"{part}-again" for part in ("clientSecret", "accessToken", "refreshToken") if part in auth}


def test_secret_of_another_kind_of_auth_is_not_used(sync: Sync) -> None:
    made = connected(sync, KINDS["bearer"].auth("token"))
    moved(sync, made, {"auth": KINDS["basic"].auth("password")})

    refused = start(sync, made)

    assert (refused.status, pointers(refused)) == (400, ["/auth/token"])
    moved(sync, made, {"auth": KINDS["bearer"].auth("token-again")})
    sync.work(sync.start(made["id"]))
    assert _bearer(sync.provider.calls[0], "token-again")


def test_header_that_the_draft_no_longer_has_is_not_made_up(sync: Sync) -> None:
    made = connected(sync, KINDS["headers"].auth("s"))
    moved(sync, made, {"auth": {"headers": {"X-Two": None}}})

    refused = start(sync, made)

    assert (refused.status, pointers(refused)) == (400, ["/auth/headers/X-Two"])
    moved(sync, made, {"auth": {"headers": {"X-Two": "s-2"}}})
    assert start(sync, made).status == 202


def test_other_version_is_refused_without_a_word_of_any_secret(sync: Sync) -> None:
    made = connected(sync, KINDS["bearer"].auth("canary-of-here-0123456789"))
    moved(sync, made, {"baseUrl": THERE, "auth": KINDS["bearer"].auth("canary-of-there-0123456789")})

    refused = start(sync, made)

    assert refused.status == 400
    assert "canary" not in repr([refused.body, sync.hub.audit_entries()])


# Beside the read: definition and secrets are read in one call


def test_secret_that_arrives_before_the_read_is_not_sent_to_the_old_address(
    sync: Sync, stopped_clock: StoppedClock
) -> None:
    made = create(sync.hub, **connector(auth=KINDS["bearer"].auth("secret-of-here")))
    job_id = under_way(sync, made)
    change = {"baseUrl": THERE, "auth": KINDS["bearer"].auth("secret-of-there")}

    with beside_the_read("provide-client-params", lambda: moved(sync, made, change)):
        sync.work(job_id)

    stopped_clock.advance(60)
    sync.work(job_id)
    assert (sync.job(job_id)["status"], sync.provider.calls) == ("FAILED", [])


def test_secret_that_arrives_after_the_read_is_not_sent_to_the_old_address(sync: Sync) -> None:
    made = create(sync.hub, **connector(auth=KINDS["bearer"].auth("secret-of-here")))
    job_id = under_way(sync, made)
    change = {"baseUrl": THERE, "auth": KINDS["bearer"].auth("secret-of-there")}

    with beside_the_read("after-call", lambda: moved(sync, made, change)):
        sync.work(job_id)

    assert sync.provider.calls
    assert all(call.url.startswith(HERE) and _bearer(call, "secret-of-here") for call in sync.provider.calls)


@pytest.mark.parametrize(("moment", "sent"), [("provide-client-params", "new"), ("after-call", "old")])
def test_secret_that_is_replaced_beside_the_read_is_that_of_its_moment(sync: Sync, moment: str, sent: str) -> None:
    """The control: the same moments, the same address."""
    made = create(sync.hub, **connector(auth=KINDS["bearer"].auth("old")))
    job_id = under_way(sync, made)

    with beside_the_read(moment, lambda: moved(sync, made, {"auth": KINDS["bearer"].auth("new")})):
        sync.work(job_id)

    assert sync.job(job_id)["status"] == "COMPLETED"
    assert all(_bearer(call, sent) for call in sync.provider.calls)


@contextmanager
def beside_the_read(moment: str, act: Callable[[], object]) -> Iterator[None]:
    """Let `act` happen once, right before or right after the next worker reads definition and secrets."""
    events, name = resources().dynamodb.meta.events, f"{moment}.dynamodb.TransactGetItems"
    acted: list[int] = []

    def once(**_: Any) -> None:
        if not acted:
            acted.append(1)
            act()

    events.register(name, once)
    try:
        yield
    finally:
        events.unregister(name, once)
    assert acted


def test_secrets_are_those_of_the_integration_as_it_was_read(sync: Sync) -> None:
    made = create(sync.hub, **connector())
    config, tenant = resources().tables.config, Tenant(sync.hub.tenant)
    before = custom.get(config, tenant, made["id"])
    patch(sync.hub, made, {"color": "red"})
    after = custom.get(config, tenant, made["id"])

    with pytest.raises(Unavailable):
        versions.secrets_of(config, vault(), before)
    assert versions.secrets_of(config, vault(), after).keys() == {"/auth/token"}
