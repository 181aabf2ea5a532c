"""The records of an Airtable table: a cursor that is called offset and that expires.

Source: https://airtable.com/developers/web/api/list-records, https://airtable.com/developers/web/api/rate-limits.
"""

import re

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "airtable-token-of-the-tests"
MOST_PER_PAGE = 100
OFFSET = re.compile(r"itr00000000000000/rec(\d{14})")

LIMITED = Answer(
    429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]}
)
EXPIRED = Answer(
    422, {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "message": "The iterator is not available"}}
)


class Records:
    def __init__(self, count: int) -> None:
        self._records = [record(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise _refusal(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        if request.path != "/v0/appA1B2C3D4E5F6G7/Contacts":
            raise Refusal(Answer(404, {"error": "NOT_FOUND"}))
        size = int(request.query.get("pageSize", "100"))
        if not 1 <= size <= MOST_PER_PAGE:
            message = f"Page size should be between 1 and {MOST_PER_PAGE}"
            raise _refusal(422, "INVALID_REQUEST_UNKNOWN", message)
        first = self._first(request.query.get("offset"))
        answer: Json = {"records": self._records[first : first + size]}
        if first + size < len(self._records):
            answer["offset"] = f"itr00000000000000/rec{first + size:014}"
        return Answer(200, answer)

    def _first(self, offset: str | None) -> int:
        if offset is None:
            return 0
        if (found := OFFSET.fullmatch(offset)) is None:
            raise _refusal(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")
        return int(found[1])


def record(number: int) -> Json:
    """Airtable leaves out the fields that are empty, an unticked box too."""
    fields: Json = {"Name": f"Ada {number} King", "Email": f"ada{number}@example.com"}
    fields |= {"Subscribed": True} if number % 2 else {}
    fields |= {"Tags": ["vip", "lead"]} if number % 3 == 0 else {}
    return {"id": f"rec{number:014}", "createdTime": "2024-01-02T03:04:05.000Z", "fields": fields}


def _refusal(status: int, kind: str, message: str) -> Refusal:
    return Refusal(Answer(status, {"error": {"type": kind, "message": message}}))
