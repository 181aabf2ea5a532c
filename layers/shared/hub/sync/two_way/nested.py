"""Fields of which a sync carries only parts: `address.city` goes to the provider, the rest of `address` is ours alone.

A field is merged as a whole, so the other sides are shown with our own parts in it: nobody there could have changed
them, and what is merged keeps them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.mapping.paths import MISSING, steps_of

Json = dict[str, Any]
# The parts of a field that are carried, as the names that lead to each.
Parts = Mapping[str, list[tuple[str, ...]]]


def parts_of(targets: Iterable[str]) -> dict[str, list[tuple[str, ...]]]:
    """Return the fields that are carried in parts; one that is carried whole, or by places in a list, is left out."""
    every = [steps for target in targets if (steps := steps_of(target))]
    whole = {steps[0] for steps in every if len(steps) == 1 or not all(isinstance(step, str) for step in steps)}
    found: dict[str, list[tuple[str, ...]]] = {}
    for steps in every:
        if steps[0] not in whole:
            found.setdefault(str(steps[0]), []).append(tuple(map(str, steps[1:])))
    return found


def with_own(other: Mapping[str, Any], local: Mapping[str, Any], parts: Parts) -> Json:
    """Return another side's fields with the parts that only the local one has."""
    laid = {name: _laid(local[name], other.get(name, {}), parts[name]) for name in parts if _has(local, other, name)}
    return {**other, **{name: value for name, value in laid.items() if value or name in other}}


def _has(local: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    return isinstance(local.get(name), dict) and isinstance(other.get(name, {}), dict)


def _laid(own: Json, other: Json, paths: Iterable[tuple[str, ...]]) -> Json:
    found = own
    for path in paths:
        found = _put(found, path, _at(other, path))
    return found


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
    return value


def _put(place: Any, path: tuple[str, ...], value: Any) -> Json:
    """Return an object with a value at a path, or without it; the given one stays as it is."""
    first, rest = path[0], path[1:]
    inner: Json = place if isinstance(place, dict) else {}
    if rest:
        below = _put(inner.get(first), rest, value)
        value = below or MISSING
    others = {name: each for name, each in inner.items() if name != first}
    return others if value is MISSING else {**others, first: value}
