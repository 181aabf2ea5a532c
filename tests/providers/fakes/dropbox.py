"""An account of Dropbox: OAuth, the API's host (JSON) and the content host (bytes).

Source: https://www.dropbox.com/developers/documentation/http/documentation (users, check, files, auth/token/revoke),
https://developers.dropbox.com/oauth-guide, .../error-handling-guide.
"""

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.authority import Authority, Grant
from tests.providers.fakes.controls import Fake, bearer, media_type

MOST_AT_ONCE = 150 * 1024 * 1024
PATH = re.compile(r"(/(.|[\r\n])*)|(ns:[0-9]+(/.*)?)|(id:.*)")
WRITE_PATH = re.compile(r"/[^/]+(/[^/]+)*")
COMMIT = frozenset("path mode autorename client_modified mute strict_conflict property_groups content_hash".split())
LISTING = frozenset(
    "path recursive include_media_info include_deleted include_has_explicit_shared_members limit"
    " include_mounted_folders shared_link include_property_groups include_non_downloadable_files".split()
)
SEARCHING = frozenset("path max_results order_by file_status filename_only file_extensions file_categories".split())


class Accounts(Authority):
    """A refresh token only with token_access_type=offline; it does not change."""

    authorize_path = "/oauth2/authorize"
    token_path = "/oauth2/token"
    prefix = "sl.access"
    offline_param = ("token_access_type", "offline")

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        answer: Json = {"access_token": access, "expires_in": 14400, "token_type": "bearer"}
        if not is_first:
            return answer
        about = {
            "scope": " ".join(grant.scopes),
            "account_id": "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc",
            "uid": "12345",
        }
        return {**answer, **about, **({"refresh_token": grant.refresh_token} if grant.refresh_token else {})}

    def refused(self, reason: str) -> Answer:
        status, error, description = {
            "client": (401, "invalid_client", "Invalid client_id or client_secret"),
            "code": (400, "invalid_grant", "code doesn't exist or has expired"),
            "redirect": (400, "invalid_grant", "redirect_uri mismatch"),
            "verifier": (400, "invalid_grant", "invalid code verifier"),
            "refresh": (400, "invalid_grant", "refresh token is invalid or revoked"),
        }.get(reason, (400, "unsupported_grant_type", reason))
        return Answer(status, {"error": error, "error_description": description})


def _wrong(function: str, message: str) -> Refusal:
    """400 is text, not JSON."""
    return Refusal(Answer(400, text=f'Error in call to API function "{function}": {message}'))


def _failed(summary: str, error: Json) -> Refusal:
    """409: an error of the function itself."""
    return Refusal(Answer(409, {"error_summary": f"{summary}/..", "error": error}))


