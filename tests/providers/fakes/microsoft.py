"""Microsoft: the identity platform (OAuth 2.0) and Graph v1.0 (me, users, contacts).

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow,
https://learn.microsoft.com/en-us/graph/{paging,query-parameters,throttling,errors}, .../api/user-list-contacts.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.authority import Authority, Grant
from tests.providers.fakes.conditions import Dialect, Malformed, UnknownField, doubled, equal, ordered, read
from tests.providers.fakes.controls import Fake, bearer

MOST_PER_PAGE = {"users": 999, "contacts": 1000}
PER_PAGE = {"users": 100, "contacts": 10}
SYSTEM = frozenset("$top $skip $skiptoken $select $filter $orderby $search $count $expand".split())
USER_FIELDS = frozenset(
    "id displayName givenName surname mail userPrincipalName jobTitle mobilePhone businessPhones companyName department"
    " officeLocation preferredLanguage createdDateTime".split()
)
CONTACT_FIELDS = frozenset(
    "id displayName givenName surname emailAddresses businessPhones mobilePhone companyName jobTitle department fileAs"
    " createdDateTime lastModifiedDateTime changeKey categories".split()
)
FIELDS = {"users": USER_FIELDS, "contacts": CONTACT_FIELDS}


class Accounts(Authority):
    """A refresh token only with the scope offline_access; each refresh gives another one. There is no revocation."""

    authorize_path = "/common/oauth2/v2.0/authorize"
    token_path = "/common/oauth2/v2.0/token"
    rotates = True
    prefix = "eyJ0.access"
    offline_scopes = frozenset({"offline_access"})

    def answer(self, request: Request) -> Answer | None:
        """Answer for any tenant: common, organizations, consumers, an id or a domain."""
        path = re.sub(r"^/[\w.-]+/oauth2/v2\.0/", "/common/oauth2/v2.0/", request.path)
        if path == self.token_path:
            return self._token(request)
        return self.authorized(request) if path == self.authorize_path else None

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        scopes = " ".join(scope for scope in grant.scopes if scope != "offline_access")
        times = {"expires_in": 3599, "ext_expires_in": 3599 if is_first else 3598}
        refresh = {"refresh_token": grant.refresh_token} if grant.refresh_token else {}
        return {"token_type": "Bearer", "scope": scopes, **times, "access_token": access, **refresh}

    def refused(self, reason: str) -> Answer:
        status, error, code, text = {
            "client": (401, "invalid_client", 7000215, "Invalid client secret provided."),
            "code": (400, "invalid_grant", 70008, "The provided authorization code or refresh token has expired."),
            "redirect": (400, "invalid_grant", 500112, "The reply address does not match the reply address provided."),
            "verifier": (400, "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge."),
            "refresh": (400, "invalid_grant", 700082, "The refresh token has expired due to inactivity."),
        }.get(reason, (400, "unsupported_grant_type", 70003, "The grant type is not supported."))
        about = {"error_codes": [code], "timestamp": "2024-06-01 00:00:00Z", "trace_id": str(UUID(int=0))}
        return Answer(status, {"error": error, "error_description": f"AADSTS{code}: {text}", **about})


def _refused(status: int, code: str, message: str) -> Answer:
    inner = {"date": "2024-06-01T00:00:00", "request-id": str(UUID(int=0)), "client-request-id": str(UUID(int=0))}
    return Answer(status, {"error": {"code": code, "message": message, "innerError": inner}})


class Microsoft(Fake):
    limited: ClassVar[Answer] = Answer(
        429, {"error": {"code": "TooManyRequests", "message": "Please retry again later."}}, {"retry-after": "1"}
    )

    def __init__(self, count: int = 0) -> None:
        self.accounts = Accounts()
        super().__init__(self.accounts)
        self.users = [_user(number) for number in range(1, count + 1)]
        self.people = [_contact(number) for number in range(1, count + 1)]

    def answer(self, request: Request) -> Answer:
        token = bearer(request)
        if self.accounts.grant_of(token) is None:
            message = "Lifetime validation failed, the token is expired." if token else "Access token is empty."
            raise Refusal(_refused(401, "InvalidAuthenticationToken", message))
        routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/v1.0/me"): lambda _: Answer(200, _user(0)),
            ("GET", "/v1.0/users"): lambda one: self._page(one, "users", self.users),
            ("GET", "/v1.0/me/contacts"): lambda one: self._page(one, "contacts", self.people),
        }
        serve = routes.get((request.method, request.path))
        if serve is None:
            raise Refusal(_refused(400, "BadRequest", "Resource not found for the segment."))
        return serve(request)

    def _page(self, request: Request, kind: str, everything: list[Json]) -> Answer:
        query = request.query
        if unknown := {name for name in query if name.startswith("$")} - SYSTEM:
            raise Refusal(_refused(400, "BadRequest", f"Query option '{sorted(unknown)[0]}' is not known."))
        size, first = _size(query, kind), _place(query)
        found = _sorted(_chosen(request, kind, everything), query.get("$orderby"), kind)
        selected = [_selected(one, query.get("$select"), kind) for one in found[first : first + size]]
        answer: Json = {"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#{kind}", "value": selected}
        if first + size < len(found):
            kept = [pair for pair in request.pairs if pair[0] not in ("$skiptoken", "$skip")]
            token = ("$skiptoken", f"RFNwdAIAAQAAAB{first + size}") if kind == "users" else ("$skip", str(first + size))
            answer["@odata.nextLink"] = f"{request.origin}{request.path}?{urlencode([*kept, token], safe='$')}"
        return Answer(200, answer)


def _user(number: int) -> Json:
    return {
        "id": str(UUID(int=number)),
        "displayName": f"Ada {number}",
        "givenName": f"Ada{number}",
        "surname": "O'Brien" if number % 5 == 0 else "King",
        "mail": f"contact{number}@example.com" if number % 2 else None,
        "userPrincipalName": f"contact{number}@contoso.onmicrosoft.com",
        "jobTitle": "Engineer" if number % 2 else None,
        "mobilePhone": None,
        "businessPhones": [f"+41 31 000 {number:04}"],
    }


def _contact(number: int) -> Json:
    last_name = "O'Brien" if number % 5 == 0 else "King"
    return {
        "id": f"AAMkAGI2THVSAAA{number:06}",
        "createdDateTime": "2024-01-02T03:04:05Z",
        "lastModifiedDateTime": f"2024-04-{number % 28 + 1:02}T08:09:10Z",
        "changeKey": "EQAAABYAAABd9nJ",
        "displayName": f"Ada{number} {last_name}",
        "givenName": f"Ada{number}",
        "surname": last_name,
        "emailAddresses": [{"name": f"Ada{number}", "address": f"contact{number}@example.com"}],
        "businessPhones": [f"+41 31 000 {number:04}"],
        "mobilePhone": None,
        "companyName": "Acme" if number % 2 else None,
        "jobTitle": "Engineer" if number % 2 else None,
    }


def _size(query: dict[str, str], kind: str) -> int:
    size = query.get("$top", str(PER_PAGE[kind]))
    if not size.isdigit() or not 1 <= int(size) <= MOST_PER_PAGE[kind]:
        message = f"Invalid page size specified: '{size}'. Must be between 1 and {MOST_PER_PAGE[kind]} inclusive."
        raise Refusal(_refused(400, "Request_UnsupportedQuery", message))
    return int(size)


def _place(query: dict[str, str]) -> int:
    if "$skiptoken" not in query:
        return int(query.get("$skip", "0"))
    found = re.fullmatch(r"RFNwdAIAAQAAAB(\d+)", query["$skiptoken"])
    if found is None:
        raise Refusal(_refused(400, "Request_BadRequest", "Invalid value specified for property 'skiptoken'."))
    return int(found[1])


def _chosen(request: Request, kind: str, everything: list[Json]) -> list[Json]:
    if search := request.query.get("$search"):
        return _searched(request, kind, search, everything)
    if "$filter" not in request.query:
        return everything
    try:
        condition = read(request.query["$filter"], _dialect(kind))
        return [one for one in everything if condition(one)]
    except (Malformed, UnknownField) as error:
        raise Refusal(_refused(400, "BadRequest", f"Invalid filter clause: {error}")) from None


def _searched(request: Request, kind: str, search: str, everything: list[Json]) -> list[Json]:
    """`$search="displayName:ada" OR "mail:ada"` for users, `$search="ada"` for contacts; quotes are needed."""
    if kind == "users" and request.headers.get("consistencylevel", "").lower() != "eventual":
        message = "Request with $search query parameter only works through MSGraph with a special request header."
        raise Refusal(_refused(400, "Request_UnsupportedQuery", message))
    if re.fullmatch(r'"((?:[^"\\]|\\.)*)"( (OR|AND) "((?:[^"\\]|\\.)*)")*', search) is None:
        raise Refusal(
            _refused(400, "BadRequest", f"Syntax error: character '{search[:1]}' is not valid in '{search}'.")
        )
    clauses = [re.sub(r"\\(.)", r"\1", one) for one in re.findall(r'"((?:[^"\\]|\\.)*)"', search)]
    return [one for one in everything if any(_has(one, clause, kind) for clause in clauses)]


def _has(record: Json, clause: str, kind: str) -> bool:
    name, colon, text = clause.partition(":")
    if kind == "contacts" and not (colon and name in CONTACT_FIELDS):
        return clause.lower() in str(list(record.values())).lower()
    if not colon or name not in FIELDS[kind]:
        raise Refusal(_refused(400, "Request_UnsupportedQuery", f"A clause is property:value, found {clause!r}"))
    return text.lower() in str(record.get(name) or "").lower()


def _dialect(kind: str) -> Dialect:
    def field(record: Json, name: str) -> Any:
        if name.partition("/")[0] not in FIELDS[kind]:
            raise UnknownField(f"Could not find a property named '{name}'")
        return record.get(name)

    return Dialect(field, OPERATORS, doubled, FUNCTIONS)


def _sorted(found: list[Json], order: str | None, kind: str) -> list[Json]:
    for key in reversed((order or "").split(",") if order else []):
        name, _, way = key.strip().partition(" ")
        if name not in FIELDS[kind] or way not in ("", "asc", "desc"):
            raise Refusal(_refused(400, "BadRequest", f"Invalid $orderby: {order}"))
        found = sorted(found, key=lambda one: str(one.get(name) or ""), reverse=way == "desc")
    return found


def _selected(one: Json, names: str | None, kind: str) -> Json:
    if names is None:
        return one
    if unknown := {name.strip() for name in names.split(",")} - FIELDS[kind]:
        raise Refusal(_refused(400, "BadRequest", f"Could not find a property named '{sorted(unknown)[0]}'"))
    return {name.strip(): one.get(name.strip()) for name in ["id", *names.split(",")]}


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": equal,
    "ne": lambda value, other: not equal(value, other),
    "ge": ordered(lambda value, other: bool(value >= other)),
    "gt": ordered(lambda value, other: bool(value > other)),
    "le": ordered(lambda value, other: bool(value <= other)),
    "lt": ordered(lambda value, other: bool(value < other)),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "startswith": lambda value, text: str(value or "").lower().startswith(str(text).lower()),
    "contains": lambda value, text: str(text).lower() in str(value or "").lower(),
}
