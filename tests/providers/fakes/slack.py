"""A workspace of Slack: Web API, OAuth v2, incoming webhooks. Errors come inside a 200.

Source: https://docs.slack.dev/apis/web-api, .../reference/methods/{auth.test,auth.revoke,users.list,
conversations.list,chat.postMessage,oauth.v2.access}, .../messaging/sending-messages-using-incoming-webhooks.
JSON bodies are read by methods that write alone; the others take a query or a form.
"""

import base64
from collections.abc import Callable
from typing import Any, ClassVar

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.authority import Authority, Grant
from tests.providers.fakes.controls import Fake, bearer, media_type

MOST_PER_PAGE, MOST_TEXT = 1000, 40_000
HOOK = "/services/T012AB3C4/B012AB3C4/abcdefghijklmnopqrstuvwx"
TYPES = frozenset({"public_channel", "private_channel", "mpim", "im"})


class Accounts(Authority):
    """Scopes are separated by commas; with `rotation` tokens expire in 12 hours and a refresh token is used once."""

    authorize_path = "/oauth/v2/authorize"
    token_path = "/api/oauth.v2.access"
    scope_separator = ","
    rotates = True
    prefix = "xoxb-access"
    rotation = False

    def token_params(self, request: Request) -> dict[str, str]:
        """A request without grant_type asks for the exchange of a code."""
        return {"grant_type": "authorization_code", **super().token_params(request)}

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        user = {"id": "U00000001"}
        if any(scope.startswith("search:") for scope in grant.scopes) and is_first:
            user |= {"access_token": "xoxp-user", "scope": "search:read", "token_type": "user"}
        answer = {
            "ok": True,
            "access_token": access,
            "token_type": "bot",
            "scope": ",".join(grant.scopes),
            "bot_user_id": "U00000009",
            "app_id": "A0KRD7HC3",
            "team": {"name": "Workshop", "id": "T012AB3C4"},
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": user,
        }
        return {**answer, "refresh_token": grant.refresh_token, "expires_in": 43200} if self.rotation else answer

    def refused(self, reason: str) -> Answer:
        codes = {"client": "bad_client_secret", "code": "invalid_code", "redirect": "bad_redirect_uri"}
        codes |= {"verifier": "invalid_code_verifier", "refresh": "invalid_refresh_token"}
        return Answer(200, {"ok": False, "error": codes.get(reason, "invalid_grant_type")})


def _refusal(error: str, **more: object) -> Refusal:
    return Refusal(Answer(200, {"ok": False, "error": error, **more}))


