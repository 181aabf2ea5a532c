"""What a sync configuration must be beyond the shape of its JSON, and what its integration's definition adds to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.errors import BadDefinition, Conflict, Problem
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.integrations.instances import sync_frequency
from hub.mapping.expressions import PAGE_NAMES, BadExpression, checked
from hub.mapping.paths import BadPath, target_steps
from hub.sync import job_bounds
from hub.sync.configs import configs, cron, own_fields
from hub.sync.configs.configs import DERIVED, Wanted
from hub.sync.starts import choosing, orders
from hub.sync.starts.choosing import PHASES, Chosen, Sought

if TYPE_CHECKING:
    from hub.sync.configs.models import NewSyncConfig, SyncConfigPatch

Json = dict[str, Any]

MOST_PARAMS_BYTES = 16 * 1024
# Of all that a job keeps of its configuration.
MOST_BYTES = 95_000
_LARGE = ("fieldMappings", "fieldRules", "contract", "params")
DEFAULTS: Json = {
    "name": None,
    "enabled": True,
    "timeZone": "UTC",
    "params": {},
    "fieldMappings": [],
    "conflictResolution": "remote",
    "fieldRules": {},
    "deletes": "keep",
    "contract": {"mode": "evolve"},
    "keepRaw": False,
    "history": False,
}
# What stands in the item as it is shown and can be changed; the integration of a configuration cannot.
KEPT = (*DEFAULTS, "integrationId", "direction", "frequency")
# Only a whole list shows what is gone.
MODE_BY_DELETES = {"tombstone": "full", "keep": "incremental"}


def of_new(running: Connected, body: "NewSyncConfig") -> Wanted:
    """Return what a new configuration asks for; raises BadDefinition with every fault.

    `running` is the integration as syncs run it, with the connection of the user that the body names.
    """
    sent = _sent(body)
    sent.pop("teamId", None)
    return _checked(running, {**DEFAULTS, **{name: value for name, value in sent.items() if value is not None}})


def of_patch(running: Connected, before: Item, body: "SyncConfigPatch") -> Wanted:
    """Return what a configuration is after a partial change; null gives back to the hub what it derives."""
    sent = _sent(body)
    kept = {name: before[name] for name in (*KEPT, *before["given"])}
    kept["params"] = configs.params_of(before)
    fields = {**kept, **{name: DEFAULTS.get(name) if value is None else value for name, value in sent.items()}}
    return _checked(running, fields)


def must_leave_derived(before: Item, body: "SyncConfigPatch | None" = None) -> None:
    """Refuse to delete the schedule of an integration itself, or to give it another frequency: that says otherwise."""
    if not before.get("isDerived"):
        return
    if body is None:
        raise Conflict(f"This is the schedule of {before['integrationId']} itself: clear its syncFrequency.")
    if body.frequency is not None and str(body.frequency) != str(before["frequency"]):
        problem = Problem("/frequency", "this is the schedule of the integration itself: change its syncFrequency")
        raise BadDefinition("The sync cannot be configured like this; `details.problems` says why.", [problem])


def _sent(body: "NewSyncConfig | SyncConfigPatch") -> Json:
    """Return what the caller wrote, with the hub's word for the direction."""
    sent = {name: value for name, value in body.model_dump().items() if name in body.model_fields_set}
    if "syncDirection" in sent:
        sent["direction"] = sent.pop("syncDirection")
    if sent.get("fieldMappings"):
        sent["fieldMappings"] = [_without_none(each) for each in sent["fieldMappings"]]
    return sent


def _without_none(mapping: Json) -> Json:
    return {name: value for name, value in mapping.items() if value is not None}


def _checked(running: Connected, fields: Json) -> Wanted:
    problems = [*_time_problems(fields), *_field_problems(fields), *_size_problems(fields)]
    problems += _user_problems(running, fields)
    chosen = _chosen(running, fields, problems)
    if problems or chosen is None:
        raise BadDefinition("The sync cannot be configured like this; `details.problems` says why.", problems)
    given = [name for name in (*DERIVED, "mode") if fields.get(name) is not None]
    derived = {
        "given": given,
        "entity": chosen.entity,
        "documentType": chosen.document_type,
        "endpointId": str(chosen.reads["id"]) if chosen.reads else None,
        "writeEndpointId": chosen.write_endpoint_id,
        "mode": fields.get("mode") or MODE_BY_DELETES[fields["deletes"]],
        "userId": orders.user_of(running) or None,
    }
    stored = {name: fields[name] for name in KEPT} | {"params": jsontext.dump(fields["params"])}
    return Wanted({**stored, **derived}, sync_frequency.schedule_of(fields["frequency"], fields["timeZone"]))


