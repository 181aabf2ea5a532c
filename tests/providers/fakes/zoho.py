"""An account of Zoho CRM: API v8 (contacts), OAuth.

Source: https://www.zoho.com/crm/developer/docs/api/v8/ (get-records, search-records, upsert-records, status-codes),
.../auth-request.html. Fields that the module lacks are left out without a word.
"""

import base64
import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.authority import Authority, Grant
from tests.providers.fakes.conditions import moment
from tests.providers.fakes.controls import EMAIL, Fake, media_type, object_body

MOST_PER_PAGE, MOST_BY_PAGE_NUMBER, MOST_FIELDS, MOST_RECORDS = 200, 2000, 50, 100
TEXTS = {
    "First_Name": 40,
    "Last_Name": 80,
    "Email": 100,
    "Phone": 50,
    "Mobile": 30,
    "Title": 100,
    "Department": 50,
    "Description": 32_000,
}
LISTING = frozenset("fields page per_page page_token sort_by sort_order ids cvid approved converted".split())
CRITERION = re.compile(r"\((\w+):(equals|starts_with|in|greater_equal):((?:[^()\\,]|\\.)*)\)")
USER = {"id": "5540000000000001", "full_name": "Ada King", "email": "ada@example.com"}


def _refused(status: int, code: str, message: str, details: Json | None = None) -> Answer:
    return Answer(status, {"code": code, "details": details or {}, "message": message, "status": "error"})


