"""Starts a sync by hand: the first thing a tenant does with a new connector (spec S000, "Execute sync")."""

from typing import Any

from hub.connector.variables import Variables
from hub.core.attributes import Item
from hub.core.errors import BadDefinition, Conflict, Problem
from hub.core.journal import Change
from hub.integrations import custom
from hub.integrations.custom import CustomIntegration
from hub.integrations.plans import must_have_address, plan_of
from hub.sync import jobs
from hub.sync.run import entity_of

Json = dict[str, Any]


def start(change: Change, found: CustomIntegration, endpoint_id: str, variables: Json) -> Item:
    """Add a job for one endpoint to `change`; a run of the same entity that is still open is a Conflict.

    Raises BadRequest for a parameter that is missing or wrong: the worker would find it too late to be told.
    """
    custom.must_be_runnable(found)
    entity = entity_of(found.definition, endpoint_id)
    if entity is None:
        known = ", ".join(endpoint["id"] for endpoint in found.definition["endpoints"]) or "none"
        problem = Problem("/endpointId", f"expected an endpoint of this integration ({known}), found {endpoint_id!r}")
        raise BadDefinition("The integration has no such endpoint.", [problem])
    _check_request(found, endpoint_id, variables)
    job = jobs.start(change, found.id, endpoint_id, entity, variables, found.connector["version"])
    holder = jobs.holder_of_lock(change.tables, job)
    if holder is not None:
        raise Conflict("A sync of this entity is under way; cancel it or wait for its end.", jobId=holder["sk"])
    return job


def _check_request(found: CustomIntegration, endpoint_id: str, variables: Json) -> None:
    """Build the request of the first page, and throw it away."""
    must_have_address(found)
    plan_of(found.connector["definition"], endpoint_id).draft(Variables(variables))
