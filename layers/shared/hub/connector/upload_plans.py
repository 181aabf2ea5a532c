"""An upload, compiled: the requests that carry a file whole or in parts, and what their answers say."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from hub.connector.auth_config import Auth
from hub.connector.bodies import Body, filled
from hub.connector.definition import ConnectorDefinition
from hub.connector.exchange import Exchange
from hub.connector.paging import header_name
from hub.connector.plan import compile_endpoint, endpoint_of
from hub.connector.related import related_body
from hub.connector.requests import Draft, header_builder, path_builder
from hub.connector.upload_config import ResumableUpload, SimpleUpload, UploadOffset, UploadStep
from hub.connector.variables import Variables, filler
from hub.core import jsontext
from hub.core.errors import BadDefinition, Problem
from hub.mapping.paths import MISSING, Get, PathFailed, getter
from hub.outbound.budget import Limit, RateHeaders
from hub.outbound.calls import Reply

METADATA_TYPE = "application/json; charset=UTF-8"
ANY_BYTES = "application/octet-stream"
LAST_BYTE = re.compile(r"bytes[ =]0-(\d{1,18})", re.ASCII)

# The variables hold `file` and `upload`; the text is the address of the session, "" before there is one.
StepDraft = Callable[[Variables, str, Body | None], Draft]


@dataclass(frozen=True)
class File:
    """What is sent; the name and the content type are as they are told to the provider."""

    content: bytes
    name: str
    content_type: str

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True)
class Step:
    """One kind of request of a resumable upload, and what its body is."""

    content: str
    draft: StepDraft


@dataclass(frozen=True)
class Resumable:
    """`session` and `told` read an answer: who the session is, and how many bytes have arrived, None = not said.

    `has_address`: the session is the address of its parts.
    """

    part_bytes: int
    start: Step
    part: Step
    ask: Step | None
    finish: Step | None
    has_address: bool
    session: Callable[[Reply], Any]
    told: Callable[[Reply], int | None]


@dataclass(frozen=True)
class UploadPlan:
    """It holds no secret and no value of a caller, as a `Plan` does not."""

    auth: Auth
    exchange: Exchange
    limits: tuple[Limit, ...]
    rate_headers: RateHeaders
    most_whole_bytes: int
    whole: Callable[[Variables, File, Any], Draft]
    metadata: Callable[[Variables], Any]
    resumable: Resumable | None
    id: Get
    name: Get
    size: Get


def compile_upload(definition: ConnectorDefinition, endpoint_id: str) -> UploadPlan:
    """Return the plan of an endpoint with `upload`; raises BadDefinition where it has none."""
    plan = compile_endpoint(definition, endpoint_id)
    endpoint = endpoint_of(definition, endpoint_id)
    config = endpoint.upload
    if config is None:
        problem = Problem("/endpoints", f"expected an endpoint with `upload`, {endpoint_id[:64]!r} has none")
        raise BadDefinition("The endpoint does not upload.", [problem])
    base_url = endpoint.base_url or definition.base_url or ""
    return UploadPlan(
        plan.auth,
        plan.exchange,
        plan.limits,
        plan.rate_headers,
        most_whole_bytes=config.simple.max_bytes,
        whole=_whole(plan.draft, config.simple),
        metadata=filled(config.metadata),
        resumable=_resumable(config.resumable, base_url, definition.default_headers) if config.resumable else None,
        id=getter(config.id_path),
        name=_optional(config.name_path),
        size=_optional(config.size_path),
    )


def with_file(variables: Variables, file: File, **upload: Any) -> Variables:
    """Return the variables with `file.name`, `file.contentType`, `file.size` and what is known of the `upload`."""
    facts = {"name": file.name, "contentType": file.content_type, "size": file.size}
    return replace(variables, params={**variables.params, "file": facts, "upload": upload})


def metadata_body(metadata: Any) -> Body:
    return _raw(METADATA_TYPE, jsontext.dump(metadata).encode())


def part_body(content: bytes) -> Body:
    return _raw(ANY_BYTES, content)


def _raw(content_type: str, content: bytes) -> Body:
    return Body(content_type, None, content)


def _whole(draft: Callable[[Variables], Draft], config: SimpleUpload) -> Callable[[Variables, File, Any], Draft]:
    def build(variables: Variables, file: File, metadata: Any) -> Draft:
        if config.kind == "raw":
            return replace(draft(variables), body=_raw(file.content_type, file.content))
        parts = [metadata_body(metadata), _raw(file.content_type, file.content)]
        return replace(draft(variables), body=related_body(parts))

    return build


def _resumable(config: ResumableUpload, base_url: str, headers: Mapping[str, str]) -> Resumable:
    def step(step_config: UploadStep) -> Step:
        return Step(step_config.content, step_draft(step_config, base_url, headers))

    return Resumable(
        part_bytes=config.part_bytes,
        start=step(config.start),
        part=step(config.part),
        ask=step(config.ask) if config.ask else None,
        finish=step(config.finish) if config.finish else None,
        has_address=config.part.path is None,
        session=_finder(config.session_path),
        told=_told(config.offset),
    )


def step_draft(step: UploadStep, base_url: str, default_headers: Mapping[str, str]) -> StepDraft:
    """Return what builds the request of a step; raises BadText for what could never be built."""
    path = path_builder(step.path, {}) if step.path is not None else None
    query = [(name, filler(text)) for name, text in step.query.items()]
    headers = header_builder(default_headers, step.headers)
    base = base_url.rstrip("/")

    def build(variables: Variables, session: str, body: Body | None) -> Draft:
        url = session if path is None else base + path(variables)
        return Draft(step.method, url, headers(variables), [(name, fill(variables)) for name, fill in query], body)

    return build


def _told(config: UploadOffset) -> Callable[[Reply], int | None]:
    """Return what reads how many bytes have arrived; an answer with a status for it and no value means none of them."""
    statuses = frozenset(config.status)
    readers = [_offset_reader(path) for path in config.paths]

    def told(reply: Reply) -> int | None:
        if reply.status not in statuses:
            return None
        return next((found for read in readers if (found := read(reply)) is not None), None)

    return told


def _offset_reader(path: str) -> Callable[[Reply], int | None]:
    header, find = header_name(path), _finder(path)

    def in_header(reply: Reply) -> int | None:
        text = find(reply)
        if text is MISSING:
            return 0  # a Range that is not there: nothing has arrived
        last = LAST_BYTE.fullmatch(str(text).strip())
        return int(last[1]) + 1 if last else None

    def in_body(reply: Reply) -> int | None:
        found = find(reply)
        return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None

    return in_header if header else in_body


def _finder(path: str) -> Callable[[Reply], Any]:
    header = header_name(path)
    if header:
        return lambda reply: reply.headers.get(header, MISSING)
    get = getter(path)

    def find(reply: Reply) -> Any:
        try:
            return get(orjson.loads(reply.body))
        except (orjson.JSONDecodeError, PathFailed):
            return MISSING

    return find


def _optional(path: str | None) -> Get:
    return getter(path) if path else lambda _: MISSING
