"""A ciphertext opens where it was written, as it was written, and nowhere else: 10,000 that were moved or flipped.

The key service here gives out every data key it is asked for, whatever the context: what refuses is the associated
data alone. In AWS the context is a second refusal for another tenant's.
"""

import copy
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest

from hub.core import vault as vaults
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Key, key
from hub.core.vault import SecretUnreadable, Vault

ATTEMPTS = 10_000
TENANTS = tuple(Tenant(name) for name in ("acme", "acme2", "b"))
# Records of every kind that holds secrets; tokens have one for each generation of a connection.
RECORDS = (
    *(("token", f"con_{number}.{generation}") for number in (1, 12) for generation in (1, 2, 11)),
    ("connection", "con_1"),
    ("connector", "int_1"),
    ("subscription", "sub_1"),
)
FIELDS = ("accessToken", "refreshToken", "/auth/clientSecret")
VERSIONS = (1, 2, 12)


@dataclass
class Keys:
    """A key service that decrypts whatever it once made."""

    made: dict[bytes, bytes] = field(default_factory=dict)

    class exceptions:  # noqa: N801 - the name boto3 gives it
        class InvalidCiphertextException(Exception):
            """The wrapped key is none of this service's."""

    def generate_data_key(self, **_: Any) -> dict[str, bytes]:
        plain, wrapped = os.urandom(32), os.urandom(64)
        self.made[wrapped] = plain
        return {"Plaintext": plain, "CiphertextBlob": wrapped}

    def decrypt(self, *, CiphertextBlob: bytes, **_: Any) -> dict[str, bytes]:  # noqa: N803
        if CiphertextBlob not in self.made:
            raise self.exceptions.InvalidCiphertextException
        return {"Plaintext": self.made[CiphertextBlob]}


@dataclass
class Stored:
    """Every record with every field, and what is in it."""

    vault: Vault
    records: list[Item]
    chance: Random

    def other(self, record: Item) -> Item:
        """Return another record of the same version."""
        place, version = (record["pk"], record["sk"]), record["version"]
        fitting = [each for each in self.records if (each["pk"], each["sk"]) != place and each["version"] == version]
        return self.chance.choice(fitting)


def secret_of(place: Key, version: int, name: str) -> str:
    return f"secret of {place['pk']} {place['sk']} {version} {name}"


@pytest.fixture(scope="module")
def stored() -> Stored:
    vault = Vault(cast("Any", Keys()), "key", cast("Any", None))
    records = [
        sealed(vault, key(tenant, kind, name), version)
        for tenant in TENANTS
        for kind, name in RECORDS
        for version in VERSIONS
    ]
    return Stored(vault, records, Random(1))


def sealed(vault: Vault, place: Key, version: int) -> Item:
    seal = vault.sealer(place, version)
    return {**place, "version": version, **seal({name: secret_of(place, version, name) for name in FIELDS})}


Way = Callable[[Stored, Item, str], Item]


def taken_from(record: Item, other: Item, name: str, of: str | None = None) -> Item:
    """Return `record` with a field of `other` in it, and all that is needed to open it."""
    found = other["fields"][of or name]
    keys = {**record["keys"], found["k"]: other["keys"][found["k"]]}
    return {**record, "fields": {name: found}, "keys": keys}


def flipped(bits: bytes, chance: Random) -> bytes:
    changed = bytearray(bits)
    at = chance.randrange(len(changed) * 8)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def with_part(record: Item, name: str, **parts: Any) -> Item:
    return {**record, "fields": {name: {**record["fields"][name], **parts}}}


def to_another_field(stored: Stored, record: Item, name: str) -> Item:
    return taken_from(record, record, name, stored.chance.choice([each for each in FIELDS if each != name]))


def from_another_record(stored: Stored, record: Item, name: str) -> Item:
    record = stored.chance.choice([each for each in stored.records if each["pk"] == "acme#token"])
    connection, version = record["sk"].partition(".")[0], record["version"]
    fitting = [
        each
        for each in stored.records
        if (each["pk"], each["version"]) == (record["pk"], version) and not each["sk"].startswith(f"{connection}.")
    ]
    return taken_from(record, stored.chance.choice(fitting), name)


def from_another_generation(stored: Stored, record: Item, name: str) -> Item:
    connection = stored.chance.choice(("con_1.", "con_12."))
    mine = [each for each in stored.records if each["sk"].startswith(connection) and each["pk"] == "acme#token"]
    record = stored.chance.choice(mine)
    others = [each for each in mine if each["sk"] != record["sk"] and each["version"] == record["version"]]
    return taken_from(record, stored.chance.choice(others), name)


