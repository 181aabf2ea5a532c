"""Publishes a version of a connector: syncs run it from now on, whatever becomes of the draft."""

from typing import Any

from hub.core import clock
from hub.core.expressions import setting
from hub.core.journal import Change
from hub.core.tables import Update, key
from hub.integrations import plans, versions
from hub.integrations.custom import CustomIntegration, is_as_read
from hub.integrations.models import PublishRequest

Json = dict[str, Any]

_IS_THERE = "attribute_exists(definition)"


def publish(change: Change, current: CustomIntegration, wanted: PublishRequest) -> Json:
    """Add the publication to `change`; an older version is a rollback. Return `{version, publishedAt, publishedBy}`.

    Raises NotFound for a version that is not there, BadDefinition for one that could not run.
    """
    version = current.connector["version"] if wanted.version is None else wanted.version
    _must_run(versions.at(change.tables.config, current, version))
    shown: Json = {"version": version, "publishedAt": clock.now(), "publishedBy": change.caller.actor}
    shown |= {"note": wanted.note} if wanted.note else {}
    change.add(_pin(change, current, version), _mark(change, current, shown), *_release(change, current, version))
    change.audit("integration.published", current.id, version=version, former=versions.published(current))
    return shown


def _must_run(chosen: CustomIntegration) -> None:
    """Refuse what a sync would refuse: no address, or words that the format no longer knows.

    What only receives, and has no endpoints to call, needs no address.
    """
    definition = plans.definition_of(chosen.connector["definition"])
    if definition.endpoints or definition.webhook_config is None:
        plans.must_have_address(chosen)


def _pin(change: Change, current: CustomIntegration, version: int) -> Update:
    only_if, read = is_as_read(current)
    place = key(change.caller.tenant, "connector", current.id)
    return Update(
        change.tables.config, place, "SET publishedVersion = :published", {**read, "published": version}, only_if
    )


def _mark(change: Change, current: CustomIntegration, shown: Json) -> Update:
    facts = {name: value for name, value in shown.items() if name != "version"}
    gone = "expiresEpochS" if "note" in facts else "expiresEpochS, note"
    change_text, values = setting(facts)
    return Update(
        change.tables.config,
        versions.place_of(current, shown["version"]),
        f"{change_text} REMOVE {gone}",
        values,
        _IS_THERE,
    )


def _release(change: Change, current: CustomIntegration, version: int) -> list[Update]:
    """Let the version that was published until now expire, unless it is the draft."""
    former = versions.published(current)
    if former in (None, version, current.connector["version"]):
        return []
    return [versions.expiring(change.tables.config, current, former)]
