"""What the words of a batch must be beyond the shape of their JSON."""

import json
from collections.abc import Iterator, Sequence

from pydantic.alias_generators import to_camel

from hub.connector.batch_config import WHOLE_BODY, Batch, BatchJob, BatchResults
from hub.connector.bodies import JSON
from hub.connector.checks import check_path
from hub.connector.paging_checks import takes_fields
from hub.connector.request_config import Endpoint
from hub.core.errors import Problem
from hub.mapping.paths import BadPath, target_steps

METHODS = ("POST", "PUT", "PATCH")
OPERATIONS = (None, "upsert", "post")
_OF_VERDICT = {"success", "created", "id_path", "message_path", "code_path"}
_OF_KEYS = {"path", "created_in", "key_path", "item_key_path", "errors_path", "error_key_path"}
# What each way of matching needs, and what else it knows.
NEEDED = {
    "position": {"path"},
    "key": {"path", "key_path", "item_key_path"},
    "errors_by_key": {"item_key_path", "errors_path", "error_key_path"},
    "job": set[str](),
    "status": set[str](),
}
KNOWN = {
    "position": {"path"} | _OF_VERDICT,
    "key": _OF_KEYS | _OF_VERDICT,
    "errors_by_key": _OF_KEYS | _OF_VERDICT,
    "job": set[str](),
    "status": set[str](),
}
# What is of no use alone.
TOGETHER = {
    "key": {"errors_path": "error_key_path", "error_key_path": "errors_path"},
    "errors_by_key": {"path": "key_path", "key_path": "path"},
}
PATHS = (
    "created_in",
    "id_path",
    "key_path",
    "item_key_path",
    "errors_path",
    "error_key_path",
    "message_path",
    "code_path",
)


def check_batch(endpoint: Endpoint, place: str) -> Iterator[Problem]:
    batch = endpoint.batch
    if batch is None:
        return
    yield from _check_request(endpoint, place)
    yield from _check_items_path(endpoint, batch, f"{place}/batch/itemsPath")
    for index, path in enumerate(batch.required):
        yield from check_path(path, f"{place}/batch/required/{index}")
    yield from _check_words(batch.results, f"{place}/batch/results")
    yield from _check_results(batch.results, f"{place}/batch/results")
    yield from _check_job(batch, f"{place}/batch/job")


def check_jobs(endpoints: Sequence[tuple[int, Endpoint]]) -> Iterator[Problem]:
    """Check what the jobs of batches say of another endpoint; each endpoint comes with its index."""
    known = {endpoint.id: endpoint for _, endpoint in endpoints}
    for index, endpoint in endpoints:
        job, place = endpoint.batch and endpoint.batch.job, f"/endpoints/{index}/batch/job"
        if not job:
            continue
        asked = known.get(job.endpoint)
        if asked is None or asked is endpoint:
            others = ", ".join(name for name in known if name != endpoint.id) or "there is none"
            yield Problem(f"{place}/endpoint", f"expected the id of another endpoint ({others})")
        elif not _takes(asked, job.param):
            yield Problem(f"{place}/param", f"expected a parameter or a variable of the endpoint {asked.id!r}")


def _takes(endpoint: Endpoint, name: str) -> bool:
    params = {param.name for param in [*endpoint.path_params, *endpoint.query_params]}
    return name in params or f"{{{{{name}" in json.dumps(endpoint.model_dump(mode="json", exclude_unset=True))


def _check_request(endpoint: Endpoint, place: str) -> Iterator[Problem]:
    if endpoint.method not in METHODS:
        yield Problem(f"{place}/method", f"expected POST, PUT or PATCH, since a batch writes, found {endpoint.method}")
    if endpoint.operation not in OPERATIONS:
        yield Problem(
            f"{place}/operation", f"expected upsert or post, since a batch writes, found {endpoint.operation}"
        )
    if endpoint.body and endpoint.body.content_type != JSON:
        yield Problem(f"{place}/body/contentType", f"expected {JSON}, since the records of a batch go into it")
    for word in ("graphql", "pagination", "incremental"):
        if getattr(endpoint, word) is not None:
            yield Problem(f"{place}/{word}", "does not go together with batch; leave one of them out")
    mapping = endpoint.response_mapping
    if mapping is not None and mapping.data_path is not None:
        yield Problem(
            f"{place}/responseMapping/dataPath", "batch.results says where results are; only errorPath counts here"
        )


def _check_items_path(endpoint: Endpoint, batch: Batch, place: str) -> Iterator[Problem]:
    if batch.items_path == WHOLE_BODY:
        if endpoint.body is not None:
            yield Problem(place, "the records are the whole body here; leave `body` out, or name a place in it")
        return
    if not takes_fields(endpoint):
        yield Problem(place, "expected a JSON object as the body, since the records go into it")
    try:
        target_steps(batch.items_path)
    except BadPath as cause:
        yield Problem(place, str(cause))


def _check_words(results: BatchResults, place: str) -> Iterator[Problem]:
    given = {name for name in results.model_fields_set if getattr(results, name) is not None} - {"match"}
    for name in sorted(NEEDED[results.match] - given):
        yield Problem(f"{place}/{to_camel(name)}", f"expected a value, since match is {results.match!r}")
    for name in sorted(given - KNOWN[results.match]):
        yield Problem(f"{place}/{to_camel(name)}", f"means nothing where match is {results.match!r}; leave it out")
    for name, other in TOGETHER.get(results.match, {}).items():
        if name in given and other not in given:
            yield Problem(f"{place}/{to_camel(other)}", f"expected a value, since there is {to_camel(name)}")


def _check_results(results: BatchResults, place: str) -> Iterator[Problem]:
    for index, path in enumerate(results.path or ()):
        yield from check_path(path, f"{place}/path/{index}")
    for name in PATHS:
        yield from check_path(getattr(results, name), f"{place}/{to_camel(name)}")
    for name in ("success", "created"):
        sign = getattr(results, name)
        yield from check_path(sign and sign.path, f"{place}/{name}/path")
    if results.created_in is not None and results.created_in not in (results.path or ()):
        yield Problem(f"{place}/createdIn", f"expected one of the paths in path, found {results.created_in[:60]!r}")
    if results.created_in is not None and results.created is not None:
        yield Problem(f"{place}/createdIn", "created says it already; leave one of them out")


def _check_job(batch: Batch, place: str) -> Iterator[Problem]:
    job = batch.job
    if (job is None) is (batch.results.match == "job"):
        told = "expected a value, since match is 'job'" if job is None else "needs results whose match is 'job'"
        yield Problem(place, told)
    if job is None:
        return
    yield from _check_job_paths(job, place)
    for word in sorted(set(job.done) & set(job.failed)):
        yield Problem(f"{place}/failed", f"{word!r} is in done already")


def _check_job_paths(job: BatchJob, place: str) -> Iterator[Problem]:
    yield from check_path(job.id_path, f"{place}/idPath")
    yield from check_path(job.status_path, f"{place}/statusPath")
    for name, path in job.counts.items():
        yield from check_path(path, f"{place}/counts/{name}")
