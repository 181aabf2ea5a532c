"""`$ref` within one document. What lies outside is never fetched: whoever writes a document must not choose what the
hub calls.
"""

from typing import Any
from urllib.parse import unquote

from hub.integrations.importing.warnings import Place, Warnings

Json = dict[str, Any]

MOST_HOPS = 20


class References:
    """Follows the local references of a document."""

    def __init__(self, document: Json, warnings: Warnings) -> None:
        self._document = document
        self._warnings = warnings

    def resolved(self, node: Any, where: Place) -> tuple[Json, str | None]:
        """Return the object a node stands for and the name of the last reference: {} when it leads nowhere.

        What stands beside a `$ref` wins over what it leads to (OpenAPI 3.1).
        """
        beside: Json = {}
        name = None
        for _ in range(MOST_HOPS):
            if not isinstance(node, dict):
                return beside, name
            target = node.get("$ref")
            if not isinstance(target, str):
                return {**node, **beside}, name
            beside = {**{key: value for key, value in node.items() if key != "$ref"}, **beside}
            node, name = self._target(target, where), target.rpartition("/")[2]
        self._warnings.add(where, "a $ref that leads back to itself was left out")
        return beside, name

    def _target(self, target: str, where: Place) -> Any:
        if not target.startswith("#"):
            self._warnings.add(where, "a $ref to another document is never fetched; it was left out")
            return None
        found: Any = self._document
        for part in target.removeprefix("#").split("/")[1:]:
            found = _child(found, unquote(part).replace("~1", "/").replace("~0", "~"))
        if found is None:
            self._warnings.add(where, "a $ref that leads nowhere was left out")
        return found


def _child(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 6 and int(name) < len(value):
        return value[int(name)]
    return None
