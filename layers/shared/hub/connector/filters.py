"""`{{name | filter}}`: what makes a value safe or fit for the place where it is written; several go from left to right.

Sources: SOQL and SOSL Reference, "Quoted String Escape Sequences"; Dropbox for Developers, "HTTP header safe JSON";
OData 4.01, "URL Conventions", 5.1.1.6.1.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from hub.mapping.config import Unfit, as_text

Filter = Callable[[Any], Any]

_SOQL = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_OF_SOQL = re.compile("[" + re.escape("".join(_SOQL)) + "]")


def _soql(text: str) -> str:
    """Return the text for the inside of a SOQL literal: `O'Brien` becomes `O\\'Brien`."""
    return _OF_SOQL.sub(lambda match: _SOQL[match[0]], text)


def _ascii_json(value: Any) -> str:
    """Return JSON that may stand in a header: what is no printable ASCII is escaped."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("\x7f", "\\u007f")
    except (TypeError, ValueError) as cause:
        raise Unfit("cannot be written as JSON") from cause


def _odata(text: str) -> str:
    """Return the text for the inside of an OData literal: `O'Brien` becomes `O''Brien`."""
    return text.replace("'", "''")


def _md5(text: str) -> str:
    """Some providers name a record by the MD5 of its e-mail address; it protects nothing there."""
    return hashlib.md5(text.encode(errors="replace"), usedforsecurity=False).hexdigest()


def _time(text: str) -> str:
    """Return a time as it is; a query that takes it without quotes would take anything else for a part of itself."""
    if not _TIME.fullmatch(text):
        raise Unfit("expected a time such as 2024-05-31T08:09:10Z")
    return text


def _of_text(change: Callable[[str], str]) -> Filter:
    """Return the filter of a text, a number or a boolean; null stays null."""
    return lambda value: None if value is None else change(as_text(value))


FILTERS: dict[str, Filter] = {
    "ascii_json": _ascii_json,
    "lower": _of_text(str.lower),
    "md5": _of_text(_md5),
    "odata": _of_text(_odata),
    "soql": _of_text(_soql),
    "time": _of_text(_time),
}
