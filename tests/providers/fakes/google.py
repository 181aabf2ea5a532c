"""Google: accounts (OAuth 2.0), Drive v3 with uploads, People v1.

Source: https://developers.google.com/identity/protocols/oauth2/web-server, https://developers.google.com/workspace/drive/
api/guides/{search-files,manage-uploads,handle-errors}, https://developers.google.com/people/api/rest.
"""

import json
import operator
import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.parity.serving import Answer, Json, Refusal, Request
from tests.providers.fakes.authority import Authority, Grant
from tests.providers.fakes.conditions import Dialect, Malformed, UnknownField, backslashes, equal, ordered, read
from tests.providers.fakes.controls import Fake, bearer, media_type

MOST_AT_ONCE, STEP = 5 * 1024 * 1024, 256 * 1024
SESSIONS, FILES, UPLOADS = "session-", "/drive/v3/files", "/upload/drive/v3/files"
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
ORDERS = frozenset("createdTime folder modifiedByMeTime modifiedTime name name_natural quotaBytesUsed recency".split())
LISTING = frozenset(
    "pageSize pageToken q fields orderBy spaces corpora driveId includeItemsFromAllDrives supportsAllDrives".split()
)
SHOWN = "kind,id,name,mimeType"
KNOWN = frozenset(
    "kind id name mimeType description parents trashed starred createdTime modifiedTime size webViewLink".split()
)
PERSON_FIELDS = frozenset("names emailAddresses phoneNumbers organizations metadata photos addresses".split())


class Accounts(Authority):
    """A refresh token only with access_type=offline, and for one who agreed before only with prompt=consent."""

    authorize_path = "/o/oauth2/v2/auth"
    token_path = "/token"
    revoke_path = "/revoke"
    prefix = "ya29.access"
    offline_param = ("access_type", "offline")

    def authorized(self, request: Request) -> Answer:
        agreed_before = any(not grant.is_revoked and grant.refresh_token for grant in self.grants)
        answer = super().authorized(request)
        if agreed_before and answer.status == 302 and "consent" not in request.query.get("prompt", "").split():
            self.grants[-1].refresh_token = None
        return answer

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        answer = {"access_token": access, "expires_in": 3599, "scope": " ".join(grant.scopes), "token_type": "Bearer"}
        id_token = {"id_token": "e30.e30.e30"} if "openid" in grant.scopes else {}
        refresh = {"refresh_token": grant.refresh_token} if is_first and grant.refresh_token else {}
        return {**answer, **id_token, **refresh}

    def refused(self, reason: str) -> Answer:
        status, error, description = {
            "client": (401, "invalid_client", "Unauthorized"),
            "code": (400, "invalid_grant", "Malformed auth code."),
            "redirect": (400, "redirect_uri_mismatch", "Bad Request"),
            "verifier": (400, "invalid_grant", "Invalid code verifier."),
            "refresh": (400, "invalid_grant", "Token has been expired or revoked."),
        }.get(reason, (400, "unsupported_grant_type", f"Invalid {reason}"))
        return Answer(status, {"error": error, "error_description": description})

    def revoked(self, request: Request) -> Answer:
        token = request.query.get("token") or request.form.get("token", "")
        problem = {"error": "invalid_token", "error_description": "Token expired or revoked"}
        return Answer(200, {}) if self.revoke(token) else Answer(400, problem)


def _refused(status: int, reason: str, message: str, **more: str) -> Answer:
    errors = [{"message": message, "domain": "global", "reason": reason, **more}]
    return Answer(status, {"error": {"code": status, "message": message, "errors": errors}})


def _invalid(name: str) -> Refusal:
    return Refusal(_refused(400, "invalid", "Invalid Value", location=name, locationType="parameter"))


