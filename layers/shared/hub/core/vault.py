"""Secrets at rest: envelope encryption, one KMS data key per write of a credential record.

A record holds ciphertext only: `fields = {name: {k, n, c, v}}` (number of the data key, nonce, ciphertext, version it
was written at) and `keys = {number: wrapped data key}`. The associated data names tenant, record, field and version, so
a ciphertext that was moved anywhere else does not decrypt. Storing needs kms:GenerateDataKey, reading kms:Decrypt:
a function that stores cannot read.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import HubError
from hub.core.tables import IS_NEW, Key, Put, Table, key

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

FORMAT = "hub1"
NONCE_BYTES = 12
KEY_CACHE_S = 300


class SecretUnreadable(HubError):
    """A stored secret did not decrypt: it was moved, altered, or its key is gone."""

    code = "INVALID_CREDENTIALS"


class Secrets(dict[str, str]):
    """The secrets of a record in clear, by field: `versions` says when each was entered, `version` is the record's."""

    def __init__(
        self, clear: Mapping[str, str] | None = None, version: int = 0, versions: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(clear or {})
        self.version = version
        self.versions = versions or {}

    def __repr__(self) -> str:
        return f"Secrets of version {self.version}"


class Vault:
    def __init__(self, kms: "KMSClient", key_id: str, credentials: Table) -> None:
        self._kms = kms
        self._key_id = key_id
        self.credentials = credentials
        self._unwrapped: dict[bytes, tuple[float, bytes]] = {}

    def store(
        self, tenant: Tenant, kind: str, record_id: str, new: Mapping[str, str], kept: Iterable[str] = ()
    ) -> Put | None:
        """Return the write that makes `new` plus the `kept` fields of the present record the whole record.

        None when there is nothing to store and nothing was stored. The caller puts it into its own transaction.
        """
        return self.store_at(key(tenant, kind, record_id), new, kept)

    def store_at(self, place: Key, new: Mapping[str, str], kept: Iterable[str] = ()) -> Put | None:
        """Return the same write for a record of any key: the hub's own have no tenant."""
        present = self.credentials.get(place)
        if present is None and not new:
            return None
        version = 1 + (present["version"] if present else 0)
        item: Item = {**place, **_kept(present, set(kept) - new.keys()), "version": version, "updatedAt": clock.now()}
        if new:
            self._seal(item, new)
        if present is None:
            return Put(self.credentials, item, IS_NEW)
        return Put(self.credentials, item, "version = :version_read", {"version_read": present["version"]})

    def read(self, tenant: Tenant, kind: str, record_id: str) -> Secrets:
        """Return the secrets of a record in clear, by field; {} where there is none. Raises SecretUnreadable."""
        return self.read_at(key(tenant, kind, record_id))

    def read_at(self, place: Key) -> Secrets:
        """Return the same of a record of any key."""
        record = self.credentials.get(place)
        return Secrets() if record is None else self.opened(record)

    def opened(self, record: Item) -> Secrets:
        """Return the secrets of a record that was read already; raises SecretUnreadable."""
        fields = record["fields"]
        clear = {name: self._open(record, name, sealed) for name, sealed in fields.items()}
        return Secrets(clear, record["version"], {name: sealed["v"] for name, sealed in fields.items()})

    def sealer(self, place: Key, version: int) -> Callable[[Mapping[str, str]], Item]:
        """Return a function that gives the `fields` and `keys` of a record's next version, for the caller to write.

        The data key is made now: whoever gets a secret that cannot be had twice wants nothing to fail after that.
        """
        wrapped, cipher = self._data_key(place["pk"])

        def seal(new: Mapping[str, str]) -> Item:
            item: Item = {**place, "version": version, "fields": {}, "keys": {}}
            _add_sealed(item, new, wrapped, cipher)
            return {"fields": item["fields"], "keys": item["keys"]}

        return seal

    def _seal(self, item: Item, new: Mapping[str, str]) -> None:
        _add_sealed(item, new, *self._data_key(item["pk"]))

    def _data_key(self, pk: str) -> tuple[bytes, AESGCM]:
        made = self._kms.generate_data_key(KeyId=self._key_id, KeySpec="AES_256", EncryptionContext={"tenant": pk})
        return made["CiphertextBlob"], AESGCM(made["Plaintext"])

    def _open(self, record: Item, name: str, sealed: Mapping[str, Any]) -> str:
        try:
            plain_key = self._unwrap(record["pk"], bytes(record["keys"][sealed["k"]]))
            binding = _binding(record, name, sealed["v"])
            return AESGCM(plain_key).decrypt(bytes(sealed["n"]), bytes(sealed["c"]), binding).decode()
        except (InvalidTag, KeyError, ValueError, self._kms.exceptions.InvalidCiphertextException) as error:
            raise SecretUnreadable(f"The stored secret {name} cannot be decrypted; enter it again.") from error

    def _unwrap(self, context: str, wrapped: bytes) -> bytes:
        until, plain = self._unwrapped.get(wrapped, (0.0, b""))
        if until > clock.epoch_s():
            return plain
        plain = self._kms.decrypt(CiphertextBlob=wrapped, EncryptionContext={"tenant": context})["Plaintext"]
        self._unwrapped[wrapped] = (clock.epoch_s() + KEY_CACHE_S, plain)
        return plain


def _add_sealed(item: Item, new: Mapping[str, str], wrapped: bytes, cipher: AESGCM) -> None:
    number = str(item["version"])
    item["keys"] = {**item["keys"], number: wrapped}
    for name, secret in new.items():
        nonce = os.urandom(NONCE_BYTES)
        sealed = cipher.encrypt(nonce, secret.encode(), _binding(item, name, item["version"]))
        item["fields"][name] = {"k": number, "n": nonce, "c": sealed, "v": item["version"]}


def _kept(present: Item | None, names: set[str]) -> Item:
    """Return the fields that stay, with the data keys they still need."""
    fields = {name: sealed for name, sealed in (present["fields"] if present else {}).items() if name in names}
    numbers = {sealed["k"] for sealed in fields.values()}
    keys = {number: wrapped for number, wrapped in (present["keys"] if present else {}).items() if number in numbers}
    return {"fields": fields, "keys": keys}


def _binding(record: Key | Item, name: str, version: int) -> bytes:
    parts = (FORMAT, record["pk"], record["sk"], name, str(version))
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
