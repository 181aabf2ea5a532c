"""Python values to DynamoDB attributes and back. Tenants' own JSON never comes here: it is stored as one text."""

import base64
from typing import Any

Item = dict[str, Any]


def encode(value: Any) -> dict[str, Any]:
    """Encode a str, bytes, bool, int, float, None, list, dict or set of str."""
    kind, convert = _ENCODERS[type(value)]
    return {kind: convert(value)}


def decode(attribute: dict[str, Any]) -> Any:
    (kind, value), *_ = attribute.items()
    return _DECODERS[kind](value)


def encode_item(item: Item) -> dict[str, Any]:
    return {name: {"S": value} if value.__class__ is str else encode(value) for name, value in item.items()}


def decode_item(attributes: dict[str, Any]) -> Item:
    return {name: attribute["S"] if "S" in attribute else decode(attribute) for name, attribute in attributes.items()}


def _same(value: Any) -> Any:
    return value


def _bytes(value: bytes | str) -> bytes:
    """An answer is base64 as it came (`hub.core.wire`); what botocore has read, such as a refused write's, is bytes."""
    return value if isinstance(value, bytes) else base64.b64decode(value)


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


_ENCODERS: dict[type, tuple[str, Any]] = {
    str: ("S", _same),
    bool: ("BOOL", _same),
    int: ("N", str),
    float: ("N", repr),
    bytes: ("B", _same),
    type(None): ("NULL", lambda _: True),
    list: ("L", lambda values: [encode(value) for value in values]),
    tuple: ("L", lambda values: [encode(value) for value in values]),
    dict: ("M", encode_item),
    set: ("SS", sorted),
    frozenset: ("SS", sorted),
}
_DECODERS: dict[str, Any] = {
    "S": _same,
    "BOOL": _same,
    "N": _number,
    "B": _bytes,
    "NULL": lambda _: None,
    "L": lambda values: [decode(value) for value in values],
    "M": decode_item,
    "SS": set,
}
