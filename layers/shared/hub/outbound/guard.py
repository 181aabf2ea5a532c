"""The guard of every call to another system: says which URL may be called and which address may be dialled."""

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from hub.core.errors import TargetForbidden
from hub.outbound.addresses import (
    Address,
    Network,
    is_never_allowed,
    is_public,
    parse_address,
    parse_allowed,
)

Resolver = Callable[[str, int], list[str]]

LONGEST_URL = 8192
PUBLIC_PORTS = {"https": (443, 8443), "http": (80,)}
DEFAULT_PORT = {"https": 443, "http": 80}
# The Lambda runtime API: whoever reaches it can answer other people's requests.
RUNTIME_API = "127.0.0.1:9001"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

URL_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(.*)", re.DOTALL)
HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# Resolvers read a name that ends in a number as an IPv4 address: 2130706433, 0x7f.1, 127.1 (WHATWG URL).
ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
FORBIDDEN_CHARACTER = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]|\s")
SENT_AS_WRITTEN = "!$&'()*+,;=:@/?%"


@dataclass(frozen=True)
class Target:
    """Where a URL leads: `host` in lower-case ASCII, `path` percent-encoded with the query, `address` of a literal."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        port = "" if self.port == DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{_in_url(self.host)}{port}"


def system_resolver(host: str, port: int) -> list[str]:
    """Return every address the system knows for `host`, in the order to dial them. Raises OSError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


@dataclass(frozen=True)
class Guard:
    """`allowed` is the operator's list: its addresses may be private, speak http, use the listed port (None = any)."""

    allowed: tuple[tuple[Network, int | None], ...] = ()
    own_hosts: frozenset[str] = frozenset()
    allow_http: bool = False

    @classmethod
    def from_text(cls, allowed: str, own_hosts: Iterable[str] = (), allow_http: bool = False) -> "Guard":
        """Return the guard for an operator's list such as "127.0.0.0/8,10.1.0.0/16:8443,[fd00::/8]:8443".

        `own_hosts` ("hub.example.com" = every port, "127.0.0.1:8787" = this port) are never called. Raises ValueError.
        """
        return cls(parse_allowed(allowed), frozenset(map(_own_host, own_hosts)), allow_http)

    def check_url(self, url: str) -> Target:
        """Return where `url` leads. Raises TargetForbidden for what can be refused without a look-up."""
        target = _parse(url)
        if self._is_own(target.host, target.port):
            raise _forbidden(target, "another system", "the hub itself")
        if target.address is not None:
            self._check_address(target, target.address)
        elif not self.allowed:
            self._check_scheme_and_port(target)
        return target

    def refusal(self, url: str) -> str | None:
        """Say why `url` may not be called, as far as that is known without a look-up; None where it may."""
        try:
            self.check_url(url)
        except TargetForbidden as refused:
            return refused.message
        return None

    def resolve(self, target: Target, resolver: Resolver = system_resolver) -> list[str]:
        """Return the literal addresses to dial, from one look-up.

        Raises TargetForbidden when any answer is forbidden, OSError when there is none.
        """
        if target.address is not None:
            return [str(target.address)]
        addresses = [_parse_answer(target, answer) for answer in resolver(target.host, target.port)]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        for address in addresses:
            self._check_address(target, address)
        return [str(address) for address in addresses]

    def _check_address(self, target: Target, address: Address) -> None:
        if is_never_allowed(address) or self._is_own_address(address, target.port):
            raise _forbidden(target, "an address the hub may call", str(address))
        if self._is_listed(address, target.port):
            return
        if not is_public(address):
            raise _forbidden(target, "a public address", str(address))
        self._check_scheme_and_port(target)

    def _check_scheme_and_port(self, target: Target) -> None:
        if target.scheme != "https" and not self.allow_http:
            raise _forbidden(target, "https", target.scheme)
        if target.port not in PUBLIC_PORTS[target.scheme]:
            ports = " or ".join(map(str, PUBLIC_PORTS[target.scheme]))
            raise _forbidden(target, f"port {ports}", f"port {target.port}")

    def _is_listed(self, address: Address, port: int) -> bool:
        return any(address in network and open_port in (None, port) for network, open_port in self.allowed)

    def _is_own(self, host: str, port: int) -> bool:
        name = _in_url(host)
        return not {name, f"{name}:{port}"}.isdisjoint(self.own_hosts | {RUNTIME_API})

    def _is_own_address(self, address: Address, port: int) -> bool:
        # A server on one loopback address mostly answers on the others too.
        names = (str(address), *LOOPBACK_NAMES) if address.is_loopback else (str(address),)
        return any(self._is_own(name.strip("[]"), port) for name in names)


