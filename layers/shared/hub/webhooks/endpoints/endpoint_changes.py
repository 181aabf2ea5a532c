"""Changes of inbound endpoints: what each of them writes, in the transaction of the request that makes it.

Nothing here reads a secret: new ones are stored, the present ones stay in the vault under names of their own.
"""

import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, ConditionFailed, Delete, Key, Put, Update, key
from hub.webhooks.endpoints.endpoints import SECRETS_KIND, Endpoint, url_secret_hash
from hub.webhooks.rotation import MOST_PREVIOUS, Rotation

if TYPE_CHECKING:
    from hub.core.vault import Vault

Json = dict[str, Any]

URL_SECRET_BYTES = 32
RESTORABLE_DAYS = 31
SECRET, URL_SECRET = "secret", "urlSecret"


@dataclass(frozen=True)
class Shown:
    """What is shown once, in the answer to the very change: the new secrets in clear, "" where none was made."""

    secret: str = field(default="", repr=False)
    url_secret: str = field(default="", repr=False)
    previous_until: str | None = None


def new_url_secret() -> str:
    return randomness.token_urlsafe(URL_SECRET_BYTES)


def first_names(*, with_url: bool) -> Item:
    """Return the names of the secrets of an endpoint that begins."""
    names = {"secretNames": jsontext.dump(Rotation.first(SECRET).stored())}
    return names | ({"urlSecretNames": jsontext.dump(Rotation.first(URL_SECRET).stored())} if with_url else {})


def url_hashes(secret: str, previous: list[Json]) -> Item:
    return {"urlSecretHash": url_secret_hash(secret), "previousUrlSecrets": previous}


def begin(
    change: Change, vault: "Vault", item: Item, new: Mapping[str, str], before: Endpoint | None = None
) -> Endpoint:
    """Add a new endpoint with its secrets to `change` and return it; a deleted one, `before`, gives it its place."""
    now, actor = clock.now(), change.caller.actor
    version = before.item["version"] + 1 if before else 1
    made = {**item, "version": version, "createdAt": now, "createdBy": actor, "updatedAt": now, "updatedBy": actor}
    change.add(_put(change, made, before))
    _store(change, vault, str(item["sk"]), new, kept=())
    return Endpoint(made)


def alter(change: Change, before: Endpoint, fields: Item) -> Endpoint:
    """Add the change of these fields to `change` and return the endpoint as it will be."""
    item = {
        **before.item,
        **fields,
        "version": before.item["version"] + 1,
        "updatedAt": clock.now(),
        "updatedBy": change.caller.actor,
    }
    change.add(_put(change, item, before))
    return Endpoint(item)


def rotated(before: Endpoint, grace_s: int, *, with_url: bool) -> Item:
    """Return the fields of the secrets' names after a rotation; `url_hashes` goes with it where the URL's changes."""
    fields = {"secretNames": jsontext.dump(before.secret_names.rotated(grace_s).stored())}
    if with_url and before.url_secret_names is not None:
        fields["urlSecretNames"] = jsontext.dump(before.url_secret_names.rotated(grace_s).stored())
    return fields


def previous_url_secrets(before: Endpoint, grace_s: int) -> list[Json]:
    """Return the hashes of the URL secrets that still count when the present one is replaced."""
    if not grace_s:
        return []
    now = clock.epoch_s()
    replaced = {"hash": before.item["urlSecretHash"], "until": clock.iso(now + grace_s)}
    still = [each for each in before.item["previousUrlSecrets"] if each["until"] > clock.iso(now)]
    return [replaced, *still][:MOST_PREVIOUS]


def store_rotated(change: Change, vault: "Vault", after: Endpoint, new: Mapping[str, str]) -> None:
    """Add the new secrets to `change`; those that count no longer leave the vault."""
    kept = after.secret_names.kept() | (after.url_secret_names.kept() if after.url_secret_names else set())
    _store(change, vault, after.id, new, kept - new.keys())


def rotate(change: Change, vault: "Vault", before: Endpoint, grace_s: int, secret: str) -> Shown:
    """Add new secrets to `change`: the signing secret, and that of the URL where there is one.

    What they replace counts for `grace_s` seconds more; 0 ends it at once.
    """
    url_secret = new_url_secret() if before.url_secret_names else ""
    fields = rotated(before, grace_s, with_url=True)
    if url_secret:
        fields |= url_hashes(url_secret, previous_url_secrets(before, grace_s))
    after = alter(change, before, fields)
    new = {after.secret_names.current: secret}
    if after.url_secret_names and url_secret:
        new[after.url_secret_names.current] = url_secret
    store_rotated(change, vault, after, new)
    change.audit("webhook_endpoint.secret_rotated", after.id, graceS=grace_s)
    return Shown(secret, url_secret, after.secret_names.previous_until if grace_s else None)


def end(change: Change, before: Endpoint) -> None:
    """Add the deletion to `change`: nothing finds it from now on, and it is gone with its secrets after 31 days."""
    expires = int(clock.epoch_s()) + RESTORABLE_DAYS * DAY_S
    kept = {name: value for name, value in before.item.items() if name != "lookup"}
    ended = {
        **kept,
        "status": "deleted",
        "deletedAt": clock.now(),
        "version": before.item["version"] + 1,
        "expiresEpochS": expires,
    }
    change.add(_put(change, ended, before))
    credentials = change.tables.credentials
    place = key(before.tenant, SECRETS_KIND, before.id)
    change.add(Update(credentials, place, "SET expiresEpochS = :expires", {"expires": expires}))
    if not before.is_custom:
        change.add(Delete(change.tables.config, path_place(before.tenant, before.item["path"])))


def path_place(tenant: Tenant, path: str) -> Key:
    """Return the key of the item that makes a path unique in its tenant."""
    return key(tenant, "unique", f"webhook-endpoint#{path}")


def path_claim(change: Change, path: str, endpoint_id: str) -> Put:
    item = {**path_place(change.caller.tenant, path), "holder": endpoint_id, "isPathClaim": True}
    return Put(change.tables.config, item, IS_NEW)


def explain_conflict(failure: ConditionFailed) -> Conflict:
    """Say which of the conditions of a change failed."""
    if failure.found and failure.found.get("isPathClaim"):
        return Conflict("An endpoint with this path exists already; choose another path.", field="endpointPath")
    return Conflict("The endpoint was changed by another request; read it again.")


def _put(change: Change, item: Item, before: Endpoint | None) -> Put:
    if before is None:
        return Put(change.tables.config, item, IS_NEW)
    return Put(change.tables.config, item, IS_UNCHANGED, {"version_read": before.item["version"]})


def _store(
    change: Change, vault: "Vault", endpoint_id: str, new: Mapping[str, str], kept: set[str] | tuple[()]
) -> None:
    write = vault.store(change.caller.tenant, SECRETS_KIND, endpoint_id, new, kept)
    if write is not None:
        change.add(write)
