"""OpenAPI's security schemes as the format's `auth`; the secrets themselves are never in a document."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from hub.integrations.importing.credentials import AWAITED
from hub.integrations.importing.references import References
from hub.integrations.importing.warnings import Place, Warnings

Json = dict[str, Any]

CLIENT_ID, USER_NAME = "enter-the-client-id", "enter-the-user-name"
SCHEMES: Place = ("openapi", "components", "securitySchemes")
SECURITY: Place = ("openapi", "security")


class Security:
    """Chooses one way to authenticate for the whole connector."""

    def __init__(self, document: Json, base_url: str, references: References, warnings: Warnings) -> None:
        components = document.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        self._schemes: Json = schemes if isinstance(schemes, dict) else {}
        self._document = document
        self._base_url = base_url
        self._references = references
        self._warnings = warnings

    def auth(self, operations: Iterator[tuple[Place, Json]]) -> Json:
        """Return the auth of the document, else of its first operation that has one, else of its first scheme.

        An operation that wants another one gets a warning.
        """
        wanted = [(place, operation["security"]) for place, operation in operations if "security" in operation]
        chosen = _first(self._document.get("security"))
        if chosen is None:
            chosen = next((each for _, asked in wanted if (each := _first(asked))), None)
        if chosen is None and self._schemes and "security" not in self._document and not wanted:
            chosen = {next(iter(self._schemes)): []}
            self._warnings.add(SECURITY, "says not which scheme is used; the first one was taken")
        chosen = chosen or {}
        for place, asked in wanted:
            if not _is_met(asked, chosen):
                self._warnings.add((*place, "security"), "wants another way to authenticate than the connector has")
        return self._auth_of(chosen)

    def _auth_of(self, wanted: Mapping[str, Any]) -> Json:
        made = [(name, self._one(name, scopes)) for name, scopes in wanted.items()]
        kinds = [auth for _, auth in made if auth["type"] != "none"]
        if len(kinds) < 2:
            return kinds[0] if kinds else {"type": "none"}
        headers = [header for auth in kinds for header in _headers(auth)]
        if all(_headers(auth) for auth in kinds):
            return {"type": "custom_headers", "headers": dict.fromkeys(headers, AWAITED)}
        self._warnings.add(SECURITY, "wants several ways to authenticate at once; the first was taken")
        return kinds[0]

    def _one(self, name: str, scopes: Any) -> Json:
        where = (*SCHEMES, name)
        scheme, _ = self._references.resolved(self._schemes.get(name), where)
        kind = scheme.get("type")
        make = _MAKE.get(kind) if isinstance(kind, str) else None
        auth = make(self, scheme, scopes, where) if make else None
        if auth is None:
            self._warnings.add(where, "this way to authenticate is not available; auth is none, set another one")
            return {"type": "none"}
        if auth["type"] != "none":
            self._warnings.add(where, "the document holds no secret; enter it before the first call (secretsRequired)")
        return auth

    def _api_key(self, scheme: Json, _: Any, where: Place) -> Json | None:
        name, place = scheme.get("name"), scheme.get("in")
        if not isinstance(name, str) or not name:
            return None
        if place == "cookie":
            message = (
                f"the key goes into a cookie; enter `name=value` as /auth/headers/Cookie, its name is {name[:60]!r}"
            )
            self._warnings.add(where, message)
            return {"type": "custom_headers", "headers": {"Cookie": AWAITED}}
        if place == "header" and name.lower() == "authorization":
            return {"type": "custom_headers", "headers": {"Authorization": AWAITED}}
        if place not in ("header", "query"):
            return None
        return {"type": "api_key", "keyName": name, "keyLocation": place, "keyValue": AWAITED}

    def _http(self, scheme: Json, _: Any, where: Place) -> Json | None:
        kind = str(scheme.get("scheme") or "").lower()
        if kind == "basic":
            self._warnings.add((*where, "username"), "set auth.username; the document does not name a user")
            return {"type": "basic", "username": USER_NAME, "password": AWAITED}
        return {"type": "bearer", "token": AWAITED} if kind == "bearer" else None

    def _oauth2(self, scheme: Json, scopes: Any, where: Place) -> Json | None:
        flows = scheme.get("flows") if isinstance(scheme.get("flows"), dict) else {}
        for name, grant in (("clientCredentials", "client_credentials"), ("authorizationCode", "authorization_code")):
            flow = flows.get(name) if isinstance(flows, dict) else None
            if isinstance(flow, dict) and isinstance(flow.get("tokenUrl"), str):
                self._warnings.add((*where, "flows", name), "set auth.clientId; the document does not name a client")
                return {
                    "type": "oauth2",
                    "grantType": grant,
                    "tokenUrl": self._absolute(flow["tokenUrl"]),
                    "clientId": CLIENT_ID,
                    "clientSecret": AWAITED,
                    **self._authorization(flow, name),
                    **_scope(scopes),
                }
        self._warnings.add(where, "has no flow that the hub can run; enter an access token as auth.token")
        return {"type": "bearer", "token": AWAITED}

    def _authorization(self, flow: Json, name: str) -> Json:
        url = flow.get("authorizationUrl")
        if name != "authorizationCode" or not isinstance(url, str):
            return {}
        return {"authorizationUrl": self._absolute(url)}

    def _open_id(self, _: Json, __: Any, where: Place) -> Json | None:
        self._warnings.add(where, "OpenID Connect is not discovered; enter an access token as auth.token")
        return {"type": "bearer", "token": AWAITED}

    def _absolute(self, url: str) -> str:
        try:
            return urljoin(f"{self._base_url}/", url)
        except ValueError:
            return url


_MAKE: dict[str, Callable[[Security, Json, Any, Place], Json | None]] = {
    "apiKey": Security._api_key,
    "http": Security._http,
    "oauth2": Security._oauth2,
    "openIdConnect": Security._open_id,
}


def _first(requirements: Any) -> Json | None:
    """Return the first of the alternatives; {} means that none is needed."""
    found = [each for each in requirements if isinstance(each, dict)] if isinstance(requirements, list) else []
    return next((each for each in found if each), {} if isinstance(requirements, list) else None)


def _is_met(asked: Any, chosen: Mapping[str, Any]) -> bool:
    alternatives = asked if isinstance(asked, list) else []
    return not alternatives or any(
        isinstance(each, dict) and (not each or each.keys() == chosen.keys()) for each in alternatives
    )


def _headers(auth: Json) -> list[str]:
    if auth["type"] == "api_key" and auth["keyLocation"] == "header":
        return [auth["keyName"]]
    return {"bearer": ["Authorization"], "custom_headers": list(auth.get("headers", ()))}.get(auth["type"], [])


def _scope(scopes: Any) -> Json:
    names = [name for name in scopes if isinstance(name, str)] if isinstance(scopes, list) else []
    text = " ".join(names)
    return {"scope": text} if 0 < len(text) <= 4096 else {}