class Dropbox(Fake):
    """Both hosts, apart by their paths; `contents` are the bytes by path in lower case."""

    limited: ClassVar[Answer] = Answer(
        429,
        {"error_summary": "too_many_requests/..", "error": {"reason": {".tag": "too_many_requests"}, "retry_after": 1}},
        {"retry-after": "1"},
    )

    def __init__(self, count: int = 0) -> None:
        self.accounts = Accounts()
        super().__init__(self.accounts)
        self.files = {one["path_lower"]: one for one in map(_example, range(1, count + 1))}
        self.contents: dict[str, bytes] = {}
        self.sessions: dict[str, Json] = {}
        self.received: list[tuple[int, int]] = []
        self._expired: set[str] = set()

    def expire(self) -> None:
        """Let the access tokens expire; Dropbox tells expired ones from unknown ones."""
        self._expired |= {token for grant in self.accounts.grants for token in grant.access}
        self.accounts.expire()

    def answer(self, request: Request) -> Answer:
        function = request.path.removeprefix("/2/")
        serve = self._functions().get(function)
        if request.method != "POST" or serve is None:
            raise Refusal(Answer(404, text="Unknown API function"))
        self._check_token(request, function)
        return serve(request, function)

    def _functions(self) -> dict[str, Callable[[Request, str], Answer]]:
        return {
            "users/get_current_account": self._account,
            "check/user": lambda one, name: Answer(200, {"result": _argument(one, name).get("query", "")}),
            "auth/token/revoke": self._revoke,
            "files/list_folder": self._list,
            "files/list_folder/continue": self._continue,
            "files/search_v2": self._search,
            "files/search/continue_v2": self._search_continue,
            "files/upload": self._upload,
            "files/upload_session/start": self._start,
            "files/upload_session/append_v2": self._append,
            "files/upload_session/finish": self._finish,
        }

    def _check_token(self, request: Request, function: str) -> None:
        token = bearer(request)
        if not token:
            raise _wrong(function, 'Must provide HTTP header "Authorization" or URL parameter "authorization".')
        if self.accounts.grant_of(token) is None:
            tag = "expired_access_token" if token in self._expired else "invalid_access_token"
            raise Refusal(Answer(401, {"error_summary": f"{tag}/..", "error": {".tag": tag}}))

    def _account(self, request: Request, function: str) -> Answer:
        _no_argument(request, function)
        name = {"given_name": "Ada", "surname": "King", "display_name": "Ada King"}
        return Answer(200, {"account_id": "dbid:AAH4f99T0taONIb", "name": name, "email": "ada@example.com"})

    def _revoke(self, request: Request, function: str) -> Answer:
        _no_argument(request, function)
        self.accounts.revoke(bearer(request))
        return Answer(200, text="null", headers={"content-type": "application/json"})

    def _list(self, request: Request, function: str) -> Answer:
        argument = _argument(request, function, LISTING)
        path, limit = argument.get("path"), argument.get("limit", 500)
        if path == "/":
            raise _wrong(function, 'request body: path: Specify the root folder as an empty string rather than as "/".')
        if not isinstance(path, str) or (path and PATH.fullmatch(path) is None):
            raise _wrong(function, f"request body: path: '{path}' did not match pattern")
        if not isinstance(limit, int) or not 1 <= limit <= 2000:
            raise _wrong(function, "request body: limit: is not between 1 and 2000")
        if path and not any(one.startswith(path.lower() + "/") for one in self.files):
            raise _failed("path/not_found", {".tag": "path", "path": {".tag": "not_found"}})
        return self._entries(path.lower(), 0, limit)

    def _continue(self, request: Request, function: str) -> Answer:
        cursor = _argument(request, function, frozenset({"cursor"})).get("cursor")
        found = re.fullmatch(r"AAlist:(\d+):(\d+):(.*)", cursor or "")
        if found is None:
            raise _wrong(function, f"request body: cursor: Invalid \"cursor\" parameter: '{cursor}'")
        return self._entries(found[3], int(found[1]), int(found[2]))

    def _entries(self, path: str, first: int, limit: int) -> Answer:
        entries = [one for one in self.files.values() if one["path_lower"].startswith(path + "/")]
        last = min(first + limit, len(entries))
        cursor = f"AAlist:{last}:{limit}:{path}"
        return Answer(200, {"entries": entries[first:last], "cursor": cursor, "has_more": last < len(entries)})

    def _search(self, request: Request, function: str) -> Answer:
        argument = _argument(request, function, frozenset({"query", "options", "match_field_options"}))
        query, options = argument.get("query"), argument.get("options", {})
        if not isinstance(query, str) or len(query) > 1000:
            raise _wrong(function, "request body: query: a text of 1000 characters at most is expected")
        if set(options) - SEARCHING or not 1 <= options.get("max_results", 100) <= 1000:
            raise _wrong(function, f"request body: options: unknown field '{sorted(set(options) - SEARCHING)}'")
        return self._matches(query, 0, options.get("max_results", 100))

    def _search_continue(self, request: Request, function: str) -> Answer:
        cursor = _argument(request, function, frozenset({"cursor"})).get("cursor", "")
        found = re.fullmatch(r"AAfind:(\d+):(\d+):(.*)", cursor, re.DOTALL)
        if found is None:
            raise _wrong(function, "request body: cursor: invalid")
        return self._matches(found[3], int(found[1]), int(found[2]))

    def _matches(self, query: str, first: int, limit: int) -> Answer:
        found = [one for one in self.files.values() if query.lower() in one["name"].lower()]
        last = min(first + limit, len(found))
        more = {"cursor": f"AAfind:{last}:{limit}:{query}"} if last < len(found) else {}
        matches = [{"metadata": {".tag": "metadata", "metadata": one}} for one in found[first:last]]
        return Answer(200, {"matches": matches, "has_more": bool(more), **more})

    def _upload(self, request: Request, function: str) -> Answer:
        commit = _content_argument(request, function, COMMIT)
        return Answer(200, self._committed(commit, request.body, function, ("path",)))

    def _start(self, request: Request, function: str) -> Answer:
        argument = _content_argument(request, function, frozenset({"close", "session_type", "content_hash"}))
        session_id = f"pid_upload_session:{len(self.sessions) + 1}"
        self.sessions[session_id] = {"bytes": request.body, "closed": bool(argument.get("close"))}
        self._note(0, request.body)
        return Answer(200, {"session_id": session_id})

    def _append(self, request: Request, function: str) -> Answer:
        argument = _content_argument(request, function, frozenset({"cursor", "close", "content_hash"}))
        session = self._session(argument, function, ())
        self._note(len(session["bytes"]), request.body)
        session["bytes"] += request.body
        session["closed"] = bool(argument.get("close"))
        return Answer(200, text="null", headers={"content-type": "application/json"})

    def _finish(self, request: Request, function: str) -> Answer:
        argument = _content_argument(request, function, frozenset({"cursor", "commit", "content_hash"}))
        session = self._session(argument, function, ("lookup_failed",))
        commit = argument.get("commit", {})
        if set(commit) - COMMIT:
            raise _wrong(
                function, f"HTTP header \"Dropbox-API-Arg\": commit: unknown field '{sorted(set(commit) - COMMIT)}'"
            )
        self._note(len(session["bytes"]), request.body)
        made = self._committed(commit, session["bytes"] + request.body, function, ("path",))
        del self.sessions[argument["cursor"]["session_id"]]
        return Answer(200, made)

    def _note(self, first: int, body: bytes) -> None:
        if body:
            self.received.append((first, first + len(body) - 1))

    def _session(self, argument: Json, function: str, around: tuple[str, ...]) -> Json:
        cursor = argument.get("cursor")
        if not isinstance(cursor, dict) or set(cursor) != {"session_id", "offset"}:
            raise _wrong(function, 'HTTP header "Dropbox-API-Arg": cursor: session_id and offset are expected')
        session = self.sessions.get(cursor["session_id"])
        if session is None:
            raise _around(around, {".tag": "not_found"})
        if cursor["offset"] != len(session["bytes"]):
            raise _around(around, {".tag": "incorrect_offset", "correct_offset": len(session["bytes"])})
        if session["closed"] and not around:
            raise _around(around, {".tag": "closed"})
        return session

    def _committed(self, commit: Json, content: bytes, function: str, around: tuple[str, ...]) -> Json:
        path, mode = commit.get("path"), commit.get("mode", "add")
        if not isinstance(path, str) or WRITE_PATH.fullmatch(path) is None:
            raise _wrong(function, f"HTTP header \"Dropbox-API-Arg\": path: '{path}' did not match pattern")
        tag = mode.get(".tag") if isinstance(mode, dict) else mode
        if tag not in ("add", "overwrite", "update"):
            raise _wrong(function, 'HTTP header "Dropbox-API-Arg": mode: invalid tag')
        if tag == "add" and path.lower() in self.files and self.contents.get(path.lower()) != content:
            if not commit.get("autorename"):
                reason = {".tag": "conflict", "conflict": {".tag": "file"}}
                raise _failed("path/conflict/file", {".tag": around[0], "reason": reason})
            stem, dot, kind = path.rpartition(".")
            path = f"{stem} (1){dot}{kind}"
        return self._stored(path, content)

    def _stored(self, path: str, content: bytes) -> Json:
        made = _metadata(path, len(self.files) + 1, len(content))
        self.files[path.lower()] = {".tag": "file", **made}
        self.contents[path.lower()] = content
        return made


