"""Which way S004's `status` and `isEnabled` want an integration to be switched."""

from typing import Literal

from hub.core.attributes import Item
from hub.core.errors import BadRequest
from hub.core.journal import Change
from hub.integrations.catalog import providers
from hub.integrations.instances import lifecycle
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.status_words import V1, V1_ENABLED

Way = Literal["activate", "enable", "pause"]

_SWITCHES_ON = {"activate": lifecycle.activate, "enable": lifecycle.enable}
_BY_STATUS: dict[str, Way] = {"ACTIVE": "activate", "PAUSED": "pause"}
_BY_ENABLED: dict[bool, Way] = {True: "enable", False: "pause"}


def way(present: str, status: str | None, is_enabled: bool | None) -> Way | None:
    """Return what follows for an integration of the canonical status; None where it stays as it is.

    What is sent back as it was answered asks for nothing. Raises BadRequest for what only the hub finds, and for two
    words that contradict each other.
    """
    wanted: set[Way] = set()
    if status is not None and status != V1[present]:
        wanted.add(_by_status(status))
    if is_enabled is not None and is_enabled != V1_ENABLED[present]:
        wanted.add(_BY_ENABLED[is_enabled])
    if "pause" in wanted and len(wanted) > 1:
        raise BadRequest(f"`status` {status} and `isEnabled` {str(is_enabled).lower()} contradict each other.")
    return min(wanted, default=None)


def switched(change: Change, shown: Instance, wanted: Way) -> Item:
    """Add the switching to `change` and return the integration as it will be."""
    if wanted == "pause":
        return lifecycle.pause(change, shown.item)
    entry = providers.get(change.tables.config, shown.provider)
    return _SWITCHES_ON[wanted](change, shown, entry)


def _by_status(status: str) -> Way:
    if status not in _BY_STATUS:
        raise BadRequest(f"`status` may be set to ACTIVE or PAUSED; {status} is what the hub finds.")
    return _BY_STATUS[status]
