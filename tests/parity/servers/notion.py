"""The pages of a Notion workspace, found by search, version 2022-06-28.

Source: https://developers.notion.com/reference/post-search, https://developers.notion.com/reference/request-limits.
"""

from uuid import UUID

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "notion-token-of-the-tests"
MOST_PER_PAGE = 100


def limited(retry_after_s: int) -> Answer:
    return Answer(429, _error(429, "rate_limited", "You have been rate limited."), {"retry-after": str(retry_after_s)})


class Search:
    def __init__(self, count: int) -> None:
        self._pages = [page(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        _check_headers(request)
        if (request.method, request.path) != ("POST", "/v1/search"):
            raise _refusal(400, "invalid_request_url", "Invalid request URL.")
        body = _body(request)
        size = body.get("page_size", 100)
        if not isinstance(size, int) or not 1 <= size <= MOST_PER_PAGE:
            message = f"body failed validation: body.page_size should be ≤ `{MOST_PER_PAGE}`, instead was `{size}`."
            raise _refusal(400, "validation_error", message)
        first = self._first(body)
        following = self._pages[first + size : first + size + 1]
        answer: Json = {
            "object": "list",
            "results": self._pages[first : first + size],
            "next_cursor": following[0]["id"] if following else None,
            "has_more": bool(following),
            "type": "page_or_database",
            "page_or_database": {},
        }
        return Answer(200, answer)

    def _first(self, body: Json) -> int:
        """A cursor is the id of the page's first result; null is none at all and is refused."""
        if "start_cursor" not in body:
            return 0
        for index, known in enumerate(self._pages):
            if known["id"] == body["start_cursor"]:
                return index
        raise _refusal(400, "validation_error", f"The start_cursor provided is invalid: {body['start_cursor']}")


def page(number: int) -> Json:
    title = [{"type": "text", "plain_text": f"Page {number}"}] if number % 4 else []
    return {
        "object": "page",
        "id": str(UUID(int=number)),
        "created_time": "2024-01-02T03:04:00.000Z",
        "last_edited_time": f"2024-04-{number % 28 + 1:02}T03:04:00.000Z",
        "archived": number % 10 == 0,
        "parent": {"type": "workspace", "workspace": True},
        "properties": {
            "title": {"id": "title", "type": "title", "title": title},
        },
        "url": f"https://www.notion.so/Page-{number}",
    }


def _check_headers(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        raise _refusal(401, "unauthorized", "API token is invalid.")
    if (version := request.headers.get("notion-version")) != "2022-06-28":
        message = f"Notion-Version header failed validation: it should be defined, instead was `{version}`."
        raise _refusal(400, "missing_version", message)


def _body(request: Request) -> Json:
    if request.headers.get("content-type") != "application/json":
        raise _refusal(400, "invalid_json", "Error parsing JSON body.")
    body: Json = request.json()
    if unknown := sorted(body.keys() - {"query", "sort", "filter", "start_cursor", "page_size"}):
        message = f"body failed validation: body.{unknown[0]} should be not present"
        raise _refusal(400, "validation_error", message)
    if request.pairs:
        raise _refusal(400, "validation_error", f"query failed validation: {request.pairs[0][0]} should be not present")
    return body


def _error(status: int, code: str, message: str) -> Json:
    return {"object": "error", "status": status, "code": code, "message": message, "request_id": str(UUID(int=0))}


def _refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(Answer(status, _error(status, code, message)))
