from typing import Any

import pytest

from hub.webhooks.endpoints.addresses import MOST_NETWORKS, allows, check_allow_list


@pytest.mark.parametrize(
    ("networks", "source_ip", "allowed"),
    [
        ([], "203.0.113.9", True),
        (["203.0.113.0/24"], "203.0.113.9", True),
        (["203.0.113.0/24"], "203.0.112.255", False),
        (["203.0.113.9"], "203.0.113.9", True),
        (["203.0.113.9/24"], "203.0.113.200", True),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
        (["::ffff:203.0.113.0/120"], "203.0.113.9", True),
        (["::ffff:203.0.113.0/120"], "203.0.114.9", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["2001:db8::/32"], "203.0.113.9", False),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["::/0"], "2001:db8::1", True),
        (["192.0.2.0/24", "203.0.113.0/24"], "203.0.113.9", True),
        (["203.0.113.0/24"], "", False),
        (["203.0.113.0/24"], "203.0.113.9, 1.1.1.1", False),
        (["203.0.113.0/24"], "not an address", False),
    ],
)
def test_an_address_is_let_in_by_the_networks(networks: list[str], source_ip: str, allowed: bool) -> None:
    assert allows(networks, source_ip) is allowed


def test_a_list_of_networks_and_addresses_is_fine() -> None:
    assert check_allow_list(["192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "::ffff:192.0.2.0/120"]) == []


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        (None, [""]),
        ("192.0.2.1", [""]),
        (["192.0.2.1"] * (MOST_NETWORKS + 1), [""]),
        (
            ["192.0.2.1", "192.0.2.0/33", "host.test", "", None, 7, ["192.0.2.1", 24]],
            ["/1", "/2", "/3", "/4", "/5", "/6"],
        ),
    ],
)
def test_what_is_no_network_is_pointed_at(raw: Any, pointers: list[str]) -> None:
    assert [problem.pointer for problem in check_allow_list(raw)] == pointers
