"""Documents and their changes as our own routes answer them."""

from typing import Any

import orjson

from hub.core.attributes import Item

Json = dict[str, Any]


def raw_of(item: Item) -> Any:
    """Return the record a document was made of, None where it is not kept."""
    return orjson.loads(item["raw"]) if item.get("raw") else None


def view(item: Item) -> Json:
    """Return `{id, type, content, version, origin, createdAt, updatedAt}`, the form all of our own routes answer."""
    return {
        "id": item["sk"],
        "type": item["pk"].split("#", 2)[2],
        "content": orjson.loads(item["content"]),
        "version": item["version"],
        "origin": item["origin"],
        "createdAt": item["createdAt"],
        "updatedAt": item["updatedAt"],
    }


def change_view(item: Item) -> Json:
    """Return `{operation, id, type, version, origin, updatedAt, document?}`; a deletion has no document."""
    is_deletion = "deletedAt" in item
    change = {
        "operation": "delete" if is_deletion else "upsert",
        "id": item["sk"],
        "type": item["pk"].split("#", 2)[2],
        "version": item["version"],
        "origin": item["origin"],
        "updatedAt": item["updatedAt"],
    }
    return change if is_deletion else {**change, "document": view(item)}
