"""multipart/form-data: fields and files as parts between boundaries (RFC 7578), names escaped as browsers do."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connector.faults import kind_of
from hub.core import jsontext
from hub.core.errors import BadRequest
from hub.mapping.config import Unfit, as_text
from hub.outbound.calls import HEADER_VALUE

MULTIPART = "multipart/form-data"
FILE_WORDS = frozenset({"filename", "contentType", "content"})
ANY_BYTES = "application/octet-stream"
# Source: HTML, "multipart/form-data encoding algorithm". Otherwise a name could end its header and begin another.
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True)
class Part:
    name: str
    content: str
    filename: str | None = None
    content_type: str | None = None

    def head(self) -> str:
        filename = "" if self.filename is None else f'; filename="{self.filename.translate(_ESCAPES)}"'
        kind = self.content_type or (None if self.filename is None else ANY_BYTES)
        lines = [f'Content-Disposition: form-data; name="{self.name.translate(_ESCAPES)}"{filename}']
        return "\r\n".join(lines if kind is None else [*lines, f"Content-Type: {kind}"])


def parts_of(value: Any) -> list[Part]:
    """Return the parts of a flat object: a list gives several, null none, `{filename, contentType, content}` a file.

    Raises BadRequest for what cannot be a part.
    """
    if not isinstance(value, dict):
        raise BadRequest(f"A multipart body needs an object, found {kind_of(value)}.")
    items = [(name, item) for name, given in value.items() for item in (given if isinstance(given, list) else [given])]
    return [_part(name, item) for name, item in items if item is not None]


def encode(parts: Sequence[Part], new_boundary: Callable[[], str] | None = None) -> tuple[str, bytes]:
    """Return the content type and the bytes; the boundary is in none of the parts (RFC 2046, 5.1.1)."""
    contents = [f"{part.head()}\r\n\r\n{part.content}".encode() for part in parts]
    boundary = boundary_outside(contents, new_boundary)
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + content + b"\r\n" for content in contents) + mark + b"--\r\n"
    return f"{MULTIPART}; boundary={boundary}", body


def boundary_outside(contents: Sequence[bytes], new_boundary: Callable[[], str] | None = None) -> str:
    """Return a boundary that is in none of the parts."""
    while True:
        boundary = (new_boundary or _random)()
        if not any(boundary.encode() in content for content in contents):
            return boundary


def _random() -> str:
    return f"hub-{secrets.token_hex(16)}"


def _part(name: str, value: Any) -> Part:
    if isinstance(value, dict):
        return _file(name, value)
    try:
        return Part(name, as_text(value))
    except Unfit as cause:
        raise BadRequest(f"Part {name!r}: {cause}.", parameter=name) from cause


def _file(name: str, words: dict[str, Any]) -> Part:
    filename, kind, content = words.get("filename"), words.get("contentType"), words.get("content")
    if content is None or not words.keys() <= FILE_WORDS:
        raise BadRequest(f"Part {name!r}: expected a file with content, filename and contentType.", parameter=name)
    if not all(text is None or isinstance(text, str) for text in (filename, kind)):
        raise BadRequest(f"Part {name!r}: expected texts as filename and contentType.", parameter=name)
    if kind is not None and not HEADER_VALUE.fullmatch(kind):
        raise BadRequest(f"Part {name!r}: expected a contentType of printable ASCII.", parameter=name)
    is_structure = isinstance(content, (dict, list))
    return Part(name, jsontext.dump(content) if is_structure else as_text(content), filename, kind)
