"""JSON as it comes from strangers, and as the hub writes it."""

import json
import math
from typing import Any

from hub.core.errors import BadRequest

MAX_DEPTH = 64
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1


def parse(body: bytes) -> Any:
    """Return the JSON value of `body`: at most 64 levels deep, numbers of 64 bits, well-formed text; raises BadRequest.

    `json.loads` is not used on foreign bytes: it recurses without a bound and accepts NaN and lone surrogates.
    """
    from pydantic_core import from_json  # 30 ms that only a request with a body pays

    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    _refuse_extremes(value)
    return value


def load(text: str) -> Any:
    """Return the value of JSON that the hub itself stored."""
    return json.loads(text)


def dump(value: Any) -> str:
    """Return compact JSON, keys in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical(value: Any) -> bytes:
    """Return the same bytes for equal JSON values, whatever the order of their keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def merged(target: Any, patch: Any) -> Any:
    """Return `target` after a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def identity(value: Any) -> Any:
    """Return what two JSON values share exactly when they are equal: 1 and 1.0, but not 1 and true."""
    if isinstance(value, dict):
        return "object", frozenset((name, identity(each)) for name, each in value.items())
    if isinstance(value, list):
        return "list", tuple(map(identity, value))
    return isinstance(value, bool), value


def _refuse_extremes(value: Any) -> None:
    parents: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        children = [child for parent in parents for child in _children(parent)]
        if not all(_is_storable(child) for child in children if type(child) in (int, float)):
            raise BadRequest("The body holds a number that is not finite or needs more than 64 bits.")
        parents = [child for child in children if type(child) in (dict, list)]
        if not parents:
            return
    raise BadRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _is_storable(number: int | float) -> bool:
    """Say whether a number survives storing: 1e400 is read as infinite, and no JSON has a word for that."""
    return math.isfinite(number) if isinstance(number, float) else MIN_INTEGER <= number <= MAX_INTEGER


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
