"""Connections are kept per origin, and never more of them than were allowed."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import pytest

from hub.outbound import client as client_module
from hub.outbound.client import Call, Client, NeverSent
from hub.outbound.guard import Guard
from tests.unit.outbound.loopback import LOOPBACK, Answer, Loopback, Received, reply, serving


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(Guard.from_text(LOOPBACK)) as client:
        yield client


@pytest.fixture
def small_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client with two places."""
    monkeypatch.setattr(client_module, "MAX_CONNECTIONS", 2)
    with Client(Guard.from_text(LOOPBACK)) as client:
        yield client


def post(server: Loopback) -> Call:
    return Call("POST", server.url(), {}, content=b"{}")


def together(barrier: Barrier) -> Answer:
    """Return an answer that waits until so many requests are there."""
    whole = reply()

    def answer(connection: socket.socket, request: Received, server: Loopback) -> None:
        barrier.wait(10)
        whole(connection, request, server)

    return answer


def test_calls_at_the_same_time_have_a_connection_each_and_later_ones_reuse_them(client: Client) -> None:
    with serving(together(Barrier(5))) as server, ThreadPoolExecutor(5) as threads:
        for _ in range(3):
            list(threads.map(lambda _: client.send(post(server), timeout_s=10), range(5)))

    assert len(server.requests) == 15
    assert server.connections == 5


def test_connection_of_one_origin_is_not_used_for_another(client: Client) -> None:
    with serving(reply(b"first")) as first, serving(reply(b"second")) as second:
        bodies = [client.send(post(server), timeout_s=5).body for server in (first, second, first, second)]

    assert bodies == [b"first", b"second"] * 2
    assert (first.connections, second.connections) == (1, 1)


def test_oldest_idle_connection_is_closed_when_there_are_too_many(small_client: Client) -> None:
    with ExitStack() as servers:
        made = [servers.enter_context(serving(reply())) for _ in range(3)]
        for server in (*made, made[2], made[1], made[0]):
            small_client.send(post(server), timeout_s=5)

    assert [server.connections for server in made] == [2, 1, 1]


def test_call_without_a_place_was_never_sent(small_client: Client) -> None:
    barrier = Barrier(3)
    with serving(together(barrier)) as server, ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(small_client.send, post(server), timeout_s=10) for _ in range(2)]
        while server.connections < 2:
            barrier.n_waiting  # noqa: B018
        with pytest.raises(NeverSent, match="all connections are in use"):
            small_client.send(post(server), timeout_s=0.2)
        barrier.wait(10)

        assert [each.result(10).status for each in busy] == [200, 200]
