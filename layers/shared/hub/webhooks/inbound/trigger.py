"""Starting a sync because of an event: under a name made of the event, so that a repeat starts nothing twice."""

from dataclasses import dataclass
from typing import Any

from hub.connector.entities import document_type, has_records
from hub.core import clock, jsontext
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
from hub.sync.configs import configs
from hub.sync.jobs import PULL, PUSH
from hub.sync.models import SyncRequest
from hub.sync.starts import start
from hub.webhooks.endpoints.endpoints import Endpoint
from hub.webhooks.inbound.edits import Result, failed
from hub.webhooks.inbound.inbound import Claim
from hub.webhooks.inbound.route import Match, Rule

Json = dict[str, Any]

_BROKEN = ("FAILED", "CANCELLED")


@dataclass(frozen=True)
class _Asked:
    """What a rule asks of an event; `job_id` is the name that its job would have."""

    rule: Rule
    match: Match
    params: Json
    job_id: str

    def is_read_by(self, job: Item) -> bool:
        """Say whether a job reads all that the rule's own one would: not one for a part, or for something else."""
        if job["status"] in _BROKEN or job.get("retryOf") or not {PULL, PUSH}.issuperset(job["phases"]):
            return False
        if self.rule.raw.get("configId"):
            return bool(job.get("configId") == self.rule.raw["configId"])
        is_same = self.rule.raw.get("endpointId") in (None, job["endpointId"])
        return is_same and PULL in job["phases"] and jsontext.load(job["params"]) == self.params


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
        tables, keep_days = self.resources.tables, self.resources.settings.retention_days
        job_id = stable_id("job", clock.epoch_of(self.held.event["receivedAt"]), f"{self._salt}/{rule.index}")
        change = Change(tables, self._caller, self.held.event["sk"], keep_days)
        asked = _Asked(rule, match, params, job_id)
        try:
            job = self._begun(change, rule, params, job_id)
            change.commit(ok({}))
        except ConditionFailed as failure:
            rival = (failure.found or {}).get("jobId", "")
            return self._refused(asked, _Refusal(start.refusal(failure), rival, is_rival=True))
        except (Conflict, BadRequest, NotFound) as error:
            rival = error.details.get("jobId", "")
            return self._refused(asked, _Refusal(error, rival, is_rival=bool(rival)))
        start.hint(self.resources, job)
        return _started(rule, match, job)

    def _begun(self, change: Change, rule: Rule, params: Json, job_id: str) -> Item:
        """Add the rule's job to `change`: that of the configuration it names, else of an endpoint."""
        config, interval_s = change.tables.config, self.resources.settings.sync_interval_s
        if rule.raw.get("configId"):
            named = configs.get(config, self.held.tenant, rule.raw["configId"])
            if named["integrationId"] != self._integration_id:
                raise configs.SyncConfigNotFound
            return start.begin_configured(change, named, interval_s, job_id)
        found = custom.get(config, self.held.tenant, self._integration_id)
        request = SyncRequest(endpointId=self._endpoint_of(found, rule), params=params)
        return start.start(change, found, request, interval_s, job_id)

    def _refused(self, asked: _Asked, refusal: _Refusal) -> Result:
        rule, match = asked.rule, asked.match
        job = self._job(asked.job_id)
        if job is not None:  # started by this very event, before a worker died
            start.hint(self.resources, job)
            return _started(rule, match, job)
        if not refusal.is_rival:
            return failed(match, refusal.error.message)
        rival = self._job(refusal.job_id) if refusal.job_id else None
        if rival is None or rival["createdAt"] < self.held.event["receivedAt"] or not asked.is_read_by(rival):
            raise refusal.error  # it may have read that record before it changed, or may never read it
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
