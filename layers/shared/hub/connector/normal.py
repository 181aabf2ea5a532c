"""The normal form of a definition: one name for each thing, so that what is stored reads the same everywhere."""

import re
from typing import Any

TYPE_ALIASES = {"rest": "rest_api"}


def normal_form(raw: Any) -> Any:
    """Return the definition with aliases resolved and ids of endpoints filled in; what is no object stays as it is."""
    if not isinstance(raw, dict):
        return raw
    normal = {**raw, "endpoints": _with_ids(raw.get("endpoints"))}
    kind = _kind(raw.get("integrationType", raw.get("type")))
    if "type" in raw and _kind(raw["type"]) == kind:
        del normal["type"]
    return normal if kind is None else {**normal, "integrationType": kind}


def _kind(word: Any) -> Any:
    return TYPE_ALIASES.get(word, word) if isinstance(word, str) else word


def _with_ids(endpoints: Any) -> Any:
    if not isinstance(endpoints, list):
        return [] if endpoints is None else endpoints
    taken = {
        endpoint["id"] for endpoint in endpoints if isinstance(endpoint, dict) and isinstance(endpoint.get("id"), str)
    }
    return [_with_id(endpoint, taken) for endpoint in endpoints]


def _with_id(endpoint: Any, taken: set[str]) -> Any:
    if not isinstance(endpoint, dict) or endpoint.get("id") is not None or not isinstance(endpoint.get("name"), str):
        return endpoint
    slug = _free(_slug(endpoint["name"]), taken)
    taken.add(slug)
    return {**endpoint, "id": slug}


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:60] or "endpoint"


def _free(slug: str, taken: set[str]) -> str:
    number = 1
    free = slug
    while free in taken:
        number += 1
        free = f"{slug}-{number}"
    return free
