"""multipart/related: metadata and a file as two parts of one body (RFC 2387), whatever bytes the file has."""

from collections.abc import Callable, Sequence

from hub.connector.bodies import Body
from hub.connector.multipart import boundary_outside


def related_body(parts: Sequence[Body], new_boundary: Callable[[], str] | None = None) -> Body:
    """Return one body of several; the boundary is in none of them (RFC 2046, 5.1.1)."""
    contents = [_part(part) for part in parts]
    boundary = boundary_outside(contents, new_boundary)
    mark = f"--{boundary}".encode()
    whole = b"".join(piece for content in contents for piece in (mark, b"\r\n", content, b"\r\n")) + mark + b"--\r\n"
    return Body(f"multipart/related; boundary={boundary}", None, whole)


def _part(part: Body) -> bytes:
    headers, content = part.sent({})
    return f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + content
