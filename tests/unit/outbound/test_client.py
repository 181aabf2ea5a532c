"""One try: what is sent, what comes back, and which error says what went wrong."""

import gzip
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.core.errors import BadRequest, Refused, Retryable, TargetForbidden
from hub.outbound.client import Call, Client, NeverSent
from hub.outbound.guard import Guard
from tests.unit.outbound.loopback import LOOPBACK, Loopback, Received, raw, reply, serving

# A call that is given SHORT_S must be over long before PATIENCE_S, also on a busy machine.
SHORT_S = 0.3
PATIENCE_S = 10.0


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(Guard.from_text(LOOPBACK), max_body_bytes=1024 * 1024) as client:
        yield client


def get(url: str, headers: dict[str, str] | None = None) -> Call:
    return Call("GET", url, headers or {})


def test_request_is_sent_as_it_was_asked_for(client: Client) -> None:
    with serving(reply()) as server:
        client.send(Call("POST", server.url("/a?x=1"), {"X-Key": " k "}, [("y", "2 3")], b'{"a":1}'), timeout_s=5)

    sent = server.requests[0]
    assert sent.head.startswith("POST /a?x=1&y=2%203 HTTP/1.1\r\n")
    assert sent.body == b'{"a":1}'
    assert sent.header("host") == f"127.0.0.1:{server.port}"
    assert sent.header("x-key") == "k"


def test_request_has_the_hubs_headers_unless_the_caller_gives_others(client: Client) -> None:
    with serving(reply()) as server:
        client.send(get(server.url()), timeout_s=5)
        client.send(get(server.url(), {"User-Agent": "acme", "Accept": "text/csv"}), timeout_s=5)

    first, second = server.requests
    assert (first.header("user-agent"), first.header("accept-encoding")) == ("integration-hub/1", "gzip")
    assert (second.header("user-agent"), second.header("accept")) == ("acme", "text/csv")
    assert first.header("content-length") is None


def test_request_without_body_says_length_0_when_the_method_has_one(client: Client) -> None:
    with serving(reply()) as server:
        client.send(Call("POST", server.url(), {}), timeout_s=5)

    assert server.requests[0].header("content-length") == "0"


def test_nothing_is_sent_when_a_header_could_split_the_request(client: Client) -> None:
    with serving(reply()) as server:
        with pytest.raises(BadRequest):
            client.send(get(server.url(), {"X-A": "1\r\nX-B: 2"}), timeout_s=5)
        assert server.connections == 0

        client.send(get(server.url(), {"X-A": "1"}), timeout_s=5)
        assert server.connections == 1


@pytest.mark.parametrize(
    "status", ["200 OK", "204 No Content", "302 Found", "404 Not Found", "429 Slow Down", "503 Busy"]
)
def test_every_status_is_a_reply(client: Client, status: str) -> None:
    body = b"" if status.startswith("204") else b"text"
    with serving(reply(body, status)) as server:
        answer = client.send(get(server.url()), timeout_s=5)

    assert (answer.status, answer.body, answer.attempts) == (int(status[:3]), body, 1)


def test_reply_headers_are_lower_case_and_repeated_ones_joined(client: Client) -> None:
    headers = 'Link: </2>; rel="next"\r\nLINK: </9>; rel="last"\r\nX-Total: 7\r\n'
    with serving(reply(headers=headers)) as server:
        answer = client.send(get(server.url()), timeout_s=5)

    assert answer.headers["link"] == '</2>; rel="next", </9>; rel="last"'
    assert answer.headers["x-total"] == "7"
    assert answer.links() == {"next": "/2", "last": "/9"}


def test_connection_is_reused_for_the_next_call(client: Client) -> None:
    with serving(reply()) as server:
        for _ in range(3):
            client.send(get(server.url()), timeout_s=5)

    assert server.connections == 1
    assert len({request.client_port for request in server.requests}) == 1


