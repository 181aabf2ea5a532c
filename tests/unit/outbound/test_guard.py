"""The guard decides by URL and by every address a name has; the operator's list opens what is private."""

import socket
from dataclasses import replace

import pytest

from hub.core.errors import TargetForbidden
from hub.outbound.guard import Guard, Resolver

PUBLIC = "93.184.216.34"
CLOSED = Guard()


def answering(*addresses: str) -> Resolver:
    return lambda _host, _port: list(addresses)


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/33",
        "10.1.2.3/8",
        "ten",
        "10.0.0.0/8:",
        "10.0.0.0/8:0",
        "10.0.0.0/8:65536",
        "[fd00::/8",
        "[fd00::/8]8443",
        "fd00::/8:x",
    ],
)
def test_operators_list_is_refused_by_name_of_the_entry(entry: str) -> None:
    with pytest.raises(ValueError, match="list of allowed networks") as caught:
        Guard.from_text(f"127.0.0.0/8, {entry}")

    assert repr(entry) in str(caught.value)


def test_own_host_is_refused_when_it_is_a_url() -> None:
    with pytest.raises(ValueError, match="own hosts"):
        Guard.from_text("", own_hosts=["https://hub.example.com"])


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://api.example.com", "api.example.com", 443, "/"),
        ("HTTPS://API.Example.COM./v1", "api.example.com", 443, "/v1"),
        ("https://api.example.com:8443/v1?a=b&c=[1]", "api.example.com", 8443, "/v1?a=b&c=%5B1%5D"),
        ("https://api.example.com?q=%20", "api.example.com", 443, "/?q=%20"),
        ("https://bücher.example/straße", "xn--bcher-kva.example", 443, "/stra%C3%9Fe"),
        (f"https://{PUBLIC}/", PUBLIC, 443, "/"),
        (f"https://{PUBLIC}./", PUBLIC, 443, "/"),
        ("https://[2606:4700:0::1111]/", "2606:4700::1111", 443, "/"),
        ("https://1password.com/", "1password.com", 443, "/"),
        ("https://a_b.3com.com/", "a_b.3com.com", 443, "/"),
        ("https://api.example.com/a@b?mail=c@d", "api.example.com", 443, "/a@b?mail=c@d"),
    ],
)
def test_public_https_url_is_accepted(url: str, host: str, port: int, path: str) -> None:
    target = CLOSED.check_url(url)

    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://a.example:443", "a.example"),
        ("https://a.example:8443", "a.example:8443"),
        ("https://[2606:4700::1]:8443", "[2606:4700::1]:8443"),
    ],
)
def test_authority_names_the_port_when_it_is_not_the_default(url: str, authority: str) -> None:
    assert CLOSED.check_url(url).authority == authority


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https://a.example:80/", "https://a.example:22/", "https://a.example:9443"]
)
def test_scheme_and_port_are_refused_without_a_look_up_when_no_network_is_listed(url: str) -> None:
    with pytest.raises(TargetForbidden, match=r"Expected (https|port 443 or 8443)"):
        CLOSED.check_url(url)


def test_http_is_allowed_on_port_80_by_the_tenants_flag() -> None:
    guard = replace(CLOSED, allow_http=True)

    assert guard.check_url("http://a.example/").port == 80
    with pytest.raises(TargetForbidden, match="port 80"):
        guard.check_url("http://a.example:8080/")


def test_name_is_looked_up_once_and_all_its_addresses_are_returned() -> None:
    asked: list[tuple[str, int]] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return [PUBLIC, "2606:4700::1111", "::ffff:8.8.8.8"]

    addresses = CLOSED.resolve(CLOSED.check_url("https://a.example/"), resolver)

    assert addresses == [PUBLIC, "2606:4700::1111", "8.8.8.8"]
    assert asked == [("a.example", 443)]


