"""The users of a Microsoft Entra tenant, Microsoft Graph v1.0: the next page is an absolute link inside the body.

Source: https://learn.microsoft.com/en-us/graph/paging, https://learn.microsoft.com/en-us/graph/errors.
"""

import re
from urllib.parse import urlencode
from uuid import UUID

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "graph-token-of-the-tests"
MOST_PER_PAGE = 999
SKIP_TOKEN = re.compile(r"RFNwdAIAAQAAAB(\d+)")


def limited(retry_after_s: int) -> Answer:
    content = {"error": {"code": "TooManyRequests", "message": "Please retry again later.", "innerError": {}}}
    return Answer(429, content, {"retry-after": str(retry_after_s)})


def _answered(status: int, code: str, message: str) -> Answer:
    inner = {"date": "2024-06-01T00:00:00", "request-id": str(UUID(int=0)), "client-request-id": str(UUID(int=0))}
    return Answer(status, {"error": {"code": code, "message": message, "innerError": inner}})


EXPIRED_PAGE = _answered(
    400,
    "Directory_ExpiredPageToken",
    "The specified page token value has expired and can no longer be included in your request.",
)
EXPIRED_TOKEN = _answered(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")


class Users:
    """`tokens` are those that are good now."""

    def __init__(self, count: int) -> None:
        self._users = [user(number) for number in range(1, count + 1)]
        self.tokens = {TOKEN}

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(EXPIRED_TOKEN)
        if request.path != "/v1.0/users":
            raise Refusal(_answered(404, "ResourceNotFound", "Resource could not be discovered."))
        size = int(request.query.get("$top", "100"))
        if not 1 <= size <= MOST_PER_PAGE:
            message = f"Invalid page size specified: '{size}'. Must be between 1 and {MOST_PER_PAGE} inclusive."
            raise Refusal(_answered(400, "Request_UnsupportedQuery", message))
        first = _place(request.query.get("$skiptoken"))
        answer: Json = {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
            "value": [_selected(one, request.query.get("$select")) for one in self._users[first : first + size]],
        }
        if first + size < len(self._users):
            answer["@odata.nextLink"] = _link(request, first + size)
        return Answer(200, answer)


def user(number: int) -> Json:
    return {
        "id": str(UUID(int=number)),
        "displayName": f"Ada {number}",
        "givenName": f"Ada{number}",
        "surname": "King" if number % 3 else None,
        "mail": f"ada{number}@contoso.com" if number % 2 else None,
        "userPrincipalName": f"ada{number}_partner.com#EXT#@contoso.onmicrosoft.com",
        "accountEnabled": number % 4 != 0,
        "businessPhones": ["+41 31 000 0000"] if number % 5 == 0 else [],
        "createdDateTime": "2024-01-02T03:04:05Z",
    }


def _link(request: Request, place: int) -> str:
    kept = [pair for pair in request.pairs if pair[0] != "$skiptoken"]
    return f"{request.origin}/v1.0/users?{urlencode([*kept, ('$skiptoken', f'RFNwdAIAAQAAAB{place}')], safe='$')}"


def _place(token: str | None) -> int:
    if token is None:
        return 0
    if (found := SKIP_TOKEN.fullmatch(token)) is None:
        raise Refusal(_answered(400, "Request_BadRequest", "Invalid value specified for property 'skiptoken'."))
    return int(found[1])


def _selected(one: Json, names: str | None) -> Json:
    return one if names is None else {name: one[name] for name in names.split(",")}
