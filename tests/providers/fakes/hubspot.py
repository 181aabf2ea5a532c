"""An account of HubSpot: CRM API v3 (contacts), account information, OAuth.

Source: https://developers.hubspot.com/docs/guides/api/crm/objects/contacts, .../search, .../error-handling
(207 with `errors` only where the inputs carry an objectWriteTraceId), .../oauth-tokens.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.authority import Authority, Grant
from tests.providers.fakes.conditions import moment
from tests.providers.fakes.controls import EMAIL, Fake, bearer, media_type, object_body

MOST_PER_PAGE, MOST_PER_SEARCH_PAGE, MOST_FOUND, MOST_INPUTS = 100, 200, 10_000, 100
CORRELATION = "00000000-0000-4000-8000-000000000000"
WRITABLE = frozenset(
    "email firstname lastname phone mobilephone company jobtitle website city country lifecyclestage".split()
)
READ_ONLY = frozenset("createdate lastmodifieddate hs_object_id".split())
SHOWN = "createdate email firstname hs_object_id lastmodifieddate lastname".split()
SEARCHED = "email firstname lastname phone company".split()
UNIQUE = frozenset({"email"})
STAGES = "subscriber lead marketingqualifiedlead salesqualifiedlead opportunity customer evangelist other".split()


class Accounts(Authority):
    """Errors have a status of HubSpot's own and no `error`; a refresh gives the same refresh token again."""

    authorize_path = "/oauth/authorize"
    token_path = "/oauth/v1/token"
    prefix = "CJ-access"

    def answer(self, request: Request) -> Answer | None:
        revoked = re.fullmatch(r"/oauth/v1/refresh-tokens/([\w-]+)", request.path)
        if revoked and request.method == "DELETE":
            return Answer(204) if self.revoke(revoked[1]) else self.refused("refresh")
        return super().answer(request)

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        answer = {"token_type": "bearer", "refresh_token": grant.refresh_token, "access_token": access}
        return {**answer, "expires_in": 1800 if is_first else 1799}

    def refused(self, reason: str) -> Answer:
        status, message = {
            "client": ("BAD_CLIENT_SECRET", "missing or invalid client secret"),
            "code": ("BAD_AUTH_CODE", "missing or unknown auth code"),
            "redirect": ("BAD_REDIRECT_URI", "missing or invalid redirect uri"),
            "verifier": ("BAD_AUTH_CODE", "code verifier does not match"),
            "refresh": ("BAD_REFRESH_TOKEN", "missing or unknown refresh token"),
        }.get(reason, ("BAD_GRANT_TYPE", "missing or unknown grant type"))
        return Answer(400, {"status": status, "message": message, "correlationId": CORRELATION})


def _refused(status: int, message: str, category: str = "VALIDATION_ERROR") -> Answer:
    content = {"status": "error", "message": message, "correlationId": CORRELATION, "category": category}
    return Answer(status, content)


