"""The literal that was checked is the one that is dialled, and the one at the other end; TLS still checks the name."""

import datetime
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.core.errors import Refused, TargetForbidden
from hub.outbound.client import Call, Client, NeverSent
from hub.outbound.dialing import Dialer, Trip, underway
from hub.outbound.guard import Guard
from tests.unit.outbound.loopback import LOOPBACK, reply, serving

PUBLIC = "93.184.216.34"


class Wire(httpcore.SyncBackend):
    """Notes which literals are dialled; leads each to a local port, or nowhere."""

    def __init__(self, port: int | None = None) -> None:
        self.dialled: list[str] = []
        self._port = port

    def connect_tcp(
        self,
        host: str,
        port: int,  # noqa: ARG002
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.dialled.append(host)
        if self._port is None:
            raise httpcore.ConnectError("nobody there")
        return super().connect_tcp("127.0.0.1", self._port, timeout, local_address, socket_options)


class Answers:
    """A resolver that gives one answer after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.left = list(answers)
        self.asked = 0

    def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self.left.pop(0)


@contextmanager
def on_the_way(guard: Guard, url: str) -> Iterator[Trip]:
    trip = Trip(guard.check_url(url), time.monotonic() + 5, time.monotonic)
    token = underway.set(trip)
    try:
        yield trip
    finally:
        underway.reset(token)


def test_checked_literal_is_dialled_when_the_name_moves_to_loopback_afterwards() -> None:
    """DNS rebinding: between the check and the connection there is no second look-up."""
    wire, resolver = Wire(), Answers([PUBLIC], ["127.0.0.1"])
    dialer = Dialer(Guard(), resolver, wire)

    with on_the_way(Guard(), "https://moving.example/"):
        with pytest.raises(httpcore.ConnectError):
            dialer.connect_tcp("moving.example", 443)
        assert (wire.dialled, resolver.asked) == ([PUBLIC], 1)

        with pytest.raises(TargetForbidden):
            dialer.connect_tcp("moving.example", 443)
        assert wire.dialled == [PUBLIC]


def test_nothing_is_dialled_when_one_of_the_answers_is_forbidden() -> None:
    wire = Wire()

    with on_the_way(Guard(), "https://mixed.example/"), pytest.raises(TargetForbidden, match=r"127\.0\.0\.1"):
        Dialer(Guard(), Answers([PUBLIC, "127.0.0.1"]), wire).connect_tcp("mixed.example", 443)

    assert wire.dialled == []


def test_connection_is_closed_when_another_address_is_at_the_other_end() -> None:
    with serving(reply()) as server, on_the_way(Guard(), "https://a.example/"):
        with pytest.raises(TargetForbidden, match=f"Expected {PUBLIC} at the other end"):
            Dialer(Guard(), Answers([PUBLIC]), Wire(server.port)).connect_tcp("a.example", 443)

        assert server.hung_up.wait(5)
        assert server.requests == []


def test_connection_to_another_host_than_the_checked_one_is_refused() -> None:
    wire = Wire()

    with on_the_way(Guard(), "https://a.example/"), pytest.raises(TargetForbidden, match=r"b\.example"):
        Dialer(Guard(), Answers([PUBLIC]), wire).connect_tcp("b.example", 443)

    assert wire.dialled == []


def test_next_address_is_dialled_when_one_is_dead_but_not_hundreds() -> None:
    wire = Wire()
    many = [f"93.184.216.{number}" for number in range(1, 200)]

    with on_the_way(Guard(), "https://a.example/"), pytest.raises(httpcore.ConnectError):
        Dialer(Guard(), Answers(many), wire).connect_tcp("a.example", 443)

    assert wire.dialled == many[:4]


def test_second_address_answers_when_the_first_refuses() -> None:
    """Nobody listens on 127.0.0.2 at the port that 127.0.0.1 was given."""
    resolver = Answers(["127.0.0.2", "127.0.0.1"])

    with serving(reply(b"second")) as server, Client(Guard.from_text(LOOPBACK), resolver=resolver) as client:
        answer = client.send(Call("GET", server.url(host="two.example"), {}), timeout_s=5)

    assert answer.body == b"second"
    assert server.requests[0].header("host") == f"two.example:{server.port}"


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for provider.example and 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider.example")])
    names = [x509.DNSName("provider.example"), x509.IPAddress(ip_address("127.0.0.1"))]
    today = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "provider.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_bytes = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(key_bytes + signed.public_bytes(pem))
    return path


@pytest.fixture
def names_asked_for() -> list[str | None]:
    return []


@pytest.fixture
def server_tls(certificate: Path, names_asked_for: list[str | None]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: names_asked_for.append(name)
    return context


def tls_client(certificate: Path | None) -> Client:
    verify = ssl.create_default_context(cafile=certificate) if certificate else None
    return Client(Guard.from_text(LOOPBACK), verify=verify, resolver=lambda _host, _port: ["127.0.0.1"])


def test_certificate_is_checked_against_the_name_though_a_literal_is_dialled(
    certificate: Path, server_tls: ssl.SSLContext, names_asked_for: list[str | None]
) -> None:
    with serving(reply(b"safe"), server_tls) as server, tls_client(certificate) as client:
        answer = client.send(Call("GET", server.url("/", "https", "provider.example"), {}), timeout_s=5)

        with pytest.raises(Refused, match=r"certificate of other\.example"):
            client.send(Call("GET", server.url("/", "https", "other.example"), {}), timeout_s=5)

    assert answer.body == b"safe"
    assert len(server.requests) == 1
    assert names_asked_for == ["provider.example", "other.example"]


def test_certificate_of_a_literal_is_checked_against_the_address(certificate: Path, server_tls: ssl.SSLContext) -> None:
    with serving(reply(b"safe"), server_tls) as server, tls_client(certificate) as client:
        assert client.send(Call("GET", server.url(scheme="https"), {}), timeout_s=5).body == b"safe"
        with pytest.raises(Refused, match="certificate"):
            client.send(Call("GET", server.url("/", "https", "127.0.0.1.example"), {}), timeout_s=5)


def test_certificate_is_refused_when_no_authority_signed_it(server_tls: ssl.SSLContext) -> None:
    with (
        serving(reply(), server_tls) as server,
        tls_client(None) as client,
        pytest.raises(Refused, match="self-signed"),
    ):
        client.send(Call("GET", server.url("/", "https", "provider.example"), {}), timeout_s=5)

    assert server.requests == []


def test_plain_http_server_behind_https_never_got_the_call() -> None:
    def greet(connection: socket.socket, *_: object) -> None:
        connection.sendall(b"220 hello\r\n")

    with serving(greet) as server, tls_client(None) as client, pytest.raises(NeverSent):
        client.send(Call("GET", server.url(scheme="https"), {}), timeout_s=1)

    assert server.requests == []


def test_large_body_arrives_over_tls(certificate: Path, server_tls: ssl.SSLContext) -> None:
    content = bytes(range(256)) * 20_000

    with serving(reply(), server_tls) as server, tls_client(certificate) as client:
        client.send(Call("PUT", server.url("/", "https", "provider.example"), {}, content=content), timeout_s=20)

    assert server.requests[0].body == content
