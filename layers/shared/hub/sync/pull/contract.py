"""The shape that the documents of an entity have, and what follows where a record has another.

    evolve         take it: the contract grows
    freeze         end the run: nothing of that page is stored
    discard_row    leave the record out
    discard_value  leave the value out

The fields and their types are those the configuration names; else the first completed sync learns them. A null fits
every type, and a field may be missing: what must be there is said by the mapping.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Refused
from hub.core.tables import Put, Table, key

Json = dict[str, Any]
Types = dict[str, list[str]]

EVOLVE, FREEZE, DISCARD_ROW, DISCARD_VALUE = "evolve", "freeze", "discard_row", "discard_value"
TYPES = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}
# A provider that names its fields after its data has no shape to learn.
MOST_FIELDS = 1000
# The names of all fields together: they stand in the item of the job that learns them.
MOST_NAME_BYTES = 25_000
MOST_NAMED = 5


class ContractBroken(Refused):
    """Records have another shape than their contract allows, and the run may not go on with them."""


@dataclass(frozen=True)
class Judged:
    """What of a document may be stored, None = nothing, and in what it breaks its contract."""

    content: Json | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contract:
    """`known` is None for as long as no sync has been completed that could have learnt it."""

    mode: str
    known: Types | None
    is_given: bool = False

    @property
    def learns(self) -> bool:
        return not self.is_given and (self.mode == EVOLVE or self.known is None)

    def judge(self, content: Json) -> Judged:
        """Compare a document with the contract; nothing is wrong with it where everything is to be learnt."""
        known = self.known
        if known is None or self.mode == EVOLVE:
            return Judged(content)
        faults = {name: fault for name, value in content.items() if (fault := _fault(known, name, value))}
        if not faults:
            return Judged(content)
        left = {name: value for name, value in content.items() if name not in faults}
        return Judged(left if self.mode == DISCARD_VALUE else None, tuple(faults.values()))


def of_job(activity: Table, job: Item) -> Contract | None:
    """Return the contract of a job's entity, None where it has none."""
    wanted = job.get("contract")
    if not wanted:
        return None
    given = wanted.get("fields")
    if given:
        return Contract(wanted["mode"], {name: _listed(types) for name, types in given.items()}, is_given=True)
    stored = activity.get(_place(job))
    return Contract(wanted["mode"], jsontext.load(stored["fields"]) if stored else None)


def learnt(before: Types, contents: Sequence[Mapping[str, Any]]) -> Types:
    """Return the fields and types with those of these documents, of so many as can be kept."""
    after = {name: list(types) for name, types in before.items()}
    room = MOST_NAME_BYTES - sum(map(_bytes, after))
    for content in contents:
        for name, value in content.items():
            if value is None:
                continue
            types, found = after.get(name), TYPES[type(value)]
            if types is None and len(after) < MOST_FIELDS and _bytes(name) <= room:
                after[name], room = [found], room - _bytes(name)
            elif types is not None and found not in types:
                types.append(found)
    return after


def _bytes(name: str) -> int:
    return len(name.encode())


def keeping(activity: Table, job: Item, contract: Contract, found: Types) -> list[Put]:
    """Return the write of what a completed sync has learnt; nothing where it is known."""
    whole = {name: list(types) for name, types in (contract.known or {}).items()}
    for name, types in found.items():
        whole[name] = [*whole.get(name, ()), *(each for each in types if each not in whole.get(name, ()))]
    if not contract.learns or not found or whole == contract.known:
        return []
    return [Put(activity, {**_place(job), "fields": jsontext.dump(whole), "jobId": job["sk"]})]


def message(problems: Sequence[str]) -> str:
    more = f" and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
    return f"the record breaks its contract: {'; '.join(problems[:MOST_NAMED])}{more}"


def _fault(known: Types, name: str, value: Any) -> str | None:
    types = known.get(name)
    if types is None:
        return f"the field {name[:80]!r} is new"
    if value is None or TYPES[type(value)] in types:
        return None
    return f"the field {name[:80]!r} must be {' or '.join(types)}, found {TYPES[type(value)]}"


def _listed(types: str | Sequence[str]) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _place(job: Item) -> dict[str, str]:
    return key(Tenant.of_item(job), "sync-contract", f"{job['integrationId']}#{job['entityType']}")
