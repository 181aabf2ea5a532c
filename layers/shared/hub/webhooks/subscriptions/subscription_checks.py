"""What a subscription must be beyond the shape of its JSON: addresses, headers, authentication, names of events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from hub.connector.auth_config import ApiKeyAuth, BasicAuth, BearerAuth, NoAuth, OAuth2Auth
from hub.connector.checks import check_auth
from hub.connector.secrets import HANDLE_START, is_handle
from hub.core import jsontext
from hub.core.errors import Problem
from hub.core.problems import found_in, pointer
from hub.outbound.calls import CLIENT_HEADERS, HEADER_NAME, HEADER_VALUE
from hub.outbound.guard import Guard
from hub.webhooks.events.built_in_types import BY_ALIAS
from hub.webhooks.events.filters import check_filter
from hub.webhooks.events.match import pattern_fault
from hub.webhooks.subscriptions.subscription_models import (
    ApiKeyConfig,
    BasicConfig,
    BearerConfig,
    NewSubscription,
    OAuth2Config,
    Written,
)
from hub.webhooks.subscriptions.subscription_secrets import NONE, SECRET_WORDS, shown_place

Json = dict[str, Any]

LONGEST_HEADERS_BYTES = 16 * 1024
LONGEST_TEMPLATE_BYTES = 64 * 1024
_SET_BY_HUB = frozenset({"content-type", "content-encoding", "user-agent", "accept-encoding"})
_PREFIXES_OF_HUB = ("webhook-", "x-webhook-")
_CONFIGS: dict[str, type[Written]] = {
    "basic": BasicConfig,
    "bearer": BearerConfig,
    "api_key": ApiKeyConfig,
    "oauth2": OAuth2Config,
}
_AUTHS = {"none": NoAuth, "basic": BasicAuth, "bearer": BearerAuth, "api_key": ApiKeyAuth, "oauth2": OAuth2Auth}


def read_auth(wanted: NewSubscription, present: Json, faults: list[Problem]) -> Json:
    """Return `authType` and `authConfig` in the connectors' form; without a config that of the same type stays.

    What is wrong is added to `faults`.
    """
    auth_type, written = wanted.authType.lower(), wanted.authConfig
    if auth_type == "none":
        if written:
            faults.append(Problem("/authConfig", "expected nothing, since authType is NONE"))
        return NONE
    if written is None and present["type"] == auth_type:
        return present
    try:
        config = _CONFIGS[auth_type].model_validate(written or {})
    except ValidationError as error:
        faults += [Problem(f"/authConfig{found.pointer}", found.message) for found in found_in(error)]
        return NONE
    auth = _FORMS[auth_type](config)
    _keep_secret(auth, present, faults)
    faults += _auth_faults(auth)
    return auth


def address_faults(guard: Guard, url: str, auth: Json) -> Iterator[Problem]:
    """Yield why an address is one that the hub never calls. Names are resolved when they are called, each time."""
    for place, address in {"/url": url, "/authConfig/tokenUrl": auth.get("tokenUrl")}.items():
        if address and (fault := guard.refusal(address)):
            yield Problem(place, fault)


def header_faults(headers: Mapping[str, str], auth: Json) -> Iterator[Problem]:
    seen, of_auth = set(), _header_of_auth(auth)
    for name, value in headers.items():
        place, lower = pointer(("headers", name)), name.lower()
        if fault := header_name_fault(name) or _header_value_fault(value):
            yield Problem(place, fault)
        elif lower in seen:
            yield Problem(place, "is there twice, in upper and lower case")
        elif lower == of_auth:
            yield Problem(place, "is set by the authType; leave it out")
        seen.add(lower)
    if sum(len(name) + len(value) for name, value in headers.items()) > LONGEST_HEADERS_BYTES:
        yield Problem("/headers", f"expected at most {LONGEST_HEADERS_BYTES} bytes in all")


def header_name_fault(name: str) -> str | None:
    """Return why a subscription may not set a header; the hub sets some itself."""
    lower = name.lower()
    if not HEADER_NAME.fullmatch(name) or len(name) > 200:
        return "expected a header name"
    if lower in CLIENT_HEADERS | _SET_BY_HUB or lower.startswith(_PREFIXES_OF_HUB):
        return "is set by the hub; leave it out"
    return None


def event_type_faults(names: Sequence[str]) -> Iterator[Problem]:
    """Yield what is no name of an event and no pattern such as `contact.*`; a type need not be described first."""
    for index, name in enumerate(names):
        if fault := pattern_fault(name):
            yield Problem(f"/eventTypes/{index}", fault)


def cards_event_faults(names: Sequence[str]) -> Iterator[Problem]:
    """Yield what is none of the product's events: its users may not listen to all that happens in their tenant."""
    for index, name in enumerate(names):
        if name not in BY_ALIAS and name not in BY_ALIAS.values():
            yield Problem(f"/events/{index}", f"expected one of {', '.join(BY_ALIAS)}")


