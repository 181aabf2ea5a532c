"""Requests that were seen, in cURL commands or a HAR log, as a definition."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.integrations.importing.answers import Answers
from hub.integrations.importing.bodies import JSON, from_seen, is_json, media_type
from hub.integrations.importing.credentials import Sent, auth_of, is_placeholder, is_secret_field, is_secret_header
from hub.integrations.importing.exchange import Exchange, Pair
from hub.integrations.importing.names import Taken, document_type, slug, variable_for
from hub.integrations.importing.pagination import Parameter, is_position
from hub.integrations.importing.paths import Template, common_base, last_word, shape, template
from hub.integrations.importing.references import References
from hub.integrations.importing.responses import Asked, ResponseReader
from hub.integrations.importing.schemas import Schemas, sample_schema
from hub.integrations.importing.warnings import Warnings, refused
from hub.mapping.paths import MISSING
from hub.outbound.calls import CLIENT_HEADERS, HEADER_NAME, HEADER_VALUE

Json = dict[str, Any]

LONGEST_PATH = 2000
# What a browser or a tool adds by itself.
_OF_BROWSER = frozenset(
    "accept-encoding accept-language accept-charset cache-control dnt if-modified-since if-none-match origin pragma "
    "priority referer save-data upgrade-insecure-requests user-agent x-requested-with postman-token sec-gpc cookie2 "
    "traceparent tracestate baggage sentry-trace x-request-id x-correlation-id content-type".split()
)
_PLAIN_ACCEPT = ("*/*", "application/json", "application/json, text/plain, */*")


@dataclass(frozen=True)
class Source:
    """Where the requests come from: `keep_values` says whether what was sent is what shall be sent."""

    kind: str
    keep_values: bool


def definition(seen: Sequence[Exchange], source: Source, base_url: str | None, warnings: Warnings) -> Json:
    """Return a definition without a name for requests to the origin that most of them go to."""
    origin = Counter(each.origin for each in seen).most_common(1)[0][0]
    for each in seen:
        if each.origin != origin:
            warnings.add(each.where, "goes to another host than most; it was left out")
        elif len(each.url.path) > LONGEST_PATH:
            warnings.add(each.where, f"the path has more than {LONGEST_PATH} characters; the request was left out")
    ours = [each for each in seen if each.origin == origin and len(each.url.path) <= LONGEST_PATH]
    if not ours:
        raise refused((source.kind,), "expected at least one request that a connector can make, found none")
    return {
        "displayName": str(ours[0].url.hostname),
        "auth": auth_of(_sent(ours), ours[0].where, warnings),
        **_Reader(source, warnings).read(ours, origin, base_url),
    }


def _sent(seen: Sequence[Exchange]) -> Sent:
    """Return the credentials of all requests; a value wins over a placeholder, the first over later ones."""
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    known: dict[str, str] = {}
    for each in seen:
        for name, value in each.headers:
            if is_secret_header(name, value):
                _keep(headers, known.setdefault(name.lower(), name), value)
        for name, value in each.query:
            if is_secret_field(name, value):
                _keep(query, name, value)
    return Sent(headers, query)


def _keep(found: dict[str, str], name: str, value: str) -> None:
    if name not in found or (is_placeholder(found[name]) and not is_placeholder(value)):
        found[name] = value


class _Reader:
    def __init__(self, source: Source, warnings: Warnings) -> None:
        self._source = source
        self._warnings = warnings
        self._ids, self._names = Taken(), Taken()
        schemas = Schemas(References({}, warnings), warnings)
        self._responses = ResponseReader(Answers(schemas), warnings)

    def read(self, seen: Sequence[Exchange], origin: str, base_url: str | None) -> Json:
        skip = common_base([each.segments for each in seen])
        base = "/".join([origin, *seen[0].segments[:skip]])
        groups: dict[tuple[Any, ...], list[Exchange]] = {}
        for each in seen:
            groups.setdefault((each.method, *shape(each.segments), _operation(each)), []).append(each)
        return {"baseUrl": base_url or base, "endpoints": [self._endpoint(group, skip) for group in groups.values()]}

    def _endpoint(self, group: list[Exchange], skip: int) -> Json:
        first = group[0]
        path = template(group, skip)
        self._warn_about(path, first)
        query = _query(group)
        answered = next((each for each in group if each.answer is not MISSING), None)
        kind = document_type(last_word(path.path) or "")
        asked = Asked(path.ends_in_one, first.method == "GET", kind, _for_pages(group), _paged_by(answered))
        schema = sample_schema(answered.answer) if answered else None
        mapped = self._responses.read(schema, answered.where if answered else first.where, asked)
        pages = mapped.pages
        if answered is None:
            self._warnings.add(first.where, "the answer is not known; dataPath is '$': test it")
        params = [param for param in query if not pages or param["name"] not in pages.taken]
        if pages is None or not pages.config:
            params = [param for param in params if not _is_recorded_cursor(param)]
        name = f"{first.method} {path.path}"[:90]
        endpoint = {
            "id": self._ids.free(slug(f"{first.method.lower()}-{path.path}", first.method.lower())),
            "name": self._names.free(name, joint=" "),
            "method": first.method,
            "path": path.path,
            "pathParams": [{"name": each, "type": "string", "required": True} for each in path.names],
            "queryParams": params,
            "headers": self._headers(first),
            "body": self._body(first),
            "responseMapping": mapped.mapping,
            "pagination": pages.config if pages else None,
            "timeout": first.timeout_ms,
        }
        return {name: value for name, value in endpoint.items() if value not in (None, [], {})}

    def _warn_about(self, path: Template, first: Exchange) -> None:
        if path.was_secret:
            self._warnings.add(first.where, "a secret in the path is not stored; it became the path parameter token")
        if path.looks_like_id:
            self._warnings.add(first.where, "the path has a part that looks like an id; a path parameter may be meant")
        if path.looks_secret:
            self._warnings.add(
                first.where, "the path has a part that looks like a secret; paths are stored readable, check it"
            )

    def _headers(self, seen: Exchange) -> dict[str, str]:
        """Return the headers that belong to the API; what a browser adds is left out."""
        kept: dict[str, str] = {}
        for name, value in seen.headers:
            if is_secret_header(name, value) or _is_of_browser(name, value):
                continue
            if name.lower() in CLIENT_HEADERS or not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
                self._warnings.add(seen.where, f"the header {name[:60]!r} cannot be kept")
            elif is_placeholder(value) and not name.lower().startswith("accept"):
                self._warnings.add(seen.where, f"the header {name[:60]!r} has no value; it was left out")
            elif name.lower() not in {each.lower() for each in kept}:
                kept[name] = value
        return {**kept, **self._content_type(seen)}

    def _content_type(self, seen: Exchange) -> dict[str, str]:
        """A kind of JSON of its own goes into a header, which wins over the body's."""
        kind = media_type(seen.body.content_type) if seen.body else ""
        return {"Content-Type": kind} if kind != JSON and kind != "*/*" and is_json(kind) else {}

    def _body(self, seen: Exchange) -> Json | None:
        if seen.body is None:
            return None
        return from_seen(seen.body, self._source.keep_values, seen.where, self._warnings)


