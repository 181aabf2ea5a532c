"""The issues of a Jira Data Center project, found by JQL, REST API 2: an offset API that says its total.

Source: https://developer.atlassian.com/server/jira/platform/rest/v10000/api-group-search.
"""

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "jira-token-of-the-tests"


def limited(retry_after_s: int) -> Answer:
    headers = {"retry-after": str(retry_after_s), "x-ratelimit-limit": "50", "x-ratelimit-remaining": "0"}
    return Answer(429, {"message": "Rate limit exceeded."}, headers)


class Search:
    """`most_per_page` is what the administrator allows; more is cut to it, and the answer says so."""

    def __init__(self, count: int, most_per_page: int = 1000) -> None:
        self._issues = [issue(number) for number in range(1, count + 1)]
        self._most_per_page = most_per_page

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            message = "You are not authenticated. Authentication required to perform this operation."
            raise _refusal(401, message)
        if request.path != "/rest/api/2/search":
            raise Refusal(Answer(404, text="Not Found"))
        jql = request.query.get("jql", "")
        if "project = " not in jql:
            raise _refusal(400, f"Error in the JQL Query: '{jql}' has no project.")
        first, size = int(request.query.get("startAt", "0")), int(request.query.get("maxResults", "50"))
        size = min(size, self._most_per_page)
        answer = {
            "expand": "schema,names",
            "startAt": first,
            "maxResults": size,
            "total": len(self._issues),
            "issues": self._issues[first : first + size],
        }
        return Answer(200, answer)


def issue(number: int) -> Json:
    return {
        "id": str(10_000 + number),
        "key": f"HUB-{number}",
        "self": f"https://jira.example.com/rest/api/2/issue/{10_000 + number}",
        "fields": {
            "summary": f"Entry {number}",
            "status": {"name": ("To Do", "In Progress", "Done")[number % 3]},
            "assignee": {"displayName": f"Ada {number % 4}"} if number % 2 else None,
            "priority": {"name": "Medium"},
            "created": "2024-03-01T10:00:00.000+0100",
            "duedate": "2024-12-24" if number % 2 else None,
            "timeestimate": number * 3600 if number % 3 else None,
        },
    }


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(Answer(status, {"errorMessages": [message], "errors": {}}))
