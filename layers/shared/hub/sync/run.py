"""Runs one sync job for as long as the function may: claims it and works through its phases, one after the other.

Whatever happens between two checkpoints is done again by the next worker and counts once. The job ends, is handed on
with a delay, or is left to whoever holds it now; nothing else can happen to it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hub.connector.entities import document_type, has_records
from hub.core import logs
from hub.core.errors import HubError, UpstreamError
from hub.core.queues import Hint
from hub.sync import jobs
from hub.sync.jobs import Claim, LeaseLost
from hub.sync.proof import revert
from hub.sync.pull import pull, requeue
from hub.sync.push import push, releases, uploads
from hub.sync.two_way import deletes as two_way_deletes
from hub.sync.working import Phase, Work, phase_of

Json = dict[str, Any]

DEFAULT_ENTITY = "record"


@dataclass(frozen=True)
class Worker(Work):
    """Takes one hint at a time; each phase of a job has one function."""

    phases: ClassVar[Mapping[str, Phase]] = {
        "pull": pull.run,
        "delete": two_way_deletes.run,
        "push": push.run,
        "upload": uploads.run,
        "quarantine": requeue.run,
        "revert": revert.run,
        "release": releases.run,
    }

    def run(self, hint: Hint) -> None:
        """Work on the job the hint names; returns when it ended, was handed on, or belongs to someone else."""
        me = uuid.uuid4().hex
        held = jobs.claim(self.resources.tables, hint.tenant, hint.id, me, self.resources.settings.sync_lease_s)
        if held is None:
            logs.info("job.stepped_aside", tenant=hint.tenant.id, job_id=hint.id)
            return
        try:
            self._run(held)
        except LeaseLost:
            logs.warning("job.lease_lost", tenant=hint.tenant.id, job_id=hint.id, fence=held.job["fence"])

    def _run(self, held: Claim) -> None:
        try:
            if held.job["hops"] > jobs.MAX_HOPS:
                raise UpstreamError(
                    f"No page was completed in {jobs.MAX_HOPS} runs in a row; the last position is kept."
                )
            following: Claim | None = held
            while following is not None:
                following = self.phases[phase_of(following.job)](self, following)
        except LeaseLost:
            raise
        except HubError as error:
            self.failed(held.refreshed(self.resources.tables), error)


def entity_of(definition: Json, endpoint_id: str) -> str | None:
    """Return the document type an endpoint fills, None where there is no such endpoint that reads records."""
    endpoints = {endpoint["id"]: endpoint for endpoint in definition["endpoints"] if has_records(endpoint)}
    if endpoint_id not in endpoints:
        return None
    return document_type(endpoints[endpoint_id]) or DEFAULT_ENTITY
