"""A provider's operations on request: a page of a list, a search, records written, a file sent, a message posted.

They run by the plans that syncs run by. What was answered is told whatever comes after it: an upsert that is out of
time says of every record what became of it.
"""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.connector.batches import Batch, BatchRun, RecordResult, compile_batch
from hub.connector.definition import ConnectorDefinition
from hub.connector.excerpts import Excerpt, json_of
from hub.connector.plan import Means, Position
from hub.connector.request_config import Endpoint
from hub.connector.uploads import UploadRun, compile_upload
from hub.connector.variables import Variables
from hub.core import jsontext
from hub.core.errors import BadRequest, NotFound, UpstreamError
from hub.integrations import connected, plans
from hub.integrations.calls import csv_export
from hub.integrations.calls.operation_models import FileToSend, OperationRequest
from hub.integrations.calls.watch import Watch
from hub.integrations.calls.way_out import Planned, WayOut
from hub.integrations.connected import Connected
from hub.outbound.calls import NeverSent

Json = dict[str, Any]

READING = frozenset({"health", "list", "search", "get"})
# Together with the rest of an answer less than what an item may hold, in which an idempotent one is kept.
MOST_BODY_BYTES = 200 * 1024
# A batch is not begun in the last seconds.
LEAST_S = 3.0
# The first step of a name between braces, without its scope.
_NAMED = re.compile(r"\{\{\s*(?:params\.)?([A-Za-z_][\w-]*)")
# What is no parameter: other scopes, and what the engine itself gives.
_OF_THE_HUB = frozenset({"settings", "state", "since", "file", "session", "offset", "metadata"})
OUT_OF_TIME = "The time of one request is over; send again what was not sent."
DEFAULT_CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Done:
    """What an operation answers; `position` is where the next page is, `incomplete` why it did not do all."""

    answer: Json
    position: Json | None = None
    incomplete: str | None = None


@dataclass(frozen=True)
class Job:
    """One operation with all that it needs; `watch` sees its calls."""

    way: WayOut
    found: Connected
    endpoint: Endpoint
    wanted: OperationRequest
    position: Position | None
    give_up_at: float
    watch: Watch = field(default_factory=Watch)

    @property
    def definition(self) -> ConnectorDefinition:
        return plans.definition_of(self.found.definition_text)


def described(found: Connected) -> list[Json]:
    """Return what the integration can be asked to do."""
    endpoints = plans.definition_of(found.definition_text).endpoints
    return [_described(endpoint, frozenset(found.settings)) for endpoint in endpoints]


def kind_of(endpoint: Endpoint) -> str:
    """Return what an endpoint does, also where its definition does not say it."""
    if endpoint.operation is not None:
        return endpoint.operation
    if endpoint.batch is not None:
        return "upsert"
    if endpoint.upload is not None:
        return "upload"
    is_list = endpoint.pagination is not None or endpoint.method == "GET"
    return "list" if is_list else "post"


def chosen(found: Connected, name: str) -> Endpoint:
    """Return the endpoint of that name; raises NotFound."""
    endpoints = plans.definition_of(found.definition_text).endpoints
    endpoint = next((each for each in endpoints if each.id == name), None)
    if endpoint is None:
        raise NotFound("The integration has no such operation.")
    return endpoint


def run(job: Job) -> Done:
    """Do it; raises BadRequest for what was asked wrongly, UpstreamError where the provider failed."""
    _check_entity(job)
    return _RUNNERS[kind_of(job.endpoint)](job)


def _described(endpoint: Endpoint, settings: frozenset[str]) -> Json:
    return {
        "name": endpoint.id,
        "title": endpoint.name,
        "kind": kind_of(endpoint),
        "entity": _entity(endpoint),
        "description": endpoint.description,
        "method": endpoint.method,
        "path": endpoint.path,
        "params": _params(endpoint, settings),
        "isPaged": endpoint.pagination is not None,
        "isIncremental": endpoint.incremental is not None,
        "batchSize": endpoint.batch.size if endpoint.batch else None,
    }


def _params(endpoint: Endpoint, settings: frozenset[str]) -> list[Json]:
    """Return what the caller can give: the parameters, and what texts of the request name that no setting has."""
    told = {
        each.name: {"name": each.name, "required": each.required, "type": each.type, "description": each.description}
        for each in [*endpoint.path_params, *endpoint.query_params]
        if each.value_source in (None, "variable")
    }
    texts = endpoint.model_dump(mode="json", include={"headers", "body", "graphql", "path_params", "query_params"})
    for name in _NAMED.findall(jsontext.dump(texts)):
        if name not in settings and name not in _OF_THE_HUB:
            told.setdefault(name, {"name": name, "required": True, "type": "string", "description": None})
    return list(told.values())


def _entity(endpoint: Endpoint) -> str | None:
    mapping = endpoint.response_mapping
    return endpoint.entity or (mapping.target_shard_type_id if mapping else None)


def _check_entity(job: Job) -> None:
    """Refuse a type of documents that the integration may not touch."""
    allowed, entity = job.found.integration.get("allowedShardTypes") or [], _entity(job.endpoint)
    if allowed and entity is not None and entity not in allowed:
        raise BadRequest(
            f"The integration may not handle {entity!r}; its allowedShardTypes are {', '.join(allowed)}.", entity=entity
        )


