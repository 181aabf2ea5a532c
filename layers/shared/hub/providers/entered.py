"""What a person entered to connect: what of it may be shown, what is a secret, and what is wrong with it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from hub.connector.urls import BadUrl, origin, parse_url
from hub.core import json_schema
from hub.core.errors import Problem
from hub.core.problems import pointer

Json = dict[str, Any]
Values = Mapping[str, Any]

MAX_VALUE = 8192
_SENT_AS_IT_IS = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")


def required(method: Json) -> list[str]:
    return [field["name"] for field in _fields(method) if field.get("required", True)]


def faults(method: Json, values: Values, at: str = "/credentials") -> list[Problem]:
    """Return what is wrong with the values for a method, without showing any."""
    known = {field["name"]: field for field in _fields(method)}
    return [
        *(Problem(f"{at}/{name}", "expected a value, found nothing") for name in _missing(method, values)),
        *(Problem(at + pointer((name,)), "is no credential of this provider") for name in values if name not in known),
        *(
            Problem(f"{at}/{name}", fault)
            for name, field in known.items()
            if values.get(name) not in (None, "")
            for fault in (*_value_faults(field, values[name]), *_sending_faults(method, field, values[name]))
        ),
    ]


def split(method: Json, values: Values) -> tuple[Json, dict[str, str]]:
    """Return the connection's fields, which may be shown, and its secrets, both by name, of values without faults.

    A derived field and the origin of a secret URL are fields; its path, without the leading slash, is a secret.
    """
    shown: Json = {}
    secrets: dict[str, str] = {}
    for field in _fields(method):
        name, value = field["name"], str(values.get(field["name"]) or "")
        if field.get("type") == "url" and field.get("secret"):
            shown[f"{name}Origin"], secrets[f"{name}Path"] = _split_url(value)
        elif field.get("secret"):
            secrets[name] = value
        elif value:
            shown[name] = value
        shown |= _derived(field, value)
    return shown, secrets


def derived_names(method: Json) -> list[str]:
    """Return the fields that are made of entered values."""
    origins = [
        f"{field['name']}Origin" for field in _fields(method) if field.get("type") == "url" and field.get("secret")
    ]
    return origins + [name for field in _fields(method) for name in field.get("derive", {})]


def _missing(method: Json, values: Values) -> list[str]:
    return [name for name in required(method) if values.get(name) in (None, "")]


def _value_faults(field: Json, value: Any) -> Iterator[str]:
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        yield f"expected a text of at most {MAX_VALUE} characters"
        return
    if "pattern" in field and not json_schema.search(field["pattern"], value):
        yield f"expected a value that fits {field['pattern']}"
    for name, pattern in field.get("derive", {}).items():
        if not json_schema.search(pattern, value):
            yield f"expected a value that holds {name}: it is found by {pattern}"
    if field.get("type") == "url" and (fault := _url_fault(value)):
        yield fault


def _sending_faults(method: Json, field: Json, value: Any) -> Iterator[str]:
    """Say what no request can carry: a user name and a password are encoded, all else goes out as it is."""
    if not field.get("secret") or not isinstance(value, str):
        return
    is_encoded = method.get("auth", {}).get("type") == "basic"
    if not (value.isprintable() if is_encoded else _SENT_AS_IT_IS.fullmatch(value)):
        yield "expected no control characters" if is_encoded else "expected printable ASCII without spaces around it"


def _url_fault(value: str) -> str | None:
    try:
        return "expected a URL without a query" if parse_url(value).query else None
    except BadUrl as cause:
        return str(cause)


def _split_url(url: str) -> tuple[str, str]:
    return (origin(url), urlsplit(url).path.removeprefix("/")) if url else ("", "")


def _derived(field: Json, value: str) -> Json:
    patterns = field.get("derive", {}).items() if value else ()
    return {name: found[1] for name, pattern in patterns if (found := json_schema.search(pattern, value))}


def _fields(method: Json) -> list[Json]:
    fields: list[Json] = method.get("fields", [])
    return fields
