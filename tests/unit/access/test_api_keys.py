"""API keys: only the whole key authenticates, and no refusal tells one fault from another."""

import hmac
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from hub.access import api_keys
from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.errors import Unauthenticated
from hub.core.tables import Found, Table

ACME = Tenant("acme")
REFUSAL = "The API key is not valid."


class Config(Table):
    """A config table that only knows the index `lookup`, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), "config")
        self.items: list[Item] = []
        self.asked = 0

    def query(self, keys: str, values: Any, **options: Any) -> Found:
        assert (keys, options) == ("lookup = :lookup", {"index": "lookup"})
        self.asked += 1
        return Found([item for item in self.items if item["lookup"] == values["lookup"]], None)


@pytest.fixture
def config() -> Config:
    return Config()


@pytest.fixture
def at() -> Iterator[Callable[[float], None]]:
    """Set the hub's clock to an epoch second, where it stays."""
    yield lambda epoch_s: clock.use(lambda: epoch_s)
    clock.use(None)


def make_key(config: Config, *scopes: str, expires_at: str | None = None, **changed: Any) -> str:
    """Store a new key of acme and return it in full."""
    key_id, full_key = api_keys.generate()
    item = api_keys.item(ACME, key_id, full_key, "CI", frozenset(scopes), expires_at)
    config.items.append({**item, **changed})
    return full_key


def with_checksum(body: str) -> str:
    """Return a key whose checksum is right, as an attacker can make one."""
    return body + api_keys._checksum(body)


def refused(full_key: str, config: Config) -> bool:
    with pytest.raises(Unauthenticated) as refusal:
        api_keys.verify(full_key, config)
    return refusal.value.message == REFUSAL


def test_generated_key_speaks_for_its_tenant_with_its_scopes(config: Config) -> None:
    full_key = make_key(config, "contacts:read", "tickets:write")

    caller = api_keys.verify(full_key, config)

    key_id = full_key[9:25]
    expected = frozenset({"contacts:read", "tickets:write"})
    assert caller == Caller(ACME, f"key:{key_id}", frozenset(), expected, key_id=key_id)
    assert caller.actor == f"key:{key_id}"


def test_keys_have_the_documented_form_and_never_repeat() -> None:
    keys = [api_keys.generate()[1] for _ in range(1000)]

    assert all(key.startswith("hub_live_") and len(key) == 75 and key.isascii() for key in keys)
    assert len({key[26:69] for key in keys}) == 1000


def test_stored_form_does_not_hold_the_secret() -> None:
    key_id, full_key = api_keys.generate()

    stored = api_keys.item(ACME, key_id, full_key, "CI", frozenset({"admin:full"}), None)

    assert full_key[26:] not in repr(stored)
    assert stored["pk"] == "acme#api-key"
    assert len(stored["hash"]) == 64


def test_scope_the_hub_does_not_know_is_dropped(config: Config) -> None:
    full_key = make_key(config, "contacts:read", "root", "contacts:*")

    assert api_keys.verify(full_key, config).scopes == {"contacts:read"}


def test_key_of_a_program_has_no_roles(config: Config) -> None:
    full_key = make_key(config, "admin:full", roles=["super_admin"])

    assert api_keys.verify(full_key, config).roles == frozenset()


@pytest.mark.parametrize("position", [0, 8, 9, 24, 25, 26, 50, 68, 69, 74])
def test_mistyped_key_is_refused_without_a_look_up(config: Config, position: int) -> None:
    full_key = make_key(config)
    other = "x" if full_key[position] != "x" else "y"

    assert refused(full_key[:position] + other + full_key[position + 1 :], config)
    assert config.asked == 0
    assert api_keys.verify(full_key, config).tenant == ACME


@pytest.mark.parametrize("length", [0, 1, 9, 25, 26, 69, 74])
def test_key_that_is_cut_short_is_refused_without_a_look_up(config: Config, length: int) -> None:
    full_key = make_key(config)

    assert refused(full_key[:length], config)
    assert config.asked == 0
    assert api_keys.verify(full_key, config).tenant == ACME


@pytest.mark.parametrize("tail", [" ", "\n", "0", "ä", "\x00"])
def test_key_with_something_behind_it_is_refused(config: Config, tail: str) -> None:
    full_key = make_key(config)

    assert refused(full_key + tail, config)
    assert api_keys.verify(full_key, config).tenant == ACME


def test_key_with_other_characters_than_ascii_is_refused_without_a_crash(config: Config) -> None:
    full_key = make_key(config)

    assert refused(full_key[:40] + "ä" + full_key[41:], config)
    assert refused("hub_live_" + "\N{GRINNING FACE}" * 66, config)
    assert config.asked == 0
    assert api_keys.verify(full_key, config).tenant == ACME


def test_right_id_with_another_secret_is_refused(config: Config) -> None:
    """A prefix never authenticates: whoever saw the id in a list has nothing."""
    full_key = make_key(config)

    assert refused(with_checksum(full_key[:26] + "A" * 43), config)
    assert refused(with_checksum(full_key[:68] + ("A" if full_key[68] != "A" else "B")), config)
    assert config.asked == 2
    assert api_keys.verify(full_key, config).tenant == ACME


def test_unknown_key_is_refused_in_the_same_words(config: Config) -> None:
    _, unknown = api_keys.generate()
    known = make_key(config)

    assert refused(unknown, config)
    assert api_keys.verify(known, config).tenant == ACME


def test_secret_of_one_key_does_not_open_another(config: Config) -> None:
    one, two = make_key(config, "contacts:read"), make_key(config, "admin:full")

    assert refused(with_checksum(two[:26] + one[26:69]), config)
    assert api_keys.verify(two, config).scopes == {"admin:full"}


def test_disabled_key_is_refused(config: Config) -> None:
    assert refused(make_key(config, enabled=False), config)
    assert api_keys.verify(make_key(config), config).tenant == ACME


def test_key_works_until_it_expires(config: Config, at: Callable[[float], None]) -> None:
    at(1_800_000_000)
    full_key = make_key(config, expires_at=clock.iso(1_800_000_010))

    at(1_800_000_009.999)
    assert api_keys.verify(full_key, config).tenant == ACME

    at(1_800_000_010)
    assert refused(full_key, config)


@pytest.mark.parametrize("known", [True, False])
def test_hashes_are_compared_in_constant_time(config: Config, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    compared: list[tuple[str, str]] = []
    compare = hmac.compare_digest

    def remember(one: str, other: str) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", remember)
    full_key = make_key(config) if known else api_keys.generate()[1]

    if known:
        api_keys.verify(full_key, config)
    else:
        refused(full_key, config)

    assert len(compared) == 1
    assert all(isinstance(side, str) and side.isascii() for side in compared[0])
