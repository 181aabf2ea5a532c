"""An account of Mailchimp with one audience: Marketing API 3.0.

Source: https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/, .../list-members/,
.../search-members/, https://mailchimp.com/developer/marketing/docs/errors/. Any user name, the key is the password.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.conditions import moment
from tests.providers.fakes.controls import EMAIL, Fake, media_type, object_body

MOST_PER_PAGE, MOST_MEMBERS = 1000, 500
KEY, LIST = "0123456789abcdef0123456789abcdef-us6", "57afe96172"
STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
MERGE_FIELDS = frozenset({"FNAME", "LNAME", "PHONE", "COMPANY", "JOBTITLE", "ADDRESS", "BIRTHDAY"})
LISTING = frozenset(
    "fields exclude_fields count offset email_type status since_timestamp_opt before_timestamp_opt since_last_changed"
    " before_last_changed unique_email_id vip_only sort_field sort_dir".split()
)
DETAIL = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."


def _problem(status: int, title: str, detail: str, **more: object) -> Answer:
    kind = "https://mailchimp.com/developer/marketing/docs/errors/"
    content = {"type": kind, "title": title, "status": status, "detail": detail, "instance": "0", **more}
    return Answer(status, content, {"content-type": "application/problem+json; charset=utf-8"})


def _invalid(*errors: tuple[str, str]) -> Refusal:
    listed = [{"field": name, "message": message} for name, message in errors]
    return Refusal(_problem(400, "Invalid Resource", DETAIL, errors=listed))


class Mailchimp(Fake):
    """`contacts` are the members by the MD5 of their address; `gone` are addresses that were deleted for good."""

    limited: ClassVar[Answer] = _problem(
        429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections."
    )

    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.contacts: dict[str, Json] = {}
        self.gone: set[str] = set()
        self.is_key_disabled = False
        for number in range(1, count + 1):
            self._store(_example(number), f"2024-04-{number % 28 + 1:02}T03:04:05+00:00")

    def answer(self, request: Request) -> Answer:
        self._check_key(request)
        serve = self._routes().get((request.method, request.path))
        member = re.fullmatch(rf"/3\.0/lists/{LIST}/members/([0-9a-f]{{32}})(/tags)?", request.path)
        if serve is None and member is None:
            raise Refusal(_problem(404, "Resource Not Found", "The requested resource could not be found."))
        if request.method in ("POST", "PUT") and media_type(request) != "application/json":
            raise Refusal(_problem(400, "JSON Parse Error", "We encountered an unspecified JSON parsing error."))
        return serve(request) if serve else self._member(request, member[1] if member else "")

    def _routes(self) -> dict[tuple[str, str], Callable[[Request], Answer]]:
        audience = {"id": LIST, "name": "Friends", "stats": {"member_count": len(self.contacts)}}
        return {
            ("GET", "/3.0/ping"): lambda _: Answer(200, {"health_status": "Everything's Chimpy!"}),
            ("GET", "/3.0/"): lambda _: Answer(200, {"account_id": "8d3a3db4d97663a9074efcc16", "login_name": "ada"}),
            ("GET", "/3.0/lists"): lambda _: Answer(200, {"lists": [audience], "total_items": 1}),
            ("GET", f"/3.0/lists/{LIST}"): lambda _: Answer(200, audience),
            ("GET", f"/3.0/lists/{LIST}/members"): self._list,
            ("GET", "/3.0/search-members"): self._search,
            ("POST", f"/3.0/lists/{LIST}"): self._upsert,
        }

    def _check_key(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        key = base64.b64decode(given).decode().partition(":")[2] if scheme == "Basic" else ""
        if not key:
            raise Refusal(_problem(401, "API Key Missing", "Your request did not include an API key."))
        if key != KEY:
            detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
            raise Refusal(_problem(401, "API Key Invalid", detail))
        if self.is_key_disabled:
            raise Refusal(_problem(403, "User Disabled", "This API key has been disabled"))

    def _list(self, request: Request) -> Answer:
        query = request.query
        if unknown := set(query) - LISTING:
            raise _invalid(*((name, "This parameter is not known") for name in sorted(unknown)))
        count, offset = _whole(query, "count", 10), _whole(query, "offset", 0)
        if count > MOST_PER_PAGE:
            raise _invalid(("count", f"Must be at most {MOST_PER_PAGE}"))
        found = [one for one in self.contacts.values() if _is_listed(one, query)]
        if name := query.get("sort_field"):
            if name not in ("timestamp_opt", "timestamp_signup", "last_changed"):
                raise _invalid(("sort_field", "Value must be one of the enumeration"))
            found = sorted(found, key=lambda one: str(one[name]), reverse=query.get("sort_dir") == "DESC")
        shown = {"members": found[offset : offset + count], "list_id": LIST, "total_items": len(found), "_links": []}
        return Answer(200, _with_fields(shown, query.get("fields")))

    def _search(self, request: Request) -> Answer:
        query = request.query.get("query", "")
        if not query or set(request.query) - {"query", "list_id", "fields", "exclude_fields"}:
            raise _invalid(("query", "This value should not be blank."))
        found = [one for one in self.contacts.values() if query.lower() in _searched(one)]
        exact = [one for one in found if one["email_address"].lower() == query.lower()]
        answer = {
            "exact_matches": {"members": exact, "total_items": len(exact)},
            "full_search": {"members": found[:30], "total_items": len(found)},
            "_links": [],
        }
        return Answer(200, _with_fields(answer, request.query.get("fields")))

    def _upsert(self, request: Request) -> Answer:
        body = object_body(request, lambda message: _problem(400, "JSON Parse Error", message))
        _check_batch(body, request.query)
        updates, seen = bool(body.get("update_existing")), set[str]()
        new, updated, errors = list[Json](), list[Json](), list[Json]()
        for member in body["members"]:
            digest = _digest(member["email_address"])
            problem = self._refusal_of(member, digest, seen, updates=updates)
            seen.add(digest)
            if problem:
                errors.append(_error(member["email_address"], *problem))
            else:
                (updated if digest in self.contacts else new).append(self._store(member, "2024-06-01T00:00:00+00:00"))
        counts = {"total_created": len(new), "total_updated": len(updated), "error_count": len(errors), "_links": []}
        return Answer(200, {"new_members": new, "updated_members": updated, "errors": errors, **counts})

    def _refusal_of(self, member: Json, digest: str, seen: set[str], *, updates: bool) -> tuple[str, str] | None:
        email = member["email_address"]
        if digest in seen:
            return "Duplicate email address in the batch.", "ERROR_GENERIC"
        if not EMAIL.fullmatch(email):
            return "Please provide a valid email address.", "ERROR_GENERIC"
        if email.lower() in self.gone:
            return f"{email} was permanently deleted and cannot be re-imported.", "ERROR_GENERIC"
        if digest in self.contacts and not updates:
            return f"{email} is already a list member.", "ERROR_CONTACT_EXISTS"
        return None

    def _member(self, request: Request, digest: str) -> Answer:
        if request.method == "GET" and digest in self.contacts:
            return Answer(200, self.contacts[digest])
        if request.method != "PUT":
            raise Refusal(_problem(404, "Resource Not Found", "The requested resource could not be found."))
        body = object_body(request, lambda message: _problem(400, "JSON Parse Error", message))
        if digest not in self.contacts and body.get("status_if_new") not in STATUSES:
            raise _invalid(("status_if_new", "Data did not match any of the schemas described in anyOf."))
        member = {**body, "status": body.get("status") or body.get("status_if_new")}
        return Answer(200, self._store(member, "2024-06-01T00:00:00+00:00"))

    def _store(self, member: Json, at: str) -> Json:
        digest = _digest(member["email_address"])
        known = self.contacts.get(
            digest, {"id": digest, "list_id": LIST, "merge_fields": {}, "tags": [], "timestamp_signup": at}
        )
        merged = {name: value for name, value in member.get("merge_fields", {}).items() if name in MERGE_FIELDS}
        tags = {tag["name"] for tag in known["tags"]} | set(member.get("tags", []))
        changes = {
            "email_address": member["email_address"],
            "status": member.get("status") or known.get("status"),
            "merge_fields": {**known["merge_fields"], **merged},
            "tags": [{"id": place, "name": name} for place, name in enumerate(sorted(tags), 1)],
        }
        self.contacts[digest] = {**known, **changes, "timestamp_opt": at, "last_changed": at}
        return self.contacts[digest]


def _example(number: int) -> Json:
    names = {"FNAME": f"Ada{number}", "LNAME": "O'Brien" if number % 5 == 0 else "King", "PHONE": ""}
    return {"email_address": f"contact{number}@example.com", "status": "subscribed", "merge_fields": names}


def _digest(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def _error(email: str, message: str, code: str) -> Json:
    return {"email_address": email, "error": message, "error_code": code, "field": "", "field_message": ""}


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit():
        raise _invalid((name, "This value should be of type integer."))
    return int(text)


def _is_listed(member: Json, query: dict[str, str]) -> bool:
    since = query.get("since_last_changed")
    try:
        is_recent = since is None or moment(member["last_changed"]) >= moment(since)
    except ValueError:
        raise _invalid(("since_last_changed", "Must be a date and time in ISO 8601 format")) from None
    return is_recent and query.get("status", member["status"]) == member["status"]


def _with_fields(answer: Json, fields: str | None) -> Json:
    """`fields` keeps what it names, with dots for what is inside: `members.id` keeps the id of each member."""
    if fields is None:
        return answer
    wanted = [name.split(".") for name in fields.split(",")]
    return {
        name: _kept(value, [path[1:] for path in wanted if path[0] == name])
        for name, value in answer.items()
        if any(path[0] == name for path in wanted)
    }


def _kept(value: Any, paths: list[list[str]]) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        return [_kept(one, paths) for one in value]
    names = {path[0] for path in paths}
    return {
        name: _kept(value[name], [path[1:] for path in paths if path[0] == name]) for name in value if name in names
    }


def _searched(member: Json) -> str:
    names = member["merge_fields"]
    return f"{member['email_address']} {names.get('FNAME', '')} {names.get('LNAME', '')}".lower()


def _check_batch(body: Json, query: dict[str, str]) -> None:
    members = body.get("members")
    if set(query) - {"skip_merge_validation", "skip_duplicate_check"}:
        raise _invalid(("query", "A parameter is not known"))
    if not isinstance(members, list) or not members:
        raise _invalid(("members", "This value should not be blank."))
    if len(members) > MOST_MEMBERS:
        raise _invalid(("members", f"Batch of members is limited to {MOST_MEMBERS}"))
    errors = [error for place, member in enumerate(members) for error in _errors_in(place, member)]
    if errors:
        raise _invalid(*errors)


def _errors_in(place: int, member: Json) -> list[tuple[str, str]]:
    where = f"members.item:{place}"
    errors = []
    if not isinstance(member.get("email_address"), str):
        errors.append((f"{where}.email_address", "Schema describes string, NULL found instead"))
    if member.get("status") not in STATUSES:
        errors.append((f"{where}.status", f"Data presented is not one of the accepted values: {', '.join(STATUSES)}"))
    for name, value in member.get("merge_fields", {}).items():
        if not isinstance(value, str):
            errors.append((f"{where}.merge_fields.{name}", "Schema describes string"))
    return errors
