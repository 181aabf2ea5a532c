"""Authentication: the last step of a request, and the only one that sees secrets."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, quote_plus

from hub.connector.auth_config import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    CustomHeaderAuth,
    NoAuth,
    OAuth2Auth,
)
from hub.connector.requests import Draft
from hub.connector.urls import origin
from hub.core.errors import BadDefinition, Problem, Refused
from hub.core.problems import pointer
from hub.outbound.calls import Call

Hide = Callable[[str], str]
HIDDEN = "****"
# Shorter texts are in everything by chance.
LEAST_TELLING_CHARS = 8


@dataclass(frozen=True, repr=False)
class Credentials:
    """What is added to each request; `known` are all texts that must not be seen outside of it."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, str], ...] = ()
    known: frozenset[str] = frozenset()

    def authenticated(self, draft: Draft, own_origin: str) -> Call:
        """Return the call with its credentials; they go to the connector's own origin and nowhere else."""
        if origin(draft.url) != own_origin:
            raise Refused("The request leads to another origin than the baseUrl; it was not sent.")
        headers = {**draft.headers, **self.headers}
        params = [*draft.params, *self.query]
        return Call(draft.method, draft.url, headers, params, self._content(draft))

    def is_in(self, text: str) -> bool:
        """Say whether a text that is kept, such as a cursor, carries a secret."""
        telling = [secret for secret in self.known if len(secret) >= LEAST_TELLING_CHARS]
        return bool(telling) and _any_of(telling).search(text) is not None

    def may_be_in(self, body: bytes) -> bool:
        """Say whether an answer may repeat a secret: a quick look that every page of a sync can afford."""
        return any(form.encode() in body for form in self.known if len(form) >= LEAST_TELLING_CHARS)

    def hider(self) -> Hide:
        """Return a function that replaces every known secret in a text."""
        if not self.known:
            return lambda text: text
        pattern = _any_of(self.known)
        return lambda text: pattern.sub(HIDDEN, text)

    def _content(self, draft: Draft) -> bytes | None:
        body = draft.body
        for name, value in self.body if body else ():
            body = body.with_field(name, value) if body else None
        return body.encoded() if body else None


def credentials(auth: Auth, secrets: Mapping[str, str]) -> Credentials:
    """Return what the stored `secrets` (by pointer) add to a request; a missing one raises BadDefinition."""
    made = _KINDS[type(auth)](auth, lambda place: _secret(secrets, place))
    values = [secret for secret in secrets.values() if secret]
    sent = [value for _, value in made.query] + [value.rpartition(" ")[2] for value in made.headers.values()]
    return replace(made, known=frozenset(form for value in [*values, *sent] for form in _forms(value) if form))


def query_names(auth: Auth) -> frozenset[str]:
    """Return the query parameters that authentication adds; they are never kept in a position."""
    is_in_query = isinstance(auth, ApiKeyAuth) and auth.key_location == "query"
    return frozenset({auth.key_name}) if isinstance(auth, ApiKeyAuth) and is_in_query else frozenset()


Get = Callable[[str], str]


def _none(_: NoAuth, __: Get) -> Credentials:
    return Credentials()


def _api_key(auth: ApiKeyAuth, secret: Get) -> Credentials:
    value = secret("/auth/keyValue")
    if auth.key_location == "header":
        return Credentials(headers={auth.key_name.lower(): value})
    pair = ((auth.key_name, value),)
    return Credentials(query=pair) if auth.key_location == "query" else Credentials(body=pair)


def _bearer(_: BearerAuth, secret: Get) -> Credentials:
    return Credentials(headers={"authorization": f"Bearer {secret('/auth/token')}"})


def _basic(auth: BasicAuth, secret: Get) -> Credentials:
    pair = base64.b64encode(f"{auth.username}:{secret('/auth/password')}".encode()).decode()
    return Credentials(headers={"authorization": f"Basic {pair}"})


def _oauth2(_: OAuth2Auth, secret: Get) -> Credentials:
    return Credentials(headers={"authorization": f"Bearer {secret('/auth/accessToken')}"})


def _custom_headers(auth: CustomHeaderAuth, secret: Get) -> Credentials:
    return Credentials(headers={name.lower(): secret(pointer(("auth", "headers", name))) for name in auth.headers})


def _secret(secrets: Mapping[str, str], place: str) -> str:
    if place not in secrets:
        raise BadDefinition("A secret is missing.", [Problem(place, "no secret is stored here; enter it")])
    return secrets[place]


def _any_of(secrets: Iterable[str]) -> re.Pattern[str]:
    """The longest first, so that nothing of it stays; in any case, since %2F and %2f are the same."""
    return re.compile("|".join(map(re.escape, sorted(secrets, key=len, reverse=True))), re.IGNORECASE)


def _forms(secret: str) -> set[str]:
    """Return how a secret can look in what a provider sends back: as it is, in a URL, in JSON, in base64."""
    encoded = quote(secret, safe="")
    return {
        secret,
        quote(secret),
        encoded,
        quote(encoded, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        base64.b64encode(secret.encode()).decode().rstrip("="),
    }


_KINDS: dict[type[Any], Callable[[Any, Get], Credentials]] = {
    NoAuth: _none,
    ApiKeyAuth: _api_key,
    BearerAuth: _bearer,
    BasicAuth: _basic,
    OAuth2Auth: _oauth2,
    CustomHeaderAuth: _custom_headers,
}