class Google(Fake):
    """`contents` are the uploaded bytes by file id; `keep_next` keeps so many bytes of the next part and fails then."""

    limited: ClassVar[Answer] = _refused(403, "userRateLimitExceeded", "User Rate Limit Exceeded")

    def __init__(self, count: int = 0) -> None:
        self.accounts = Accounts()
        super().__init__(self.accounts)
        self.files = {one["id"]: one for one in map(_example, range(1, count + 1))}
        self.people = [_person(number) for number in range(1, count + 1)]
        self.contents: dict[str, bytes] = {}
        self.sessions: dict[str, Json] = {}
        self.received: list[tuple[int, int]] = []
        self._kept_next: int | None = None

    def keep_next(self, byte_count: int) -> None:
        self._kept_next = byte_count

    def forget_sessions(self) -> None:
        """Let the upload sessions expire."""
        self.sessions.clear()

    def answer(self, request: Request) -> Answer:
        if request.method == "PUT" and request.path == UPLOADS:
            return self._part(request)
        if self.accounts.grant_of(bearer(request)) is None:
            raise Refusal(_refused(401, "authError", "Invalid Credentials", location="Authorization"))
        one = re.fullmatch(rf"{FILES}/([\w-]+)", request.path)
        if request.method == "GET" and one:
            return self._file(request, one[1])
        serve = self._routes().get((request.method, request.path))
        if serve is None:
            raise Refusal(_refused(404, "notFound", "Not Found"))
        return serve(request)

    def _routes(self) -> dict[tuple[str, str], Callable[[Request], Answer]]:
        user = {"sub": "1", "email": "ada@example.com", "name": "Ada King"}
        return {
            ("GET", "/drive/v3/about"): _about,
            ("GET", FILES): self._list,
            ("POST", UPLOADS): self._upload,
            ("GET", "/v1/people/me/connections"): self._connections,
            ("GET", "/v1/people/me"): lambda one: Answer(200, _masked(_person(0), one.query.get("personFields"))),
            ("GET", "/v1/people:searchContacts"): self._search_people,
            ("GET", "/v1/userinfo"): lambda _: Answer(200, user),
            ("GET", "/oauth2/v3/userinfo"): lambda _: Answer(200, user),
        }

    def _list(self, request: Request) -> Answer:
        query = request.query
        if set(query) - LISTING or not 1 <= _whole(query, "pageSize", 100) <= 1000:
            raise _invalid("pageSize")
        found = self._sorted(self._found(query.get("q", "")), query.get("orderBy", ""))
        first, size = self._first(query.get("pageToken")), _whole(query, "pageSize", 100)
        answer: Json = {"kind": "drive#fileList", "incompleteSearch": False, "files": found[first : first + size]}
        if first + size < len(found):
            answer["nextPageToken"] = f"~!!~page{first + size}"
        return Answer(200, _selected(answer, query.get("fields", f"nextPageToken,files({SHOWN})")))

    def _found(self, text: str) -> list[Json]:
        if not text:
            return list(self.files.values())
        try:
            condition = read(text, DRIVE_QUERY)
        except (Malformed, UnknownField):
            raise _invalid("q") from None
        return [one for one in self.files.values() if condition(one)]

    def _sorted(self, files: list[Json], order: str) -> list[Json]:
        for key in reversed([key.strip() for key in order.split(",") if key.strip()]):
            name, _, way = key.partition(" ")
            if name not in ORDERS or way not in ("", "desc"):
                raise _invalid("orderBy")
            files = sorted(files, key=lambda one: str(one.get(name, "")), reverse=way == "desc")
        return files

    def _first(self, token: str | None) -> int:
        found = re.fullmatch(r"~!!~page(\d+)", token or "~!!~page0")
        if found is None:
            raise _invalid("pageToken")
        return int(found[1])

    def _file(self, request: Request, file_id: str) -> Answer:
        if file_id not in self.files:
            raise Refusal(_refused(404, "notFound", f"File not found: {file_id}.", location="fileId"))
        if request.query.get("alt") == "media":
            return Answer(200, text=self.contents[file_id].decode())
        return Answer(200, _selected(self.files[file_id], request.query.get("fields", SHOWN)))

    def _upload(self, request: Request) -> Answer:
        kind = request.query.get("uploadType")
        if kind == "resumable":
            return self._session(request)
        if kind not in ("multipart", "media") or len(request.body) > MOST_AT_ONCE:
            status = 413 if kind in ("multipart", "media") else 400
            raise Refusal(_refused(status, "uploadTooLarge" if status == 413 else "badRequest", "Bad upload"))
        metadata, content = _related(request) if kind == "multipart" else ({}, request.body)
        return self._made(metadata, content, request.query.get("fields", SHOWN))

    def _session(self, request: Request) -> Answer:
        if media_type(request) not in ("application/json", "") or not isinstance(_parsed(request.body or b"{}"), dict):
            raise Refusal(_refused(400, "badContent", "Unsupported content with type"))
        _check_metadata(metadata := _parsed(request.body or b"{}"))
        session_id = f"{SESSIONS}{len(self.sessions) + 1}"
        length = request.headers.get("x-upload-content-length")
        total = int(length) if length else None
        fields = request.query.get("fields", SHOWN)
        self.sessions[session_id] = {"metadata": metadata, "bytes": b"", "total": total, "fields": fields}
        location = f"{request.origin}{UPLOADS}?uploadType=resumable&upload_id={session_id}"
        return Answer(200, headers={"location": location, "x-guploader-uploadid": session_id})

    def _part(self, request: Request) -> Answer:
        session = self.sessions.get(request.query.get("upload_id", ""))
        if session is None:
            raise Refusal(_refused(404, "notFound", "Not Found"))
        ranged = CONTENT_RANGE.fullmatch(request.headers.get("content-range", f"bytes 0-{len(request.body) - 1}/*"))
        if ranged is None or (ranged[1] is None and request.body):
            raise Refusal(_refused(400, "badRequest", "Failed to parse Content-Range header."))
        if ranged[1] is not None:
            self._take(session, request.body, ranged)
        if ranged[3] != "*":
            session["total"] = int(ranged[3])
        if session["total"] is not None and len(session["bytes"]) >= session["total"]:
            return self._finished(session)
        return Answer(308, headers=_range_of(session))

    def _take(self, session: Json, body: bytes, ranged: re.Match[str]) -> None:
        first, last = int(ranged[1]), int(ranged[2])
        is_last = ranged[3] != "*" and last + 1 == int(ranged[3])
        if last - first + 1 != len(body) or (len(body) % STEP and not is_last):
            raise Refusal(_refused(400, "badRequest", f"a part has a multiple of {STEP} bytes, {len(body)} came"))
        if first > len(session["bytes"]) or first < len(session["bytes"]):
            raise Refusal(_refused(400, "badRequest", f"bytes {len(session['bytes'])} are expected next, not {first}"))
        kept = len(body) if self._kept_next is None else self._kept_next
        session["bytes"] += body[:kept]
        self.received.append((first, first + kept - 1))
        if self._kept_next is not None:
            self._kept_next = None
            raise Refusal(Answer(503, text="Backend Error"))

    def _finished(self, session: Json) -> Answer:
        if "made" not in session:
            session["made"] = self._made(session["metadata"], session["bytes"], session["fields"])
        made: Answer = session["made"]
        return made

    def _made(self, metadata: Json, content: bytes, fields: str) -> Answer:
        file_id = f"file-{len(self.files) + 1}"
        times = {"createdTime": "2024-06-01T00:00:00.000Z", "modifiedTime": "2024-06-01T00:00:00.000Z"}
        about = {"kind": "drive#file", "id": file_id, "name": "Untitled", "mimeType": "application/octet-stream"}
        self.files[file_id] = {**about, "size": str(len(content)), "trashed": False, **times, **metadata}
        self.contents[file_id] = content
        return Answer(200, _selected(self.files[file_id], fields))

    def _connections(self, request: Request) -> Answer:
        size, token = _whole(request.query, "pageSize", 100), request.query.get("pageToken")
        if not 1 <= size <= 1000:
            raise Refusal(_people_refused("Page size must be between 1 and 1000."))
        people = self._changed(request.query.get("syncToken"))
        first = self._first(token)
        shown = [_masked(one, request.query.get("personFields")) for one in people[first : first + size]]
        _masked(_person(0), request.query.get("personFields"))
        answer: Json = {"connections": shown, "totalPeople": len(people), "totalItems": len(people)}
        if first + size < len(people):
            answer["nextPageToken"] = f"~!!~page{first + size}"
        elif request.query.get("requestSyncToken") == "true":
            answer["nextSyncToken"] = f"sync-{len(people)}"
        return Answer(200, answer if shown else {})

    def _changed(self, token: str | None) -> list[Json]:
        if token is None:
            return self.people
        if not token.startswith("sync-"):
            raise Refusal(
                _people_refused("Sync token is expired. Clear local cache and retry call without the sync token.")
            )
        return self.people[int(token.removeprefix("sync-")) :]

    def _search_people(self, request: Request) -> Answer:
        query, size = request.query.get("query", ""), _whole(request.query, "pageSize", 10)
        if not 0 <= size <= 30:
            raise Refusal(_people_refused("pageSize is at most 30."))
        found = [one for one in self.people if _begins(one, query.lower())]
        shown = [{"person": _masked(one, request.query.get("readMask"))} for one in found[:size]]
        return Answer(200, {"results": shown} if shown else {})


