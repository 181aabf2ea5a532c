"""The transform `lookup`: a document of another type, found by its external id."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hub.mapping.config import BadConfig, Config, Unfit, as_text, found, path_at
from hub.mapping.paths import MISSING, Get, getter
from hub.mapping.texts import template

# What a document type may be called; see `hub.documents`.
DOCUMENT_TYPE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
LONGEST_ID_BYTES = 512

# From a document type and external ids to the contents of the documents that exist.
FindDocuments = Callable[[str, Collection[str]], Mapping[str, Any]]


@dataclass(frozen=True)
class DocumentLookup:
    """`key` gives the id: of the record, or where there is none, the value at the source is the id."""

    document_type: str
    key: Get | None
    pick: Get

    def id_of(self, value: Any, record: Any) -> Any:
        """Return the external id as a text, MISSING where there is none; raises Unfit."""
        given = value if self.key is None else self.key(record)
        if given is MISSING or given is None or given == "":
            return MISSING
        text = as_text(given)
        if len(text.encode(errors="replace")) > LONGEST_ID_BYTES:
            raise Unfit(f"expected an id of at most {LONGEST_ID_BYTES} bytes, found {found(text)}")
        return text


def lookup(config: Config) -> DocumentLookup:
    """Build the transform `lookup`."""
    names = [name for name in ("type", "shardTypeId") if config.has(name)]
    if len(names) == 2:
        raise BadConfig("/shardTypeId", "means the same as type; leave one of them out")
    name = names[0] if names else "type"
    document_type = config.text(name)
    if not re.fullmatch(DOCUMENT_TYPE, document_type):
        raise BadConfig(f"/{name}", f"expected a document type, found {found(document_type)}")
    pick = getter(path_at(config.text("field", "$"), "/field"))
    return DocumentLookup(document_type, _key(config), pick)


def _key(config: Config) -> Get | None:
    if not config.has("key"):
        return None
    text = config.text("key")
    if "{{" not in text:
        return getter(path_at(text, "/key"))
    try:
        return template(Config({"template": text}))
    except BadConfig as cause:
        raise BadConfig("/key", cause.message) from cause
