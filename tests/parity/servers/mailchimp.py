"""The members of a Mailchimp audience, Marketing API 3.0: any user name, the key as the password.

Source: https://mailchimp.com/developer/marketing/api/list-members/,
https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/,
https://mailchimp.com/developer/marketing/docs/errors/.
"""

import base64
import hashlib

from tests.parity.serving import Answer, Json, Refusal, Request

KEY = "mailchimp-key-of-the-tests-us6"
MOST_PER_PAGE, MOST_PER_BATCH = 1000, 500
COUNTED = {"created": "new", "updated": "updated"}
LIST = "57afe96172"


def _problem(status: int, title: str, detail: str, **more: object) -> Answer:
    kind = "https://mailchimp.com/developer/marketing/docs/errors/"
    content = {"type": kind, "title": title, "status": status, "detail": detail, "instance": "0", **more}
    return Answer(status, content, {"content-type": "application/problem+json; charset=utf-8"})


LIMITED = _problem(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections.")


class Members:
    def __init__(self, count: int) -> None:
        self._members = [member(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        _check_key(request)
        if (request.method, request.path) == ("POST", f"/3.0/lists/{LIST}"):
            return self._written(request.json())
        if request.path != f"/3.0/lists/{LIST}/members":
            raise Refusal(_problem(404, "Resource Not Found", "The requested resource could not be found."))
        count, offset = int(request.query.get("count", "10")), int(request.query.get("offset", "0"))
        if not 1 <= count <= MOST_PER_PAGE:
            raise _invalid("count", f"Must be at most {MOST_PER_PAGE}")
        shown = self._members[offset : offset + count]
        return Answer(200, {"members": shown, "list_id": LIST, "total_items": len(self._members), "_links": []})

    def _written(self, body: Json) -> Answer:
        """Each member for itself: what is wrong with one does not keep the others from being written."""
        if len(body["members"]) > MOST_PER_BATCH:
            raise _invalid("members", f"Must have at most {MOST_PER_BATCH} members")
        answer: Json = {"new_members": [], "updated_members": [], "errors": []}
        for given in body["members"]:
            place, said = self._upserted(given, body["update_existing"])
            answer[place].append(said)
        counts = {f"total_{word}": len(answer[f"{place}_members"]) for word, place in COUNTED.items()}
        return Answer(200, {**answer, **counts, "error_count": len(answer["errors"]), "_links": []})

    def _upserted(self, given: Json, update_existing: bool) -> tuple[str, Json]:
        email = given["email_address"]
        if "@" not in email:
            return "errors", _fault(email, "Please provide a valid email address.", "ERROR_GENERIC")
        known = next((one for one in self._members if one["email_address"].lower() == email.lower()), None)
        if known is not None and not update_existing:
            return "errors", _fault(email, f"{email} is already a list member.", "ERROR_CONTACT_EXISTS")
        made = {**(known or member(len(self._members) + 1)), **given, "id": _id(email)}
        self._members = [one for one in self._members if one is not known] + [made]
        return ("updated_members" if known else "new_members"), made


def member(number: int) -> Json:
    email = f"member{number}@example.com"
    return {
        "id": _id(email),
        "email_address": email.title(),
        "status": ("subscribed", "unsubscribed", "cleaned", "pending")[number % 4],
        "merge_fields": {"FNAME": f"Ada{number}", "LNAME": "King" if number % 2 else "", "PHONE": ""},
        "stats": {"avg_open_rate": number / 100},
        "timestamp_opt": "2024-01-02T03:04:05+00:00" if number % 4 == 0 else "",
        "last_changed": f"2024-04-{number % 28 + 1:02}T03:04:05+00:00",
        "tags": [{"id": 1, "name": "vip"}] if number % 3 == 0 else [],
    }


def _id(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def _fault(email: str, error: str, code: str) -> Json:
    return {"email_address": email, "error": error, "error_code": code, "field": "", "field_message": ""}


def _invalid(field: str, message: str) -> Refusal:
    detail = "The resource submitted could not be validated. For field-specific details, see 'errors'."
    return Refusal(_problem(400, "Invalid Resource", detail, errors=[{"field": field, "message": message}]))


def _check_key(request: Request) -> None:
    given = request.headers.get("authorization", "").removeprefix("Basic ")
    key = base64.b64decode(given).decode().partition(":")[2]
    if key != KEY:
        detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
        raise Refusal(_problem(401, "API Key Invalid", detail))