def _example(number: int) -> Json:
    name = f"O'Brien's report {number}.csv" if number % 5 == 0 else f"contacts-export-{number}.csv"
    return {".tag": "file", **_metadata(f"/{name}", number, 1000 + number)}


def _metadata(path: str, number: int, size: int) -> Json:
    at = f"2024-04-{number % 28 + 1:02}T08:09:10Z"
    times = {"client_modified": at, "server_modified": at}
    return {
        "name": path.rpartition("/")[2],
        "id": f"id:a4ayc_80_OEAAAAAAA{number:05}",
        **times,
        "rev": f"a1c10ce0dd{number:05}",
        "size": size,
        "path_lower": path.lower(),
        "path_display": path,
        "is_downloadable": True,
    }


def _around(around: tuple[str, ...], error: Json) -> Refusal:
    for tag in around:
        error = {".tag": tag, tag: error}
    tags = [*around, error[around[0]][".tag"] if around else error[".tag"]]
    return _failed("/".join(tags), error)


def _argument(request: Request, function: str, known: frozenset[str] = frozenset({"query"})) -> Json:
    if media_type(request) not in ("application/json", "text/plain"):
        raise _wrong(
            function, f'Bad HTTP "Content-Type" header: "{media_type(request)}". Expecting "application/json".'
        )
    return _object(request.body.decode(), function, "request body", known)


def _content_argument(request: Request, function: str, known: frozenset[str]) -> Json:
    if media_type(request) != "application/octet-stream":
        expected = 'Expecting one of "application/octet-stream", "text/plain; charset=dropbox-cors-hack".'
        raise _wrong(function, f'Bad HTTP "Content-Type" header: "{media_type(request)}". {expected}')
    if len(request.body) > MOST_AT_ONCE:
        raise Refusal(Answer(413, text="payload too large"))
    argument = request.headers.get("dropbox-api-arg", "{}" if function.endswith("start") else "")
    if not argument.isascii() or "\x7f" in argument:
        raise _wrong(function, 'HTTP header "Dropbox-API-Arg": could not decode input as JSON')
    return _object(argument, function, 'HTTP header "Dropbox-API-Arg"', known)


def _object(text: str, function: str, where: str, known: frozenset[str]) -> Json:
    try:
        value: Any = json.loads(text)
    except ValueError:
        raise _wrong(function, f"{where}: could not decode input as JSON") from None
    if not isinstance(value, dict):
        raise _wrong(function, f"{where}: expected object, got {type(value).__name__}")
    if unknown := sorted(set(value) - known):
        raise _wrong(function, f"{where}: unknown field '{unknown[0]}'")
    return value


def _no_argument(request: Request, function: str) -> None:
    if request.body not in (b"", b"null"):
        raise _wrong(function, "request body: expected null, got value")
    if request.body and media_type(request) != "application/json":
        raise _wrong(function, f'Bad HTTP "Content-Type" header: "{media_type(request)}".')
