"""No URL makes the hub call itself, its runtime, the cloud's metadata or a private network.

A canary waits on loopback. Every hostile URL goes through the client as a tenant's would; none may reach the canary.
The same client reaches it as soon as the operator lists its network.
"""

from collections.abc import Iterator

import pytest

from hub.core.errors import TargetForbidden
from hub.outbound.client import Call, Client
from hub.outbound.guard import Guard
from tests.proofs.hostile_urls import FORBIDDEN_ADDRESSES, FORBIDDEN_NAMES, ODD_HOSTS, ODD_URLS
from tests.unit.outbound.loopback import LOOPBACK, Loopback, reply, serving

OWN_HOSTS = ("hub.example.com",)
# Some network is listed, so that scheme and port are judged after the address: the address alone must be the reason.
ELSEWHERE = Guard.from_text("10.99.0.0/30:1", OWN_HOSTS, allow_http=True)
EVERYWHERE = Guard.from_text("0.0.0.0/0,::/0", OWN_HOSTS, allow_http=True)


def to_loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def canary() -> Iterator[Loopback]:
    with serving(reply(b"canary")) as server:
        yield server


@pytest.fixture(scope="module")
def closed_client() -> Iterator[Client]:
    with Client(ELSEWHERE, resolver=to_loopback) as client:
        yield client


@pytest.fixture(scope="module")
def open_client() -> Iterator[Client]:
    """Everything is listed: only what no list can open, and what no URL may look like, is refused."""
    with Client(EVERYWHERE, resolver=to_loopback) as client:
        yield client


def assert_refused(client: Client, url: str, canary: Loopback) -> TargetForbidden:
    before = canary.connections
    with pytest.raises(TargetForbidden) as caught:
        client.send(Call("GET", url, {}), timeout_s=5)
    assert canary.connections == before
    return caught.value


def test_more_than_300_hostile_urls_are_tried() -> None:
    tried = [*FORBIDDEN_ADDRESSES, *FORBIDDEN_NAMES, *ODD_HOSTS, *ODD_URLS]

    assert len(set(tried)) > 300


@pytest.mark.parametrize("host", [*FORBIDDEN_ADDRESSES, *FORBIDDEN_NAMES])
def test_forbidden_address_is_never_called(host: str, closed_client: Client, canary: Loopback) -> None:
    refusal = assert_refused(closed_client, f"http://{host}:{canary.port}/?key=secret", canary)

    assert "address" in refusal.message
    assert "secret" not in refusal.message


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_odd_host_is_refused_when_every_network_is_listed(host: str, open_client: Client, canary: Loopback) -> None:
    assert_refused(open_client, f"http://{host}:{canary.port}/", canary)


@pytest.mark.parametrize("url", ODD_URLS)
def test_odd_url_is_refused_when_every_network_is_listed(url: str, open_client: Client, canary: Loopback) -> None:
    assert_refused(open_client, url.replace("{port}", str(canary.port)), canary)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "metadata.google.internal", "bücher.example", "127.0.0.1."])
def test_canary_is_reached_when_its_network_is_listed(host: str, canary: Loopback) -> None:
    """The positive control: it is the guard that refused, not a server that nobody could have reached."""
    with Client(Guard.from_text(f"{LOOPBACK}:{canary.port}", OWN_HOSTS), resolver=to_loopback) as client:
        answer = client.send(Call("GET", f"http://{host}:{canary.port}/", {}), timeout_s=5)

    assert answer.body == b"canary"


def test_listing_another_port_does_not_open_the_canarys(canary: Loopback) -> None:
    with Client(Guard.from_text(f"{LOOPBACK}:{canary.port + 1}"), resolver=to_loopback) as client:
        assert_refused(client, f"http://127.0.0.1:{canary.port}/", canary)


def test_redirect_to_the_canary_is_not_followed(canary: Loopback, open_client: Client) -> None:
    headers = f"Location: {canary.url()}\r\n"
    before = canary.connections

    with serving(reply(b"", "302 Found", headers)) as server:
        answer = open_client.send(Call("GET", server.url(), {}), timeout_s=5)

    assert (answer.status, answer.headers["location"]) == (302, canary.url())
    assert canary.connections == before


def test_kept_connection_is_not_a_way_around_the_guard(canary: Loopback) -> None:
    """The name of a warm connection is not enough: the URL is checked again on every call."""
    with Client(Guard.from_text(LOOPBACK), resolver=to_loopback) as client:
        client.send(Call("GET", canary.url(host="a.example"), {}), timeout_s=5)
        served = len(canary.requests)

        for url in (canary.url("/#x", host="a.example"), canary.url(host="u@a.example")):
            with pytest.raises(TargetForbidden):
                client.send(Call("GET", url, {}), timeout_s=5)

    assert len(canary.requests) == served