def test_connection_that_the_server_closed_is_replaced(client: Client) -> None:
    with serving(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as server:
        for _ in range(2):
            assert client.send(get(server.url()), timeout_s=5).body == b"ok"
            assert server.hung_up.wait(5)

    assert server.connections == 2


def test_cookies_are_not_kept_between_calls(client: Client) -> None:
    with serving(reply(headers="Set-Cookie: session=1; Path=/\r\n")) as server:
        client.send(get(server.url()), timeout_s=5)
        client.send(get(server.url()), timeout_s=5)

    assert server.requests[1].header("cookie") is None


def test_proxies_of_the_environment_are_ignored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(reply(b"proxy")) as proxy, serving(reply(b"direct")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())

        assert client.send(get(server.url()), timeout_s=5).body == b"direct"
        assert proxy.connections == 0


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/", "http://é\u2028/", "/elsewhere", "x" * 70_000])
def test_redirect_is_a_reply_and_never_followed(client: Client, location: str) -> None:
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    with serving(raw(answer)) as server:
        assert client.send(get(server.url()), timeout_s=5).status == 302

    assert len(server.requests) == 1


def test_threads_share_one_client(client: Client) -> None:
    def echo(connection: socket.socket, request: Received, server: Loopback) -> None:
        reply(request.head.split()[1].encode())(connection, request, server)

    with serving(echo) as server, ThreadPoolExecutor(8) as threads:
        paths = [f"/{number}" for number in range(64)]
        bodies = list(threads.map(lambda path: client.send(get(server.url(path)), timeout_s=10).body, paths))

    assert bodies == [path.encode() for path in paths]


# --- deadline


def slow_headers(connection: socket.socket, _request: Received, server: Loopback) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    server.drip(connection)


def slow_body(connection: socket.socket, _request: Received, server: Loopback) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    server.drip(connection)


def endless_interim_answers(connection: socket.socket, _request: Received, server: Loopback) -> None:
    server.drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("answer", [slow_headers, slow_body, endless_interim_answers])
def test_trickling_server_is_left_at_the_deadline(client: Client, answer: object) -> None:
    """Every byte comes in time for a socket's own time-out; only the clock of the whole call ends this."""
    started = time.monotonic()
    with serving(answer) as server:  # type: ignore[arg-type]
        with pytest.raises(Retryable, match="in time") as caught:
            client.send(get(server.url()), timeout_s=SHORT_S)

        assert server.hung_up.wait(PATIENCE_S)
    assert SHORT_S <= time.monotonic() - started < PATIENCE_S
    assert not isinstance(caught.value, NeverSent)


def test_trickling_server_is_read_to_the_end_when_time_allows(client: Client) -> None:
    def answer(connection: socket.socket, _request: Received, server: Loopback) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        for _ in range(5):
            server.stopped.wait(0.02)
            connection.sendall(b"a")

    with serving(answer) as server:
        assert client.send(get(server.url()), timeout_s=PATIENCE_S).body == b"aaaaa"


def test_server_that_reads_nothing_is_left_at_the_deadline(client: Client) -> None:
    started = time.monotonic()
    with serving(None) as server, pytest.raises(Retryable, match="in time"):
        client.send(Call("POST", server.url(), {}, content=bytes(30 * 1024 * 1024)), timeout_s=SHORT_S)

    assert time.monotonic() - started < PATIENCE_S


def test_tls_handshake_ends_at_the_deadline(client: Client) -> None:
    with serving(None) as server, pytest.raises(NeverSent, match="in time"):
        client.send(get(server.url(scheme="https")), timeout_s=SHORT_S)

    assert server.connections == 1


def test_look_up_ends_at_the_deadline() -> None:
    release = threading.Event()

    def resolver(_host: str, _port: int) -> list[str]:
        release.wait(PATIENCE_S)
        return ["127.0.0.1"]

    started = time.monotonic()
    with Client(Guard.from_text(LOOPBACK), resolver=resolver) as client, pytest.raises(NeverSent, match="in time"):
        client.send(get("http://slow.example:8080/"), timeout_s=SHORT_S)
    release.set()

    assert time.monotonic() - started < PATIENCE_S


def test_nothing_is_dialled_when_no_time_is_left(client: Client) -> None:
    with serving(reply()) as server:
        with pytest.raises(NeverSent):
            client.send(get(server.url()), timeout_s=0)
        assert server.connections == 0


# --- what can go wrong


def test_reply_larger_than_the_cap_is_refused_and_the_connection_closed(client: Client) -> None:
    def endless(connection: socket.socket, _request: Received, server: Loopback) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not server.stopped.is_set():
            connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    with serving(endless) as server:
        with pytest.raises(Refused, match="more than 1048576 bytes"):
            client.send(get(server.url()), timeout_s=PATIENCE_S)
        assert server.hung_up.wait(PATIENCE_S)


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_bomb_of_50_mb_is_refused_at_the_cap(client: Client, encoding: str) -> None:
    bomb = bytes(50 * 1024 * 1024)
    for _ in encoding.split(","):
        bomb = gzip.compress(bomb)
    with serving(reply(bomb, headers=f"Content-Encoding: {encoding}\r\n")) as server, pytest.raises(Refused):
        client.send(get(server.url()), timeout_s=PATIENCE_S)


def test_compressed_reply_is_read(client: Client) -> None:
    with serving(reply(gzip.compress(b"text" * 1000), headers="Content-Encoding: gzip\r\n")) as server:
        assert client.send(get(server.url()), timeout_s=5).body == b"text" * 1000


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    ],
)
def test_broken_answer_is_worth_a_retry(client: Client, answer: bytes) -> None:
    with serving(raw(answer)) as server, pytest.raises(Retryable) as caught:
        client.send(get(server.url()), timeout_s=5)

    assert not isinstance(caught.value, NeverSent)


def test_refused_connection_never_sent_the_call(client: Client) -> None:
    with serving(reply()) as server:
        pass

    with pytest.raises(NeverSent, match=r"127\.0\.0\.1"):
        client.send(get(server.url()), timeout_s=5)


def test_unknown_name_never_sent_the_call() -> None:
    def resolver(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with Client(Guard(), resolver=resolver) as client, pytest.raises(NeverSent, match=r"nobody\.example"):
        client.send(get("https://nobody.example/"), timeout_s=5)


@pytest.mark.parametrize("answer", [raw(b""), raw(b"rubbish\r\n\r\n"), reply(b"x", headers="Content-Encoding: br\r\n")])
def test_errors_and_logs_never_hold_query_or_header_values(
    client: Client, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(answer) as server, pytest.raises((Retryable, Refused)) as caught:  # type: ignore[arg-type]
        client.send(get(server.url("/?token=secret"), {"Authorization": "Bearer secret"}), timeout_s=5)

    assert "secret" in server.requests[0].head
    assert "secret" not in caplog.text + str(caught.value) + repr(caught.value.details)


def test_target_is_forbidden_before_anything_is_dialled() -> None:
    with serving(reply()) as server, Client(Guard()) as client:
        with pytest.raises(TargetForbidden):
            client.send(get(server.url()), timeout_s=5)
        assert server.connections == 0
