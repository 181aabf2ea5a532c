"""Deleting at the provider what was deleted here, one call for each record, where it has an operation for that."""

import time
from dataclasses import dataclass, replace
from typing import Any

from hub.connector.entities import document_type
from hub.connector.pages import Means
from hub.connector.plan import Plan
from hub.connector.single_calls import SingleCalls
from hub.connector.variables import Variables
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.errors import Refused
from hub.integrations.plans import plan_of
from hub.sync.push.idempotency import with_key

Json = dict[str, Any]

# A record that is not there any more was deleted before, maybe by a worker that died.
GONE = frozenset({404, 410})
GIVE_UP_S = 30.0
ID = "id"


@dataclass(frozen=True)
class Deletes:
    """The operation that deletes; `param` is what its request calls the record's id."""

    job_id: str
    plan: Plan
    param: str
    variables: Variables
    means: Means

    def delete(self, external_id: str) -> tuple[str, str] | None:
        """Delete one record; return code and reason where the provider refuses. Raises Retryable."""
        variables = replace(self.variables, params={**self.variables.params, self.param: external_id})
        variables = with_key(variables, self.job_id, "delete", external_id)
        try:
            SingleCalls(self.plan, self.means).send(self.plan.first(variables), time.monotonic() + GIVE_UP_S)
        except Refused as refusal:
            status = refusal.details.get("status")
            return None if status in GONE else (f"HTTP_{status}", refusal.message)
        return None


def of(definition: str, job: Item, variables: Variables, means: Means) -> Deletes | None:
    """Return the operation `delete` of the job's entity, None where the integration has none."""
    endpoint = _endpoint(jsontext.load(definition), job)
    if endpoint is None:
        return None
    return Deletes(job["sk"], plan_of(definition, endpoint["id"]), _param(endpoint), variables, means)


def _endpoint(definition: Json, job: Item) -> Json | None:
    known = {job["entityType"], job.get("documentType") or job["entityType"]}
    for endpoint in definition["endpoints"]:
        kind = endpoint.get("entity") or document_type(endpoint)
        if endpoint.get("operation") == "delete" and (kind is None or kind in known):
            found: Json = endpoint
            return found
    return None


def _param(endpoint: Json) -> str:
    declared = [*endpoint.get("pathParams", ()), *endpoint.get("queryParams", ())]
    names = [str(each["name"]) for each in declared if each.get("valueSource") in (None, "variable")]
    return names[0] if names else ID