def _chosen(running: Connected, fields: Json, problems: list[Problem]) -> Chosen | None:
    sought = Sought(PHASES[fields["direction"]], *(fields.get(name) for name in DERIVED))
    try:
        chosen = choosing.choose(jsontext.load(running.definition_text), sought)
    except BadDefinition as fault:
        problems += fault.problems
        return None
    known = {each.pointer for each in problems}
    problems += [each for each in _endpoint_problems(running, chosen, fields) if each.pointer not in known]
    allowed = running.integration.get("allowedShardTypes") or []
    if allowed and chosen.document_type not in allowed:
        problems.append(Problem("/documentType", f"the integration may store {', '.join(allowed)} and nothing else"))
    return chosen


def _endpoint_problems(running: Connected, chosen: Chosen, fields: Json) -> list[Problem]:
    """Return why the endpoints cannot be used with these fields, or else not with these parameters."""
    own = own_fields.running_with(running, chosen, fields)
    problems = list(own_fields.problems_of(own, chosen, fields))
    if not problems and running.fault is None and connected.refusal_of(running) is None:
        problems += orders.problems_of(own, chosen, fields["params"])
    return problems


def _time_problems(fields: Json) -> Iterator[Problem]:
    try:
        ZoneInfo(fields["timeZone"])
    except (KeyError, ValueError, OSError):  # a name that is no zone, or that leads out of their folder
        yield Problem("/timeZone", "expected a time zone such as Europe/Berlin")
        return
    frequency = fields["frequency"]
    if (fault := sync_frequency.fault(frequency)) is not None:
        yield Problem("/frequency", fault)
        return
    schedule = sync_frequency.schedule_of(frequency, fields["timeZone"])
    if "cron" in schedule and cron.cron_of(schedule["cron"], schedule["timeZone"]).after(clock.epoch_s()) is None:
        yield Problem("/frequency", "expected a time that comes; this expression has none")


def _field_problems(fields: Json) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, mapping in enumerate(fields["fieldMappings"]):
        at = f"/fieldMappings/{index}"
        for name in ("localField", "remoteField"):
            try:
                target_steps(mapping[name].removeprefix("$."))
            except BadPath as fault:
                yield Problem(f"{at}/{name}", str(fault))
        if mapping["localField"] in seen:
            yield Problem(f"{at}/localField", "expected each field once")
        seen.add(mapping["localField"])
        if (transformer := mapping.get("transformer")) is not None:
            yield from _expression_problems(transformer, f"{at}/transformer")
            yield from _one_way_problems(fields["direction"], mapping, at)


def _size_problems(fields: Json) -> Iterator[Problem]:
    """Each change of a configuration may be small and their sum still too large for the items of its jobs."""
    sizes = {name: job_bounds.bytes_of(fields[name]) for name in _LARGE}
    if sizes["params"] > MOST_PARAMS_BYTES:
        yield Problem("/params", f"expected at most {MOST_PARAMS_BYTES} bytes")
    if (size := sum(sizes.values())) > MOST_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        yield Problem(f"/{largest}", f"expected at most {MOST_BYTES} bytes with {', '.join(_LARGE)}, found {size}")


def _one_way_problems(direction: str, mapping: Json, at: str) -> Iterator[Problem]:
    """A transformer has no inverse: what it made of a value cannot be sent as if it were one."""
    if direction == "push":
        yield Problem(f"{at}/transformer", "expected none: it is run on what comes in, never on what is sent")
    elif direction == "bidirectional" and mapping["bidirectional"]:
        expected = "expected false: the transformer has no inverse, so the field is read and never sent back"
        yield Problem(f"{at}/bidirectional", expected)


def _expression_problems(source: str, pointer: str) -> Iterator[Problem]:
    try:
        checked(source, PAGE_NAMES)
    except BadExpression as fault:
        yield Problem(pointer, str(fault))


def _user_problems(running: Connected, fields: Json) -> Iterator[Problem]:
    """A configuration of an integration with a connection for each user says whose it is for."""
    user, owner = fields.get("userId"), orders.user_of(running)
    if user is not None and user != owner:
        yield Problem("/userId", "the integration has one connection for all users: expected nothing")