def _example(number: int) -> Json:
    return {
        "kind": "drive#file",
        "id": f"1AbC{number:06}",
        "name": f"O'Brien's report {number}.csv" if number % 5 == 0 else f"contacts-export-{number}.csv",
        "mimeType": "text/csv",
        "size": str(1000 + number),
        "trashed": False,
        "parents": ["root"],
        "createdTime": f"2024-04-{number % 28 + 1:02}T08:09:10.000Z",
        "modifiedTime": f"2024-04-{number % 28 + 1:02}T08:09:10.000Z",
        "webViewLink": f"https://drive.google.com/file/d/1AbC{number:06}/view",
    }


def _person(number: int) -> Json:
    last_name = "O'Brien" if number % 5 == 0 else "King"
    return {
        "resourceName": f"people/c{number:08}",
        "etag": "%EgUBAgMuNw==",
        "metadata": {"sources": [{"type": "CONTACT", "updateTime": f"2024-04-{number % 28 + 1:02}T08:09:10Z"}]},
        "names": [{"givenName": f"Ada{number}", "familyName": last_name, "displayName": f"Ada{number} {last_name}"}],
        "emailAddresses": [{"value": f"contact{number}@example.com"}],
        "phoneNumbers": [{"value": f"+41 31 000 {number:04}"}],
        "organizations": [{"name": "Acme", "title": "Engineer"}] if number % 2 else [],
    }