def template_faults(template: Any) -> list[Problem]:
    """Return why a transformTemplate cannot be used; None is none."""
    from hub.mapping.templates import BadTemplate, compile_template

    if template is None:
        return []
    if len(jsontext.canonical(template)) > LONGEST_TEMPLATE_BYTES:
        return [Problem("/transformTemplate", f"expected at most {LONGEST_TEMPLATE_BYTES} bytes")]
    try:
        compile_template(template)
    except BadTemplate as error:
        return [Problem(f"/transformTemplate{error.pointer}", error.message)]
    return []


def filter_faults(raw: Any) -> list[Problem]:
    """Return why a filter cannot be used; None is none."""
    found = [] if raw is None else check_filter(raw)
    return [Problem(f"/filter{each.pointer}", each.message) for each in found]


def stray_handles(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield where the text of a handle stands that is no secret field: it would be sent as it is."""
    for name, value in fields.items():
        if HANDLE_START in str(value):
            yield Problem(f"/{name}", "holds a secret handle, and this is no secret field")


def _header_value_fault(value: str) -> str | None:
    if is_handle(value):
        return None
    if not HEADER_VALUE.fullmatch(value) or value != value.strip():
        return "expected printable ASCII without line breaks and without spaces around it"
    return None


def _header_of_auth(auth: Json) -> str:
    if auth["type"] == "api_key":
        return str(auth["keyName"]).lower() if auth["keyLocation"] == "header" else ""
    return "" if auth["type"] == "none" else "authorization"


def _keep_secret(auth: Json, present: Json, faults: list[Problem]) -> None:
    """Let the secret that is there stand in for one that was not written, if it is of the same type."""
    word, name = SECRET_WORDS[auth["type"]]
    if auth[name] is None:
        auth[name] = present.get(name) if present["type"] == auth["type"] else None
    if auth[name] is None:
        auth[name] = ""
        faults.append(Problem(f"/authConfig/{word}", "expected a value, found nothing"))


def _auth_faults(auth: Json) -> Iterator[Problem]:
    if not auth[SECRET_WORDS[auth["type"]][1]] and auth["type"] != "basic":
        return  # named already
    try:
        parsed: Any = _AUTHS[auth["type"]].model_validate(auth)  # type: ignore[attr-defined]
    except ValidationError as error:
        found = [Problem(f"/auth{each.pointer}", each.message) for each in found_in(error)]
    else:
        found = list(check_auth(parsed, "rest_api"))
        if (
            auth["type"] == "api_key"
            and auth["keyLocation"] == "header"
            and (why := header_name_fault(auth["keyName"]))
        ):
            found.append(Problem("/auth/keyName", why))
    yield from {place: Problem(place, each.message) for each in found if (place := shown_place(each.pointer))}.values()


def _basic(config: Any) -> Json:
    return {"type": "basic", "username": config.username, "password": config.password}


def _bearer(config: Any) -> Json:
    return {"type": "bearer", "token": config.token}


def _api_key(config: Any) -> Json:
    location = "header" if config.queryName is None else "query"
    name = config.queryName or config.headerName
    return {"type": "api_key", "keyName": name, "keyLocation": location, "keyValue": config.apiKey}


def _oauth2(config: Any) -> Json:
    told = {"tokenUrl": config.tokenUrl, "clientId": config.clientId, "clientSecret": config.clientSecret}
    told |= {"scope": config.scope} if config.scope else {}
    told |= {"tokenParams": {"audience": config.audience}} if config.audience else {}
    return {"type": "oauth2", "grantType": "client_credentials", **told}


_FORMS = {"basic": _basic, "bearer": _bearer, "api_key": _api_key, "oauth2": _oauth2}
