"""One run of writing records: documents are cut into batches, each is sent, and each record gets its result.

Nothing is kept between two batches: whoever has sent some may stop, cut the same documents again and go on. A batch is
repeated only for itself, and only where that cannot write twice: with PUT, or where the endpoint is `idempotent`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hub.connector.actions import Judged
from hub.connector.batch_cutting import Batch, Batches, RecordResult
from hub.connector.batch_plans import BatchPlan, JobPlan, compile_batch
from hub.connector.batch_results import unknown
from hub.connector.bodies import JSON, Body
from hub.connector.failures import described
from hub.connector.pages import Means
from hub.connector.single_calls import SingleCalls, json_in
from hub.connector.urls import without_query
from hub.connector.variables import Variables
from hub.core import jsontext
from hub.core.errors import BadDefinition, Problem, Refused
from hub.mapping.config import Unfit, as_text
from hub.mapping.paths import MISSING, PathFailed

__all__ = ["Batch", "BatchPlan", "BatchResult", "BatchRun", "Batches", "JobStatus", "RecordResult", "compile_batch"]

IGNORED = "IGNORED"
# As text, where the provider means a number.
MAX_DIGITS = 15


@dataclass(frozen=True)
class BatchResult:
    """One result for each record of a batch, and what its call was like; `url` is without its query."""

    results: list[RecordResult]
    job_id: str | None
    method: str
    url: str
    status: int
    elapsed_ms: int
    attempts: int


@dataclass(frozen=True)
class JobStatus:
    """How far a job is; `status` is the provider's word, `counts` what it says of the records by their outcome."""

    state: Literal["pending", "done", "failed"]
    status: str
    counts: dict[str, int]

    @property
    def is_finished(self) -> bool:
        return self.state != "pending"


class BatchRun:
    """A batch endpoint with its values and credentials filled in.

    Making one raises BadRequest for a missing or wrong parameter, BadDefinition for a secret that is not there.
    """

    def __init__(self, plan: BatchPlan, variables: Variables, means: Means) -> None:
        self._plan = plan
        self._variables = variables
        self._means = means
        self._draft = plan.plan.first(variables)
        self._body = self._draft.body or Body(JSON, {})
        self._calls = SingleCalls(plan.plan, means)

    def batches(self, documents: Sequence[Any]) -> Batches:
        """Return the documents as batches, and those that cannot be sent with the reason; nothing is sent."""
        return self._plan.cutter.cut(documents, self._means.find_documents, self._empty_bytes())

    def send(self, batch: Batch, give_up_at: float | None = None) -> BatchResult:
        """Send one batch; `give_up_at` is a time of `time.monotonic()`.

        Raises Retryable (the same batch may be sent again), Refused, TargetForbidden, BadRequest where nothing is
        known to have been written; no message and no result holds a secret.
        """
        draft = replace(self._draft, body=self._with_items([item.content for item in batch.items]))
        reply = self._calls.send(draft, give_up_at)
        results, job_id = self._read(reply, batch)
        return BatchResult(
            results=[self._harmless(result) for result in results],
            job_id=job_id,
            method=draft.method,
            url=self._calls.hide(without_query(draft.url)),
            status=reply.status,
            elapsed_ms=reply.elapsed_ms,
            attempts=reply.attempts,
        )

    def poll(self, job_id: str, give_up_at: float | None = None) -> JobStatus:
        """Ask how far a job is; raises as `send` does, and BadDefinition where the endpoint has no jobs."""
        job = self._plan.job
        if job is None:
            raise BadDefinition("The endpoint has no jobs.", [Problem("/endpoints", "expected `batch.job`")])
        variables = replace(self._variables, params={**self._variables.params, job.param: job_id})
        calls = SingleCalls(job.plan, self._means)
        reply = calls.send(job.plan.first(variables), give_up_at)
        return _job_status(job, json_in(reply), reply, calls)

    def _with_items(self, items: list[Any]) -> Body:
        return self._plan.put_items(self._body, items)

    def _empty_bytes(self) -> int:
        """Return how long the body is without records, but with a key that belongs into it."""
        body = self._with_items([])
        for name, value in self._calls.credentials.body:
            body = body.with_field(name, value)
        return len(jsontext.dump(body.value).encode())

    def _read(self, reply: Judged, batch: Batch) -> tuple[list[RecordResult], str | None]:
        if reply.action == "IGNORE":
            said = reply.message or f"the provider answered {reply.status}, which an error action says to ignore"
            return batch.all("rejected", IGNORED, said), None
        document = json_in(reply) if self._plan.is_read else None
        if document is MISSING:
            return unknown(batch, f"the answer is not JSON: {described(reply)}"), None
        try:
            return self._of_document(document, batch)
        except PathFailed as cause:
            return unknown(batch, f"the answer cannot be searched: {cause}"), None
        except Refused as cause:
            raise Refused(self._calls.told(cause.message), status=reply.status) from None

    def _of_document(self, document: Any, batch: Batch) -> tuple[list[RecordResult], str | None]:
        self._plan.plan.exchange.selection.data(document)  # raises where the provider says that all of it failed
        job = self._plan.job
        job_id = self._kept(_text(job.job_id(document))) if job else None
        if job and job_id is None:
            return unknown(batch, "the answer names no job, so that nobody can ask what became of the record"), None
        return self._plan.read(document, batch), job_id

    def _kept(self, text: str | None) -> str | None:
        return None if text is None or self._calls.credentials.is_in(text) else text

    def _harmless(self, result: RecordResult) -> RecordResult:
        """Return a result whose texts repeat no secret; an id that does is none."""
        told = self._calls.told
        return replace(
            result,
            external_id=self._kept(result.external_id),
            code=told(result.code) if result.code else None,
            reason=told(result.reason) if result.reason else None,
        )


def _job_status(job: JobPlan, document: Any, reply: Judged, calls: SingleCalls) -> JobStatus:
    try:
        status = _text(job.status(document))
        counts = {name: _count(get(document)) for name, get in job.counts.items()}
    except PathFailed as cause:
        raise Refused(f"The answer cannot be searched: {cause}", status=reply.status) from None
    if status is None:
        raise Refused(f"The answer does not say how far the job is: {described(reply)}.", status=reply.status)
    state: Literal["pending", "done", "failed"]
    state = "done" if status in job.done else "failed" if status in job.failed else "pending"
    return JobStatus(state, calls.told(status), {name: count for name, count in counts.items() if count is not None})


def _text(value: Any) -> str | None:
    try:
        return as_text(value) or None
    except Unfit:
        return None


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