def _begins(person: Json, text: str) -> bool:
    """Say whether a name, an address, a number or an organization begins with the text."""
    values = [value for name in PERSON_FIELDS - {"metadata"} for one in person.get(name, []) for value in one.values()]
    return any(str(value).lower().startswith(text) for value in values)


def _about(request: Request) -> Answer:
    fields = request.query.get("fields")
    if not fields:
        message = "The 'fields' parameter is required for this method."
        raise Refusal(_refused(400, "required", message, location="fields", locationType="parameter"))
    user = {"kind": "drive#user", "displayName": "Ada King", "emailAddress": "ada@example.com", "me": True}
    return Answer(200, _selected({"user": user, "storageQuota": {"limit": "100", "usage": "1"}}, fields))


def _people_refused(message: str) -> Answer:
    return Answer(400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}})


def _masked(person: Json, mask: str | None) -> Json:
    names = [name.strip() for name in (mask or "").split(",") if name.strip()]
    if not names or set(names) - PERSON_FIELDS:
        raise Refusal(_people_refused("personFields mask is required. Please specify one or more valid paths."))
    kept = {name: person[name] for name in names if person.get(name)}
    return {"resourceName": person["resourceName"], "etag": person["etag"], **kept}


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit():
        raise _invalid(name)
    return int(text)


