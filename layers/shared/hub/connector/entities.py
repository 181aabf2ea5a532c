"""What an endpoint of a stored definition reads: the type of its documents, and whether there are any."""

from typing import Any

Json = dict[str, Any]


def document_type(endpoint: Json) -> str | None:
    """Return the type of the documents that an endpoint reads or writes, None where it does not say."""
    mapping = endpoint.get("responseMapping") or {}
    named = mapping.get("targetShardTypeId") or endpoint.get("entity")
    return None if named is None else str(named)


def has_records(endpoint: Json) -> bool:
    """Say whether its answers hold records, so that it can be synced; one that only writes has none."""
    return "dataPath" in (endpoint.get("responseMapping") or {})
