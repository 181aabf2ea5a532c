"""Who may post to an endpoint by the address it posts from: networks in CIDR notation, both versions of IP."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from hub.core.errors import Problem

MOST_NETWORKS = 100
_MAPPED_BITS = 96


def allows(networks: Sequence[str], source_ip: str) -> bool:
    """Say whether the address is in one of the networks; an empty list leaves everybody in."""
    if not networks:
        return True
    try:
        address = _plain(ip_address(source_ip))
    except ValueError:
        return False
    return any(address in _plain_network(each) for each in networks)


def check_allow_list(raw: Any) -> list[Problem]:
    """Return what is wrong with a list of networks and addresses; the pointers begin at it."""
    if not isinstance(raw, list) or len(raw) > MOST_NETWORKS:
        return [Problem("", f"expected a list of at most {MOST_NETWORKS} networks")]
    return [
        Problem(f"/{index}", "expected a network such as 192.0.2.0/24 or 2001:db8::/32, or one address")
        for index, each in enumerate(raw)
        if not _is_network(each)
    ]


def _is_network(raw: Any) -> bool:
    try:
        _plain_network(raw)
    except ValueError:
        return False
    return isinstance(raw, str)  # ip_network takes whole numbers, too


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return an IPv4 address that came in the clothes of IPv6 (::ffff:192.0.2.1) as what it is."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _plain_network(text: str) -> Any:
    """Return the network; bits behind its prefix are a slip that changes nothing."""
    network = ip_network(text, strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ip_network((mapped, network.prefixlen - _MAPPED_BITS), strict=False)
