"""What an accepted body says, as JSON: JSON itself, a form as an object, anything else as `{"raw": text}`."""

import base64
from typing import Any
from urllib.parse import parse_qsl

from hub.core import jsontext
from hub.core.errors import BadRequest

Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 1000
# The one field in which Slack, GitHub and others send their JSON in a form.
JSON_FIELD = "payload"
_SPACE = b" \t\r\n\xef\xbb\xbf"  # a byte order mark comes before the JSON of some senders


def parse(content_type: str, body: bytes) -> Any:
    """Return the JSON value of a body; raises BadRequest for JSON or a form that cannot be read.

    A field of a form that comes more than once is a list. A form whose only field is `payload` is the JSON in it.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not body.strip(_SPACE):
        return {}
    # A form would write a brace as %7B: this is JSON from a sender that left the type to its HTTP library.
    if kind.endswith(("/json", "+json")) or body.lstrip(_SPACE)[:1] in (b"{", b"["):
        return jsontext.parse(body.lstrip(_SPACE))
    return _form(body) if kind == FORM else _raw(body)


def _form(body: bytes) -> Any:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:  # no UTF-8, or too many fields
        raise BadRequest("The form cannot be read: expected UTF-8 and at most 1000 fields.") from error
    fields: Json = {}
    for name, value in pairs:
        fields[name] = value if name not in fields else [*_listed(fields[name]), value]
    inner = fields.get(JSON_FIELD)
    if isinstance(inner, str) and inner.lstrip()[:1] in ("{", "["):
        fields[JSON_FIELD] = jsontext.parse(inner.encode())
        return fields[JSON_FIELD] if len(fields) == 1 else fields
    return fields


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _raw(body: bytes) -> Json:
    try:
        return {"raw": body.decode()}
    except UnicodeDecodeError:
        return {"rawBase64": base64.b64encode(body).decode()}
