"""The users of a Slack workspace: errors come inside a 200.

Source: https://docs.slack.dev/reference/methods/users.list, https://docs.slack.dev/apis/web-api/pagination,
https://docs.slack.dev/apis/web-api/rate-limits.
"""

import base64

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "slack-token-of-the-tests"
MOST_PER_PAGE = 1000


def limited(retry_after_s: int) -> Answer:
    return Answer(429, {"ok": False, "error": "ratelimited"}, {"retry-after": str(retry_after_s)})


# Some methods say it in the body alone.
LIMITED_IN_200 = Answer(200, {"ok": False, "error": "ratelimited"}, {"retry-after": "0"})


class Users:
    def __init__(self, count: int) -> None:
        self._users = [user(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token != TOKEN:
            raise _refusal("invalid_auth" if token else "not_authed")
        if request.path == "/api/auth.test":
            return Answer(200, {"ok": True, "team": "Workshop", "user": "ada1", "user_id": "U00000001"})
        if request.path != "/api/users.list":
            raise _refusal("unknown_method")
        limit = int(request.query.get("limit", "0")) or len(self._users)
        if limit > MOST_PER_PAGE:
            raise _refusal("limit_required" if "limit" not in request.query else "invalid_limit")
        first = self._first(request.query.get("cursor", ""))
        last = first + limit
        cursor = base64.b64encode(f"user:{last}".encode()).decode() if last < len(self._users) else ""
        answer = {
            "ok": True,
            "members": self._users[first:last],
            "cache_ts": 1_700_000_000,
            "response_metadata": {"next_cursor": cursor},
        }
        return Answer(200, answer)

    def _first(self, cursor: str) -> int:
        if not cursor:
            return 0
        try:
            return int(base64.b64decode(cursor, validate=True).decode().removeprefix("user:"))
        except ValueError:
            raise _refusal("invalid_cursor") from None


def user(number: int) -> Json:
    is_deleted = number % 7 == 0
    profile = {"real_name": f"Ada {number}", "phone": "", "title": "Engineer" if number % 2 else ""}
    return {
        "id": f"U{number:08}",
        "team_id": "T012AB3C4",
        "name": f"ada{number}",
        "deleted": is_deleted,
        "profile": profile if is_deleted else profile | {"email": f"ada{number}@example.com"},
        "is_bot": False,
        "updated": 1_700_000_000 + number,
        **({} if is_deleted else {"tz": "Europe/Zurich", "is_admin": number == 1}),
    }


def _refusal(error: str) -> Refusal:
    return Refusal(Answer(200, {"ok": False, "error": error}))
