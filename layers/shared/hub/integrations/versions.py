"""The versions of a connector: each one that was saved stays as it was, and one of them may be published.

A sync runs the published version, before the first publication the draft; a job runs to its end with the version it
began with. Secrets are stored once per integration and belong to the draft: another version may use them only where it
sends them to the same origins.
"""

from typing import TYPE_CHECKING, Any

from hub.connector.secrets import origins, secret_handles
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import BadDefinition, NotFound, Problem, Unavailable
from hub.core.ids import new_id
from hub.core.tables import IS_NEW, Key, Put, Table, Update, Write, key
from hub.integrations import custom
from hub.integrations.catalog.providers import OpensSecrets
from hub.integrations.custom import CustomIntegration, version_place

if TYPE_CHECKING:
    from hub.core.vault import Secrets

Json = dict[str, Any]

# How long a version stays, at the least, when it is neither the draft nor the published one.
KEPT_DAYS = 90
HIGHEST_DIGITS = 8


def first(config: Table, made: CustomIntegration) -> Put:
    """Return the write of a new integration's first version."""
    return _put(config, made, made.integration["createdBy"], sorted(made.definition))


def following(config: Table, former: CustomIntegration, changed: CustomIntegration, changes: set[str]) -> list[Write]:
    """Return the writes of the next version; the former one begins to expire, unless it is the published one."""
    put = _put(config, changed, changed.integration["updatedBy"], sorted(changes))
    number = former.connector["version"]
    return [put] if number == published(former) else [put, expiring(config, former, number)]


def expiring(config: Table, found: CustomIntegration, version: int) -> Update:
    """Return the write that lets a version go after KEPT_DAYS."""
    expires = {"expires": int(clock.epoch_s()) + KEPT_DAYS * DAY_S}
    return Update(config, place_of(found, version), "SET expiresEpochS = :expires", expires)


def published(found: CustomIntegration) -> int | None:
    version: int | None = found.connector.get("publishedVersion")
    return version


def to_run(config: Table, found: CustomIntegration) -> CustomIntegration:
    """Return the integration as a sync runs it: by its published version, or the draft before there is one."""
    return at(config, found, published(found) or found.connector["version"])


def at(config: Table, found: CustomIntegration, version: int) -> CustomIntegration:
    """Return the integration as that version defines it, fit to call out.

    Raises NotFound for a version that is not there, BadDefinition where a secret is missing or was entered for another
    origin than the one this version sends it to.
    """
    if version == found.connector["version"]:
        custom.must_have_secrets(found)
        return found
    text = get(config, found, version)["definition"]
    _must_fit(found, jsontext.load(text), version)
    integration = {**found.integration, "missingSecrets": []}  # what the draft lacks, this version does not need
    return CustomIntegration(integration, {**found.connector, "definition": text, "version": version})


def secrets_of(config: Table, vault: OpensSecrets, found: CustomIntegration) -> "Secrets":
    """Return the secrets in clear that belong to `found` as it was read; raises Unavailable where it was changed since.

    Read one after the other, the definition could name the old address and the vault hold the secret of the new one.
    """
    tenant = Tenant.of_item(found.integration)
    secrets = vault.read(tenant, custom.CREDENTIALS_KIND, found.id)
    present = config.batch_get([key(tenant, "connector", found.id)], fields="version")
    if [item["version"] for item in present] != [found.connector["version"]]:
        raise Unavailable("The integration is being changed at this moment; the same call may succeed at once.")
    return secrets


def get(config: Table, found: CustomIntegration, version: int) -> Item:
    """Return the item of one version; raises NotFound."""
    item = config.get(place_of(found, version))
    if item is None or "definition" not in item:
        raise NotFound("The integration has no such version.")
    return item


def newest(config: Table, found: CustomIntegration, limit: int, after: str | None) -> tuple[list[Item], bool]:
    """Return up to `limit` versions older than the position `after`, newest first, and whether there are more.

    A page may be shorter: DynamoDB ends it after 1 MB.
    """
    bounds = {"pk": place_of(found, 1)["pk"], "after": after or "~"}
    page = config.query("pk = :pk AND sk < :after", bounds, limit=limit + 1, newest_first=True)
    items = [item for item in page.items if "definition" in item]  # without one: saved before versions were kept
    return items[:limit], len(items) > limit or (bool(items) and page.next_key is not None)


def number_in(path: str) -> int:
    """Return the version that a path names; raises NotFound for anything that is no number."""
    if not (path.isascii() and path.isdigit() and len(path) <= HIGHEST_DIGITS):
        raise NotFound("The integration has no such version.")
    return int(path)


def summary(found: CustomIntegration, item: Item) -> Json:
    """Return `{version, createdAt, createdBy, isPublished, changes, publishedAt?, publishedBy?, note?}`."""
    shown = {name: item[name] for name in ("version", "createdAt", "createdBy", "changes")}
    shown["isPublished"] = item["version"] == published(found)
    return {**shown, **{name: item[name] for name in ("publishedAt", "publishedBy", "note") if name in item}}


def view(found: CustomIntegration, item: Item) -> Json:
    """Return the summary with the definition; its secrets are handles."""
    return {**summary(found, item), "definition": jsontext.load(item["definition"])}


def place_of(found: CustomIntegration, version: int) -> Key:
    return version_place(Tenant.of_item(found.integration), found.id, version)


def _put(config: Table, saved: CustomIntegration, actor: str, changes: list[str]) -> Put:
    item = {
        **place_of(saved, saved.connector["version"]),
        "id": new_id("ver"),  # no two saves write the same item: a write that finds its own took effect before
        "version": saved.connector["version"],
        "definition": saved.connector["definition"],
        "createdAt": saved.integration["updatedAt"],
        "createdBy": actor,
        "changes": changes,
    }
    return Put(config, item, IS_NEW)


def _must_fit(found: CustomIntegration, definition: Json, version: int) -> None:
    """Refuse a version that sends a stored secret elsewhere, or in another kind of auth, than it was entered for."""
    entered_for, sent_to = _destinations(found.definition), _destinations(definition)
    unstored = secret_handles(definition) - set(found.integration["storedSecrets"])
    faulty = [place for place, target in sent_to.items() if place in unstored or entered_for.get(place) != target]
    if faulty:
        raise BadDefinition(
            f"Version {version} sends secrets elsewhere than they were entered for; publish the current version, or"
            " change the address back and enter the secret again.",
            [Problem(place, "no secret is stored for the address of this version") for place in sorted(faulty)],
        )


def _destinations(definition: Json) -> dict[str, tuple[str, str]]:
    """Return, by pointer, the kind of auth and the origin each secret is sent to."""
    kind = (definition.get("auth") or {}).get("type", "none")
    return {place: (kind, origin) for place, origin in origins(definition).items()}
