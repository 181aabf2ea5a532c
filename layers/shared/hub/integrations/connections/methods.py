"""Which of a provider's ways to connect a set of credentials is meant for, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.connector.secrets import HANDLE_END, HANDLE_START, handle_for
from hub.core.errors import BadDefinition, Conflict, Problem
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connections.connections import TENANT
from hub.providers import entered as entered_values

Json = dict[str, Any]

OAUTH = ("oauth2",)
KEYS = ("api_key", "access_token")
BASIC = ("basic",)
ANY = ("oauth2", "access_token", "api_key", "basic", "custom", "none")
BY_CREDENTIAL_TYPE = {"oauth": OAUTH, "api_key": KEYS, "basic": BASIC, "custom": ANY}
# What a person may enter instead of going through the provider's consent page: tokens, or a client of their own.
_GRANT_FIELDS: tuple[Json, ...] = (
    {"name": "accessToken", "secret": True, "required": False},
    {"name": "refreshToken", "secret": True, "required": False},
    {"name": "expiresAt", "required": False},
    {"name": "clientId", "required": False},
    {"name": "clientSecret", "secret": True, "required": False},
)
# A token for itself may come with the same; the hub keeps the refresh token and has no use for it.
_TOKEN_FIELDS = _GRANT_FIELDS[1:3]
_ONE_OF = (("accessToken",), ("refreshToken",), ("clientId", "clientSecret"))


@dataclass(frozen=True, repr=False)
class Entered:
    """Credentials as they were sent: `kinds` of methods they may be for, `at` where they stand in the body."""

    values: Mapping[str, Any]
    kinds: tuple[str, ...] = ANY
    owner: str = TENANT
    display_name: str | None = None
    scopes: tuple[str, ...] = field(default=())
    at: str = ""
    # Tokens that are stored for later use may be so before it is known where they go; until then they go nowhere.
    may_lack_address: bool = False


def is_grant(method: Json) -> bool:
    """Say whether a person grants this access at the provider, in contrast to a client that asks for itself."""
    auth = method["auth"]
    return bool(auth.get("type") == "oauth2" and auth.get("grantType") != "client_credentials")


def of_grant(entry: ProviderEntry) -> int:
    """Return the index of the method that a consent page belongs to; raises Conflict where there is none."""
    for index, method in enumerate(entry.methods):
        if is_grant(method):
            return index
    raise Conflict("This provider cannot be connected with OAuth 2.0; enter its credentials.", provider=entry.id)


def chosen(entry: ProviderEntry, entered: Entered) -> tuple[int, Json]:
    """Return the first method that the values fit, with its index and all its fields; raises BadDefinition."""
    candidates = [(index, with_grant_fields(each)) for index, each in enumerate(entry.methods)]
    candidates = [(index, each) for index, each in candidates if each["kind"] in entered.kinds]
    if not candidates:
        problem = Problem(entered.at, f"this provider has no way to connect of the kind {' or '.join(entered.kinds)}")
        raise BadDefinition("The provider takes other credentials.", [problem])
    fitting = [each for each in candidates if _is_complete(each[1], entered.values)]
    index, method = next(
        (each for each in [*fitting, *candidates] if _knows_all(each[1], entered.values)), (fitting or candidates)[0]
    )
    problems = _faults(method, entered)
    if problems:
        raise BadDefinition("The credentials do not fit the provider.", problems)
    return index, method


def with_one_secret(entry: ProviderEntry, kinds: tuple[str, ...], secret: str) -> Json:
    """Return the values of credentials that are a single secret, under the name that the provider gives it."""
    for method in entry.methods:
        secrets = [each["name"] for each in method.get("fields", ()) if each.get("secret")]
        if method["kind"] in kinds and len(secrets) == 1:
            return {secrets[0]: secret}
    return {"apiKey": secret}


def with_grant_fields(method: Json) -> Json:
    """Return the method with what may be entered for every grant, and with every token."""
    more = _GRANT_FIELDS if is_grant(method) else _TOKEN_FIELDS if method["kind"] == "access_token" else ()
    own = list(method.get("fields", ()))
    named = {each["name"] for each in own}
    return {**method, "fields": [*own, *(each for each in more if each["name"] not in named)]}


def mask(secret: str) -> str:
    """Return what may be shown of a secret."""
    return handle_for(secret).removeprefix(HANDLE_START).removesuffix(HANDLE_END)


def masks(method: Json, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the masks of the secrets among the values, under the names they were entered by."""
    secret = [each["name"] for each in method.get("fields", ()) if each.get("secret")]
    return {name: mask(str(values[name])) for name in secret if values.get(name)}


def _is_complete(method: Json, values: Mapping[str, Any]) -> bool:
    required = all(values.get(name) not in (None, "") for name in entered_values.required(method))
    return required and (not is_grant(method) or _has_grant(values))


def _has_grant(values: Mapping[str, Any]) -> bool:
    return any(all(values.get(name) for name in names) for names in _ONE_OF)


def _knows_all(method: Json, values: Mapping[str, Any]) -> bool:
    return values.keys() <= {each["name"] for each in method.get("fields", ())}


def _faults(method: Json, entered: Entered) -> list[Problem]:
    found = list(entered_values.faults(method, entered.values, entered.at))
    if is_grant(method) and not _has_grant(entered.values):
        found.append(Problem(f"{entered.at}/accessToken", "expected a token, or clientId and clientSecret"))
    return found