def _selected(answer: Json, fields: str) -> Json:
    """Partial responses: `nextPageToken,files(id,name)`, `files/id`, `user/displayName`, `*`."""
    if fields == "*":
        return answer
    shown: Json = {}
    for name, inner in _parts(fields):
        if name in answer:
            shown[name] = _inside(answer[name], inner)
    return shown


def _parts(fields: str) -> list[tuple[str, str]]:
    found = re.findall(r"\s*(\w+)(\(([^()]*)\)|/([\w/]+))?\s*(?:,|$)", fields)
    if ",".join(f"{name}{inner}" for name, inner, _, _ in found) != re.sub(r"\s", "", fields):
        raise Refusal(_refused(400, "invalidParameter", f"Invalid field selection {fields}", location="fields"))
    return [(name, bracketed or below) for name, _, bracketed, below in found]


def _inside(value: Any, inner: str) -> Any:
    if not inner:
        return value
    if isinstance(value, list):
        for name, _ in _parts(inner):
            if name not in KNOWN:
                raise Refusal(_refused(400, "invalidParameter", f"Invalid field selection {name}", location="fields"))
        return [_selected(one, inner) for one in value]
    return _selected(value, inner)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Refusal(_refused(400, "parseError", "Parse Error")) from None


def _check_metadata(metadata: Json) -> None:
    if unknown := set(metadata) - (KNOWN - {"size", "kind"}) - {"properties", "appProperties"}:
        raise Refusal(_refused(400, "invalid", f"Invalid JSON payload received. Unknown name {sorted(unknown)[0]}"))


def _related(request: Request) -> tuple[Json, bytes]:
    """Return metadata and content of multipart/related: two parts, JSON first."""
    boundary = re.search(r'boundary="?([^";]+)"?', request.headers.get("content-type", ""))
    if media_type(request) != "multipart/related" or boundary is None:
        raise Refusal(_refused(400, "badContent", f"Unsupported content with type: {media_type(request)}"))
    pieces = (b"\r\n" + request.body).split(b"\r\n--" + boundary[1].encode())
    if len(pieces) != 4 or pieces[0] or pieces[3].strip() != b"--":
        raise Refusal(_refused(400, "badContent", "Malformed multipart body."))
    heads, bodies = zip(*(piece.removeprefix(b"\r\n").split(b"\r\n\r\n", 1) for piece in pieces[1:3]), strict=True)
    if b"application/json" not in heads[0].lower():
        raise Refusal(_refused(400, "badContent", "The first part should be JSON metadata."))
    metadata = _parsed(bodies[0])
    _check_metadata(metadata)
    return metadata, bodies[1]


def _range_of(session: Json) -> dict[str, str]:
    return {"range": f"bytes=0-{len(session['bytes']) - 1}"} if session["bytes"] else {}


def _drive_field(record: Json, name: str) -> Any:
    if name not in KNOWN | {"fullText"}:
        raise UnknownField(name)
    return record.get("name" if name == "fullText" else name)


def _contains(value: Any, text: Any) -> bool:
    """`contains` matches the beginnings of words of a name."""
    return f" {str(text).lower()}" in " " + str(value or "").lower() or str(text).lower() in _words(value)


def _words(value: Any) -> list[str]:
    return re.split(r"[\W_]+", str(value or "").lower())


DRIVE_QUERY = Dialect(
    field=_drive_field,
    operators={
        "=": equal,
        "!=": lambda value, other: not equal(value, other),
        "contains": _contains,
        "in": lambda value, values: value in (values or []),
        ">": ordered(operator.gt),
        ">=": ordered(operator.ge),
        "<": ordered(operator.lt),
        "<=": ordered(operator.le),
    },
    unescape=backslashes,
)