def from_another_tenant(stored: Stored, record: Item, name: str) -> Item:
    kind = record["pk"].partition("#")[2]
    fitting = [
        each
        for each in stored.records
        if each["pk"] != record["pk"]
        and each["pk"].endswith(f"#{kind}")
        and (each["sk"], each["version"]) == (record["sk"], record["version"])
    ]
    return taken_from(record, stored.chance.choice(fitting), name)


def of_another_version(stored: Stored, record: Item, name: str) -> Item:
    return with_part(record, name, v=stored.chance.choice([each for each in VERSIONS if each != record["version"]]))


def with_a_flipped_nonce(stored: Stored, record: Item, name: str) -> Item:
    return with_part(record, name, n=flipped(record["fields"][name]["n"], stored.chance))


def with_a_flipped_ciphertext(stored: Stored, record: Item, name: str) -> Item:
    return with_part(record, name, c=flipped(record["fields"][name]["c"], stored.chance))


def with_a_cut_ciphertext(stored: Stored, record: Item, name: str) -> Item:
    whole = record["fields"][name]["c"]
    return with_part(record, name, c=whole[: stored.chance.randrange(len(whole))])


def with_a_flipped_wrapped_key(stored: Stored, record: Item, name: str) -> Item:
    number = record["fields"][name]["k"]
    keys = {number: flipped(record["keys"][number], stored.chance)}
    return {**record, "fields": {name: record["fields"][name]}, "keys": keys}


def with_another_wrapped_key(stored: Stored, record: Item, name: str) -> Item:
    other = stored.other(record)
    return {**record, "fields": {name: record["fields"][name]}, "keys": other["keys"]}


def without_its_key(_stored: Stored, record: Item, name: str) -> Item:
    return {**record, "fields": {name: record["fields"][name]}, "keys": {}}


MOVES: tuple[Way, ...] = (
    to_another_field,
    from_another_record,
    from_another_generation,
    from_another_tenant,
    of_another_version,
)
FLIPS: tuple[Way, ...] = (
    with_a_flipped_nonce,
    with_a_flipped_ciphertext,
    with_a_cut_ciphertext,
    with_a_flipped_wrapped_key,
    with_another_wrapped_key,
    without_its_key,
)


def opened(stored: Stored, way: Way) -> bool:
    """Say whether a random field, moved or flipped that way, gives any text."""
    record, name = stored.chance.choice(stored.records), stored.chance.choice(FIELDS)
    try:
        stored.vault.opened(way(stored, copy.deepcopy(record), name))
    except SecretUnreadable:
        return False
    return True


def test_10000_moved_or_flipped_ciphertexts_are_all_refused(stored: Stored) -> None:
    ways = MOVES + FLIPS
    found = Counter(
        (way.__name__, opened(stored, way)) for number in range(ATTEMPTS) for way in [ways[number % len(ways)]]
    )

    assert sum(found.values()) == ATTEMPTS
    assert {name for name, was_opened in found if was_opened} == set()
    assert {name for name, _ in found} == {way.__name__ for way in ways}


def test_ciphertexts_that_nobody_touched_open(stored: Stored) -> None:
    """The control: the same records, the same vault."""
    for record in stored.records:
        clear = stored.vault.opened(copy.deepcopy(record))

        assert clear == {name: secret_of(record, record["version"], name) for name in FIELDS}


@pytest.mark.parametrize("way", MOVES, ids=lambda way: way.__name__)
def test_mutant_that_binds_nothing_opens_what_was_moved(
    way: Way, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vaults, "_binding", lambda *_: b"")
    unbound = Stored(stored.vault, [sealed(stored.vault, each, each["version"]) for each in stored.records], Random(2))

    assert all(opened(unbound, way) for _ in range(100))


@pytest.mark.parametrize("part", range(5), ids=("format", "tenant and kind", "record", "field", "version"))
def test_mutant_that_binds_one_thing_less_opens_something_moved(
    part: int, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is needed: without it, one of the moves works. The format alone guards no move of today."""

    def binding(record: Item, name: str, version: int) -> bytes:
        parts = [vaults.FORMAT, record["pk"], record["sk"], name, str(version)]
        del parts[part]
        return "\0".join(parts).encode()

    monkeypatch.setattr(vaults, "_binding", binding)
    weak = Stored(stored.vault, [sealed(stored.vault, each, each["version"]) for each in stored.records], Random(3))

    found = {way.__name__ for way in MOVES for _ in range(100) if opened(weak, way)}

    assert bool(found) is (part > 0)