class HubSpot(Fake):
    """`contacts` are the properties by id; `private` is the token of a private app."""

    limited: ClassVar[Answer] = Answer(
        429,
        {
            "status": "error",
            "message": "You have reached your ten_secondly_rolling limit.",
            "errorType": "RATE_LIMIT",
            "correlationId": CORRELATION,
            "policyName": "TEN_SECONDLY_ROLLING",
        },
    )
    private = "pat-na1-00000000-private"

    def __init__(self, count: int = 0) -> None:
        self.accounts = Accounts()
        super().__init__(self.accounts)
        self.contacts: dict[str, Json] = {}
        self._ids: dict[str, str] = {}
        for number in range(1, count + 1):
            self._store(None, _example(number), f"2024-04-{number % 28 + 1:02}T00:00:00.000Z")

    def answer(self, request: Request) -> Answer:
        token = bearer(request)
        if token != self.private and self.accounts.grant_of(token) is None:
            message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
            raise Refusal(_refused(401, message, "INVALID_AUTHENTICATION"))
        serve = self._routes().get((request.method, request.path))
        if serve is None:
            raise Refusal(Answer(404, text="Not found"))
        if request.method == "POST" and media_type(request) != "application/json":
            raise Refusal(_refused(415, f"Content-Type {media_type(request)!r} is not supported"))
        return serve(request)

    def _routes(self) -> dict[tuple[str, str], Callable[[Request], Answer]]:
        contacts = "/crm/v3/objects/contacts"
        return {
            ("GET", contacts): self._list,
            ("POST", f"{contacts}/search"): self._search,
            ("POST", f"{contacts}/batch/upsert"): self._upsert,
            ("GET", "/account-info/v3/details"): lambda _: Answer(
                200, {"portalId": 62515, "timeZone": "Europe/Zurich"}
            ),
            ("GET", "/account-info/v3/api-usage/daily/private-apps"): lambda _: Answer(200, {"results": []}),
        }

    def _list(self, request: Request) -> Answer:
        unknown = set(request.query) - {
            "limit",
            "after",
            "properties",
            "propertiesWithHistory",
            "associations",
            "archived",
        }
        limit = _whole(request.query.get("limit", "10"), "limit")
        if unknown or not 1 <= limit <= MOST_PER_PAGE:
            raise Refusal(_refused(400, f"limit is at most {MOST_PER_PAGE}; unknown parameters: {sorted(unknown)}"))
        first = _whole(request.query.get("after", "0"), "after")
        names = request.query["properties"].split(",") if request.query.get("properties") else SHOWN
        return Answer(200, self._page([*self.contacts], (first, limit), names), {"x-hubspot-ratelimit-max": "100"})

    def _search(self, request: Request) -> Answer:
        body = object_body(request, lambda message: _refused(400, message))
        unknown = set(body) - {"limit", "after", "properties", "filterGroups", "sorts", "query"}
        limit, first = int(body.get("limit", 10)), _whole(str(body.get("after") or "0"), "after")
        if unknown or not 1 <= limit <= MOST_PER_SEARCH_PAGE or first + limit > MOST_FOUND:
            raise Refusal(_refused(400, f"Invalid search: limit {limit}, after {first}, unknown {sorted(unknown)}"))
        if len(body.get("query", "")) > 3000 or len(body.get("sorts", [])) > 1:
            raise Refusal(_refused(400, "A query has 3000 characters and one sort at most"))
        ids = self._sorted([one for one in self.contacts if _is_found(self.contacts[one], body)], body)
        found = self._page(ids, (first, limit), body.get("properties") or SHOWN)
        return Answer(200, {"total": len(ids), **found})

    def _sorted(self, ids: list[str], body: Json) -> list[str]:
        for sort in body.get("sorts", []):
            name, way = (sort, "ASCENDING") if isinstance(sort, str) else (sort["propertyName"], sort.get("direction"))
            ids = sorted(ids, key=lambda one: _order(self.contacts[one].get(name)), reverse=way == "DESCENDING")
        return ids

    def _page(self, ids: list[str], part: tuple[int, int], names: list[str]) -> Json:
        first, limit = part
        answer: Json = {"results": [self._shown(one, names) for one in ids[first : first + limit]]}
        if first + limit < len(ids):
            answer["paging"] = {"next": {"after": str(first + limit), "link": "https://api.hubapi.com/?after"}}
        return answer

    def _shown(self, contact_id: str, names: list[str]) -> Json:
        known = self.contacts[contact_id]
        properties = {name: known.get(name) for name in names if name in WRITABLE | READ_ONLY}
        times = {"createdAt": known["createdate"], "updatedAt": known["lastmodifieddate"]}
        return {"id": contact_id, "properties": properties, **times, "archived": False}

    def _upsert(self, request: Request) -> Answer:
        inputs = object_body(request, lambda message: _refused(400, message)).get("inputs")
        if not isinstance(inputs, list) or len(inputs) > MOST_INPUTS:
            raise Refusal(_refused(400, f"The maximum number of inputs supported in a batch is {MOST_INPUTS}"))
        _check_inputs(inputs)
        problems = [_problem_of(one) for one in inputs]
        for problem, one in zip(problems, inputs, strict=True):
            if problem and "objectWriteTraceId" not in one:
                raise Refusal(_refused(400, problem["message"]))
        results = [self._written(one) for one, problem in zip(inputs, problems, strict=True) if not problem]
        errors = [problem for problem in problems if problem]
        times = {"startedAt": "2024-06-01T00:00:00.000Z", "completedAt": "2024-06-01T00:00:00.100Z"}
        partial = {"numErrors": len(errors), "errors": errors} if errors else {}
        return Answer(207 if errors else 200, {"status": "COMPLETE", "results": results, **times, **partial})

    def _written(self, one: Json) -> Json:
        known = self._ids.get(one["id"].lower()) if one.get("idProperty") else one["id"]
        changes = {**one["properties"], **({one["idProperty"]: one["id"]} if one.get("idProperty") else {})}
        contact_id = self._store(known, changes, "2024-06-01T00:00:00.000Z")
        trace = {"objectWriteTraceId": one["objectWriteTraceId"]} if "objectWriteTraceId" in one else {}
        return {**self._shown(contact_id, [*SHOWN, *changes]), "new": known is None, **trace}

    def _store(self, contact_id: str | None, changes: Json, at: str) -> str:
        contact_id = contact_id or str(501 + len(self.contacts))
        known = self.contacts.get(contact_id, {"createdate": at, "hs_object_id": contact_id})
        email = str(changes.get("email") or known.get("email") or "").lower()
        self.contacts[contact_id] = {**known, **changes, "email": email, "lastmodifieddate": at}
        self._ids[email] = contact_id
        return contact_id


def _example(number: int) -> Json:
    return {
        "email": f"contact{number}@example.com",
        "firstname": f"Ada{number}",
        "lastname": "O'Brien" if number % 5 == 0 else "King",
        "phone": f"+41 31 000 {number:04}",
        "company": "Acme" if number % 2 else None,
        "jobtitle": "Engineer" if number % 2 else "",
    }


