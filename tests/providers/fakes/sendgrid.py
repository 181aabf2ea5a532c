"""An account of SendGrid: Marketing Campaigns (contacts, lists), API v3. Contacts are written by a job, later.

Source: https://www.twilio.com/docs/sendgrid/api-reference/contacts (add-or-update-a-contact, import-contacts-status,
search-contacts, get-sample-contacts), .../lists/get-all-lists, .../api-key-permissions. How a quote inside a text of a
search is written is not documented; a backslash and a doubled quote are both taken.
"""

import operator
import re
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.conditions import (
    Dialect,
    Malformed,
    UnknownField,
    equal,
    like,
    ordered,
    read,
)
from tests.providers.fakes.controls import EMAIL, Fake, bearer, media_type, object_body

MOST_CONTACTS, MOST_BYTES, MOST_FOUND, MOST_LISTS = 30_000, 6 * 1024 * 1024, 50, 1000
KEY = "SG.key-of-the-tests.0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
LIST = "ca1c48c3-1111-4222-8333-444455556666"
IDENTIFIERS = ("email", "phone_number_id", "external_id", "anonymous_id")
RESERVED = frozenset(
    "first_name last_name email phone_number phone_number_id external_id anonymous_id alternate_emails address_line_1"
    " address_line_2 city state_province_region postal_code country unique_name whatsapp line facebook"
    " custom_fields".split()
)
LONGEST = {"first_name": 50, "last_name": 50, "email": 254, "city": 60, "country": 50, "postal_code": 60}
CUSTOM = {"e1_T": "company", "e2_T": "job_title"}
IMPORT = re.compile(r"/v3/marketing/contacts/imports/([\w-]+)")


def _errors(status: int, message: str, field: str | None = None) -> Answer:
    return Answer(status, {"errors": [{"field": field, "message": message}]})


