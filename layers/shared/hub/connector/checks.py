"""What a definition must be beyond the shape of its JSON: address, headers, authentication, names."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from hub.connector.auth_config import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    CustomHeaderAuth,
    OAuth2Auth,
    Revocation,
    TokenFields,
)
from hub.connector.request_config import Endpoint
from hub.connector.secrets import is_handle
from hub.connector.token_requests import OF_THE_CONSENT, OF_THE_GRANT, epoch_of
from hub.connector.urls import NO_PATH, BadUrl, is_path_text, parse_base_url, parse_url
from hub.connector.variables import BadText, filler
from hub.core.errors import Problem
from hub.core.problems import pointer
from hub.mapping.paths import BadPath, getter
from hub.outbound.calls import CLIENT_HEADERS, HEADER_NAME, HEADER_VALUE

SECRET_NAME = re.compile(r"^(?:authorization|proxy-authorization|cookie)$|token|secret|api[-_]?key|password", re.I)
_NO_CONTROL = re.compile(r"[^\x00-\x1f\x7f]*")
# Dropbox calls so what says whether the user's absence is allowed for.
NAMED_LIKE_A_SECRET = frozenset({"token_access_type"})
_PARAM_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")


def check_base_url(url: str | None, integration_type: Any) -> Iterator[Problem]:
    if url is None:
        if integration_type != "webhook":
            yield Problem("/baseUrl", "expected a URL such as https://api.example.com/v1, found nothing")
        return
    yield from check_address(url, "/baseUrl")


def check_address(url: str | None, place: str) -> Iterator[Problem]:
    try:
        if url is not None:
            parse_base_url(url)
    except BadUrl as cause:
        yield Problem(place, str(cause))


def check_names(endpoints: Sequence[tuple[int, Endpoint]]) -> Iterator[Problem]:
    """Each endpoint comes with its index in the definition."""
    for name in ("id", "name"):
        seen: dict[str, int] = {}
        for index, endpoint in endpoints:
            value = getattr(endpoint, name)
            if seen.setdefault(value, index) != index:
                yield Problem(
                    f"/endpoints/{index}/{name}", f"{value!r} is the {name} of /endpoints/{seen[value]} already"
                )


def check_headers(headers: Mapping[str, str], place: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for name, value in headers.items():
        where = place + pointer((name,))
        if fault := _header_fault(name, value) or ("is there twice" if name.lower() in seen else None):
            yield Problem(where, fault)
        seen.add(name.lower())


def check_path(path: str | None, place: str) -> Iterator[Problem]:
    try:
        if path is not None:
            getter(path)
    except BadPath as cause:
        yield Problem(place, str(cause))


def is_secret_name(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def _header_fault(name: str, value: str) -> str | None:
    if fault := header_name_fault(name):
        return fault
    if is_secret_name(name):
        return "looks like a secret; put it into auth (type custom_headers), where it is encrypted"
    if not HEADER_VALUE.fullmatch(value):
        return "expected printable ASCII without line breaks"
    try:
        filler(value)
    except BadText as cause:
        return str(cause)
    return None


def header_name_fault(name: str) -> str | None:
    if not HEADER_NAME.fullmatch(name):
        return "expected a header name"
    if name.lower() in CLIENT_HEADERS:
        return "is set by the hub; leave it out"
    return None


# Authentication


def check_auth(auth: Auth | None, integration_type: Any) -> Iterator[Problem]:
    if auth is None:
        if integration_type != "webhook":
            yield Problem("/auth", 'expected an object with a type; {"type": "none"} says that there is none')
        return
    check = _CHECKS.get(type(auth))
    if check is not None:
        yield from check(auth)


def _api_key(auth: ApiKeyAuth) -> Iterator[Problem]:
    if auth.key_location == "path" and not is_handle(auth.key_value) and not is_path_text(auth.key_value):
        yield Problem("/auth/keyValue", NO_PATH)
    if auth.key_location != "header":
        return
    if fault := header_name_fault(auth.key_name):
        yield Problem("/auth/keyName", fault)
    yield from _header_secret(auth.key_value, "/auth/keyValue")


def _bearer(auth: BearerAuth) -> Iterator[Problem]:
    yield from _header_secret(auth.token, "/auth/token")


def _basic(auth: BasicAuth) -> Iterator[Problem]:
    # RFC 7617: the first colon ends the user name.
    if ":" in auth.username or not _NO_CONTROL.fullmatch(auth.username):
        yield Problem("/auth/username", "expected a user name without ':' and control characters")
    if not _NO_CONTROL.fullmatch(auth.password):
        yield Problem("/auth/password", "expected a password without control characters")


def _custom_headers(auth: CustomHeaderAuth) -> Iterator[Problem]:
    if len({name.lower() for name in auth.headers}) < len(auth.headers):
        yield Problem("/auth/headers", "a header is there twice, in upper and lower case")
    for name, value in auth.headers.items():
        where = pointer(("auth", "headers", name))
        if fault := header_name_fault(name):
            yield Problem(where, fault)
        yield from _header_secret(value, where)


def _oauth2(auth: OAuth2Auth) -> Iterator[Problem]:
    urls = {"tokenUrl": auth.token_url, "authorizationUrl": auth.authorization_url, "redirectUri": auth.redirect_uri}
    for name, url in urls.items():
        if url is not None:
            yield from _url(url, f"/auth/{name}")
    yield from _revocation(auth)
    if auth.grant_type == "authorization_code" and auth.authorization_url is None:
        yield Problem("/auth/authorizationUrl", "expected a URL, since grantType is 'authorization_code'")
    if auth.grant_type == "refresh_token" and auth.refresh_token is None:
        yield Problem("/auth/refreshToken", "expected a value, since grantType is 'refresh_token'")
    if auth.access_token is not None:
        yield from _header_secret(auth.access_token, "/auth/accessToken")
    if auth.expires_at is not None and epoch_of(auth.expires_at) is None:
        yield Problem("/auth/expiresAt", "expected a time such as 2026-11-21T14:30:00Z")
    yield from _params("tokenParams", auth.token_params, OF_THE_GRANT)
    yield from _params("authorizationParams", auth.authorization_params, OF_THE_CONSENT)
    yield from _token_fields(auth.token_fields or TokenFields())


def _revocation(auth: OAuth2Auth) -> Iterator[Problem]:
    how, url = auth.revocation or Revocation(), auth.revocation_url
    if url is None:
        if auth.revocation is not None:
            yield Problem("/auth/revocationUrl", "expected a URL, since revocation says how it is called")
        return
    is_in_path = how.location == "path"
    if is_in_path is not ("{token}" in url):
        told = "with {token} where the token goes" if is_in_path else "without {token}, which only location 'path' has"
        yield Problem("/auth/revocationUrl", f"expected a URL {told}")
    if how.location == "form" and how.method == "DELETE":
        yield Problem("/auth/revocation/location", "expected 'query', 'path' or 'bearer': DELETE sends no form")
    yield from _url(url.replace("{token}", "token") if is_in_path else url, "/auth/revocationUrl")


def _params(word: str, params: Mapping[str, str], sent: Collection[str]) -> Iterator[Problem]:
    """Check what is added to a request of the grant; `sent` is what the hub says there itself."""
    for name in params:
        place = pointer(("auth", word, name))
        if name.lower() in sent:
            yield Problem(place, "is sent by the hub; leave it out")
        elif not _PARAM_NAME.fullmatch(name):
            yield Problem(place, "expected a name of 1 to 200 characters without spaces")
        elif is_secret_name(name) and name not in NAMED_LIKE_A_SECRET:
            yield Problem(place, f"looks like a secret, and {word} are not encrypted; leave it out")


def _token_fields(fields: TokenFields) -> Iterator[Problem]:
    paths = {pointer((name,)): path for name, path in fields.model_dump(by_alias=True, exclude={"fields"}).items()}
    paths |= {pointer(("fields", name)): path for name, path in fields.fields.items()}
    for place, path in paths.items():
        try:
            getter(path)
        except BadPath as cause:
            yield Problem(f"/auth/tokenFields{place}", str(cause))


def _url(url: str, place: str) -> Iterator[Problem]:
    try:
        parse_url(url)
    except BadUrl as cause:
        yield Problem(place, str(cause))


def _header_secret(value: str, place: str) -> Iterator[Problem]:
    if not is_handle(value) and (not HEADER_VALUE.fullmatch(value) or value != value.strip()):
        yield Problem(place, "expected printable ASCII without line breaks and without spaces around it")


_CHECKS: dict[type, Any] = {
    ApiKeyAuth: _api_key,
    BearerAuth: _bearer,
    BasicAuth: _basic,
    CustomHeaderAuth: _custom_headers,
    OAuth2Auth: _oauth2,
}
