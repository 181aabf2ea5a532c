"""The customers of a Shopify store, REST Admin API.

Source: https://shopify.dev/docs/api/admin-rest/usage/pagination, https://shopify.dev/docs/api/admin-rest/usage/rate-limits.
"""

import base64
from urllib.parse import urlencode

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "shopify-token-of-the-tests"
MOST_PER_PAGE = 250
# What may stand beside page_info: the page it names has its filters and its order in it.
WITH_PAGE_INFO = {"limit", "fields", "page_info"}

LIMITED = Answer(
    429,
    {"errors": "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."},
    {"retry-after": "0.0", "x-shopify-shop-api-call-limit": "40/40"},
)
LIMITED_FOR_A_WHILE = Answer(429, LIMITED.content, {"retry-after": "2.0", "x-shopify-shop-api-call-limit": "40/40"})


class Customers:
    def __init__(self, count: int) -> None:
        self._customers = [customer(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("x-shopify-access-token") != TOKEN:
            message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            raise Refusal(Answer(401, {"errors": message}))
        if request.path != "/admin/api/2024-10/customers.json":
            raise Refusal(Answer(404, {"errors": "Not Found"}))
        _check_query(request.query)
        limit, first = int(request.query.get("limit", "50")), self._first(request.query.get("page_info"))
        shown = self._customers[first : first + limit]
        headers = {"x-shopify-shop-api-call-limit": "1/40"} | self._links(request, first, limit)
        return Answer(200, {"customers": [_with_fields(one, request.query.get("fields")) for one in shown]}, headers)

    def _first(self, page_info: str | None) -> int:
        if page_info is None:
            return 0
        try:
            direction, _, first = base64.urlsafe_b64decode(page_info).decode().partition(":")
        except ValueError:
            direction, first = "", ""
        if direction not in ("next", "previous"):
            raise Refusal(Answer(400, {"errors": {"page_info": "Invalid value."}}))
        return int(first)

    def _links(self, request: Request, first: int, limit: int) -> dict[str, str]:
        places = {"previous": first - limit, "next": first + limit}
        links = [
            f'<{_url(request, f"{name}:{place}")}>; rel="{name}"'
            for name, place in places.items()
            if 0 <= place < len(self._customers)
        ]
        return {"link": ", ".join(links)} if links else {}


def customer(number: int) -> Json:
    return {
        "id": 207_119_551_000 + number,
        "email": f"shopper{number}@example.com",
        "created_at": "2024-02-03T04:05:06-05:00",
        "updated_at": f"2024-04-{number % 28 + 1:02}T10:00:00-04:00",
        "first_name": f"Ada {number}",
        "last_name": "" if number % 4 == 0 else "King",
        "orders_count": number % 9,
        "state": ("enabled", "disabled", "invited", "declined")[number % 4],
        "total_spent": f"{number}.50",
        "note": None,
        "verified_email": True,
        "tags": "vip, newsletter" if number % 2 else "",
        "currency": "USD",
        "admin_graphql_api_id": f"gid://shopify/Customer/{number}",
    }


def _check_query(query: dict[str, str]) -> None:
    if "page" in query:
        raise Refusal(Answer(400, {"errors": {"page": "page cannot be passed. See the pagination guide."}}))
    if not 1 <= int(query.get("limit", "50")) <= MOST_PER_PAGE:
        raise Refusal(Answer(400, {"errors": {"limit": f"limit must be at most {MOST_PER_PAGE}"}}))
    extra = sorted(query.keys() - WITH_PAGE_INFO)
    if "page_info" in query and extra:
        raise Refusal(Answer(400, {"errors": {extra[0]: f"{extra[0]} cannot be passed when page_info is present"}}))


def _url(request: Request, place: str) -> str:
    kept = {name: value for name, value in request.query.items() if name in ("limit", "fields")}
    page_info = base64.urlsafe_b64encode(place.encode()).decode()
    return f"{request.origin}{request.path}?{urlencode({**kept, 'page_info': page_info})}"


def _with_fields(one: Json, fields: str | None) -> Json:
    return one if fields is None else {name: one[name] for name in fields.split(",") if name in one}
