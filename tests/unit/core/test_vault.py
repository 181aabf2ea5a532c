"""Secrets at rest: stored without the right to read, kept without being opened, useless anywhere else."""

import copy
import itertools
import json
import os
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import IS_NEW, key
from hub.core.vault import KEY_CACHE_S, SecretUnreadable, Vault
from tests.unit.core.conftest import ACME, OTHER, MemoryTable

KIND = "connector"
Damage = Callable[[dict[str, Any], random.Random], None]


class InvalidCiphertext(Exception):
    """KMS did not make this, or made it in another context."""


class Kms:
    """Wraps keys by remembering them; counts what it is asked."""

    class exceptions:  # noqa: N801 - the name boto3 gives it
        InvalidCiphertextException = InvalidCiphertext

    def __init__(self) -> None:
        self._made: dict[bytes, tuple[bytes, dict[str, str]]] = {}
        self.generated = 0
        self.decrypted = 0

    def generate_data_key(self, *, KeyId: str, KeySpec: str, EncryptionContext: dict[str, str]) -> dict[str, bytes]:  # noqa: N803
        assert (KeyId, KeySpec) == ("key-1", "AES_256")
        self.generated += 1
        plain, wrapped = os.urandom(32), os.urandom(64)
        self._made[wrapped] = plain, EncryptionContext
        return {"Plaintext": plain, "CiphertextBlob": wrapped}

    def decrypt(self, *, CiphertextBlob: bytes, EncryptionContext: dict[str, str]) -> dict[str, bytes]:  # noqa: N803
        self.decrypted += 1
        plain, context = self._made.get(CiphertextBlob, (b"", {}))
        if not plain or context != EncryptionContext:
            raise InvalidCiphertext
        return {"Plaintext": plain}


@pytest.fixture
def kms() -> Kms:
    return Kms()


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def vault(kms: Kms, table: MemoryTable) -> Vault:
    return make_vault(kms, table)


def make_vault(kms: Kms, table: MemoryTable) -> Vault:
    return Vault(cast("Any", kms), "key-1", table)


def test_stored_secrets_are_read_back(vault: Vault, table: MemoryTable) -> None:
    secrets = {"auth.token": "s3cret", "auth.empty": "", "auth.text": "ä\N{GRINNING FACE}\x00" * 1000}

    table.take(vault.store(ACME, KIND, "int_1", secrets))

    assert vault.read(ACME, KIND, "int_1") == secrets


def test_record_holds_no_secret_in_clear(vault: Vault, table: MemoryTable) -> None:
    item = table.take(vault.store(ACME, KIND, "int_1", {"token": "canary-0c0c"}))

    assert b"canary" not in json.dumps(item, default=bytes.hex).encode()
    assert b"canary" not in item["fields"]["token"]["c"]


def test_nothing_stored_reads_as_nothing(vault: Vault) -> None:
    assert vault.read(ACME, KIND, "int_1") == {}


def test_nothing_to_store_writes_nothing(vault: Vault, kms: Kms) -> None:
    assert vault.store(ACME, KIND, "int_1", {}, kept=["token"]) is None
    assert kms.generated == 0


def test_storing_never_decrypts(vault: Vault, table: MemoryTable, kms: Kms) -> None:
    """Functions that store secrets have no right to kms:Decrypt."""
    table.take(vault.store(ACME, KIND, "int_1", {"a": "1", "b": "2"}))
    table.take(vault.store(ACME, KIND, "int_1", {"b": "3"}, kept=["a"]))
    table.take(vault.store(ACME, KIND, "int_1", {}, kept=["a", "b"]))

    assert kms.decrypted == 0
    assert vault.read(ACME, KIND, "int_1") == {"a": "1", "b": "3"}
    assert kms.decrypted == 2


def test_field_that_is_neither_new_nor_kept_goes_with_its_data_key(vault: Vault, table: MemoryTable) -> None:
    table.take(vault.store(ACME, KIND, "int_1", {"a": "1", "b": "2"}))

    item = table.take(vault.store(ACME, KIND, "int_1", {"c": "3"}))

    assert vault.read(ACME, KIND, "int_1") == {"c": "3"}
    assert item["keys"].keys() == {"2"}


def test_field_that_is_kept_and_entered_anew_takes_the_new_value(vault: Vault, table: MemoryTable) -> None:
    table.take(vault.store(ACME, KIND, "int_1", {"a": "1"}))

    item = table.take(vault.store(ACME, KIND, "int_1", {"a": "2"}, kept=["a"]))

    assert vault.read(ACME, KIND, "int_1") == {"a": "2"}
    assert item["keys"].keys() == {"2"}


