"""The issues of a GitHub repository, REST version 2022-11-28.

Source: https://docs.github.com/en/rest/issues/issues#list-repository-issues, "Using pagination in the REST API".
"""

import re
from collections.abc import Callable
from urllib.parse import urlencode

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "github-token-of-the-tests"
DOCS = "https://docs.github.com/rest"
MOST_PER_PAGE, MOST_PAGES = 100, 100
REPOSITORY_ID = 1296269
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

LIMITED = Answer(
    403,
    {"message": "API rate limit exceeded for user ID 1.", "documentation_url": DOCS, "status": "403"},
    {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "retry-after": "0"},
)


class Issues:
    """A list of issues and of pull requests, every third one by default: GitHub calls both of them issues."""

    def __init__(self, count: int, is_pull: Callable[[int], bool] = lambda number: number % 3 == 0) -> None:
        self.entries = [pull(number) if is_pull(number) else issue(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        _check_headers(request)
        if request.path not in ("/repos/octocat/hello/issues", f"/repositories/{REPOSITORY_ID}/issues"):
            raise _refusal(404, "Not Found")
        per_page = min(int(request.query.get("per_page", "30")), MOST_PER_PAGE)
        page = int(request.query.get("page", "1"))
        if page > MOST_PAGES:
            raise _refusal(
                422,
                "Pagination with the page parameter is not supported for large datasets, "
                "please use cursor based pagination (after/before)",
            )
        found = self._found(request)
        shown = found[(page - 1) * per_page : page * per_page]
        headers = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999"}
        return Answer(200, shown, headers | _links(request, page, -(-len(found) // per_page)))

    def _found(self, request: Request) -> list[Json]:
        """`since` is a time such as 2024-04-30T00:00:00Z; what was updated then comes too."""
        since = request.query.get("since", "")
        if since and not TIME.fullmatch(since):
            raise _refusal(422, "Validation Failed")
        return [entry for entry in self.entries if entry["updated_at"] >= since]


def _links(request: Request, page: int, last: int) -> dict[str, str]:
    pages = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    kept = {name: number for name, number in pages.items() if 1 <= number <= last}
    wanted = ("next", "last") if page < last else ("prev", "first")
    links = [f'<{_url(request, kept[name])}>; rel="{name}"' for name in wanted if name in kept]
    return {"link": ", ".join(links)} if links and last > 1 else {}


def issue(number: int) -> Json:
    closed = number % 2 == 0
    return {
        "id": 1_000_000_000 + number,
        "node_id": f"I_{number:08}",
        "number": number,
        "html_url": f"https://github.com/octocat/hello/issues/{number}",
        "title": f"Entry {number} does not work",
        "body": None if number % 5 == 0 else f"Steps of {number}",
        "state": "closed" if closed else "open",
        "user": {"login": f"user{number % 4}", "id": number % 4},
        "labels": [{"id": 1, "name": "bug"}, {"id": 2, "name": "ui"}][: number % 3],
        "assignee": None,
        "comments": number % 7,
        "created_at": "2024-03-01T10:00:00Z",
        "updated_at": f"2024-04-{number % 28 + 1:02}T11:22:33Z",
        "closed_at": "2024-05-01T00:00:00Z" if closed else None,
    }


def pull(number: int) -> Json:
    return {**issue(number), "pull_request": {"url": f"https://api.github.com/repos/octocat/hello/pulls/{number}"}}


def _url(request: Request, page: int) -> str:
    query = [pair for pair in request.pairs if pair[0] != "page"] + [("page", str(page))]
    return f"{request.origin}/repositories/{REPOSITORY_ID}/issues?{urlencode(query)}"


def _check_headers(request: Request) -> None:
    if "user-agent" not in request.headers:
        raise Refusal(Answer(403, text="Request forbidden by administrative rules. A User-Agent header is needed."))
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        raise _refusal(401, "Bad credentials")
    if request.headers.get("accept") != "application/vnd.github+json":
        raise _refusal(415, "Must accept 'application/json'")
    if request.headers.get("x-github-api-version") != "2022-11-28":
        raise _refusal(400, "The API version is not supported.")


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(Answer(status, {"message": message, "documentation_url": DOCS, "status": str(status)}))
