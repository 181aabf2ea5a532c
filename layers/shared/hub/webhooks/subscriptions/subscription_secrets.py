"""The secrets of a subscription: which parts of its authentication and headers are some, and which a change drops.

Authentication is stored in the connectors' form, so that one engine signs both; `authConfig` is how S004's users write
it. Secrets leave both for the vault, by JSON pointer, and leave a handle behind.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.connector.secrets import extract_secrets, handle_for, is_handle, origins, secret_handles
from hub.core.errors import BadHandle, Problem
from hub.core.problems import pointer

Json = dict[str, Any]

NONE: Json = {"type": "none"}
SECRET_HEADER = re.compile(
    r"authorization|cookie|key|token|secret|password|credential|signature|session|(?:^|-)auth(?:-|$)", re.IGNORECASE
)
# For each authType the word of its secret in `authConfig` and in the connectors' form.
SECRET_WORDS = {
    "basic": ("password", "password"),
    "bearer": ("token", "token"),
    "api_key": ("apiKey", "keyValue"),
    "oauth2": ("clientSecret", "clientSecret"),
}
_SHOWN = {
    "/auth/keyValue": "/authConfig/apiKey",
    "/auth/keyName": "/authConfig/headerName",
    "/auth/tokenParams/audience": "/authConfig/audience",
}


@dataclass(frozen=True)
class Sealed:
    """What is stored of authentication and headers; `entered` are the new secrets in clear, by pointer."""

    auth: Json
    headers: dict[str, str]
    entered: Mapping[str, str]
    kept: frozenset[str]
    missing: frozenset[str]

    @property
    def stored(self) -> list[str]:
        return sorted(self.kept | self.entered.keys())

    def __repr__(self) -> str:
        return f"Sealed({sorted(self.entered)})"


@dataclass(frozen=True)
class Present:
    """What a subscription has before a change; nothing at all for a new one."""

    url: str = ""
    auth: Json | None = None
    headers: Mapping[str, str] | None = None
    stored: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()


def seal(url: str, auth: Json, headers: Mapping[str, str], present: Present) -> Sealed:
    """Decide what becomes of each secret: entered, kept, or missing because it was entered for another origin.

    Otherwise whoever may edit the address could have a stored secret sent to a host of their choice. Raises BadHandle.
    """
    shown, entered = extract_secrets({"baseUrl": url, "auth": auth})
    plain = {name: value for name, value in headers.items() if is_secret_header(name) and not is_handle(value)}
    entered |= {_header_place(name): value for name, value in plain.items()}
    hidden = {name: handle_for(value) if name in plain else value for name, value in headers.items()}
    wanted = secret_handles(shown) | _header_handles(hidden)
    _refuse_unknown_handles(wanted - entered.keys(), present.stored | present.missing)
    before = _origins(present.url, present.auth or NONE, present.headers or {})
    after = _origins(url, auth, headers)
    open_places = wanted - entered.keys()
    missing = {place for place in open_places if place not in present.stored or before.get(place) != after.get(place)}
    return Sealed(shown["auth"], hidden, entered, frozenset(open_places - missing), frozenset(missing))


def is_secret_header(name: str) -> bool:
    return SECRET_HEADER.search(name) is not None


def shown_place(place: str) -> str:
    """Return where a secret stands in the words of S004: `/authConfig/token` for `/auth/token`."""
    return _SHOWN.get(place) or re.sub(r"^/auth/", "/authConfig/", place)


def shown_config(auth: Json) -> Json | None:
    """Return `authConfig` as it is answered: what was written, a handle for its secret."""
    show = _CONFIGS.get(auth["type"])
    return show(auth) if show else None


def _api_key_shown(auth: Json) -> Json:
    name = "queryName" if auth["keyLocation"] == "query" else "headerName"
    return {"apiKey": auth["keyValue"], name: auth["keyName"]}


def _oauth2_shown(auth: Json) -> Json:
    shown = {name: auth[name] for name in ("tokenUrl", "clientId", "clientSecret", "scope") if name in auth}
    return {**shown, **auth.get("tokenParams", {})}


_CONFIGS = {
    "basic": lambda auth: {name: auth[name] for name in ("username", "password")},
    "bearer": lambda auth: {"token": auth["token"]},
    "api_key": _api_key_shown,
    "oauth2": _oauth2_shown,
}


def _header_place(name: str) -> str:
    return pointer(("headers", name))


def _header_handles(headers: Mapping[str, str]) -> set[str]:
    return {_header_place(name) for name, value in headers.items() if is_handle(value)}


def _origins(url: str, auth: Json, headers: Mapping[str, str]) -> dict[str, str]:
    found = origins({"baseUrl": url, "auth": auth})
    own = origins({"baseUrl": url, "auth": {"token": ""}})["/auth/token"]
    return {**found, **{_header_place(name): own for name in headers}}


def _refuse_unknown_handles(wanted: set[str], known: frozenset[str]) -> None:
    unknown = [shown_place(place) for place in sorted(wanted - known)]
    if unknown:
        problems = [Problem(place, "a handle means 'unchanged', and no secret is stored here") for place in unknown]
        raise BadHandle("A secret handle stands where no secret is stored.", problems)
