"""HAR logs: what a browser or a proxy recorded, reduced to the requests of one API.

Source: http://www.softwareishard.com/blog/har-12-spec/
"""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hub.core import jsontext
from hub.core.errors import BadRequest
from hub.core.problems import pointer
from hub.integrations.importing.curl import METHODS
from hub.integrations.importing.exchange import Exchange, Posted, parse_url
from hub.integrations.importing.warnings import Warnings, refused
from hub.mapping.paths import MISSING

Json = dict[str, Any]

_ASSET = re.compile(
    r"\.(?:js|mjs|css|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|eot|mp[34]|webm|wasm|html?)$", re.I
)
_ASSET_TYPE = re.compile(
    r"(?:text/(?:html|css|javascript)|application/(?:javascript|x-javascript|wasm)|image/|font/|video/|audio/)"
)
_JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json|text/json")


def exchanges(log: Json, warnings: Warnings) -> list[Exchange]:
    """Return the requests to the origin that most of them went to; raises BadDefinition for what is no HAR log."""
    entries = _entries(log)
    found = [each for index, entry in enumerate(entries) for each in _read(entry, index, warnings)]
    if not found:
        raise refused(("har", "log", "entries"), "expected a request with a JSON answer or a JSON body, found none")
    origin = Counter(each.origin for each in found).most_common(1)[0][0]
    foreign = sorted({each.origin for each in found} - {origin})
    if foreign:
        warnings.add(("har", "log", "entries"), f"requests to {len(foreign)} other origins were left out")
    return [each for each in found if each.origin == origin]


def _entries(log: Json) -> list[Any]:
    inner = log.get("log")
    entries = inner.get("entries") if isinstance(inner, dict) else None
    if not isinstance(entries, list):
        raise refused(("har", "log", "entries"), "expected a HAR log: an object log with a list entries")
    return entries


def _read(entry: Any, index: int, warnings: Warnings) -> Iterator[Exchange]:
    request, response = _object(_object(entry).get("request")), _object(_object(entry).get("response"))
    where, all_entries = pointer(("har", "log", "entries", index)), ("har", "log", "entries")
    url = parse_url(request["url"]) if isinstance(request.get("url"), str) else None
    if url is None:
        warnings.add(where, "expected a request with an absolute URL; the entry was left out")
        return
    method = str(request.get("method") or "GET").upper()
    if method not in METHODS:
        warnings.add(all_entries, "requests by other methods than GET, POST, PUT, PATCH and DELETE were left out")
        return
    headers = tuple(_pairs(request.get("headers")))
    body = _body(_object(request.get("postData"))) if method != "GET" else None
    kind = str(_object(response.get("content")).get("mimeType") or "").lower()
    if not _is_of_api(method, url.path, kind, body):
        warnings.add(all_entries, "pages, scripts, images and other files were left out")
        return
    answer_headers = {name.lower(): value for name, value in _pairs(response.get("headers"))}
    yield Exchange(
        where,
        method,
        url._replace(fragment=""),
        (*headers, *_cookies(request, headers)),
        body,
        _answer(response) if _JSON_TYPE.match(kind) else MISSING,
        answer_headers,
    )


def _is_of_api(method: str, path: str, kind: str, body: Posted | None) -> bool:
    if _JSON_TYPE.match(kind):
        return True
    if _ASSET_TYPE.match(kind) or _ASSET.search(path):
        return False
    return method != "GET" or body is not None or kind == ""


def _answer(response: Json) -> Any:
    """Return the JSON of an answer that was good; MISSING when it is not there or was cut."""
    status, content = response.get("status"), _object(response.get("content"))
    text = content.get("text")
    if not isinstance(text, str) or type(status) is not int or not 200 <= status < 300:
        return MISSING
    try:
        raw = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
        return jsontext.parse(raw)
    except (binascii.Error, BadRequest, ValueError):
        return MISSING


def _body(posted: Json) -> Posted | None:
    kind = posted.get("mimeType") if isinstance(posted.get("mimeType"), str) else ""
    if isinstance(posted.get("text"), str) and posted["text"]:
        return Posted(str(kind), posted["text"])
    fields = tuple(_pairs(posted.get("params")))
    return Posted(str(kind), fields=fields) if fields else None


def _cookies(request: Json, headers: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    if any(name.lower() == "cookie" for name, _ in headers):
        return
    cookies = [f"{name}={value}" for name, value in _pairs(request.get("cookies"))]
    if cookies:
        yield "Cookie", "; ".join(cookies)


def _pairs(items: Any) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a list of `{"name", "value"}`; HTTP/2's own headers are none."""
    for item in items if isinstance(items, list) else []:
        name, value = _object(item).get("name"), _object(item).get("value", "")
        if isinstance(name, str) and isinstance(value, str) and name and not name.startswith(":"):
            yield name, value


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
