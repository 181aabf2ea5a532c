"""Which addresses the hub may dial, by explicit lists.

`ipaddress`' own `is_global` is not enough: its answer differs between Python versions and lets 20 of the 52
special-purpose addresses pass on 3.11. Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
GLOBAL_IPV6 = IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# No operator's list opens these: metadata services, and IPv6 forms in which any IPv4 address can hide.
NEVER_IPV4 = tuple(IPv4Network(text) for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"))
NEVER_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local use
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fd00:ec2::/32",  # metadata, clock and names of AWS
        "fe80::/10",  # link local
        "ff00::/8",  # multicast
    )
)
IPV4_COMPATIBLE = IPv6Network("::/96")
IPV6_LOOPBACK = IPv6Address("::1")


def parse_address(text: str) -> Address:
    """Return the address a literal means; an IPv4-mapped one is its IPv4 address. Raises ValueError."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_never_allowed(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return _is_within(address, NEVER_IPV4)
    hides_ipv4 = address in IPV4_COMPATIBLE and address != IPV6_LOOPBACK
    return hides_ipv4 or address.scope_id is not None or _is_within(address, NEVER_IPV6)


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _is_within(address, SPECIAL_IPV4)
    return address in GLOBAL_IPV6 and not _is_within(address, SPECIAL_IPV6)


def _is_within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def parse_allowed(text: str) -> tuple[tuple[Network, int | None], ...]:
    """Return the operator's list "10.1.0.0/16, [fd00::/8]:8443" as pairs of network and port (None = any port).

    Raises ValueError naming the entry that cannot be read.
    """
    return tuple(_parse_entry(entry.strip()) for entry in text.split(",") if entry.strip())


def _parse_entry(entry: str) -> tuple[Network, int | None]:
    try:
        network, port = _split_port(entry)
        return ip_network(network), None if port is None else _port(port)
    except ValueError as error:
        raise ValueError(f'Expected "CIDR" or "CIDR:port" in the list of allowed networks, found {entry!r}') from error


def _split_port(entry: str) -> tuple[str, str | None]:
    if entry.startswith("["):
        network, closed, rest = entry[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(entry)
        return network, rest[1:] if rest else None
    if entry.count(":") == 1:
        network, _, port = entry.partition(":")
        return network, port
    return entry, None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(text)
    return int(text)
