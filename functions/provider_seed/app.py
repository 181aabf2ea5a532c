"""Called by CloudFormation in each deployment: the providers that the hub ships with become items of the catalogue."""

from typing import Any

from hub.core import custom_resource, logs
from hub.core.custom_resource import Outcome
from hub.core.errors import HubError
from hub.core.resources import resources
from hub.integrations.catalog import seeding
from hub.outbound.client import Call, Client
from hub.outbound.guard import Guard
from hub.providers import provider_files

TIMEOUT_S = 10


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Seed, and tell CloudFormation how it went; a failed call of its address has Lambda call again."""
    outcome = _outcome(event["RequestType"])
    body = custom_resource.body_of(event, outcome)
    reply = client().send(Call("PUT", event["ResponseURL"], {}, (), body), timeout_s=TIMEOUT_S)
    logs.info("catalogue.seeded", status=outcome.status, code=reply.status)
    if reply.status >= 300:
        raise HubError("CloudFormation did not take the answer.")
    return {"status": outcome.status}


def _outcome(request_type: str) -> Outcome:
    """Say how it went; a stack that is deleted takes its tables along, so there is nothing to do."""
    if request_type == "Delete":
        return Outcome()
    try:
        done = seeding.seed(resources().tables, provider_files.load_all())
    except HubError as error:
        logs.failure("catalogue.refused", error)
        return Outcome("FAILED", error.message)
    except Exception as error:  # noqa: BLE001 - the edge: a deployment without an answer hangs for an hour
        logs.failure("catalogue.broke", error)
        return Outcome("FAILED", f"{type(error).__name__}; the log of the function says where")
    return Outcome(facts={name: len(ids) for name, ids in vars(done).items()})


def client() -> Client:
    return Client(Guard.from_text(resources().settings.outbound_allowed_private))
