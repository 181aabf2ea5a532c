"""Access tokens on DynamoDB: when one is fetched, kept, renewed, and when the hub leaves the token server alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hub.connector.auth_config import OAuth2Auth
from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import HubError, Refused, Retryable
from hub.core.resources import resources
from hub.core.tables import key
from hub.core.vault import Secrets
from hub.integrations.tokens import Source, TokenStore
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Cloud, Hub, StoppedClock
from tests.api.sync_work import Json, recorded, vault

LIFETIME_S = 3600
CLIENT, REFRESH, ACCESS = "/auth/clientSecret", "/auth/refreshToken", "/auth/accessToken"
BASE: Json = {
    "type": "oauth2",
    "grantType": "refresh_token",
    "tokenUrl": "https://id.example.com/token",
    "clientId": "hub",
    "clientSecret": "{{encrypted:****}}",
    "refreshToken": "{{encrypted:****}}",
}
CLIENT_CREDENTIALS: Json = {"grantType": "client_credentials", "refreshToken": None}
BROWSER: Json = {"grantType": "authorization_code", "authorizationUrl": "https://id.example.com/ask"}


def failing(status: int, error: str, **headers: str) -> Reply:
    return Reply(status, {"content-type": "application/json", **headers}, json.dumps({"error": error}).encode(), 1)


@dataclass
class Server:
    """A token server in memory; `failures` answer first, one call each."""

    failures: list[Reply] = field(default_factory=list)
    rotates: bool = True
    expires_in: Any = LIFETIME_S
    asked: list[dict[str, str]] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        self.asked.append(dict(parse_qsl((call.content or b"").decode())))
        self.timeouts_s.append(timeout_s)
        if self.failures:
            return self.failures.pop(0)
        number = len(self.asked)
        tokens = {
            "access_token": f"access-{number}-of-the-server",
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        tokens |= {"refresh_token": f"refresh-{number}-of-the-server"} if self.rotates else {}
        return Reply(200, {"content-type": "application/json"}, json.dumps(tokens).encode(), 1)


@dataclass
class Office:
    """Sources of one integration, each in a process of its own, with the rights of the sync worker."""

    hub: Hub
    clock: StoppedClock
    server: Server = field(default_factory=Server)
    secrets: Secrets = field(default_factory=lambda: entered({}))
    slept_s: list[float] = field(default_factory=list)

    def source(self, secrets: Secrets | None = None, **words: Any) -> Source:
        auth = OAuth2Auth.model_validate({name: value for name, value in {**BASE, **words}.items() if value})
        store = TokenStore(vault(), self.server, self.slept_s.append)
        return store.source(Tenant(self.hub.tenant), "int_1", auth, self.secrets if secrets is None else secrets)

    def record(self) -> Item:
        item = resources().tables.credentials.get(key(Tenant(self.hub.tenant), "token", "int_1"))
        assert item is not None
        return item


def entered(secrets: Json, version: int = 1, **versions: int) -> Secrets:
    """Return what the vault gives: the secrets in clear and when each was entered."""
    clear = {CLIENT: "client-secret-of-the-user", REFRESH: "refresh-of-the-user", **secrets}
    return Secrets(clear, version, {name: versions.get(name.rpartition("/")[2], 1) for name in clear})


@pytest.fixture
def office(cloud: Cloud, hub: Hub, stopped_clock: StoppedClock) -> Iterator[Office]:
    with cloud.running("SyncWorker"):
        yield Office(hub, stopped_clock)


# ---------------------------------------------------------------- fetched once, kept, renewed in time


def test_token_is_fetched_once_and_kept_for_every_process(office: Office) -> None:
    tokens = [office.source().current() for _ in range(3)]

    assert tokens == ["access-1-of-the-server"] * 3
    assert office.server.timeouts_s == [20.0]


def test_page_of_a_sync_costs_no_read_while_the_token_is_fresh(office: Office) -> None:
    source = office.source()
    source.current()

    with recorded() as asked:
        source.current()

    assert asked == []


def test_fetching_a_token_costs_four_calls_of_aws(office: Office) -> None:
    with recorded() as asked:
        office.source().current()

    assert [each.operation for each in asked] == ["GetItem", "UpdateItem", "GenerateDataKey", "UpdateItem"]


@pytest.mark.parametrize(
    ("expires_in", "fresh_s", "due_s"),
    [(3600, 2879, 2881), (86400, 85499, 85501), (60, 47, 49), (None, 2879, 2881), ("600", 479, 481)],
)
def test_token_is_renewed_a_fifth_of_its_life_or_15_minutes_before_its_end(
    office: Office, expires_in: Any, fresh_s: float, due_s: float
) -> None:
    office.server.expires_in = expires_in
    office.source().current()
    began = office.clock.epoch_s

    office.clock.epoch_s = began + fresh_s
    fresh = office.source().current()
    office.clock.epoch_s = began + due_s
    renewed = office.source().current()

    assert (fresh, renewed) == ("access-1-of-the-server", "access-2-of-the-server")


def test_rotated_refresh_token_wins_over_the_one_the_user_entered(office: Office) -> None:
    for _ in range(3):
        office.source().current()
        office.clock.advance(LIFETIME_S)

    sent = [asked["refresh_token"] for asked in office.server.asked]
    assert sent == ["refresh-of-the-user", "refresh-1-of-the-server", "refresh-2-of-the-server"]


def test_refresh_token_stays_when_the_server_gives_no_new_one(office: Office) -> None:
    office.server.rotates = False
    for _ in range(2):
        office.source().current()
        office.clock.advance(LIFETIME_S)

    assert [asked["refresh_token"] for asked in office.server.asked] == ["refresh-of-the-user"] * 2


def test_client_credentials_never_use_a_refresh_token(office: Office) -> None:
    for _ in range(2):
        office.source(**CLIENT_CREDENTIALS).current()
        office.clock.advance(LIFETIME_S)

    assert [asked["grant_type"] for asked in office.server.asked] == ["client_credentials"] * 2
    assert not any("refresh_token" in asked for asked in office.server.asked)


def test_refused_token_is_replaced_and_a_token_of_another_worker_is_taken(office: Office) -> None:
    first, second = office.source(), office.source()
    token = first.current()

    replaced = [first.renewed(token), second.renewed(token)]

    assert replaced == ["access-2-of-the-server"] * 2
    assert len(office.server.asked) == 2


def test_source_tells_every_token_it_has_used(office: Office) -> None:
    source = office.source()
    source.renewed(source.current())

    names = ("access-1", "access-2", "refresh-1", "refresh-2")
    assert source.known() >= {"refresh-of-the-user", *(f"{name}-of-the-server" for name in names)}


def test_record_holds_no_token_in_clear(office: Office) -> None:
    office.source().current()

    text = repr(office.record())
    assert set(office.record()["fields"]) == {"accessToken", "refreshToken"}
    assert "of-the-server" not in text
    assert "of-the-user" not in text


def test_record_that_cannot_be_decrypted_is_fetched_anew(office: Office) -> None:
    office.source().current()
    damaged = office.record()
    damaged["fields"]["accessToken"]["c"] = b"x" * 40
    with office.hub.cloud.running(""):
        resources().tables.credentials.batch_put([damaged])

    assert office.source().current() == "access-2-of-the-server"


# ---------------------------------------------------------------- tokens that the user entered


@pytest.mark.parametrize(
    ("expires_at", "asked"),
    [(None, 0), ("2090-01-01T00:00:00Z", 0), ("2020-01-01T00:00:00Z", 1)],
)
def test_entered_access_token_is_used_until_its_end(office: Office, expires_at: str | None, asked: int) -> None:
    secrets = entered({ACCESS: "access-of-the-user"})

    token = office.source(secrets, accessToken="{{encrypted:****}}", expiresAt=expires_at).current()

    assert token == ("access-1-of-the-server" if asked else "access-of-the-user")
    assert len(office.server.asked) == asked


def test_entered_access_token_is_replaced_when_it_is_refused(office: Office) -> None:
    secrets = entered({ACCESS: "access-of-the-user"})
    source = office.source(secrets, accessToken="{{encrypted:****}}")

    source.renewed(source.current())

    assert office.source(secrets, accessToken="{{encrypted:****}}").current() == "access-1-of-the-server"


def test_connection_of_a_browser_flow_without_a_refresh_token_says_what_to_do(office: Office) -> None:
    secrets = Secrets({CLIENT: "client-secret-of-the-user", ACCESS: "access-of-the-user"}, 1, {CLIENT: 1, ACCESS: 1})
    source = office.source(secrets, **BROWSER, refreshToken=None, accessToken="{{encrypted:****}}")
    token = source.current()

    with pytest.raises(Refused, match="connect the integration again"):
        source.renewed(token)

    assert office.server.asked == []


def test_stored_refresh_token_of_a_browser_flow_is_used(office: Office) -> None:
    office.source(**BROWSER).current()

    assert office.server.asked[0]["refresh_token"] == "refresh-of-the-user"


# ---------------------------------------------------------------- a changed definition

CHANGES: list[tuple[Json, Secrets, str]] = [
    ({"scope": "other"}, entered({}), "refresh-1-of-the-server"),
    ({"tokenParams": {"audience": "b"}}, entered({}), "refresh-1-of-the-server"),
    ({"tokenUrl": "https://id.example.com/other"}, entered({}), "refresh-1-of-the-server"),
    ({"tokenUrl": "https://other.example.com/token"}, entered({}), "refresh-of-the-user"),
    ({"clientId": "other"}, entered({}), "refresh-of-the-user"),
    ({}, entered({CLIENT: "new"}, 2, clientSecret=2), "refresh-1-of-the-server"),
    ({}, entered({REFRESH: "new-of-the-user"}, 2, refreshToken=2), "new-of-the-user"),
]


@pytest.mark.parametrize(("words", "secrets", "sent"), CHANGES)
def test_changed_definition_never_uses_an_old_token(office: Office, words: Json, secrets: Secrets, sent: str) -> None:
    """A rotated refresh token stays with the server and the client that it was given to, and with them only."""
    office.source().current()

    token = office.source(secrets, **words).current()

    assert token == "access-2-of-the-server"
    assert office.server.asked[1]["refresh_token"] == sent


def test_same_definition_with_newer_secrets_of_other_fields_keeps_its_token(office: Office) -> None:
    office.source().current()

    assert office.source(entered({}, version=7)).current() == "access-1-of-the-server"


def test_worker_with_an_older_refresh_token_leaves_the_newer_alone(office: Office) -> None:
    """Its own is used up at best; writing over the new one would end the grant that the user has just given."""
    old = office.source()
    new = entered({REFRESH: "new-of-the-user"}, 2, refreshToken=2)
    office.source(new).current()

    with pytest.raises(Refused, match="was changed meanwhile"):
        old.current()

    office.clock.advance(LIFETIME_S)
    office.source(new).current()
    assert [asked["refresh_token"] for asked in office.server.asked] == ["new-of-the-user", "refresh-1-of-the-server"]


# ---------------------------------------------------------------- failures


def test_cool_down_doubles_from_30_seconds_to_15_minutes(office: Office) -> None:
    office.server.failures = [failing(503, "down")] * 8
    waits = []
    for _ in range(8):
        with pytest.raises(Retryable) as caught:
            office.source().current()
        waits.append(round(caught.value.retry_after_s or 0))
        office.clock.advance(waits[-1])

    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert office.source().current() == "access-9-of-the-server"


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (
            failing(400, "invalid_grant"),
            Refused,
            "The token server answered 400: invalid_grant."
            " Check clientId and clientSecret, or enter a new refreshToken.",
        ),
        (
            failing(401, "invalid_client"),
            Refused,
            "The token server answered 401: invalid_client."
            " Check clientId and clientSecret, or enter a new refreshToken.",
        ),
        (failing(503, "invalid_grant"), Retryable, "The token server answered 503: invalid_grant"),
    ],
)
def test_token_server_is_left_alone_during_the_cool_down_and_the_reason_is_repeated(
    office: Office, answer: Reply, kind: type[HubError], message: str
) -> None:
    office.server.failures = [answer]
    told = []
    for _ in range(2):
        with pytest.raises(kind) as caught:
            office.source().current()
        told.append(caught.value.message)

    assert told == [message] * 2
    assert len(office.server.asked) == 1


def test_retry_after_of_the_token_server_lengthens_the_cool_down(office: Office) -> None:
    office.server.failures = [failing(429, "slow", **{"retry-after": "300"})]

    with pytest.raises(Retryable) as caught:
        office.source().current()

    assert caught.value.retry_after_s == 300.0


def test_failure_of_one_definition_does_not_hold_back_a_corrected_one(office: Office) -> None:
    office.server.failures = [failing(401, "invalid_client")]
    with pytest.raises(Refused):
        office.source().current()

    assert office.source(entered({CLIENT: "right"}, 2, clientSecret=2)).current() == "access-2-of-the-server"


@pytest.mark.parametrize("answer", [failing(503, "down"), failing(400, "invalid_grant")])
def test_old_token_is_used_as_long_as_it_is_good_when_no_new_one_comes(office: Office, answer: Reply) -> None:
    office.source().current()
    office.server.failures = [answer]
    office.clock.advance(LIFETIME_S * 0.9)

    tokens = [office.source().current() for _ in range(2)]

    assert tokens == ["access-1-of-the-server"] * 2
    assert len(office.server.asked) == 2


def test_failure_takes_no_refresh_token_away(office: Office) -> None:
    office.source().current()
    office.clock.advance(LIFETIME_S)
    office.server.failures = [failing(400, "invalid_grant")]
    with pytest.raises(Refused):
        office.source().current()
    office.clock.advance(30)

    office.source().current()

    assert office.server.asked[2]["refresh_token"] == "refresh-1-of-the-server"


# ---------------------------------------------------------------- a lease that somebody holds


def held_by_another(office: Office) -> None:
    """Let a worker that died hold the lease."""
    place = key(Tenant(office.hub.tenant), "token", "int_1")
    until = {"who": "a worker that died", "until": clock.epoch_s() + 30}
    resources().tables.credentials.update(place, "SET leaseOwner = :who, leaseUntilS = :until", until)


def test_worker_waits_20_seconds_for_another_and_then_comes_later(office: Office) -> None:
    held_by_another(office)

    with pytest.raises(Retryable) as caught:
        office.source().current()

    assert 20 <= sum(office.slept_s) < 21
    assert office.slept_s == sorted(office.slept_s)
    assert caught.value.retry_after_s == 30.0
    assert office.server.asked == []


def test_worker_does_not_wait_while_the_old_token_is_good(office: Office) -> None:
    office.source().current()
    office.clock.advance(LIFETIME_S * 0.9)
    held_by_another(office)

    assert office.source().current() == "access-1-of-the-server"
    assert office.slept_s == []


def test_lease_of_a_worker_that_died_ends_by_itself(office: Office) -> None:
    held_by_another(office)
    office.clock.advance(31)

    assert office.source().current() == "access-1-of-the-server"
