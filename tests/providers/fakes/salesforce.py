"""An organisation of Salesforce: REST API v61.0, SOQL, SObject collections, OAuth.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/ (resources_query,
resources_composite_sobjects_collections_upsert, errorcodes), help.salesforce.com "OAuth Authorization Flows".
Contact.Email has the property idLookup: an upsert may name it. This organisation has one field of its own: Hub_Id__c,
an external id.
"""

import operator
import re
from typing import Any, ClassVar

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.authority import Authority, Grant
from tests.providers.fakes.conditions import (
    Bare,
    Dialect,
    Malformed,
    UnknownField,
    backslashes,
    equal,
    like,
    ordered,
    read,
)
from tests.providers.fakes.controls import EMAIL, Fake, bearer, media_type

MOST_RECORDS = 200
VERSIONED = re.compile(r"/services/data/v(\d\d)\.0(/.*)?")
COLLECTION = re.compile(r"/composite/sobjects/(\w+)/(\w+)")
SOQL = re.compile(
    r"SELECT\s+(?P<fields>[\w.,\s()]+?)\s+FROM\s+(?P<type>\w+)(\s+WHERE\s+(?P<where>.+?))?"
    r"(\s+ORDER BY\s+(?P<order>[\w.]+)(\s+(?P<way>ASC|DESC))?(\s+NULLS (FIRST|LAST))?(,[\w., ]+)?)?"
    r"(\s+LIMIT\s+(?P<limit>\d+))?(\s+OFFSET\s+\d+)?\s*",
    re.IGNORECASE | re.DOTALL,
)
TEXTS = {
    "FirstName": 40,
    "LastName": 80,
    "Email": 80,
    "Phone": 40,
    "MobilePhone": 40,
    "Title": 128,
    "Department": 80,
    "LeadSource": 255,
    "Description": 32_000,
    "Hub_Id__c": 255,
}
READ_ONLY = frozenset({"Id", "Name", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted"})
IDENTIFYING = frozenset({"Email", "Hub_Id__c"})
RELATED = {"Account.Name": "AccountName", "Account.Id": "AccountId"}
TIMES = frozenset({"CreatedDate", "LastModifiedDate", "SystemModstamp"})


class Accounts(Authority):
    """No expires_in; the address of the organisation comes with the token; a refresh token only with its scope."""

    authorize_path = "/services/oauth2/authorize"
    token_path = "/services/oauth2/token"
    revoke_path = "/services/oauth2/revoke"
    prefix = "00Dxx!access"
    offline_scopes = frozenset({"refresh_token", "offline_access"})
    instance_url = ""

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        answer = {
            "access_token": access,
            "signature": "c2lnbmF0dXJl",
            "scope": " ".join(grant.scopes),
            "instance_url": self.instance_url,
            "id": "https://login.salesforce.com/id/00Dxx0000000000EAA/005xx0000000000AAA",
            "token_type": "Bearer",
            "issued_at": "1700000000000",
        }
        return {**answer, "refresh_token": grant.refresh_token} if is_first and grant.refresh_token else answer

    def refused(self, reason: str) -> Answer:
        error, description = {
            "client": ("invalid_client", "invalid client credentials"),
            "code": ("invalid_grant", "expired authorization code"),
            "redirect": ("redirect_uri_mismatch", "redirect_uri must match configuration"),
            "verifier": ("invalid_grant", "invalid code verifier"),
            "refresh": ("invalid_grant", "expired access/refresh token"),
        }.get(reason, ("unsupported_grant_type", "grant type not supported"))
        return Answer(400, {"error": error, "error_description": description})


class Salesforce(Fake):
    """`contacts` are what is stored, by id."""

    limited: ClassVar[Answer] = Answer(
        403,
        [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
        {"sforce-limit-info": "api-usage=15000/15000"},
    )

    def __init__(self, count: int = 0) -> None:
        self.accounts = Accounts()
        super().__init__(self.accounts)
        self.contacts: dict[str, Json] = {}
        self._ids: dict[tuple[str, str], list[str]] = {}
        for number in range(1, count + 1):
            self._store(None, _example(number), f"2024-04-{number % 28 + 1:02}T08:09:10.000+0000")

    def __call__(self, request: Request) -> Answer:
        self.accounts.instance_url = request.origin
        return super().__call__(request)

    def answer(self, request: Request) -> Answer:
        if self.accounts.grant_of(bearer(request)) is None:
            raise Refusal(_refused(401, "INVALID_SESSION_ID", "Session expired or invalid"))
        if request.path == "/services/oauth2/userinfo":
            return Answer(
                200, {"sub": "https://login.salesforce.com/id/00D/005", "organization_id": "00D", "name": "Ada"}
            )
        versioned = VERSIONED.fullmatch(request.path)
        if versioned is None or int(versioned[1]) < 46:
            raise Refusal(_refused(404, "NOT_FOUND", "The requested resource does not exist"))
        answer = self._routed(request, versioned[2] or "/")
        return Answer(answer.status, answer.content, {"sforce-limit-info": "api-usage=18/15000"})

    def _routed(self, request: Request, path: str) -> Answer:
        if request.method == "GET" and path == "/limits":
            return Answer(200, {"DailyApiRequests": {"Max": 15000, "Remaining": 14982}})
        if request.method == "GET" and path == "/":
            return Answer(200, {"sobjects": "/services/data/v61.0/sobjects", "query": "/services/data/v61.0/query"})
        if request.method == "GET" and path == "/sobjects/Contact/describe":
            return Answer(200, {"name": "Contact", "fields": [{"name": name, "type": "string"} for name in TEXTS]})
        if request.method == "GET" and path.startswith("/query"):
            return self._query(request, path)
        collection = COLLECTION.fullmatch(path)
        if request.method == "PATCH" and collection:
            return self._upsert(request, collection[1], collection[2])
        raise Refusal(_refused(404, "NOT_FOUND", "The requested resource does not exist"))

    def _query(self, request: Request, path: str) -> Answer:
        size = _batch_size(request.headers.get("sforce-query-options", ""))
        if path in ("/query", "/query/"):
            return self._page(request, request.query.get("q", ""), 0, size)
        locator = re.fullmatch(r"/query/01g(\w+)-(\d+)", path)
        if locator is None:
            raise Refusal(_refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))
        return self._page(request, bytes.fromhex(locator[1]).decode(), int(locator[2]), size)

    def _page(self, request: Request, soql: str, first: int, size: int) -> Answer:
        records = self._found(soql)
        last = first + size
        answer: Json = {"totalSize": len(records), "done": last >= len(records), "records": records[first:last]}
        if last < len(records):
            version = request.path.split("/")[3]
            answer["nextRecordsUrl"] = f"/services/data/{version}/query/01g{soql.encode().hex()}-{last}"
        return Answer(200, answer)

    def _found(self, soql: str) -> list[Json]:
        query = SOQL.fullmatch(soql)
        if query is None:
            raise Refusal(_refused(400, "MALFORMED_QUERY", f"unexpected token: '{soql[:20]}'"))
        if query["type"] != "Contact":
            raise Refusal(_refused(400, "INVALID_TYPE", f"sObject type '{query['type']}' is not supported."))
        fields = [name.strip() for name in query["fields"].split(",")]
        try:
            condition = read(query["where"] or "Id != ''", SOQL_DIALECT)
            _shown({}, fields)
            chosen = [one for one in self.contacts.values() if condition(one)]
            shown = [_shown(one, fields) for one in self._sorted(chosen, query["order"], query["way"] or "ASC")]
        except UnknownField as error:
            raise Refusal(_refused(400, "INVALID_FIELD", str(error))) from None
        except Malformed as error:
            raise Refusal(_refused(400, "MALFORMED_QUERY", str(error))) from None
        return shown[: int(query["limit"])] if query["limit"] else shown

    def _sorted(self, records: list[Json], order: str | None, way: str) -> list[Json]:
        if order is None:
            return records
        return sorted(records, key=lambda one: str(_field(one, order) or ""), reverse=way.upper() == "DESC")

    def _upsert(self, request: Request, kind: str, identifying: str) -> Answer:
        if media_type(request) != "application/json":
            raise Refusal(_refused(415, "UNSUPPORTED_MEDIA_TYPE", "The content type is not supported"))
        if kind != "Contact" or identifying not in IDENTIFYING:
            message = f"Provided external ID field does not exist or is not accessible: {identifying}"
            raise Refusal(_refused(404, "NOT_FOUND", message))
        body = request.json()
        _check_collection(body)
        outcomes = [_problem_of(record, identifying) or {} for record in body["records"]]
        if body.get("allOrNone") and any(outcomes):
            return Answer(200, [one or _failed("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Rolled back") for one in outcomes])
        pairs = zip(body["records"], outcomes, strict=True)
        return Answer(200, [problem or self._written(record, identifying) for record, problem in pairs])

    def _written(self, record: Json, identifying: str) -> Json:
        value = str(record[identifying]).lower()
        held = [self.contacts[one] for one in self._ids.get((identifying, value), [])]
        known = [one for one in held if str(one[identifying]).lower() == value]
        if len(known) > 1:
            return _failed("DUPLICATE_EXTERNAL_ID", f"{identifying}: more than one record found for external id field")
        if not known and not record.get("LastName"):
            return _failed("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", "LastName")
        changes = {name: value for name, value in record.items() if name != "attributes"}
        record_id = self._store(known[0]["Id"] if known else None, changes, "2024-06-01T00:00:00.000+0000")
        return {"id": record_id, "success": True, "errors": [], "created": not known}

    def _store(self, record_id: str | None, changes: Json, at: str) -> str:
        record_id = record_id or f"003{len(self.contacts) + 1:012}AAA"
        known = self.contacts.get(record_id, {"Id": record_id, "CreatedDate": at})
        self.contacts[record_id] = {**known, **changes, "LastModifiedDate": at, "SystemModstamp": at}
        for name in IDENTIFYING & set(changes):
            ids = self._ids.setdefault((name, str(changes[name]).lower()), [])
            ids.extend([record_id] if record_id not in ids else [])
        return record_id


def _example(number: int) -> Json:
    return {
        "FirstName": None if number % 4 == 0 else f"Ada{number}",
        "LastName": "O'Brien" if number % 5 == 0 else "King",
        "Email": f"contact{number}@example.com",
        "Phone": f"+41 31 000 {number:04}",
        "Title": "Engineer" if number % 2 else None,
        "AccountName": "Acme" if number % 2 else None,
    }


def _field(record: Json, name: str) -> Any:
    known = {one.lower(): one for one in [*TEXTS, *READ_ONLY, "AccountId"]} | {one.lower(): one for one in RELATED}
    if name.lower() not in known:
        raise UnknownField(f"No such column '{name}' on entity 'Contact'.")
    name = RELATED.get(known[name.lower()], known[name.lower()])
    if name == "Name":
        return " ".join(filter(None, (record.get("FirstName"), record.get("LastName"))))
    return Time(record.get(name, "")) if name in TIMES else record.get(name)


class Time(str):
    """The value of a dateTime field: it is compared with literals without quotes."""

    __slots__ = ()


def _typed(holds: Any) -> Any:
    def compare(value: Any, other: Any) -> bool:
        if isinstance(value, Time) and not isinstance(other, Bare):
            raise UnknownField("a filter value of type dateTime should not be enclosed in quotes")
        if not isinstance(value, Time) and isinstance(other, Bare) and other.text != "null":
            raise UnknownField("a filter value of type string should be enclosed in quotes")
        return bool(holds(value, other))

    return compare


SOQL_DIALECT = Dialect(
    field=_field,
    operators={
        "=": _typed(equal),
        "!=": _typed(lambda value, other: not equal(value, other)),
        "<>": _typed(lambda value, other: not equal(value, other)),
        "like": like,
        ">": _typed(ordered(operator.gt)),
        ">=": _typed(ordered(operator.ge)),
        "<": _typed(ordered(operator.lt)),
        "<=": _typed(ordered(operator.le)),
    },
    unescape=backslashes,
)


def _shown(record: Json, fields: list[str]) -> Json:
    shown: Json = {
        "attributes": {"type": "Contact", "url": f"/services/data/v61.0/sobjects/Contact/{record.get('Id')}"}
    }
    for name in fields:
        parent, _, child = name.partition(".")
        value = _field(record, name)
        if child and record.get("AccountName"):
            shown[parent] = {"attributes": {"type": parent}, **(shown.get(parent) or {}), child: value}
        else:
            shown[parent if child else name] = None if child else value
    return shown


def _batch_size(options: str) -> int:
    wished = re.fullmatch(r"batchSize=(\d+)", options)
    return min(max(int(wished[1]), 200), 2000) if wished else 2000


def _check_collection(body: Any) -> None:
    if not isinstance(body, dict) or set(body) - {"allOrNone", "records"} or not isinstance(body.get("records"), list):
        raise Refusal(_refused(400, "JSON_PARSER_ERROR", "allOrNone and records are expected"))
    if len(body["records"]) > MOST_RECORDS:
        message = f"record limit reached. cannot submit more than {MOST_RECORDS} records into this call"
        raise Refusal(_refused(400, "LIMIT_EXCEEDED", message))
    if not all((record.get("attributes") or {}).get("type") == "Contact" for record in body["records"]):
        raise Refusal(_refused(400, "INVALID_INPUT", "attributes.type must be the same for each record"))


def _problem_of(record: Json, identifying: str) -> Json | None:
    if "Id" in record:
        return _failed("INVALID_FIELD_FOR_INSERT_UPDATE", "The Id field should not be specified in the sobject data.")
    if not record.get(identifying):
        return _failed("MISSING_ARGUMENT", f"{identifying} not specified")
    for name, value in record.items():
        if name != "attributes" and (problem := _problem_in(name, value)):
            return problem
    return None


def _problem_in(name: str, value: Any) -> Json | None:
    if name not in TEXTS:
        return _failed("INVALID_FIELD", f"No such column '{name}' on sobject of type Contact", name)
    if value is not None and not isinstance(value, str):
        return _failed("JSON_PARSER_ERROR", f"Cannot deserialize instance of string from the value of {name}", name)
    if value and len(value) > TEXTS[name]:
        return _failed("STRING_TOO_LONG", f"{name}: data value too large: (max length={TEXTS[name]})", name)
    if name == "Email" and value and not EMAIL.fullmatch(value):
        return _failed("INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {value}", name)
    if name == "LastName" and not value:
        return _failed("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", name)
    return None


def _failed(code: str, message: str, *fields: str) -> Json:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


def _refused(status: int, code: str, message: str) -> Answer:
    return Answer(status, [{"message": message, "errorCode": code}])