class Accounts(Authority):
    """Errors come with HTTP 200; scopes are separated by commas; a refresh gives no new refresh token."""

    authorize_path = "/oauth/v2/auth"
    token_path = "/oauth/v2/token"
    revoke_path = "/oauth/v2/token/revoke"
    scope_separator = ","
    prefix = "1000.access"
    offline_param = ("access_type", "offline")
    origin_params = ("accounts-server",)
    api_domain = ""

    def token_params(self, request: Request) -> dict[str, str]:
        """Return the parameters: of the query or of the form."""
        return request.query or super().token_params(request)

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        answer: Json = {
            "access_token": access,
            "api_domain": self.api_domain,
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        return {**answer, "refresh_token": grant.refresh_token} if is_first and grant.refresh_token else answer

    def refused(self, reason: str) -> Answer:
        codes = {"client": "invalid_client", "redirect": "invalid_redirect_uri", "code": "invalid_code"}
        codes |= {"verifier": "invalid_code", "refresh": "invalid_code"}
        return Answer(200, {"error": codes.get(reason, "general_error")})

    def revoked(self, request: Request) -> Answer:
        token = request.query.get("token") or request.form.get("token", "")
        return Answer(200, {"status": "success"}) if self.revoke(token) else Answer(400, {"status": "failure"})


class Zoho(Fake):
    """`contacts` are what is stored, by id."""

    limited: ClassVar[Answer] = _refused(
        429, "TOO_MANY_REQUESTS", "You have exceeded the limit of requests in a minute"
    )

    def __init__(self, count: int = 0) -> None:
        self.accounts = Accounts()
        super().__init__(self.accounts)
        self.contacts: dict[str, Json] = {}
        self._ids: dict[str, str] = {}
        for number in range(1, count + 1):
            self._store(None, _example(number), f"2024-04-{number % 28 + 1:02}T15:26:49+05:30")

    def __call__(self, request: Request) -> Answer:
        self.accounts.api_domain = request.origin
        return super().__call__(request)

    def answer(self, request: Request) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Zoho-oauthtoken" or self.accounts.grant_of(token) is None:
            raise Refusal(_refused(401, "INVALID_TOKEN", "invalid oauth token"))
        routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/crm/v8/Contacts"): self._list,
            ("GET", "/crm/v8/Contacts/search"): self._search,
            ("POST", "/crm/v8/Contacts/upsert"): self._upsert,
            ("GET", "/crm/v8/users"): self._users,
            ("GET", "/crm/v8/org"): lambda _: Answer(200, {"org": [{"id": "554", "company_name": "Acme"}]}),
        }
        serve = routes.get((request.method, request.path))
        if serve is None:
            raise Refusal(
                _refused(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one")
            )
        return serve(request)

    def _users(self, request: Request) -> Answer:
        if request.query.get("type") not in ("CurrentUser", "AllUsers", "ActiveUsers"):
            raise Refusal(_refused(400, "INVALID_DATA", "invalid data", {"param_name": "type"}))
        return Answer(200, {"users": [USER], "info": {"more_records": False}})

    def _list(self, request: Request) -> Answer:
        query = request.query
        if unknown := set(query) - LISTING:
            raise Refusal(_refused(400, "EXTRA_PARAM_FOUND", "Extra param found", {"param_name": sorted(unknown)[0]}))
        names = _names(query.get("fields", ""))
        records = self._modified_since(request.headers.get("if-modified-since"))
        if records is None:
            return Answer(304)
        per_page = _per_page(query)
        return _page(self._sorted(records, query), _first(query, per_page), per_page, names)

    def _sorted(self, records: list[Json], query: dict[str, str]) -> list[Json]:
        name = query.get("sort_by", "id")
        if name not in ("id", "Created_Time", "Modified_Time"):
            raise Refusal(_refused(400, "INVALID_DATA", "invalid data", {"param_name": "sort_by"}))
        return sorted(records, key=lambda one: str(one[name]), reverse=query.get("sort_order", "desc") == "desc")

    def _modified_since(self, since: str | None) -> list[Json] | None:
        if since is None:
            return list(self.contacts.values())
        try:
            limit = moment(since)
        except ValueError:
            raise Refusal(_refused(400, "INVALID_DATA", "invalid data", {"header": "If-Modified-Since"})) from None
        return [one for one in self.contacts.values() if moment(one["Modified_Time"]) > limit] or None

    def _search(self, request: Request) -> Answer:
        query = request.query
        unknown = set(query) - {
            "criteria",
            "email",
            "phone",
            "word",
            "fields",
            "page",
            "per_page",
            "converted",
            "approved",
        }
        given = [name for name in ("criteria", "email", "phone", "word") if query.get(name)]
        if unknown or len(given) != 1:
            raise Refusal(_refused(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing"))
        found = [one for one in self.contacts.values() if _is_found(one, given[0], query[given[0]])]
        per_page = _per_page(query)
        names = _names(query["fields"]) if query.get("fields") else ["id", *TEXTS, "Account_Name", "Modified_Time"]
        return _page(found, _first(query, per_page), per_page, names)

    def _upsert(self, request: Request) -> Answer:
        if media_type(request) not in ("application/json", "text/plain"):
            raise Refusal(_refused(415, "UNSUPPORTED_MEDIA_TYPE", "The content type is not supported"))
        body = object_body(request, lambda message: _refused(400, "INVALID_DATA", message))
        _check_upsert(body)
        by_email = body.get("duplicate_check_fields", ["Email"]) == ["Email"]
        outcomes = [self._written(place, record, by_email=by_email) for place, record in enumerate(body["data"])]
        successes = sum(one["code"] == "SUCCESS" for one in outcomes)
        status = 200 if successes == len(outcomes) else 207 if successes else 400
        return Answer(status, {"data": outcomes})

    def _written(self, place: int, record: Json, *, by_email: bool) -> Json:
        record = {name: value for name, value in record.items() if name in TEXTS or name in ("id", "Account_Name")}
        known = self._ids.get(str(record.get("Email") or "").lower()) if by_email else None
        problem = _problem_of(record, is_new=known is None)
        if problem:
            details = {**problem[1], "json_path": f"$.data[{place}].{problem[1]['api_name']}"}
            message = "required field not found" if problem[0] == "MANDATORY_NOT_FOUND" else "invalid data"
            return {"code": problem[0], "details": details, "message": message, "status": "error"}
        contact_id = self._store(known, record, "2024-06-01T00:00:00+02:00")
        details = {
            "id": contact_id,
            "Modified_Time": "2024-06-01T00:00:00+02:00",
            "Created_By": USER,
            "Modified_By": USER,
        }
        return {
            "code": "SUCCESS",
            "duplicate_field": "Email" if known else None,
            "action": "update" if known else "insert",
            "details": details,
            "message": "record updated" if known else "record added",
            "status": "success",
        }

    def _store(self, contact_id: str | None, changes: Json, at: str) -> str:
        contact_id = contact_id or str(5_540_000_000_001_000 + len(self.contacts))
        if isinstance(changes.get("Account_Name"), dict):
            account = {"id": "5540000000000999", "name": "Acme", **changes["Account_Name"]}
            changes = {**changes, "Account_Name": account}
        known = self.contacts.get(contact_id, {"id": contact_id, "Created_Time": at})
        self.contacts[contact_id] = {**known, **changes, "Modified_Time": at}
        if changes.get("Email"):
            self._ids[changes["Email"].lower()] = contact_id
        return contact_id


def _example(number: int) -> Json:
    return {
        "First_Name": f"Ada{number}" if number % 3 else None,
        "Last_Name": "O'Brien" if number % 5 == 0 else "King",
        "Email": f"contact{number}@example.com",
        "Phone": f"+41 31 000 {number:04}",
        "Title": "Engineer" if number % 2 else None,
        "Account_Name": {"name": "Acme"} if number % 2 else None,
    }


def _names(fields: str) -> list[str]:
    if not fields:
        message = "One of the expected parameter is missing"
        raise Refusal(_refused(400, "REQUIRED_PARAM_MISSING", message, {"param_name": "fields"}))
    names = fields.split(",")
    if len(names) > MOST_FIELDS:
        raise Refusal(_refused(400, "LIMIT_EXCEEDED", "Fields limit exceeded.", {"limit": MOST_FIELDS}))
    return ["id", *(name.strip() for name in names if name != "id")]


def _per_page(query: dict[str, str]) -> int:
    per_page = query.get("per_page", "200")
    if not per_page.isdigit() or not 1 <= int(per_page) <= MOST_PER_PAGE:
        raise Refusal(_refused(400, "INVALID_DATA", "invalid data", {"param_name": "per_page"}))
    return int(per_page)


def _first(query: dict[str, str], per_page: int) -> int:
    token = query.get("page_token")
    if token is None:
        page = int(query.get("page", "1"))
        if page * per_page > MOST_BY_PAGE_NUMBER:
            message = "You can only get the first 2000 records without using page_token param."
            raise Refusal(_refused(400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", message, {"limit": MOST_BY_PAGE_NUMBER}))
        return (page - 1) * per_page
    if "page" in query:
        raise Refusal(_refused(400, "AMBIGUITY_DURING_PROCESSING", "page and page_token cannot be given together"))
    try:
        return int(base64.b32decode(token).decode().removeprefix("at"))
    except ValueError:
        raise Refusal(_refused(400, "INVALID_DATA", "invalid data", {"param_name": "page_token"})) from None


def _page(records: list[Json], first: int, per_page: int, names: list[str]) -> Answer:
    shown = records[first : first + per_page]
    if not shown:
        return Answer(204)
    more = first + per_page < len(records)
    token = base64.b32encode(f"at{first + per_page}".encode()).decode() if more else None
    info = {"per_page": per_page, "count": len(shown), "page": first // per_page + 1, "more_records": more}
    data = [{name: one.get(name) for name in names} for one in shown]
    return Answer(200, {"data": data, "info": {**info, "next_page_token": token, "previous_page_token": None}})


def _is_found(record: Json, kind: str, text: str) -> bool:
    if kind == "criteria":
        return _fits(record, text)
    if kind == "word":
        if len(text) < 2:
            raise Refusal(_refused(400, "INVALID_QUERY", "invalid query formed", {"param_name": "word"}))
        texts = " ".join(str(record.get(name) or "") for name in TEXTS).lower()
        return all(word in texts for word in text.lower().split())
    value = record.get(kind.title())
    return str(value or "").lower() == text.lower()


def _fits(record: Json, criteria: str) -> bool:
    """Read `((A:equals:1)and(B:starts_with:2))`, of one kind of connection; parentheses and commas are escaped."""
    found = [*CRITERION.finditer(criteria)]
    rest = CRITERION.sub("", criteria)
    if not found or re.fullmatch(r"\(?((and)*|(or)*)\)?", rest) is None:
        raise Refusal(_refused(400, "INVALID_QUERY", "Invalid query formed", {"param_name": "criteria"}))
    holds = [_holds(record, one[1], one[2], re.sub(r"\\(.)", r"\1", one[3])) for one in found]
    return any(holds) if "or" in rest else all(holds)


def _holds(record: Json, name: str, operator: str, value: str) -> bool:
    if name not in TEXTS and name not in ("id", "Modified_Time"):
        raise Refusal(_refused(400, "INVALID_QUERY", "the field is not available for search", {"api_name": name}))
    have = str(record.get(name) or "").lower()
    if operator == "greater_equal":
        return moment(have) >= moment(value)
    return have.startswith(value.lower()) if operator == "starts_with" else have == value.lower()


def _check_upsert(body: Json) -> None:
    data = body.get("data")
    if not isinstance(data, list) or not data:
        raise Refusal(_refused(400, "MANDATORY_NOT_FOUND", "required field not found", {"api_name": "data"}))
    if len(data) > MOST_RECORDS:
        details = {"maximum_length": MOST_RECORDS, "api_name": "data", "json_path": "$.data"}
        raise Refusal(_refused(400, "INVALID_DATA", "invalid data", details))
    if set(body.get("duplicate_check_fields", ["Email"])) - {"Email"}:
        details = {"api_name": "duplicate_check_fields", "json_path": "$.duplicate_check_fields"}
        raise Refusal(_refused(400, "INVALID_DATA", "invalid data", details))


def _problem_of(record: Json, *, is_new: bool) -> tuple[str, Json] | None:
    if not record.get("Last_Name") and (is_new or "Last_Name" in record):
        return "MANDATORY_NOT_FOUND", {"api_name": "Last_Name"}
    for name, value in record.items():
        if expected := _expected(name, value):
            return "INVALID_DATA", {**expected, "api_name": name}
    return None


def _expected(name: str, value: Any) -> Json | None:
    if value is None:
        return None
    if name == "Account_Name":
        is_known = isinstance(value, dict) and (value.get("id") or value.get("name"))
        return None if is_known else {"expected_data_type": "jsonobject"}
    if not isinstance(value, str):
        return {"expected_data_type": "text"}
    if name == "Email" and value and not EMAIL.fullmatch(value):
        return {"expected_data_type": "email"}
    return {"maximum_length": TEXTS[name]} if len(value) > TEXTS.get(name, 100) else None