class Slack(Fake):
    """`messages` are what was posted, by channel."""

    limited: ClassVar[Answer] = Answer(429, {"ok": False, "error": "ratelimited"}, {"retry-after": "1"})

    def __init__(self, count: int = 0) -> None:
        self.accounts = Accounts()
        super().__init__(self.accounts)
        self.users = [_user(number) for number in range(1, count + 1)]
        self.channels = [_channel(number) for number in range(1, count + 1)]
        self.messages: list[Json] = []
        self._known: set[str] = set()

    def expire(self) -> None:
        """Let the tokens expire, as they do where rotation is on."""
        self._known |= {token for grant in self.accounts.grants for token in grant.access}
        self.accounts.expire()

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/services/"):
            return self._hook(request)
        serve = self._methods().get(request.path.removeprefix("/api/"))
        if serve is None:
            raise _refusal("unknown_method")
        self._check_token(request)
        return serve(request)

    def _methods(self) -> dict[str, Callable[[Request], Answer]]:
        who = {"url": "https://workshop.slack.com/", "team": "Workshop", "user": "hub", "team_id": "T012AB3C4"}
        return {
            "auth.test": lambda _: Answer(200, {"ok": True, **who, "user_id": "U00000009", "bot_id": "B00000009"}),
            "auth.revoke": self._revoke,
            "users.list": lambda request: self._page(request, "members", self.users),
            "conversations.list": self._conversations,
            "chat.postMessage": self._post,
            "users.lookupByEmail": self._lookup,
        }

    def _check_token(self, request: Request) -> None:
        token = bearer(request)
        if not token:
            raise _refusal("not_authed")
        if self.accounts.grant_of(token) is None:
            raise _refusal("token_expired" if token in self._known else "invalid_auth")

    def _revoke(self, request: Request) -> Answer:
        return Answer(200, {"ok": True, "revoked": self.accounts.revoke(bearer(request))})

    def _conversations(self, request: Request) -> Answer:
        types = _params(request).get("types", "public_channel").split(",")
        if set(types) - TYPES:
            raise _refusal("invalid_types")
        is_hidden = _params(request).get("exclude_archived") in ("true", "1")
        shown = [one for one in self.channels if not (is_hidden and one["is_archived"]) and "public_channel" in types]
        return self._page(request, "channels", shown)

    def _page(self, request: Request, name: str, found: list[Json]) -> Answer:
        limit_text = _params(request).get("limit", "0")
        if not limit_text.isdigit() or int(limit_text) > MOST_PER_PAGE:
            raise _refusal("invalid_limit")
        limit, first = int(limit_text) or len(found) or 1, _first(_params(request).get("cursor", ""))
        last = first + limit
        cursor = base64.b64encode(f"next:{last}".encode()).decode() if last < len(found) else ""
        return Answer(200, {"ok": True, name: found[first:last], "response_metadata": {"next_cursor": cursor}})

    def _lookup(self, request: Request) -> Answer:
        email = _params(request).get("email", "").lower()
        for user in self.users:
            if user["profile"].get("email", "").lower() == email:
                return Answer(200, {"ok": True, "user": user})
        raise _refusal("users_not_found")

    def _post(self, request: Request) -> Answer:
        body = _written(request)
        channel = next(
            (one for one in self.channels if body.get("channel") in (one["id"], one["name"], f"#{one['name']}")), None
        )
        if channel is None:
            raise _refusal("channel_not_found")
        if channel["is_archived"]:
            raise _refusal("is_archived")
        _check_message(body)
        self.messages.append(body)
        ts = f"1700000000.{len(self.messages):06}"
        message = {"type": "message", "bot_id": "B00000009", "text": body.get("text", ""), "ts": ts}
        return Answer(200, {"ok": True, "channel": channel["id"], "ts": ts, "message": message})

    def _hook(self, request: Request) -> Answer:
        if request.path != HOOK:
            raise Refusal(Answer(404, text="no_service"))
        if request.method != "POST":
            raise Refusal(Answer(400, text="invalid_payload"))
        try:
            body = request.json()
        except ValueError:
            raise Refusal(Answer(400, text="invalid_payload")) from None
        if not isinstance(body, dict) or not (body.get("text") or body.get("blocks") or body.get("attachments")):
            raise Refusal(Answer(400, text="no_text"))
        self.messages.append(body)
        return Answer(200, text="ok")


def _user(number: int) -> Json:
    return {
        "id": f"U{number:08}",
        "team_id": "T012AB3C4",
        "name": f"ada{number}",
        "deleted": number % 7 == 0,
        "profile": {"real_name": f"Ada {number}", "email": f"contact{number}@example.com", "title": "", "phone": ""},
        "is_bot": False,
        "updated": 1_700_000_000 + number,
    }


def _channel(number: int) -> Json:
    return {
        "id": f"C{number:08}",
        "name": f"channel-{number}",
        "is_channel": True,
        "is_archived": number % 50 == 49,
        "is_private": False,
        "is_member": True,
        "num_members": number,
        "topic": {"value": ""},
        "purpose": {"value": ""},
        "created": 1_700_000_000 + number,
    }


def _params(request: Request) -> dict[str, str]:
    """Return the query, and the form where there is one; a JSON body of a method that reads says nothing."""
    form = request.form if media_type(request) == "application/x-www-form-urlencoded" else {}
    return {**request.query, **form}


def _written(request: Request) -> Json:
    if media_type(request) != "application/json":
        return dict(_params(request))
    try:
        body: Any = request.json()
    except ValueError:
        raise _refusal("invalid_json") from None
    if not isinstance(body, dict):
        raise _refusal("json_not_object")
    return body


def _check_message(body: Json) -> None:
    if not (body.get("text") or body.get("blocks") or body.get("attachments")):
        raise _refusal("no_text")
    if len(body.get("text") or "") > MOST_TEXT:
        raise _refusal("msg_too_long")


def _first(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except ValueError:
        raise _refusal("invalid_cursor") from None
