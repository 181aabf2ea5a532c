"""Starting a sync because of an event: under a name made of the event, so that a repeat starts nothing twice."""

from dataclasses import dataclass
from typing import Any

from hub.connector.entities import document_type, has_records
from hub.core import clock
from hub.core.answers import ok
from hub.core.attributes import Item
from hub.core.caller import Caller
from hub.core.errors import BadRequest, Conflict, HubError, NotFound
from hub.core.ids import stable_id
from hub.core.journal import Change
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed, key
from hub.integrations import custom, versions
from hub.integrations.custom import CustomIntegration
from hub.sync import start
from hub.sync.models import SyncRequest
from hub.webhooks.endpoints.endpoints import Endpoint
from hub.webhooks.inbound.edits import Result, failed
from hub.webhooks.inbound.inbound import Claim
from hub.webhooks.inbound.route import Match, Rule

Json = dict[str, Any]


@dataclass(frozen=True)
class _Refusal:
    """Why no sync was started; with `is_rival` because of another one, `job_id`, "" where it is not known."""

    error: HubError
    job_id: str
    is_rival: bool


@dataclass(frozen=True)
class Trigger:
    """Starts syncs in the name of an inbound endpoint."""

    resources: Resources
    endpoint: Endpoint
    held: Claim

    def start(self, rule: Rule, match: Match, params: Json) -> Result:
        """Start the rule's sync, unless one that began after the event was received reads what the event tells.

        Raises the refusal while an earlier one runs or a start would come too soon: then all is to be done again.
        """
        tables, settings = self.resources.tables, self.resources.settings
        job_id = stable_id("job", clock.epoch_of(self.held.event["receivedAt"]), f"{self._salt}/{rule.index}")
        change = Change(tables, self._caller, self.held.event["sk"], settings.retention_days)
        try:
            found = custom.get(tables.config, self.held.tenant, self._integration_id)
            request = SyncRequest(endpointId=self._endpoint_of(found, rule), params=params)
            job = start.start(change, found, request, settings.sync_interval_s, job_id)
            change.commit(ok({}))
        except ConditionFailed as failure:
            rival = (failure.found or {}).get("jobId", "")
            return self._refused(rule, match, job_id, _Refusal(start.refusal(failure), rival, is_rival=True))
        except (Conflict, BadRequest, NotFound) as error:
            rival = error.details.get("jobId", "")
            return self._refused(rule, match, job_id, _Refusal(error, rival, is_rival=bool(rival)))
        start.hint(self.resources, job)
        return _started(rule, match, job)

    def _refused(self, rule: Rule, match: Match, job_id: str, refusal: "_Refusal") -> Result:
        job = self._job(job_id)
        if job is not None:  # started by this very event, before a worker died
            start.hint(self.resources, job)
            return _started(rule, match, job)
        if not refusal.is_rival:
            return failed(match, refusal.error.message)
        rival = self._job(refusal.job_id) if refusal.job_id else None
        if rival is None or rival["createdAt"] < self.held.event["receivedAt"]:
            raise refusal.error  # it may have read that record before it changed
        return Result(match.event, rule.index, rule.action, "already_running", reason=refusal.error.message)

    def _job(self, job_id: str) -> Item | None:
        return self.resources.tables.activity.get(key(self.held.tenant, "job", job_id))

    def _endpoint_of(self, found: CustomIntegration, rule: Rule) -> str:
        """Return which endpoint to sync: the rule's, the one that fills its document type, or the only one there is."""
        if rule.raw.get("endpointId"):
            return str(rule.raw["endpointId"])
        stored = versions.to_run(self.resources.tables.config, found).definition["endpoints"]
        endpoints = [each for each in stored if has_records(each)]
        wanted = rule.raw.get("targetShardTypeId")
        fitting = [each for each in endpoints if wanted and document_type(each) == wanted]
        chosen = fitting or endpoints
        if len(chosen) != 1:
            raise BadRequest("The rule must say by `endpointId` which endpoint of the integration is to be synced.")
        return str(chosen[0]["id"])

    @property
    def _caller(self) -> Caller:
        return Caller(self.held.tenant, f"webhook:{self.endpoint.id}", frozenset(), frozenset())

    @property
    def _integration_id(self) -> str:
        return str(self.endpoint.item.get("integrationId") or self.endpoint.id)

    @property
    def _salt(self) -> str:
        return f"{self.held.tenant.id}/{self.held.step}"


def _started(rule: Rule, match: Match, job: Item) -> Result:
    return Result(match.event, rule.index, rule.action, "started", "job", job["sk"])