class SendGrid(Fake):
    """`contacts` are what is stored, by e-mail address; a job is pending for `polls_until_done` questions."""

    limited: ClassVar[Answer] = Answer(
        429,
        {"errors": [{"field": None, "message": "too many requests"}]},
        {"x-ratelimit-limit": "600", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000000"},
    )

    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.contacts: dict[str, Json] = {}
        self.jobs: dict[str, Json] = {}
        self.polls_until_done = 1
        self.refused: set[str] = set()
        for number in range(1, count + 1):
            self._store(_example(number), [LIST], f"2024-04-{number % 28 + 1:02}T08:09:10Z")

    def answer(self, request: Request) -> Answer:
        _check_key(request)
        job = IMPORT.fullmatch(request.path)
        if request.method == "GET" and job:
            return self._job(job[1])
        serve = self._routes().get((request.method, request.path))
        if serve is None:
            raise Refusal(_errors(404, "not found"))
        if request.method != "GET" and media_type(request) != "application/json":
            raise Refusal(_errors(415, "Content-Type should be application/json."))
        return serve(request)

    def _routes(self) -> dict[tuple[str, str], Callable[[Request], Answer]]:
        contacts = "/v3/marketing/contacts"
        fields = [{"id": one, "name": name, "field_type": "Text"} for one, name in CUSTOM.items()]
        return {
            ("GET", "/v3/scopes"): lambda _: Answer(200, {"scopes": ["marketing.read", "mail.send"]}),
            ("GET", "/v3/user/account"): lambda _: Answer(200, {"type": "paid", "reputation": 99.7}),
            ("GET", "/v3/marketing/field_definitions"): lambda _: Answer(200, {"custom_fields": fields}),
            ("GET", "/v3/marketing/lists"): self._lists,
            ("GET", f"{contacts}/count"): lambda _: Answer(200, {"contact_count": len(self.contacts)}),
            ("GET", contacts): lambda _: Answer(200, self._found(list(self.contacts.values()))),
            ("POST", f"{contacts}/search"): self._search,
            ("POST", f"{contacts}/search/emails"): self._search_emails,
            ("PUT", contacts): self._upsert,
        }

    def _lists(self, request: Request) -> Answer:
        if (
            set(request.query) - {"page_size", "page_token"}
            or not 1 <= int(request.query.get("page_size", "100")) <= 1000
        ):
            raise Refusal(_errors(400, "page_size should be between 1 and 1000", "page_size"))
        metadata = {"self": f"{request.origin}/v3/marketing/lists", "count": 1}
        one = {"id": LIST, "name": "Friends", "contact_count": len(self.contacts)}
        return Answer(200, {"result": [one], "_metadata": metadata})

    def _found(self, found: list[Json]) -> Json:
        shown = found[-MOST_FOUND:]
        return {"result": shown, "contact_count": len(found), "_metadata": {"self": "https://api.sendgrid.com/"}}

    def _search(self, request: Request) -> Answer:
        body = object_body(request, lambda message: _errors(400, message))
        if set(body) != {"query"} or not isinstance(body["query"], str):
            raise Refusal(_errors(400, "query is required", "query"))
        try:
            condition = read(body["query"], SGQL)
        except (Malformed, UnknownField) as error:
            raise Refusal(_errors(400, str(error), "query")) from None
        found = [one for one in self.contacts.values() if condition(one)]
        return Answer(200, self._found(found[:MOST_FOUND]) | {"contact_count": len(found)})

    def _search_emails(self, request: Request) -> Answer:
        emails = object_body(request, lambda message: _errors(400, message)).get("emails")
        if not isinstance(emails, list) or len(emails) > 100:
            raise Refusal(_errors(400, "emails should be a list of 100 addresses at most", "emails"))
        found = {one: {"contact": self.contacts[one.lower()]} for one in emails if one.lower() in self.contacts}
        if not found:
            raise Refusal(Answer(404, {"result": {}}))
        return Answer(200, {"result": found})

    def _upsert(self, request: Request) -> Answer:
        if len(request.body) > MOST_BYTES:
            raise Refusal(_errors(413, "the request body is larger than 6 MB"))
        body = object_body(request, lambda message: _errors(400, message))
        _check_upsert(body)
        job_id = str(UUID(int=len(self.jobs) + 1))
        results = self._written(body["contacts"], body.get("list_ids", []))
        self.jobs[job_id] = {"results": results, "polls_left": self.polls_until_done}
        return Answer(202, {"job_id": job_id})

    def _written(self, contacts: list[Json], lists: list[str]) -> Json:
        good = [one for one in contacts if EMAIL.fullmatch(one.get("email", "")) and one["email"] not in self.refused]
        created = len({one["email"].lower() for one in good} - set(self.contacts))
        for one in good:
            self._store(one, lists, "2024-06-01T00:00:00Z")
        counts = {"requested_count": len(contacts), "created_count": created, "updated_count": len(good) - created}
        errors = len(contacts) - len(good)
        url = {"errors_url": "https://s3.example.com/errors.csv"} if errors else {}
        return {**counts, "deleted_count": 0, "errored_count": errors, **url}

    def _job(self, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            raise Refusal(_errors(404, "resource not found"))
        answer: Json = {"id": job_id, "job_type": "upsert_contacts", "started_at": "2024-06-01T00:00:00Z"}
        if job["polls_left"]:
            job["polls_left"] -= 1
            return Answer(200, {**answer, "status": "pending", "results": {}})
        status = "errored" if job["results"]["errored_count"] else "completed"
        return Answer(
            200, {**answer, "status": status, "results": job["results"], "finished_at": "2024-06-01T00:01:00Z"}
        )

    def _store(self, contact: Json, lists: list[str], at: str) -> None:
        email = contact["email"].lower()
        new = {"id": str(UUID(int=len(self.contacts) + 1)), "created_at": at, "list_ids": [], "custom_fields": {}}
        known = self.contacts.get(email, new)
        custom = {CUSTOM[one]: value for one, value in contact.get("custom_fields", {}).items()}
        self.contacts[email] = {
            **known,
            **contact,
            "email": email,
            "list_ids": sorted({*known["list_ids"], *lists}),
            "custom_fields": {**known["custom_fields"], **custom},
            "updated_at": at,
        }


def _example(number: int) -> Json:
    last_name = "O'Brien" if number % 5 == 0 else "King"
    return {"email": f"contact{number}@example.com", "first_name": f"Ada{number}", "last_name": last_name}


def _check_key(request: Request) -> None:
    if not request.headers.get("authorization"):
        raise Refusal(_errors(401, "authorization required"))
    if bearer(request) != KEY:
        raise Refusal(_errors(401, "The provided authorization grant is invalid, expired, or revoked"))


def _check_upsert(body: Json) -> None:
    contacts = body.get("contacts")
    if set(body) - {"list_ids", "contacts"}:
        raise Refusal(_errors(400, "a property is not known", sorted(set(body) - {"list_ids", "contacts"})[0]))
    if not isinstance(contacts, list) or not 1 <= len(contacts) <= MOST_CONTACTS:
        raise Refusal(_errors(400, f"contacts should be 1 to {MOST_CONTACTS}", "contacts"))
    if set(body.get("list_ids", [])) - {LIST}:
        raise Refusal(_errors(404, "list not found", "list_ids"))
    for place, contact in enumerate(contacts):
        if (problem := _problem_of(contact)) is not None:
            raise Refusal(_errors(400, problem, f"contacts[{place}]"))


def _problem_of(contact: Any) -> str | None:
    if not isinstance(contact, dict) or set(contact) - RESERVED:
        return "invalid field: reserved fields and custom_fields are expected"
    if not any(contact.get(name) for name in IDENTIFIERS):
        return "at least one identifier is required"
    if set(contact.get("custom_fields", {})) - set(CUSTOM):
        return "a custom field does not exist"
    if any(not isinstance(contact.get(name, ""), str) for name in RESERVED - {"custom_fields", "alternate_emails"}):
        return "a value is not a string"
    return next((f"{name} is too long" for name, most in LONGEST.items() if len(contact.get(name, "")) > most), None)


def _field(record: Json, name: str) -> Any:
    if name not in RESERVED | {"list_ids", "created_at", "updated_at", "id", "contact_id"}:
        raise UnknownField(f"unknown field: {name}")
    return record.get(name)


SGQL = Dialect(
    field=_field,
    operators={
        "=": equal,
        "!=": lambda value, other: not equal(value, other),
        "like": like,
        ">": ordered(operator.gt),
        ">=": ordered(operator.ge),
        "<": ordered(operator.lt),
        "<=": ordered(operator.le),
    },
    unescape=lambda inner: re.sub(r"\\(.)|''", lambda found: found[1] or "'", inner),
    functions={
        "lower": lambda value: str(value or "").lower(),
        "contains": lambda values, value: value in (values or []),
    },
)