def _parse(url: str) -> Target:
    if len(url) > LONGEST_URL:
        raise TargetForbidden(f"Expected a URL of at most {LONGEST_URL} characters, found {len(url)}")
    if FORBIDDEN_CHARACTER.search(url):
        raise TargetForbidden("Expected a URL without spaces, control characters and backslashes, found one of them")
    parts = URL_PARTS.fullmatch(url)
    if parts is None or parts[1].lower() not in PUBLIC_PORTS:
        raise TargetForbidden("Expected a URL that begins with https:// and a host, found another form")
    if "#" in url:
        raise TargetForbidden("Expected a URL without a fragment, found '#'")
    return _target(parts[1].lower(), parts[2], parts[3])


def _target(scheme: str, authority: str, rest: str) -> Target:
    if "@" in authority:
        raise TargetForbidden("Expected a URL without user name and password, found '@' before the path")
    parts = HOST_AND_PORT.fullmatch(authority)
    port = int(parts[2] or DEFAULT_PORT[scheme]) if parts else 0
    if parts is None or not 0 < port < 65536:
        raise TargetForbidden(f"Expected host or host:port, found {authority[:100]!r}")
    host = parts[1] if parts[1].startswith("[") else _ascii_name(parts[1])
    address = _literal(host)
    path = quote(rest if rest.startswith("/") else f"/{rest}", safe=SENT_AS_WRITTEN)
    return Target(scheme, host if address is None else str(address), port, path, address)


def _ascii_name(host: str) -> str:
    name = host.lower() if host.isascii() else _idna(host)
    return name.removesuffix(".")


def _idna(host: str) -> str:
    import idna

    try:
        return idna.encode(host.lower(), strict=True, std3_rules=True).decode("ascii")
    except idna.IDNAError as error:
        raise TargetForbidden(f"Expected a host name, found {host[:100]!r}") from error


def _literal(host: str) -> Address | None:
    """Return the address when the host is one, None for a name. Raises TargetForbidden for everything between."""
    if host.startswith("[") or ENDS_IN_NUMBER.fullmatch(host):
        try:
            return parse_address(host.strip("[]") if ":" in host else host)
        except ValueError as error:
            raise TargetForbidden(f"Expected a host name or a plain IP address, found {host[:100]!r}") from error
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in host.split(".")):
        raise TargetForbidden(f"Expected a host name, found {host[:100]!r}")
    return None


def _parse_answer(target: Target, answer: str) -> Address:
    try:
        return parse_address(answer)
    except ValueError as error:
        raise _forbidden(target, "an IP address", answer[:100]) from error


def _forbidden(target: Target, expected: str, found: str) -> TargetForbidden:
    return TargetForbidden(f"Expected {expected} at {target.host!r}, found {found}", host=target.host)


def _own_host(text: str) -> str:
    parts = HOST_AND_PORT.fullmatch(text.strip().lower())
    if parts is None:
        raise ValueError(f'Expected "host" or "host:port" in the list of own hosts, found {text!r}')
    return parts[1].removesuffix(".") + (f":{parts[2]}" if parts[2] else "")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