@pytest.mark.parametrize(
    "private", ["10.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "fe80::1%eth0", "nonsense"]
)
def test_name_is_refused_when_any_of_its_addresses_is_forbidden(private: str) -> None:
    target = CLOSED.check_url("https://a.example/")

    with pytest.raises(TargetForbidden, match=r"a\.example"):
        CLOSED.resolve(target, answering(PUBLIC, private))


def test_look_up_without_an_answer_is_a_failed_look_up() -> None:
    with pytest.raises(socket.gaierror):
        CLOSED.resolve(CLOSED.check_url("https://a.example/"), answering())


def test_listed_network_may_use_http_and_any_port() -> None:
    guard = Guard.from_text("10.1.0.0/16")
    target = guard.check_url("http://erp.internal:3000/")

    assert guard.resolve(target, answering("10.1.2.3")) == ["10.1.2.3"]
    with pytest.raises(TargetForbidden, match=r"public address.*10\.2\.0\.1"):
        guard.resolve(target, answering("10.2.0.1"))


def test_listed_network_is_open_on_its_port_only_when_one_is_given() -> None:
    guard = Guard.from_text("10.1.0.0/16:8443,[fd00::/8]:8080")

    assert guard.check_url("https://10.1.2.3:8443/").host == "10.1.2.3"
    assert guard.check_url("http://[fd00::1]:8080/").host == "fd00::1"
    with pytest.raises(TargetForbidden):
        guard.check_url("https://10.1.2.3/")


def test_public_address_keeps_its_rules_when_networks_are_listed() -> None:
    """The scheme of a name can only be judged when its address is known."""
    guard = Guard.from_text("10.1.0.0/16")
    target = guard.check_url("http://a.example/")

    with pytest.raises(TargetForbidden, match="Expected https"):
        guard.resolve(target, answering("10.1.0.1", PUBLIC))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
        "http://127.8.8.8:9001/",
        "http://[::1]:9001/",
        "http://[::ffff:127.0.0.1]:9001/",
        "http://0.0.0.0:9001/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
    ],
)
def test_metadata_and_runtime_api_are_refused_when_everything_is_listed(url: str) -> None:
    with pytest.raises(TargetForbidden):
        Guard.from_text("0.0.0.0/0,::/0").check_url(url)


@pytest.mark.parametrize("url", ["http://localhost:9001/", "http://runtime.example:9001/"])
def test_runtime_api_is_refused_by_whatever_name(url: str) -> None:
    guard = Guard.from_text("127.0.0.0/8")

    with pytest.raises(TargetForbidden):
        guard.resolve(guard.check_url(url), answering("127.0.0.1"))
    guard.resolve(guard.check_url(url.replace("9001", "9002")), answering("127.0.0.1"))


@pytest.mark.parametrize("url", ["https://hub.example.com/", "https://HUB.example.com.:8443/"])
def test_own_domain_is_refused_on_every_port(url: str) -> None:
    with pytest.raises(TargetForbidden, match="the hub itself"):
        Guard.from_text("", own_hosts=["Hub.example.com"]).check_url(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "[::1]", "a.example"])
def test_own_loopback_port_is_refused_by_every_name_and_the_next_port_is_not(host: str) -> None:
    guard = Guard.from_text("127.0.0.0/8,::1/128", own_hosts=["127.0.0.1:8787"])

    with pytest.raises(TargetForbidden):
        guard.resolve(guard.check_url(f"http://{host}:8787/"), answering("127.0.0.1"))
    guard.resolve(guard.check_url(f"http://{host}:8788/"), answering("127.0.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        "https://u:secret@a.example/?k=secret",
        "http://a.example/?k=secret",
        "https://10.0.0.1/?k=secret",
        "https://a.example/?k=secret#x",
    ],
)
def test_message_never_holds_password_or_query(url: str) -> None:
    with pytest.raises(TargetForbidden) as caught:
        CLOSED.check_url(url)

    assert "secret" not in str(caught.value) + repr(caught.value.details)
