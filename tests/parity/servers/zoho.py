"""The contacts of a Zoho CRM account, API v8.

Source: https://www.zoho.com/crm/developer/docs/api/v8/get-records.html.
"""

import base64

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "zoho-token-of-the-tests"
MOST_PER_PAGE, MOST_BY_PAGE_NUMBER, MOST_FIELDS = 200, 2000, 50

LIMITED = Answer(
    429,
    {
        "code": "TOO_MANY_REQUESTS",
        "details": {},
        "message": "You have exceeded the limit of requests in a minute",
        "status": "error",
    },
)


class Contacts:
    def __init__(self, count: int) -> None:
        self._contacts = [contact(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        query = request.query
        _check_request(request)
        per_page = int(query.get("per_page", "200"))
        if not 1 <= per_page <= MOST_PER_PAGE:
            raise _refusal(400, "INVALID_DATA", "invalid data", {"api_name": "per_page"})
        first = self._first(query, per_page)
        shown = self._contacts[first : first + per_page]
        if not shown:
            return Answer(204)
        names = ["id", *query["fields"].split(",")]
        records = [{name: one[name] for name in names if name in one} for one in shown]
        return Answer(200, {"data": records, "info": self._info(first, per_page, len(shown))})

    def _first(self, query: dict[str, str], per_page: int) -> int:
        token = query.get("page_token")
        if token is None:
            page = int(query.get("page", "1"))
            if page * per_page > MOST_BY_PAGE_NUMBER:
                message = "You can only get the first 2000 records without using page_token param."
                raise _refusal(400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", message, {"limit": MOST_BY_PAGE_NUMBER})
            return (page - 1) * per_page
        if "page" in query:
            raise _refusal(400, "AMBIGUITY_DURING_PROCESSING", "page and page_token cannot be given together")
        try:
            return int(base64.b32decode(token).decode().removeprefix("at"))
        except ValueError:
            raise _refusal(400, "INVALID_DATA", "invalid data", {"param_name": "page_token"}) from None

    def _info(self, first: int, per_page: int, count: int) -> Json:
        more = first + per_page < len(self._contacts)
        return {
            "per_page": per_page,
            "count": count,
            "page": first // per_page + 1,
            "sort_by": "id",
            "sort_order": "desc",
            "next_page_token": base64.b32encode(f"at{first + per_page}".encode()).decode() if more else None,
            "previous_page_token": None,
            "page_token_expiry": "2024-06-01T00:00:00+05:30" if more else None,
            "more_records": more,
        }


def contact(number: int) -> Json:
    return {
        "id": str(5_540_000_000_000 + number),
        "First_Name": f"Ada{number}" if number % 3 else None,
        "Last_Name": "King",
        "Email": f"contact{number}@example.com",
        "Account_Name": {"name": "Acme", "id": "5540000000000999"} if number % 2 else None,
        "Email_Opt_Out": number % 5 == 0,
        "Date_of_Birth": "1990-12-31" if number % 2 else None,
        "Modified_Time": f"2024-04-{number % 28 + 1:02}T15:26:49+05:30",
    }


def _check_request(request: Request) -> None:
    if request.headers.get("authorization") != f"Zoho-oauthtoken {TOKEN}":
        raise _refusal(401, "INVALID_TOKEN", "invalid oauth token")
    if request.path != "/crm/v8/Contacts":
        raise _refusal(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one")
    fields = request.query.get("fields", "")
    if not fields:
        details = {"param_name": "fields"}
        raise _refusal(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", details)
    if len(fields.split(",")) > MOST_FIELDS:
        raise _refusal(400, "LIMIT_EXCEEDED", "Fields limit exceeded.", {"limit": MOST_FIELDS})


def _refusal(status: int, code: str, message: str, details: Json | None = None) -> Refusal:
    return Refusal(Answer(status, {"code": code, "details": details or {}, "message": message, "status": "error"}))
