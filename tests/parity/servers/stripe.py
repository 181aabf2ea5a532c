"""The customers and the events of a Stripe account, API version 2024-06-20.

Source: https://docs.stripe.com/api/customers/list, https://docs.stripe.com/api/events/list, https://docs.stripe.com/api/errors.
"""

import base64

from tests.parity.serving import Answer, Json, Refusal, Request

KEY = "stripe-key-of-the-tests"
MOST_PER_PAGE = 100

LIMITED = Answer(
    429,
    {
        "error": {
            "code": "rate_limit",
            "message": "Request rate limit exceeded. Learn more about rate limits.",
            "type": "invalid_request_error",
        }
    },
    {"stripe-should-retry": "true"},
)
# Another request holds the object: it is a 429 that is over in a moment.
LOCKED = Answer(
    429,
    {
        "error": {
            "code": "lock_timeout",
            "message": "This object cannot be accessed right now because another API request or Stripe process is "
            "currently accessing it.",
            "type": "invalid_request_error",
        }
    },
)
FAILED = Answer(402, {"error": {"message": "The parameters were valid but the request failed.", "type": "card_error"}})


class Customers:
    """The customers of an account and, newest first, its events."""

    def __init__(self, count: int) -> None:
        self._customers = [customer(number) for number in range(1, count + 1)]
        self.events = [event(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        _check_key(request)
        if request.path == "/v1/customers":
            return _listed(request, "customer", self._customers, "expand[]")
        if request.path == "/v1/events":
            since = int(request.query.get("created[gte]", "0"))
            newest_first = [one for one in reversed(self.events) if one["created"] >= since]
            return _listed(request, "event", newest_first, "created[gte]")
        raise _refusal(404, f"Unrecognized request URL ({request.method}: {request.path}).")


def _listed(request: Request, kind: str, found: list[Json], filters: str) -> Answer:
    if unknown := [name for name in request.query if name not in ("limit", "starting_after", filters)]:
        raise _refusal(400, f"Received unknown parameter: {unknown[0]}", code="parameter_unknown", param=unknown[0])
    limit, first = _limit(request), _first(kind, found, request.query.get("starting_after"))
    content = {"object": "list", "url": request.path, "has_more": first + limit < len(found)}
    return Answer(200, {**content, "data": found[first : first + limit]})


def _first(kind: str, found: list[Json], after: str | None) -> int:
    if after is None:
        return 0
    for index, known in enumerate(found):
        if known["id"] == after:
            return index + 1
    raise _refusal(400, f"No such {kind}: '{after}'", code="resource_missing", param="starting_after")


def customer(number: int) -> Json:
    return {
        "id": f"cus_{number:014}",
        "object": "customer",
        "address": {"city": "Bern", "country": "CH", "line1": f"Lane {number}", "line2": None, "postal_code": "3000"}
        if number % 2
        else None,
        "balance": -number * 100,
        "created": 1_700_000_000 + number,
        "currency": "chf",
        "delinquent": number % 10 == 0,
        "description": None,
        "email": f"customer{number}@example.com",
        "livemode": False,
        "metadata": {},
        "name": f"Customer {number}",
        "phone": "" if number % 3 else f"+41 31 000 {number:04}",
        "tax_ids": {"object": "list", "data": [], "has_more": False},
    }


def event(number: int) -> Json:
    return {
        "id": f"evt_{number:014}",
        "object": "event",
        "api_version": "2024-06-20",
        "created": 1_700_000_000 + 60 * number,
        "data": {"object": customer(number)},
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": "customer.created",
    }


def _check_key(request: Request) -> None:
    """A key is the bearer's token or the user name of Basic."""
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    given = request.headers.get("authorization")
    if given is None:
        raise _refusal(401, "You did not provide an API key.")
    if given not in (f"Bearer {KEY}", f"Basic {basic}"):
        raise _refusal(401, "Invalid API Key provided: put-****here")


def _limit(request: Request) -> int:
    limit = int(request.query.get("limit", "10"))
    if not 1 <= limit <= MOST_PER_PAGE:
        message = f"This value must be less than or equal to {MOST_PER_PAGE}"
        raise _refusal(400, message, code="parameter_invalid_integer", param="limit")
    return limit


def _refusal(status: int, message: str, **more: str) -> Refusal:
    return Refusal(Answer(status, {"error": {"message": message, "type": "invalid_request_error", **more}}))