def test_kept_field_that_was_never_stored_stays_missing(vault: Vault, table: MemoryTable) -> None:
    table.take(vault.store(ACME, KIND, "int_1", {"a": "1"}, kept=["ghost"]))

    assert vault.read(ACME, KIND, "int_1") == {"a": "1"}


def test_write_is_refused_when_the_record_has_changed_since(vault: Vault, table: MemoryTable) -> None:
    first = vault.store(ACME, KIND, "int_1", {"a": "1"})
    table.take(first)
    second = vault.store(ACME, KIND, "int_1", {"a": "2"})

    assert first is not None
    assert first.only_if == IS_NEW
    assert second is not None
    assert (second.only_if, dict(second.values)) == ("version = :version_read", {"version_read": 1})


def test_same_secret_never_looks_the_same(vault: Vault, table: MemoryTable) -> None:
    item = table.take(vault.store(ACME, KIND, "int_1", {"a": "same", "b": "same"}))

    assert item["fields"]["a"]["n"] != item["fields"]["b"]["n"]
    assert item["fields"]["a"]["c"] != item["fields"]["b"]["c"]


def test_data_key_is_unwrapped_once_in_five_minutes(
    vault: Vault, table: MemoryTable, kms: Kms, at: Callable[[float], None]
) -> None:
    at(1_800_000_000)
    table.take(vault.store(ACME, KIND, "int_1", {"a": "1", "b": "2"}))

    vault.read(ACME, KIND, "int_1")
    at(1_800_000_000 + KEY_CACHE_S - 1)
    vault.read(ACME, KIND, "int_1")
    assert kms.decrypted == 1

    at(1_800_000_000 + KEY_CACHE_S)
    vault.read(ACME, KIND, "int_1")
    assert kms.decrypted == 2


# ---------------------------------------------------------------- attacks: every part flipped, every ciphertext moved


def _flip(blob: bytes, chance: random.Random) -> bytes:
    position = chance.randrange(len(blob))
    return blob[:position] + bytes([blob[position] ^ 1 << chance.randrange(8)]) + blob[position + 1 :]


def _flip_ciphertext(record: Item, chance: random.Random) -> None:
    record["fields"]["a"]["c"] = _flip(record["fields"]["a"]["c"], chance)


def _flip_nonce(record: Item, chance: random.Random) -> None:
    record["fields"]["a"]["n"] = _flip(record["fields"]["a"]["n"], chance)


def _flip_wrapped_key(record: Item, chance: random.Random) -> None:
    number = record["fields"]["a"]["k"]
    record["keys"][number] = _flip(record["keys"][number], chance)


def _change_version(record: Item, chance: random.Random) -> None:
    record["fields"]["a"]["v"] += chance.randrange(1, 100)


def _change_key_number(record: Item, chance: random.Random) -> None:
    record["fields"]["a"]["k"] = str(chance.randrange(3, 100))


def _cut_ciphertext(record: Item, chance: random.Random) -> None:
    sealed = record["fields"]["a"]["c"]
    record["fields"]["a"]["c"] = sealed[: chance.randrange(len(sealed))]


def _cut_nonce(record: Item, chance: random.Random) -> None:
    record["fields"]["a"]["n"] = record["fields"]["a"]["n"][: chance.randrange(12)]


def _lose_key(record: Item, _chance: random.Random) -> None:
    record["keys"].clear()


