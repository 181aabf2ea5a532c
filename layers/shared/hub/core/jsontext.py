"""JSON as it comes from strangers, and as the hub writes it."""

import json
from typing import Any

from hub.core.errors import BadRequest

MAX_DEPTH = 64


def parse(body: bytes) -> Any:
    """Return the JSON value of `body`: at most 64 levels deep, finite numbers, well-formed text; raises BadRequest.

    `json.loads` is not used on foreign bytes: it recurses without a bound and accepts NaN and lone surrogates.
    """
    from pydantic_core import from_json  # 30 ms that only a request with a body pays

    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    _refuse_deep(value)
    return value


def dump(value: Any) -> str:
    """Return compact JSON, keys in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical(value: Any) -> bytes:
    """Return the same bytes for equal JSON values, whatever the order of their keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise BadRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
