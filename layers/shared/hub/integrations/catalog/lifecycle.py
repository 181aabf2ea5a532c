"""What a super_admin does with the catalogue: create a provider, change it, take it out.

Every change of the connector is a version of its own. The operator's OAuth client has its secret in the vault; it goes
to the token servers that it was entered for, and is dropped when they change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.connector.secrets import CLIENT_SECRET, is_handle
from hub.connector.urls import BadUrl, origin
from hub.core import clock, jsontext
from hub.core.errors import BadDefinition, Conflict, Problem, TooLarge
from hub.core.journal import Change
from hub.core.problems import parse_as
from hub.core.tables import IS_UNCHANGED, Delete, Put
from hub.integrations.catalog import checks, provider_items, uses, views
from hub.integrations.catalog.catalog_models import NewProvider
from hub.integrations.catalog.provider_writes import (
    changed_writes,
    first_writes,
    new_entry,
    next_connector,
    removed_place,
    stored_fields,
)
from hub.integrations.catalog.providers import ProviderEntry, connector_place, provider_place

if TYPE_CHECKING:
    from hub.core.vault import Vault
    from hub.outbound.guard import Guard

Json = dict[str, Any]

MAX_PROVIDER_BYTES = 300 * 1024
_SHOWN_ONLY = frozenset(
    "id createdAt createdBy updatedAt updatedBy isSeeded isCallable connectorVersion revision authMethods"
    " authType".split()
)


@dataclass(frozen=True)
class Desk:
    """What a change of the catalogue needs from the request it happens in."""

    change: Change
    vault: "Vault"
    guard: "Guard"


def create(desk: Desk, body: Json) -> ProviderEntry:
    """Add a new provider to the change; raises BadDefinition with every fault."""
    document, secret = _checked(desk, body)
    fields = stored_fields(document, has_secret=secret is not None)
    made = new_entry(document, {**fields, "adminSet": _chosen_oauth(document)}, desk.change.caller.actor)
    config = desk.change.tables.config
    desk.change.add(*first_writes(config, made), Delete(config, removed_place(made.id)))
    _store_secret(desk, made.id, secret)
    desk.change.audit("provider.created", made.id, status=made.item["status"], audience=made.item["audience"])
    return made


def update(desk: Desk, current: ProviderEntry, patch: Json) -> ProviderEntry:
    """Add the merged provider to the change; raises BadDefinition with every fault."""
    before = provider_items.document_of(current)
    merged = jsontext.merged(before, _without_echo(patch, current))
    if merged.get("provider") != current.id:
        raise BadDefinition("A provider keeps its name.", [Problem("/provider", f"expected {current.id!r}")])
    document, secret = _checked(desk, merged)
    keeps = secret is None and not _removes_secret(patch) and _is_same_client(before, document)
    has_secret = secret is not None or (keeps and _has_secret(current))
    changed = _changed_entry(desk.change, current, document, has_secret)
    desk.change.add(*changed_writes(desk.change.tables.config, current, changed))
    if secret is not None or has_secret != _has_secret(current):
        _store_secret(desk, current.id, secret, replaces=True)
    names = changed_names(before, document)
    desk.change.audit("provider.updated", current.id, fields=sorted(names), hasClientSecret=has_secret)
    return changed


def set_word(change: Change, current: ProviderEntry, name: str, value: str) -> ProviderEntry:
    """Add another status or audience to the change."""
    item = {
        **current.item,
        name: value,
        "adminSet": sorted({*current.item["adminSet"], name}),
        "version": current.item["version"] + 1,
        "updatedAt": clock.now(),
        "updatedBy": change.caller.actor,
    }
    changed = ProviderEntry(item, current.connector_item)
    change.add(*changed_writes(change.tables.config, current, changed))
    change.audit("provider.updated", current.id, fields=[name], **{name: value})
    return changed


def delete(change: Change, current: ProviderEntry, *, force: bool) -> int:
    """Add the removal to the change; return how many integrations stay behind, which Conflict forbids without `force`.

    Its connector's versions stay; a later deployment does not bring the provider back.
    """
    config = change.tables.config
    used = uses.count(config, current.id)
    if used and not force:
        message = "Integrations use this provider; ?force=true removes it all the same, and they can no longer call."
        raise Conflict(message, integrations=used)
    removed = {**removed_place(current.id), "removedAt": clock.now(), "removedBy": change.caller.actor}
    read = {"version_read": current.item["version"]}
    change.add(Delete(config, provider_place(current.id), IS_UNCHANGED, read), Put(config, removed))
    change.add(Delete(config, connector_place(current.id)))
    change.add(Delete(change.tables.credentials, provider_place(current.id)))
    change.audit("provider.deleted", current.id, force=force, integrations=used)
    return used


def _checked(desk: Desk, raw: Json) -> tuple[Json, str | None]:
    """Return the document in its full form, and the client's secret where one was entered."""
    wanted = parse_as(NewProvider, raw)
    document = wanted.document()
    auth_type = document.pop("authType", None) if wanted.methods else None
    secret = (document.get("oauthConfig") or {}).pop("clientSecret", None)
    secret = None if secret is None or is_handle(secret) else secret
    problems = [*checks.faults(document, desk.guard), *_oauth_faults(document, secret)]
    if auth_type not in (None, views.auth_type_in_s001(document["methods"][0]["kind"] if wanted.methods else "")):
        problems.append(Problem("/authType", "is that of the first of /methods; leave it out"))
    if problems:
        raise BadDefinition(f"The provider has {len(problems)} fault(s); `details.problems` says where.", problems)
    if len(jsontext.dump(document).encode()) > MAX_PROVIDER_BYTES:
        raise TooLarge(f"A provider may have at most {MAX_PROVIDER_BYTES} bytes.")
    return document, secret


