"""An endpoint that writes many records with one request, compiled, with the endpoint that tells how its job is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.connector.batch_config import WHOLE_BODY, BatchJob
from hub.connector.batch_config import Batch as BatchConfig
from hub.connector.batch_cutting import Cutter, cutter
from hub.connector.batch_results import Read, results_reader
from hub.connector.bodies import JSON, Body
from hub.connector.definition import ConnectorDefinition
from hub.connector.plan import Plan, compile_endpoint, endpoint_of
from hub.core.errors import BadDefinition, Problem
from hub.mapping.paths import Get, getter, setter
from hub.outbound.budget import Limit, RateHeaders

PutItems = Callable[[Body, list[Any]], Body]


@dataclass(frozen=True)
class JobPlan:
    """How a job is asked for: `plan` is of the endpoint that tells, `job_id` where the first answer names the job."""

    plan: Plan
    job_id: Get
    param: str
    status: Get
    done: frozenset[str]
    failed: frozenset[str]
    counts: Mapping[str, Get]


@dataclass(frozen=True)
class BatchPlan:
    """It holds no secret and no value of a caller, as a `Plan` does not.

    Where nothing `is_read` the status of an answer says it all, and it need not be JSON.
    """

    plan: Plan
    cutter: Cutter
    put_items: PutItems
    read: Read
    is_read: bool
    job: JobPlan | None

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self.plan.limits

    @property
    def rate_headers(self) -> RateHeaders:
        return self.plan.rate_headers


def compile_batch(definition: ConnectorDefinition, endpoint_id: str) -> BatchPlan:
    """Return the plan of an endpoint with `batch`; raises BadDefinition where there is no such endpoint."""
    plan, config = compile_endpoint(definition, endpoint_id), endpoint_of(definition, endpoint_id).batch
    if config is None:
        problem = Problem("/endpoints", f"expected an endpoint with `batch`, {endpoint_id[:64]!r} has none")
        raise BadDefinition("The endpoint does not write batches.", [problem])
    job = _job_plan(definition, config.job) if config.job else None
    is_read = config.results.match != "status" or plan.exchange.selection.is_read
    return BatchPlan(plan, cutter(config), _put_items(config), results_reader(config.results), is_read, job)


def _put_items(config: BatchConfig) -> PutItems:
    if config.items_path == WHOLE_BODY:
        return lambda _, items: Body(JSON, items)
    put = setter(config.items_path)
    return lambda body, items: body.with_value(put, items)


def _job_plan(definition: ConnectorDefinition, config: BatchJob) -> JobPlan:
    return JobPlan(
        plan=compile_endpoint(definition, config.endpoint),
        job_id=getter(config.id_path),
        param=config.param,
        status=getter(config.status_path),
        done=frozenset(config.done),
        failed=frozenset(config.failed),
        counts={name: getter(path) for name, path in config.counts.items()},
    )
