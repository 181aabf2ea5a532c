"""What in a request is a secret, and what of it becomes the connector's `auth`.

When in doubt a value is a secret: what is encrypted for nothing can be entered again, what is stored readable cannot
be taken back.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from hub.connector.checks import is_secret_name
from hub.connector.secrets import HANDLE_START, handle_for, secret_fields
from hub.core.problems import pointer
from hub.integrations.importing.pagination import is_position
from hub.integrations.importing.warnings import Warnings
from hub.outbound.calls import CLIENT_HEADERS, HEADER_VALUE

Json = dict[str, Any]
Pair = tuple[str, str]

AWAITED = handle_for("")
LONGEST_SECRET = 8192
MOST_HEADERS = 20
_NAME = re.compile(
    r"passw|pwd|passphrase|credential|session|signature|jwt|csrf|xsrf|access[-_]?key|(?:private|license)[-_]?key"
    r"|^key$|(?:^|[-_.])(?:auth|authentication|sig|sid|pat|hmac|apikey|appkey|appid)(?:$|[-_.])",
    re.I,
)
_KEY_NAME = re.compile(r"key$", re.I)
_ID_NAME = re.compile(r"(?:^|[-_.a-z])ids?$|uuid$|Ids?$", re.I)
_SCHEME = re.compile(r"(?:bearer|basic|token|digest|apikey|api-key|hmac|aws4-[a-z0-9-]+|negotiate|sso-key)[ =]", re.I)
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]+|(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abeprs]|shpat|whsec)[-_]\w{8}")
_OPAQUE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_\-+/=~]{20,}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_ASSIGNED = re.compile(
    r"(?:passw(?:or)?d|pwd|secret|token|api[-_]?key|authorization)[\\\"'\]]*(?:\s*[:=]|>)\s*[\\\"']*[^\s\\\"'{}<>$]",
    re.I,
)
_PLACEHOLDER = re.compile(
    r"\$\{?\w+\}?|\$\(.*\)|`.*`|%\w+%|<[^<>]*>|\{\{.*\}\}|\{[^{}]*\}|\[[^\[\]]*\]|[*x.…]{3,}|(?:your|my)[-_ ].*|"
    r".*(?:redacted|placeholder|changeme|your[-_ ]?(?:api|access|token|key|secret)).*",
    re.I | re.S,
)
# Their values may be long and say nothing secret.
_OPEN_HEADERS = frozenset("accept content-type user-agent accept-language accept-encoding range prefer".split())


@dataclass(frozen=True)
class Sent:
    """The credentials of the requests that were seen: of each name the first value that is one."""

    headers: dict[str, str]
    query: dict[str, str]


def is_secret_header(name: str, value: str) -> bool:
    if name.lower() in _OPEN_HEADERS:
        return False
    return bool(is_secret_name(name) or _NAME.search(name)) or holds_secret(value)


def is_secret_field(name: str, value: str) -> bool:
    """Say whether a query parameter or a field of a body is a secret."""
    if is_position(name) or _is_harmless(value):
        return False
    if is_secret_name(name) or _NAME.search(name):
        return True
    return (_KEY_NAME.search(name) is not None and len(value) >= 16) or (
        holds_secret(value) and not _ID_NAME.search(name)
    )


def holds_secret(value: str) -> bool:
    """Say whether a value looks like a secret whatever its name is."""
    text = value.strip()
    if _SCHEME.match(text) or _TOKEN.search(text) or _ASSIGNED.search(text):
        return True
    return _OPAQUE.fullmatch(text) is not None and not UUID.fullmatch(text) and not text.startswith("/")


def is_placeholder(value: str) -> bool:
    """Say whether a text stands for a secret that the reader is to enter: `$TOKEN`, `<key>`, `YOUR_API_KEY`."""
    return not value.strip() or HANDLE_START in value or _PLACEHOLDER.fullmatch(value.strip()) is not None


def auth_of(sent: Sent, where: str, warnings: Warnings) -> Json:
    """Return the `auth` that sends these credentials; a placeholder becomes a handle of a secret to be entered."""
    headers = {name: value for name, value in sent.headers.items() if _may_be_sent(name, value, where, warnings)}
    if len(headers) > MOST_HEADERS:
        warnings.add(where, f"has more than {MOST_HEADERS} headers with credentials; the others were left out")
        headers = dict(list(headers.items())[:MOST_HEADERS])
    left = dict(sent.query)
    auth = _of_headers(headers) if headers else _of_query(left)
    for name in left:
        message = f"one kind of credential can be sent; the query parameter {name[:60]!r} was left out"
        warnings.add(where, message)
    if any(name.lower() == "cookie" for name in headers):
        warnings.add(where, "a cookie is sent as a credential; it ends with its session, prefer a key or a token")
    return with_awaited(auth)


def with_awaited(auth: Json) -> Json:
    """Return the auth with a handle in each secret field that holds only a placeholder."""
    found = secret_fields({"auth": auth})
    awaited = {place for place, value in found.items() if _is_awaited(place, value)}
    made = {name: AWAITED if pointer(("auth", name)) in awaited else value for name, value in auth.items()}
    if isinstance(auth.get("headers"), dict):
        made["headers"] = {
            name: AWAITED if pointer(("auth", "headers", name)) in awaited else value
            for name, value in auth["headers"].items()
        }
    return made


def _is_awaited(place: str, value: str) -> bool:
    if value == "" and place == "/auth/password":  # some providers take a key as the user name and no password
        return False
    return is_placeholder(value.partition(" ")[2] if _SCHEME.match(value) else value)


def _of_headers(headers: dict[str, str]) -> Json:
    if len(headers) > 1:
        return {"type": "custom_headers", "headers": headers}
    name, value = next(iter(headers.items()))
    if name.lower() == "authorization":
        return _of_authorization(value)
    return {"type": "api_key", "keyName": name, "keyLocation": "header", "keyValue": value}


def _of_authorization(value: str) -> Json:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() == "bearer":
        return {"type": "bearer", "token": rest.strip() or AWAITED}
    pair = _basic_pair(rest.strip()) if scheme.lower() == "basic" else None
    # A key in the place of the user name is a secret, and auth.username is stored readable.
    if pair and pair[1] and not holds_secret(pair[0]):
        return {"type": "basic", "username": pair[0], "password": pair[1]}
    if scheme.lower() == "basic" and is_placeholder(rest):
        return {"type": "basic", "username": "enter-the-user-name", "password": AWAITED}
    return {"type": "custom_headers", "headers": {"Authorization": value.strip() or AWAITED}}


def _basic_pair(encoded: str) -> Pair | None:
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon and user else None


def _of_query(query: dict[str, str]) -> Json:
    """Take the first parameter out of `query`; without one there is no authentication."""
    if not query:
        return {"type": "none"}
    name = next(iter(query))
    return {"type": "api_key", "keyName": name, "keyLocation": "query", "keyValue": query.pop(name)}


def _may_be_sent(name: str, value: str, where: str, warnings: Warnings) -> bool:
    if name.lower() in CLIENT_HEADERS:
        warnings.add(where, f"the header {name[:60]!r} is set by the hub; it was left out")
        return False
    if len(value) > LONGEST_SECRET or not HEADER_VALUE.fullmatch(value):
        message = f"the header {name[:60]!r} is too long or not printable ASCII; it was left out"
        warnings.add(where, message)
        return False
    return True


def _is_harmless(value: str) -> bool:
    return value.strip().lower() in ("", "true", "false") or (value.isascii() and value.isdigit() and len(value) < 5)


def secret_parts(value: str) -> Sequence[str]:
    """Return the secrets inside one: the value, what follows its scheme, the values of its cookies."""
    text = value.strip()
    _, blank, rest = text.partition(" ")
    cookies = [each.partition("=")[2] for each in text.split(";")]
    pair = _basic_pair(rest) if blank else None
    parts = [text, rest, *cookies, pair[1] if pair else "", *(each for _, each in parse_qsl(text))]
    return [part for part in parts if len(part) >= 8]
