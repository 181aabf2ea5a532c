"""The secret fields of a definition: where they are, and the handles that stand for them once they are stored.

Everything here works on the raw JSON, by JSON pointer (`/auth/token`, `/auth/headers/X-Key`), and changes nothing in
place. A handle `{{encrypted:<mask>}}` in a secret field means "unchanged"; anywhere else it is refused.
"""

from collections.abc import Callable, Iterator
from typing import Any

from hub.connector.urls import BadUrl, origin
from hub.core.problems import pointer

Json = dict[str, Any]
Place = tuple[str | int, ...]

HANDLE_START, HANDLE_END = "{{encrypted:", "}}"
SHOWN_FROM = 20
_IN_AUTH = ("keyValue", "token", "password", "clientSecret", "accessToken", "refreshToken")
CLIENT_SECRET, REFRESH_TOKEN = "/auth/clientSecret", "/auth/refreshToken"
_FOR_TOKEN_URL = frozenset({CLIENT_SECRET, REFRESH_TOKEN})
WEBHOOK_SECRET = "/webhookConfig/webhookSecret"  # noqa: S105  a place, not a secret


def secret_fields(raw: Json) -> dict[str, str]:
    """Return the values of all secret fields that are present, plain or handles, by pointer."""
    auth, webhook = _object(raw, "auth"), _object(raw, "webhookConfig")
    found = {f"/auth/{name}": auth[name] for name in _IN_AUTH if name in auth}
    found |= {pointer(("auth", "headers", name)): value for name, value in _object(auth, "headers").items()}
    found |= {WEBHOOK_SECRET: webhook["webhookSecret"]} if "webhookSecret" in webhook else {}
    return {place: value for place, value in found.items() if isinstance(value, str)}


def extract_secrets(raw: Json) -> tuple[Json, dict[str, str]]:
    """Return the definition with a handle for every plain secret, and those secrets by pointer."""
    plain = {place: value for place, value in secret_fields(raw).items() if not is_handle(value)}

    def replaced(place: str, value: Any) -> Any:
        return _handle_at(place, plain[place]) if place in plain else value

    return _with_secret_fields(raw, replaced), plain


def secret_handles(raw: Json) -> set[str]:
    """Return the pointers of the secret fields that hold a handle: the secrets to keep."""
    return {place for place, value in secret_fields(raw).items() if is_handle(value)}


def origins(raw: Json) -> dict[str, str]:
    """Return, by pointer, the origins each secret is sent to; a stored secret must not follow a change of them.

    They are those of the baseUrl and of the endpoints that have another one. What goes to the tokenUrl is bound to them
    too: the access token that it gives is sent there. Where tokens can be revoked, they are sent there as well. A
    webhook secret is sent nowhere and has none.
    """
    auth, called = _object(raw, "auth"), _called(raw)
    token = _origin_of(auth.get("tokenUrl"))
    revoked = f" {_origin_of(auth['revocationUrl'])}" if auth.get("revocationUrl") else ""
    of_tokens = dict.fromkeys(_FOR_TOKEN_URL, f"{token} {called}{revoked}") | {"/auth/accessToken": called + revoked}
    return {place: of_tokens.get(place, called) for place in secret_fields(raw).keys() - {WEBHOOK_SECRET}}


def _called(raw: Json) -> str:
    """Return the origins that endpoints are called at, that of the baseUrl first."""
    base = _origin_of(raw.get("baseUrl"))
    endpoints = raw.get("endpoints")
    own = [each.get("baseUrl") for each in endpoints if isinstance(each, dict)] if isinstance(endpoints, list) else []
    others = {_origin_of(url) for url in own if url is not None} - {base}
    return " ".join([base, *sorted(others)])


def misplaced_handles(raw: Any) -> list[str]:
    """Return the pointers of all texts that contain a handle and are not a secret field that is one."""
    allowed = secret_handles(raw) if isinstance(raw, dict) else set()
    found = [pointer(place) for place, text in _texts(raw, ()) if HANDLE_START in text]
    return [place for place in found if place not in allowed]


def is_handle(value: str) -> bool:
    return value.startswith(HANDLE_START) and value.endswith(HANDLE_END)


def handle_for(secret: str) -> str:
    shown = f"{secret[:4]}...{secret[-4:]}" if len(secret) >= SHOWN_FROM else "****"
    return f"{HANDLE_START}{shown}{HANDLE_END}"


def _handle_at(place: str, secret: str) -> str:
    """Return the handle; that of a webhook secret shows no part of it, which the next rotation would belie."""
    return handle_for("" if place == WEBHOOK_SECRET else secret)


def _with_secret_fields(raw: Json, change: Callable[[str, Any], Any]) -> Json:
    copy = dict(raw)
    for name in ("auth", "webhookConfig"):
        if isinstance(raw.get(name), dict):
            copy[name] = {key: change(pointer((name, key)), value) for key, value in raw[name].items()}
    headers = _object(_object(raw, "auth"), "headers")
    if headers:
        changed = {key: change(pointer(("auth", "headers", key)), value) for key, value in headers.items()}
        copy["auth"] = {**copy["auth"], "headers": changed}
    return copy


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, (*place, index))
    elif isinstance(value, dict):
        for name, child in value.items():
            yield place, str(name)
            yield from _texts(child, (*place, name))


def _origin_of(url: Any) -> str:
    """A URL that cannot be read is an origin of its own, so that no secret follows it."""
    try:
        return origin(url) if isinstance(url, str) else ""
    except BadUrl:
        return str(url)


def _object(raw: Any, name: str) -> Json:
    value = raw.get(name) if isinstance(raw, dict) else None
    return value if isinstance(value, dict) else {}