def _oauth_faults(document: Json, secret: str | None) -> list[Problem]:
    written, method = document.get("oauthConfig") or {}, provider_items.oauth_method(document)
    found = [
        Problem(f"/oauthConfig/{name}", "is what the way to connect says; change it in /methods")
        for name in provider_items.OAUTH_ADDRESSES
        if method and name in written and written[name] != method["auth"].get(name)
    ]
    if secret is not None and "clientId" not in written:
        found.append(Problem("/oauthConfig/clientId", "expected the client that the secret belongs to"))
    return found


def _changed_entry(change: Change, current: ProviderEntry, document: Json, has_secret: bool) -> ProviderEntry:
    names = changed_names(provider_items.document_of(current), document) | set(_chosen_oauth(document))
    item = {
        **current.item,
        **stored_fields(document, has_secret=has_secret),
        "adminSet": sorted({*current.item["adminSet"], *names}),
        "version": current.item["version"] + 1,
        "updatedAt": clock.now(),
        "updatedBy": change.caller.actor,
    }
    return ProviderEntry(item, next_connector(current, document))


def _chosen_oauth(document: Json) -> list[str]:
    """Return which of the OAuth words are the operator's own."""
    written = document.get("oauthConfig") or {}
    return [f"oauthConfig.{name}" for name in ("clientId", "scopes") if name in written]


def _without_echo(patch: Json, current: ProviderEntry) -> Json:
    """Leave out what only the hub sets and comes back as it was answered: what GET gave may be sent to PATCH."""
    shown = views.full(current)
    rest = {name: value for name, value in patch.items() if name not in _SHOWN_ONLY or shown.get(name) != value}
    config, known = rest.get("oauthConfig"), shown.get("oauthConfig") or {}
    if isinstance(config, dict):
        echoes = {name for name, value in config.items() if value is not None and known.get(name) == value}
        rest["oauthConfig"] = {name: value for name, value in config.items() if name not in echoes}
    return rest


def changed_names(before: Json, after: Json) -> set[str]:
    """Return the words of two documents that differ; nothing and an empty object are the same."""
    names = (before.keys() | after.keys()) - {"oauthConfig"}
    return {name for name in names if (before.get(name) or None) != (after.get(name) or None)}


def _removes_secret(patch: Json) -> bool:
    config = patch.get("oauthConfig")
    return "oauthConfig" in patch and (
        config is None or (isinstance(config, dict) and _is_null(config, "clientSecret"))
    )


def _is_null(config: Json, name: str) -> bool:
    return name in config and config[name] is None


def _has_secret(entry: ProviderEntry) -> bool:
    return bool(entry.oauth_config.get("hasClientSecret"))


def _is_same_client(before: Json, after: Json) -> bool:
    """Say whether the stored secret is still that of the client, and goes nowhere else than it was entered for."""
    clients = [(document.get("oauthConfig") or {}).get("clientId") for document in (before, after)]
    return clients[0] == clients[1] and _token_servers(after) <= _token_servers(before)


def _token_servers(document: Json) -> set[str]:
    schema = document["configSchema"]
    written: Mapping[str, Any] = document.get("oauthConfig") or {}
    methods = [each for each in document.get("methods") or [] if each["auth"].get("type") == "oauth2"]
    urls = [written.get(name) for name in ("tokenUrl", "revocationUrl")]
    urls += [each["auth"].get(name) for each in methods for name in ("tokenUrl", "revocationUrl")]
    urls += [url for each in methods for url in each.get("tokenOrigins", [])]
    return {_origin_or_text(provider_items.with_defaults(url, schema) or url) for url in urls if url}


def _origin_or_text(url: str) -> str:
    try:
        return origin(url)
    except BadUrl:
        return url


def _store_secret(desk: Desk, slug: str, secret: str | None, *, replaces: bool = False) -> None:
    new = {} if secret is None else {CLIENT_SECRET: secret}
    write = desk.vault.store_at(provider_place(slug), new) if new or replaces else None
    if write is not None:
        desk.change.add(write)