def _records(job: Job) -> Done:
    plan = plans.plan_of(job.found.definition_text, job.endpoint.id)
    page = plan.bind(_variables(job), _means(job, plan)).fetch(job.position, job.give_up_at)
    answer = {
        "status": page.status,
        "records": [_shown(record) for record in page.records],
        "total": page.total,
        "hasMore": page.next is not None,
        "stopReason": page.stop_reason,
    }
    return _done(job, answer, position=page.next.to_json() if page.next else None)


def _shown(record: Any) -> Json:
    fault = plans.fault_of(record)
    if fault is not None:
        return {"externalId": record.external_id, "rejected": fault}
    return {"externalId": record.external_id, "content": record.content}


def _call(job: Job) -> Done:
    """Make one call whose answer is told as it is."""
    plan = plans.plan_of(job.found.definition_text, job.endpoint.id)
    page = plan.bind(_variables(job), _means(job, plan)).fetch(None, job.give_up_at)
    body = json_of(job.watch.reply.body) if job.watch.reply else None
    shown = Excerpt(job.watch.credentials, MOST_BODY_BYTES).copy(body)
    return _done(job, {"status": page.status, "body": shown})


def _upsert(job: Job) -> Done:
    if not job.wanted.records:
        raise BadRequest("`records` must hold at least one record to write.", where="/records")
    plan = compile_batch(job.definition, job.endpoint.id)
    run = BatchRun(plan, _variables(job), _means(job, plan.plan))
    planned = run.batches(job.wanted.records)
    sent = _Sent({result.index: _of_record(result) for result in planned.rejected})
    for batch in planned.batches:
        if sent.hindrance is None:
            _send(job, run, batch, sent)
    told = [sent.results.get(index) or _not_sent(index, sent) for index in range(len(job.wanted.records))]
    counts = dict(Counter(result["outcome"] for result in told))
    answer = {"results": told, "counts": counts, "jobs": sent.jobs or None, "incomplete": sent.hindrance}
    return _done(job, answer, incomplete=sent.hindrance)


@dataclass
class _Sent:
    """What is known of the records, by index; `hindrance` is why no further batch was sent."""

    results: dict[int, Json]
    jobs: list[str] = field(default_factory=list)
    hindrance: str | None = None


def _send(job: Job, run: BatchRun, batch: Batch, sent: _Sent) -> None:
    if job.way.now() > job.give_up_at - LEAST_S:
        sent.hindrance = OUT_OF_TIME
        return
    try:
        done = run.send(batch, job.give_up_at)
    except NeverSent as error:
        sent.hindrance = error.message
    except UpstreamError as error:
        sent.hindrance = error.message
        unknown = {"outcome": "unknown", "reason": error.message}
        sent.results |= {item.index: {"index": item.index, **unknown} for item in batch.items}
    else:
        sent.results |= {result.index: _of_record(result) for result in done.results}
        sent.jobs += [done.job_id] if done.job_id else []


def _not_sent(index: int, sent: _Sent) -> Json:
    return {"index": index, "outcome": "not_sent", "reason": sent.hindrance}


def _of_record(result: RecordResult) -> Json:
    told = {
        "index": result.index,
        "outcome": result.outcome,
        "externalId": result.external_id,
        "code": result.code,
        "reason": result.reason,
    }
    return {name: value for name, value in told.items() if value is not None}


def _upload(job: Job) -> Done:
    file = job.wanted.file
    if file is None:
        raise BadRequest("`file` must say what to send.", where="/file")
    content, content_type = _content(job, file)
    plan = compile_upload(job.definition, job.endpoint.id)
    run = UploadRun(plan, _variables(job), _means(job, plan))
    sent = run.send(content, file.name, content_type, job.give_up_at)
    return _done(job, {"file": {"id": sent.id, "name": sent.name, "size": len(content)}})


def _content(job: Job, file: FileToSend) -> tuple[bytes, str]:
    given = [name for name in ("text", "base64", "documents") if getattr(file, name) is not None]
    if len(given) != 1:
        raise BadRequest("`file` needs one of text, base64 and documents.", where="/file", found=given)
    if file.documents is not None:
        wanted = file.documents
        made = csv_export.csv_of(job.way.tables.documents, job.found.tenant, wanted.type, wanted.columns)
        return made, file.contentType or csv_export.CONTENT_TYPE
    if file.text is not None:
        return file.text.encode(), file.contentType or "text/plain; charset=utf-8"
    try:
        return b64decode(file.base64 or "", validate=True), file.contentType or DEFAULT_CONTENT_TYPE
    except ValueError as error:
        raise BadRequest("`file.base64` is not base64.", where="/file/base64") from error


def _variables(job: Job) -> Variables:
    return connected.variables_of(job.found, job.wanted.params)


def _means(job: Job, plan: Planned) -> Means:
    return job.watch.over(job.way.means(job.found, plan))


def _done(job: Job, answer: Json, *, position: Json | None = None, incomplete: str | None = None) -> Done:
    head = {"operation": job.endpoint.id, "kind": kind_of(job.endpoint), "calls": job.watch.calls}
    told = {name: value for name, value in {**head, **answer}.items() if value is not None}
    return Done(told, position, incomplete)


_RUNNERS: dict[str, Callable[[Job], Done]] = {
    "health": _call,
    "list": _records,
    "search": _records,
    "get": _records,
    "upsert": _upsert,
    "upload": _upload,
    "post": _call,
    "delete": _call,
}
