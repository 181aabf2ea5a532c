"""What a caller starts by hand: a sync of an entity (S004's StartSyncDto), or a configuration, now."""

from collections.abc import Iterator
from typing import Any

from hub.core.attributes import Item
from hub.core.errors import BadDefinition, Problem
from hub.core.journal import Change
from hub.core.problems import parse_as
from hub.integrations import connected
from hub.sync.configs import configs
from hub.sync.configs.configs import SyncConfigNotFound
from hub.sync.jobs import BOTH, INBOUND, OUTBOUND, PULL, PUSH
from hub.sync.models import RunOfConfiguration, StartSync
from hub.sync.starts import start
from hub.sync.starts.choosing import Sought
from hub.sync.starts.orders import EXPORT, FULL, IMPORT, Order

Json = dict[str, Any]

BIDIRECTIONAL = "BIDIRECTIONAL"
_PHASES = {INBOUND: (PULL,), OUTBOUND: (PUSH,), BIDIRECTIONAL: BOTH}
_DIRECTION_OF = {EXPORT: OUTBOUND, IMPORT: INBOUND}
# What only a sync of both ways knows, and what only one that reads records does.
_OF_BOTH = ("writeEndpointId", "conflictResolution", "fieldRules")
_OF_RECORDS = ("contract", "keepRaw", "history")
_UNKNOWN_TO = {INBOUND: _OF_BOTH, OUTBOUND: (*_OF_BOTH, *_OF_RECORDS), BIDIRECTIONAL: ()}
# As a configuration says them that does not say anything.
_TWO_WAY: Json = {"conflictResolution": "remote", "fieldRules": {}, "deletes": "keep"}


def begin(change: Change, integration_id: str, raw: Json, interval_s: int) -> Item:
    """Add the job that a body asks for to `change`; raises what `start.begin` does, BadDefinition for the body."""
    if "configId" in raw:
        return start.begin_configured(change, _config(change, integration_id, raw), interval_s)
    body = parse_as(StartSync, raw)
    user = body.userId or change.caller.user
    found = connected.load(change.tables.config, change.caller.tenant, integration_id, user=user)
    return start.begin(change, found, order_of(body), interval_s)


def order_of(body: StartSync) -> Order:
    """Return what is asked for; raises BadDefinition for what does not go together."""
    problems = list(_problems(body))
    if problems:
        raise BadDefinition("The sync cannot be started like this; `details.problems` says why.", problems)
    is_outbound = body.direction == OUTBOUND
    ends = (None, body.endpointId) if is_outbound else (body.endpointId, body.writeEndpointId)
    sought = Sought(_PHASES[body.direction], body.entityType, *ends)
    return Order(sought, body.jobType, body.params, body.filters or {}, more=_wishes(body))


def _config(change: Change, integration_id: str, raw: Json) -> Item:
    """Return the configuration that is to be run, if it is one of this integration; it says everything itself."""
    more = [Problem(f"/{name}", "expected nothing: the configuration says it") for name in raw if name != "configId"]
    if more:
        raise BadDefinition("A configuration is run as it is.", more)
    body = parse_as(RunOfConfiguration, raw)
    config = configs.get(change.tables.config, change.caller.tenant, body.configId)
    if config["integrationId"] != integration_id:
        raise SyncConfigNotFound
    return config


def _problems(body: StartSync) -> Iterator[Problem]:
    expected = _DIRECTION_OF.get(body.jobType, body.direction)
    if body.direction != expected:
        yield Problem("/direction", f"expected {expected}: that is what {body.jobType} means")
    for name in _UNKNOWN_TO[body.direction]:
        if getattr(body, name):
            yield Problem(f"/{name}", f"expected nothing: a sync that is {body.direction} knows no such thing")
    is_whole = body.jobType == FULL and not body.filters
    if body.deletes == "tombstone" and body.direction != OUTBOUND and not is_whole:
        yield Problem("/deletes", f"only a {FULL} without filters shows what is gone: expected keep")


def _wishes(body: StartSync) -> Json:
    """Return what the job keeps beside what it syncs."""
    names = (*_OF_RECORDS, "deletes", "conflictResolution", "fieldRules")
    asked = {name: value for name, value in body.model_dump(include=set(names), exclude_none=True).items() if value}
    return {**(_TWO_WAY if body.direction == BIDIRECTIONAL else {}), **asked}