def _whole(text: str, name: str) -> int:
    if not text.isdigit():
        raise Refusal(_refused(400, f"Invalid value for {name}: {text}"))
    return int(text)


def _check_inputs(inputs: list[Any]) -> None:
    seen = set()
    for one in inputs:
        if not isinstance(one, dict) or set(one) - {"id", "idProperty", "properties", "objectWriteTraceId"}:
            raise Refusal(_refused(400, f"Invalid input JSON: unknown fields in {one!r:.80}"))
        if not isinstance(one.get("id"), str) or not isinstance(one.get("properties"), dict):
            raise Refusal(_refused(400, "Invalid input JSON: some required fields were not set: [id, properties]"))
        if one.get("idProperty") and one["idProperty"] not in UNIQUE:
            raise Refusal(
                _refused(400, f"Unable to perform update/upsert by non-unique 0-1 property {one['idProperty']}")
            )
        if one["id"].lower() in seen:
            raise Refusal(_refused(400, f"Duplicate IDs found in batch input: [{one['id']}]. IDs must be unique"))
        seen.add(one["id"].lower())


def _problem_of(one: Json) -> Json | None:
    wrong = [problem for name, value in one["properties"].items() if (problem := _wrong(name, value))]
    if one.get("idProperty") == "email" and not EMAIL.fullmatch(one["id"]):
        wrong.append({"message": f"Email address {one['id']} is invalid", "name": "email", "error": "INVALID_EMAIL"})
    if not wrong:
        return None
    message = f"Property values were not valid: {wrong}"
    context = {"objectWriteTraceId": [one.get("objectWriteTraceId", "")], "propertyName": [wrong[0]["name"]]}
    return {"status": "error", "category": "VALIDATION_ERROR", "message": message, "context": context}


def _wrong(name: str, value: Any) -> Json | None:
    if name not in WRITABLE:
        return {"message": f'Property "{name}" does not exist', "name": name, "error": "PROPERTY_DOESNT_EXIST"}
    if value is not None and not isinstance(value, str):
        return {"message": f"{value} is not a string", "name": name, "error": "INVALID_STRING"}
    if name == "email" and value and not EMAIL.fullmatch(value):
        return {"message": f"Email address {value} is invalid", "name": name, "error": "INVALID_EMAIL"}
    if name == "lifecyclestage" and value and value not in STAGES:
        return {"message": f"{value} was not one of the allowed options", "name": name, "error": "INVALID_OPTION"}
    return None


def _is_found(contact: Json, body: Json) -> bool:
    groups = body.get("filterGroups") or []
    if len(groups) > 5 or any(len(group.get("filters", [])) > 6 for group in groups):
        raise Refusal(_refused(400, "A search has 5 filterGroups with 6 filters at most"))
    words = body.get("query", "").lower().split()
    texts = " ".join(str(contact.get(name) or "") for name in SEARCHED).lower()
    fits = [all(_fits(contact, one) for one in group["filters"]) for group in groups]
    return all(word in texts for word in words) and (any(fits) or not groups)


def _fits(contact: Json, one: Json) -> bool:
    holds = OPERATORS.get(one.get("operator", ""))
    if holds is None or one.get("propertyName") not in WRITABLE | READ_ONLY:
        raise Refusal(_refused(400, f"Invalid filter: {one}"))
    return holds(contact.get(one["propertyName"]), one)


def _order(value: Any) -> tuple[float, str]:
    """Return what a property is sorted by: numbers as such."""
    text = str(value or "")
    return (float(text), "") if text.isdigit() else (0.0, text)


def _time(text: str) -> float:
    return int(text) / 1000 if text.isdigit() else moment(text).timestamp()


def _compared(value: Any, other: str) -> int:
    if not value:
        return -1
    try:
        return (_time(str(value)) > _time(other)) - (_time(str(value)) < _time(other))
    except ValueError:
        return (str(value) > other) - (str(value) < other)


OPERATORS: dict[str, Callable[[Any, Json], bool]] = {
    "EQ": lambda value, one: str(value or "").lower() == one["value"].lower(),
    "NEQ": lambda value, one: str(value or "").lower() != one["value"].lower(),
    "GT": lambda value, one: _compared(value, one["value"]) > 0,
    "GTE": lambda value, one: _compared(value, one["value"]) >= 0,
    "LT": lambda value, one: bool(value) and _compared(value, one["value"]) < 0,
    "LTE": lambda value, one: bool(value) and _compared(value, one["value"]) <= 0,
    "IN": lambda value, one: str(value or "").lower() in one["values"],
    "HAS_PROPERTY": lambda value, _: bool(value),
    "NOT_HAS_PROPERTY": lambda value, _: not value,
    "CONTAINS_TOKEN": lambda value, one: one["value"].strip("*").lower() in str(value or "").lower(),
}
