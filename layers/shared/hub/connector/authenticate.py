"""Authentication: the last step of a request, and the only one that sees secrets."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, quote_plus, urlsplit

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
from hub.connector.urls import NO_PATH, is_path_text, origin
from hub.core.errors import BadDefinition, Problem, Refused
from hub.core.problems import pointer
from hub.outbound.calls import Call

Hide = Callable[[str], str]
HIDDEN = "****"
# Shorter texts are in everything by chance.
LEAST_TELLING_CHARS = 8
ACCESS_TOKEN = "/auth/accessToken"  # noqa: S105  a place, not a secret


class TokenSource(Protocol):
    """Where an OAuth 2.0 connector's access token comes from; both raise Retryable or Refused."""

    def current(self) -> str:
        """Return an access token that is good as far as the hub knows."""
        ...

    def renewed(self, rejected: str) -> str:
        """Return another access token than the one that the provider refused."""
        ...

    def known(self) -> frozenset[str]:
        """Return every token, access and refresh, that has been in use since the source was made."""
        ...


@dataclass(frozen=True, repr=False)
class Credentials:
    """What is added to each request; `known` are all texts that must not be seen outside of it."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    path: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, str], ...] = ()
    known: frozenset[str] = frozenset()

    def authenticated(self, draft: Draft, own_origin: str) -> Call:
        """Return the call with its credentials; they go to the connector's own origin and nowhere else."""
        if origin(draft.url) != own_origin:
            raise Refused("The request leads to another origin than the baseUrl; it was not sent.")
        headers, content = self._sent(draft)
        params = [*draft.params, *self.query]
        url = self._with_path(draft.url) if self.path else draft.url
        return Call(draft.method, url, {**headers, **self.headers}, params, content)

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

    def _with_path(self, url: str) -> str:
        """Return the URL with the key in its path, and nowhere else; `/{key}` takes one that begins with '/' too."""
        parts = urlsplit(url)
        path = parts.path
        for name, value in self.path:
            place = f"{{{name}}}"
            path = path.replace(f"/{place}", f"/{value.lstrip('/')}").replace(place, value)
        return parts._replace(path=path).geturl()

    def _sent(self, draft: Draft) -> tuple[Mapping[str, str], bytes | None]:
        body = draft.body
        if body is None:
            return draft.headers, None
        for name, value in self.body:
            body = body.with_field(name, value)
        return body.sent(draft.headers)


class Signer:
    """The credentials of a run: they stay the same, but for access tokens, which are asked for before each page."""

    def __init__(self, auth: Auth, secrets: Mapping[str, str], tokens: TokenSource | None = None) -> None:
        self._auth, self._secrets = auth, secrets
        self._tokens = tokens if isinstance(auth, OAuth2Auth) else None
        self._token = ""
        unsigned = Credentials(known=forms_of(secrets.values()))
        self._credentials = unsigned if self._tokens else credentials(auth, secrets)

    def known(self) -> Credentials:
        """Return the credentials as far as they are known without asking for a token."""
        return self._credentials

    def credentials(self) -> Credentials:
        return self._with(self._tokens, self._tokens.current()) if self._tokens else self._credentials

    def renewed(self) -> Credentials | None:
        """Return other credentials than those that were refused, None where there can be no others."""
        return self._with(self._tokens, self._tokens.renewed(self._token)) if self._tokens else None

    def _with(self, tokens: TokenSource, token: str) -> Credentials:
        if token != self._token:
            made = credentials(self._auth, {**self._secrets, ACCESS_TOKEN: token})
            # An answer may repeat a token that has been replaced since.
            former = frozenset(form for known in tokens.known() for form in _forms(known) if form)
            self._credentials = replace(made, known=made.known | former)
            self._token = token
        return self._credentials


def credentials(auth: Auth, secrets: Mapping[str, str]) -> Credentials:
    """Return what the stored `secrets` (by pointer) add to a request; a missing one raises BadDefinition."""
    made = _KINDS[type(auth)](auth, lambda place: _secret(secrets, place))
    values = [secret for secret in secrets.values() if secret]
    sent = [value for _, value in made.query] + [value.rpartition(" ")[2] for value in made.headers.values()]
    sent += [value.strip("/") for _, value in made.path]
    return replace(made, known=frozenset(form for value in [*values, *sent] for form in _forms(value) if form))


def hiding(secrets: Iterable[str]) -> Hide:
    """Return a function that replaces these texts in another, in every form that they can take there."""
    return Credentials(known=forms_of(secrets)).hider()


def forms_of(secrets: Iterable[str]) -> frozenset[str]:
    """Return these texts in every form in which a provider may send them back."""
    return frozenset(form for secret in secrets for form in _forms(secret) if form)


def query_names(auth: Auth) -> frozenset[str]:
    """Return the query parameters that authentication adds; they are never kept in a position."""
    is_in_query = isinstance(auth, ApiKeyAuth) and auth.key_location == "query"
    return frozenset({auth.key_name}) if isinstance(auth, ApiKeyAuth) and is_in_query else frozenset()


def path_key(auth: Auth) -> str | None:
    """Return the path variable that authentication fills, None where there is none."""
    return auth.key_name if isinstance(auth, ApiKeyAuth) and auth.key_location == "path" else None


Get = Callable[[str], str]


def _none(_: NoAuth, __: Get) -> Credentials:
    return Credentials()


def _api_key(auth: ApiKeyAuth, secret: Get) -> Credentials:
    value = secret("/auth/keyValue")
    if auth.key_location == "header":
        return Credentials(headers={auth.key_name.lower(): value})
    if auth.key_location == "path" and not is_path_text(value):
        raise BadDefinition("A secret cannot be sent.", [Problem("/auth/keyValue", NO_PATH)])
    pair = ((auth.key_name, value),)
    made = {"query": Credentials(query=pair), "path": Credentials(path=pair), "body": Credentials(body=pair)}
    return made[auth.key_location]


def _bearer(auth: BearerAuth, secret: Get) -> Credentials:
    return _authorized(auth.token_prefix, secret("/auth/token"))


def _authorized(prefix: str, token: str) -> Credentials:
    return Credentials(headers={"authorization": f"{prefix} {token}" if prefix else token})


def _basic(auth: BasicAuth, secret: Get) -> Credentials:
    pair = base64.b64encode(f"{auth.username}:{secret('/auth/password')}".encode()).decode()
    return Credentials(headers={"authorization": f"Basic {pair}"})


def _oauth2(auth: OAuth2Auth, secret: Get) -> Credentials:
    return _authorized(auth.token_prefix, secret(ACCESS_TOKEN))


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