DAMAGES: list[Damage] = [
    _flip_ciphertext,
    _flip_nonce,
    _flip_wrapped_key,
    _change_version,
    _change_key_number,
    _cut_ciphertext,
    _cut_nonce,
    _lose_key,
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("warm", [True, False], ids=["key cached", "key not cached"])
def test_altered_record_does_not_decrypt(kms: Kms, table: MemoryTable, damage: Damage, warm: bool) -> None:
    chance = random.Random(1)
    vault = make_vault(kms, table)
    original = table.take(vault.store(ACME, KIND, "int_1", {"a": "s3cret"}))
    for _ in range(65):
        reader = make_vault(kms, table)
        table.items[ACME_PLACE] = original
        if warm:
            assert reader.read(ACME, KIND, "int_1") == {"a": "s3cret"}
        table.items[ACME_PLACE] = damaged = copy.deepcopy(original)
        damage(damaged, chance)

        with pytest.raises(SecretUnreadable) as refusal:
            reader.read(ACME, KIND, "int_1")

        assert "s3cret" not in str(refusal.value)
    table.items[ACME_PLACE] = original
    assert make_vault(kms, table).read(ACME, KIND, "int_1") == {"a": "s3cret"}


ACME_PLACE = ("acme#connector", "int_1")
# Places whose names run into each other when they are only strung together.
PLACES = [
    (tenant, kind, record_id, field)
    for tenant in (ACME, OTHER, Tenant("acme2"))
    for kind in (KIND, "connection")
    for record_id in ("int_1", "int_1a", "int_2")
    for field in ("a", "aa", "1a", "ä")
]


def _without_its_key(target: Item, source: Item, field: str, source_field: str) -> None:
    target["fields"][field] = {**source["fields"][source_field], "k": target["fields"][field]["k"]}


def _with_its_key(target: Item, source: Item, field: str, source_field: str) -> None:
    moved = source["fields"][source_field]
    target["keys"]["moved"] = source["keys"][moved["k"]]
    target["fields"][field] = {**moved, "k": "moved"}


@pytest.mark.parametrize("move", [_without_its_key, _with_its_key])
def test_moved_ciphertext_does_not_decrypt_anywhere_else(
    kms: Kms, table: MemoryTable, move: Callable[[Item, Item, str, str], None]
) -> None:
    """Some 2,500 moves between tenants, kinds, records and fields, with and without the data key they belong to."""
    writer, reader = make_vault(kms, table), make_vault(kms, table)
    for tenant, kind, record_id in {place[:3] for place in PLACES}:
        secrets = {field: f"{tenant} {kind} {record_id} {field}" for field in ("a", "aa", "1a", "ä")}
        table.take(writer.store(tenant, kind, record_id, secrets))
        assert reader.read(tenant, kind, record_id) == secrets  # the control, which also fills the key cache
    moves = list(itertools.permutations(PLACES, 2))[::2]

    read = [move_and_read(reader, table, move, source, target) for source, target in moves]

    assert len(moves) > 2000
    assert read == [None] * len(moves)


def move_and_read(
    reader: Vault,
    table: MemoryTable,
    move: Callable[[Item, Item, str, str], None],
    source: tuple[Tenant, str, str, str],
    target: tuple[Tenant, str, str, str],
) -> str | None:
    """Put source's ciphertext into target's field, and return what can be read of it."""
    tenant, kind, record_id, field = target
    place = (f"{tenant}#{kind}", record_id)
    original, given = table.items[place], table.items[f"{source[0]}#{source[1]}", source[2]]
    table.items[place] = moved = copy.deepcopy(original)
    move(moved, given, field, source[3])
    moved["fields"] = {field: moved["fields"][field]}
    try:
        return reader.read(tenant, kind, record_id)[field]
    except SecretUnreadable:
        return None
    finally:
        table.items[place] = original


def test_older_ciphertext_of_the_same_field_does_not_pass_as_a_later_version(vault: Vault, table: MemoryTable) -> None:
    """A stolen old secret cannot be put back under the version of the present one."""
    old = copy.deepcopy(table.take(vault.store(ACME, KIND, "int_1", {"a": "old"})))
    new = table.take(vault.store(ACME, KIND, "int_1", {"a": "new"}))
    assert vault.read(ACME, KIND, "int_1") == {"a": "new"}

    new["keys"]["1"] = old["keys"]["1"]
    new["fields"]["a"] = {**old["fields"]["a"], "v": 2}

    with pytest.raises(SecretUnreadable):
        vault.read(ACME, KIND, "int_1")


def test_opened_record_says_when_each_secret_was_entered(vault: Vault, table: MemoryTable) -> None:
    table.take(vault.store(ACME, KIND, "int_1", {"a": "1", "b": "2"}))
    table.take(vault.store(ACME, KIND, "int_1", {"b": "3"}, kept=["a"]))

    found = vault.read(ACME, KIND, "int_1")

    assert (found.version, found.versions) == (2, {"a": 1, "b": 2})
    assert vault.read(ACME, KIND, "int_2").version == 0


def test_secrets_show_nothing_of_themselves_as_a_text(vault: Vault, table: MemoryTable) -> None:
    table.take(vault.store(ACME, KIND, "int_1", {"token": "canary-0c0c"}))

    assert f"{vault.read(ACME, KIND, 'int_1')!r}" == "Secrets of version 1"


def test_sealed_secrets_open_in_their_own_record_and_version_only(vault: Vault, kms: Kms) -> None:
    place = key(ACME, "token", "int_1")
    seal = vault.sealer(place, 3)
    asked = kms.generated

    sealed = seal({"token": "s3cret"})

    assert kms.generated == asked == 1
    assert vault.opened({**place, "version": 3, **sealed}) == {"token": "s3cret"}
    with pytest.raises(SecretUnreadable):
        vault.opened({**key(OTHER, "token", "int_1"), "version": 3, **sealed})
