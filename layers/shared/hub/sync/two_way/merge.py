"""Three-way merge: what two sides made of a record since they last agreed, field by field.

A field is a name at the top of a document. One side's change goes to the other; the same change on both agrees; two
changes are a conflict, which a rule decides, or nobody: then each side keeps its own and the conflict is told. Nothing
is written here.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from hub.core import jsontext
from hub.mapping.paths import MISSING

Json = dict[str, Any]
Rule = Literal["local", "remote", "manual"]

# The conflict of a deletion on one side with an edit on the other is about no field but the whole record.
WHOLE = ""
_SWAPPED: dict[Rule, Rule] = {"local": "remote", "remote": "local", "manual": "manual"}


@dataclass(frozen=True)
class Rules:
    """Who wins where both sides changed a field: by field, else `other`.

    Changes of `pull_only` fields go to the local side alone, those of `push_only` ones to the remote side alone.
    """

    other: Rule = "local"
    by_field: Mapping[str, Rule] = field(default_factory=dict)
    pull_only: Set[str] = frozenset()
    push_only: Set[str] = frozenset()

    def of(self, name: str) -> Rule:
        """Return whose change of a field stands; that of a one-way field is the side it comes from."""
        if name in self.pull_only:
            return "remote"
        return "local" if name in self.push_only else self.by_field.get(name, self.other)

    def swapped(self) -> "Rules":
        """Return the rules as the other side calls them."""
        by_field = {name: _SWAPPED[rule] for name, rule in self.by_field.items()}
        return Rules(_SWAPPED[self.other], by_field, self.push_only, self.pull_only)


@dataclass(frozen=True)
class Conflict:
    """Two changes of one field, or of the `WHOLE` record where one side deleted it; `rule` is who decides.

    A value may be MISSING; of a whole record that is deleted it is None.
    """

    name: str
    base: Any
    local: Any
    remote: Any
    rule: Rule


@dataclass(frozen=True)
class Merged:
    """What each side is to have, None = deleted; `base` is what to compare with next time.

    `base` has the remote side's value of each field but those in an open conflict: a local value that differs from it
    is yet to be pushed.
    """

    local: Json | None
    remote: Json | None
    base: Json
    conflicts: tuple[Conflict, ...] = ()

    @property
    def open(self) -> tuple[Conflict, ...]:
        """Return the conflicts that nobody has decided."""
        return tuple(conflict for conflict in self.conflicts if conflict.rule == "manual")


def merge(base: Mapping[str, Any], local: Json | None, remote: Json | None, rules: Rules) -> Merged:
    """Return what becomes of a record; `base` is {} where the sides never agreed, None is a deleted side.

    It may be done again: the result as the local side, with the old or the new base, gives the same result.
    """
    if local is None or remote is None:
        return _with_deletion(dict(base), local, remote, rules)
    names = dict.fromkeys([*local, *remote, *base])
    fields = [_field(name, base, local, remote, rules) for name in names]
    return Merged(
        local=_chosen(names, (each.local for each in fields)),
        remote=_chosen(names, (each.remote for each in fields)),
        base=_chosen(names, (each.base for each in fields)),
        conflicts=tuple(each.conflict for each in fields if each.conflict),
    )


def same(one: Any, other: Any) -> bool:
    """Say whether two values mean the same in JSON: 1 is 1.0, and null means the same as no value."""
    if one is MISSING or other is MISSING or one is None or other is None:
        return one in (MISSING, None) and other in (MISSING, None)
    return one is other or _text(one) == _text(other) or jsontext.identity(one) == jsontext.identity(other)


def changed(base: Mapping[str, Any], side: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return those of the names whose value differs from the base."""
    return [name for name in names if not same(base.get(name, MISSING), side.get(name, MISSING))]


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True)
class _Field:
    local: Any
    remote: Any
    base: Any
    conflict: Conflict | None = None


def _field(name: str, base: Mapping[str, Any], local: Json, remote: Json, rules: Rules) -> _Field:
    before, here, there = base.get(name, MISSING), local.get(name, MISSING), remote.get(name, MISSING)
    if same(here, there):
        return _Field(here, there, there)
    if name in rules.push_only:  # what the remote side has is not known
        return _Field(here, here, before)
    if same(here, before):
        return _Field(there, there, there)
    if same(there, before):
        return _Field(here, there if name in rules.pull_only else here, there)
    return _DECISIONS[rules.of(name)](Conflict(name, before, here, there, rules.of(name)))


# What follows a conflict. The base takes the remote value, unless the conflict stays open.
_DECISIONS = {
    "local": lambda found: _Field(found.local, found.local, found.remote, found),
    "remote": lambda found: _Field(found.remote, found.remote, found.remote, found),
    "manual": lambda found: _Field(found.local, found.remote, found.base, found),
}


def _with_deletion(base: Json, local: Json | None, remote: Json | None, rules: Rules) -> Merged:
    left = local if remote is None else remote
    if left is None or not _is_edited(base, left, rules):
        return Merged(None, None, base)
    conflict = Conflict(WHOLE, base, local, remote, rules.other)
    if conflict.rule == "manual":
        return Merged(local, remote, base, (conflict,))
    winner = local if conflict.rule == "local" else remote
    return Merged(winner, winner, dict(remote or {}), (conflict,))


def _is_edited(base: Json, side: Json, rules: Rules) -> bool:
    """Say whether a side changed what it may change: fields of the other's alone are only its copy."""
    one_way = rules.pull_only | rules.push_only
    names = [name for name in dict.fromkeys([*base, *side]) if name not in one_way]
    return bool(changed(base, side, names or dict.fromkeys([*base, *side])))


def _chosen(names: Iterable[str], values: Iterable[Any]) -> Json:
    return {name: value for name, value in zip(names, values, strict=True) if value is not MISSING}
