"""OpenAPI documents (3.0 and 3.1) as definitions.

Source: https://spec.openapis.org/oas/v3.1.1.html
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connector.definition import MAX_ENDPOINTS
from hub.connector.requests import PATH_VARIABLE
from hub.integrations.importing.answers import Answers
from hub.integrations.importing.bodies import JSON, chosen_content, from_schema, is_json, media_type
from hub.integrations.importing.curl import METHODS
from hub.integrations.importing.exchange import encoded_path, parse_url
from hub.integrations.importing.names import Taken, document_type, slug, text_in
from hub.integrations.importing.parameters import ParameterReader, Parameters
from hub.integrations.importing.paths import last_word
from hub.integrations.importing.references import References
from hub.integrations.importing.responses import Asked, ResponseReader
from hub.integrations.importing.schemas import Schemas
from hub.integrations.importing.security import Security
from hub.integrations.importing.warnings import Place, Warnings, refused

Json = dict[str, Any]

ROOT: Place = ("openapi",)
_VERSION = re.compile(r"3\.[01](?:\.[0-9]+.*)?")
_ALL_METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace", "query")
_SERVER_VARIABLE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Operation:
    """One operation of the document, with the id that the endpoint gets."""

    id: str
    path: str
    method: str
    item: Json
    node: Json
    where: Place

    @property
    def place(self) -> Place:
        return (*self.where, self.method)


def definition(document: Json, base_url: str | None, wanted: Sequence[str] | None, warnings: Warnings) -> Json:
    """Return a definition without a name; `base_url` replaces the servers, `wanted` are the ids of the endpoints.

    Raises BadDefinition for what is no document of a version that is read, and without an address or an operation.
    """
    _check_version(document)
    references = References(document, warnings)
    address = base_url or _address(document, warnings)
    everything = list(_operations(document, references, warnings))
    if not everything:
        raise refused((*ROOT, "paths"), "expected at least one operation, found none")
    chosen = taken(everything, wanted, warnings)
    reader = _Reader(references, warnings)
    return {
        "displayName": _title(document),
        "description": text_in(_object(document.get("info")).get("description"), 5000),
        "baseUrl": address,
        "auth": Security(document, address, references, warnings).auth((each.place, each.node) for each in chosen),
        "endpoints": reader.endpoints(chosen),
    }


def taken(operations: list[Operation], wanted: Sequence[str] | None, warnings: Warnings) -> list[Operation]:
    """Return the operations to take: those that are wanted, and no more than a definition holds."""
    known = {each.id for each in operations}
    unknown = [(index, each) for index, each in enumerate(wanted or ()) if each not in known]
    if unknown:
        ids = ", ".join(sorted(known)[:20])
        raise refused(("endpoints", unknown[0][0]), f"expected the id of an operation, such as {ids[:400]}")
    chosen = [each for each in operations if wanted is None or each.id in wanted]
    if len(chosen) > MAX_ENDPOINTS:
        left = f"{len(chosen)} operations; the first {MAX_ENDPOINTS} were taken, `endpoints` chooses others"
        warnings.add((*ROOT, "paths"), left)
    return chosen[:MAX_ENDPOINTS]


def _check_version(document: Json) -> None:
    version = document.get("openapi")
    if "swagger" in document and version is None:
        message = "expected OpenAPI 3.0 or 3.1, found Swagger 2; convert it first, for instance at converter.swagger.io"
        raise refused((*ROOT, "swagger"), message)
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        found = repr(version[:20]) if isinstance(version, str) else "none"
        raise refused((*ROOT, "openapi"), f"expected the version, 3.0.x or 3.1.x, found {found}")


def _title(document: Json) -> str:
    return text_in(_object(document.get("info")).get("title"), 200) or "Imported API"


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


# Address


def _address(document: Json, warnings: Warnings) -> str:
    """Return the first server with https, else the first with http; variables have their defaults."""
    listed = document.get("servers")
    servers = [_server(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    found = [(url, parts) for url in servers if "{" not in url and (parts := parse_url(url)) is not None]
    found.sort(key=lambda pair: pair[1].scheme != "https")
    if not found:
        raise refused((*ROOT, "servers"), "expected an absolute https URL, found none; add `baseUrl` to the request")
    url, parts = found[0]
    if parts.query or parts.fragment:
        warnings.add((*ROOT, "servers"), "the query and the fragment of the address were left out")
    if len(found) > 1:
        warnings.add((*ROOT, "servers"), f"{len(found)} addresses; one was taken, `baseUrl` chooses another")
    return url.partition("#")[0].partition("?")[0].rstrip("/")


def _server(node: Json) -> str:
    variables = _object(node.get("variables"))

    def default(match: re.Match[str]) -> str:
        return str(_object(variables.get(match[1])).get("default", match[0]))

    return _SERVER_VARIABLE.sub(default, str(node.get("url") or "")).strip()


# Operations


def _operations(document: Json, references: References, warnings: Warnings) -> Iterator[Operation]:
    paths = document.get("paths")
    if document.get("webhooks"):
        warnings.add((*ROOT, "webhooks"), "webhooks are not imported")
    ids = Taken()
    for path, raw in paths.items() if isinstance(paths, dict) else ():
        where = (*ROOT, "paths", path)
        item, _ = references.resolved(raw, where)
        if item.get("servers"):
            warnings.add((*where, "servers"), "an address of its own is not kept")
        for method in _ALL_METHODS:
            node = item.get(method)
            if not isinstance(node, dict):
                continue
            if method.upper() not in METHODS:
                warnings.add((*where, method), "only GET, POST, PUT, PATCH and DELETE can be kept")
            elif not path.startswith("/"):
                warnings.add(where, "expected a path that begins with '/'; it was left out")
            else:
                yield Operation(ids.free(_id(node, method, path)), path, method, item, node, where)


def _id(node: Json, method: str, path: str) -> str:
    own = node.get("operationId")
    made = slug(own, "") if isinstance(own, str) else ""
    return made or slug(f"{method}-{path}", method)


class _Reader:
    def __init__(self, references: References, warnings: Warnings) -> None:
        self._references = references
        self._warnings = warnings
        self._schemas = Schemas(references, warnings)
        self._parameters = ParameterReader(references, self._schemas, warnings)
        self._answers = Answers(self._schemas)
        self._responses = ResponseReader(self._answers, warnings)

    def endpoints(self, operations: list[Operation]) -> list[Json]:
        names = Taken()
        return [self._endpoint(each, names) for each in operations]

    def _endpoint(self, operation: Operation, names: Taken) -> Json:
        node, where = operation.node, operation.place
        if node.get("servers"):
            self._warnings.add((*where, "servers"), "an address of its own is not kept")
        path, fixed = _path(operation.path)
        params = self._parameters.read(operation.item, node, operation.where, operation.method)
        response, headers, place = self._response(operation)
        is_one = _names_one(operation)
        kind = self._document_type(response, place, path, is_one)
        asked = Asked(is_one, operation.method == "get", kind, params.for_pages, headers)
        mapped = self._responses.read(response, place, asked)
        pages = mapped.pages
        body = self._body(operation)
        endpoint = {
            "id": operation.id,
            "name": names.free(_name(operation), joint=" "),
            "description": text_in(node.get("description"), 2000),
            "method": operation.method.upper(),
            "path": path,
            "pathParams": _path_params(path, params),
            "queryParams": [*fixed, *(each for each in params.query if not pages or each["name"] not in pages.taken)],
            "headers": params.headers,
            "body": body,
            "responseMapping": mapped.mapping,
            "pagination": pages.config if pages else None,
            "tags": _tags(node),
        }
        return {name: value for name, value in endpoint.items() if value not in (None, [], {})}

    def _document_type(self, response: Any, where: Place, path: str, is_one: bool) -> str | None:
        """Name the documents after the schema of a record, else after the path."""
        record = self._answers.read(response, where, is_one).record
        return document_type(record.name or "") or document_type(last_word(path) or "")

    def _response(self, operation: Operation) -> tuple[Any, list[str], Place]:
        """Return the schema of the first good JSON answer, the headers it documents, and its place."""
        responses = _object(operation.node.get("responses"))
        good = [code for code in responses if re.fullmatch(r"2(?:\d\d|XX)", str(code))]
        code = next((each for each in ("200", "201", *sorted(good), "default") if each in responses), None)
        where = (*operation.place, "responses", *((code,) if code else ()))
        node, _ = self._references.resolved(responses.get(code) if code else None, where)
        content = _object(node.get("content"))
        kind = next((name for name in content if isinstance(name, str) and is_json(name)), None)
        if kind is None:
            message = "no JSON answer is described; dataPath is '$': test it"
            self._warnings.add(where, message)
            return None, list(_object(node.get("headers"))), where
        schema = _object(content[kind]).get("schema")
        return schema, list(_object(node.get("headers"))), (*where, "content", kind, "schema")

    def _body(self, operation: Operation) -> Json | None:
        if "requestBody" not in operation.node:
            return None
        where = (*operation.place, "requestBody")
        if operation.method == "get":
            self._warnings.add(where, "a GET request has no body; the body was left out")
            return None
        node, _ = self._references.resolved(operation.node["requestBody"], where)
        content = _object(node.get("content"))
        chosen = chosen_content(content)
        if chosen is None:
            self._warnings.add(where, "expected JSON, a form or text; the body was left out")
            return None
        kind, own = chosen
        place = (*where, "content", own)
        if kind == JSON and media_type(own) not in (JSON, "*/*"):
            self._warnings.add(place, "the body is sent as application/json; set the header Content-Type if it matters")
        return from_schema(_object(content[own]).get("schema"), kind, self._schemas, (*place, "schema"), self._warnings)


def _path(text: str) -> tuple[str, list[Json]]:
    """Return the path and the query parameters that some documents write into it."""
    path, _, query = text.partition("#")[0].partition("?")
    fixed = [pair.partition("=") for pair in query.split("&") if pair]
    params = [{"name": name, "valueSource": "static", "value": value} for name, _, value in fixed if name and value]
    variables = PATH_VARIABLE.findall(path)
    parts = [encoded_path(part).replace("{", "%7B").replace("}", "%7D") for part in PATH_VARIABLE.split(path)[::2]]
    joined = parts[0] + "".join(f"{{{name}}}{part}" for name, part in zip(variables, parts[1:], strict=True))
    return joined, params


def _path_params(path: str, params: Parameters) -> list[Json]:
    """Return the parameters that are in the path; one that is not declared is a text."""
    names = list(dict.fromkeys(PATH_VARIABLE.findall(path)))
    declared = {each["name"]: each for each in params.path}
    return [declared.get(name, {"name": name, "type": "string", "required": True}) for name in names]


def _names_one(operation: Operation) -> bool:
    """Say whether an operation is about one record: what is written, and what has an id at the end of its path."""
    is_search = operation.path.endswith(("search", "query", "list", "filter", "batch"))
    return operation.path.endswith("}") if operation.method == "get" or is_search else True


def _name(operation: Operation) -> str:
    own = operation.node.get("summary") or operation.node.get("operationId")
    return text_in(own, 90) or f"{operation.method.upper()} {operation.path}"[:90]


def _tags(node: Json) -> list[str]:
    tags = node.get("tags")
    return [tag for tag in tags if isinstance(tag, str) and tag][:50] if isinstance(tags, list) else []