def _operation(seen: Exchange) -> str | None:
    """All GraphQL requests have one path; their text tells them apart."""
    is_graphql = seen.segments[-1].lower() == "graphql" and seen.body is not None
    return seen.body.text if is_graphql and seen.body else None


def _is_of_browser(name: str, value: str) -> bool:
    lower = name.lower()
    if lower == "user-agent":
        return value.lower().startswith(("mozilla", "curl", "postman"))
    if lower == "accept":
        return value.lower() in _PLAIN_ACCEPT or "text/html" in value
    return lower in _OF_BROWSER or lower.startswith(("sec-", "x-newrelic", "x-b3-"))


# Query


def _query(group: Sequence[Exchange]) -> list[Json]:
    """Return the parameters of requests to one path; a value that all of them sent is the default."""
    values: dict[str, list[tuple[str, ...]]] = {}
    for each in group:
        for name, found in _by_name(each.query).items():
            values.setdefault(name, []).append(tuple(found))
    kept = {name: found for name, found in values.items() if name and len(name) <= 200 and not _is_secret(name, found)}
    return [_param(name, found, len(group)) for name, found in kept.items()]


def _by_name(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _is_secret(name: str, found: Sequence[Sequence[str]]) -> bool:
    return any(is_secret_field(name, value) for values in found for value in values)


def _param(name: str, found: Sequence[tuple[str, ...]], of: int) -> Json:
    values = found[0]
    is_fixed = len(set(found)) == 1 and len(found) == of and not any(is_placeholder(value) for value in values if value)
    typed = [_typed(value) for value in values]
    kinds = {_kind(value) for value in typed}
    default: Any = list(values) if len(values) > 1 else typed[0]
    param: Json = {"name": name, "type": "array" if len(values) > 1 else kinds.pop()}
    if "." in name:
        param |= {"valueSource": "variable", "value": f"{{{{{variable_for(name)}}}}}"}
    return {**param, "default": default} if is_fixed else param


def _typed(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    is_number = value.isascii() and value.isdigit() and len(value) < 16 and (value == "0" or value[0] != "0")
    return int(value) if is_number else value


def _kind(value: Any) -> str:
    return {bool: "boolean", int: "number"}.get(type(value), "string")


def _is_recorded_cursor(param: Mapping[str, Any]) -> bool:
    """A cursor that was recorded leads to one page for ever."""
    return is_position(param["name"]) and isinstance(param.get("default"), str)


def _for_pages(group: Sequence[Exchange]) -> list[Parameter]:
    """Return what was sent of pagination: a size that was asked for counts as the largest."""
    first: dict[str, Any] = {}
    for each in group:
        for name, value in each.query:
            first.setdefault(name, _typed(value))
    return [Parameter(name, value, 0 if value == 0 else None) for name, value in first.items()]


def _paged_by(answered: Exchange | None) -> list[str]:
    """Return "link" when the answer had a Link header that speaks of pages."""
    return ["link"] if answered and 'rel="next"' in answered.answer_headers.get("link", "").replace("'", '"') else []
