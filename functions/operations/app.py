"""What nobody should ever need: what is stuck, and messages that no worker could handle."""

from hub.core import dead_letters
from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.caller import SUPER_ADMIN, admins
from hub.core.config import dead_letter_queues
from hub.core.dead_letters import Queue
from hub.webhooks.recovery import stuck

api = Api("operations")
handler = api.handle

MODELS = "hub.webhooks.recovery.operations_models"


@api.route(
    "GET",
    "/api/v1/deliveries/stuck",
    access=admins("webhooks:manage"),
    rate="integration",
    answer=f"{MODELS}:StuckItems",
)
def list_stuck(request: Request) -> Answer:
    """List what is overdue by more than 15 minutes; empty as long as the hub works."""
    return ok(stuck.stuck(request.resources.tables, request.caller.tenant))


@api.route("GET", "/api/admin/queues", access=SUPER_ADMIN, rate="integration", answer=f"{MODELS}:QueueDepths")
def list_queues(request: Request) -> Answer:
    """List the queues with the number of their messages and dead letters."""
    sqs = request.resources.sqs
    rows = [
        {
            "name": queue.name,
            "messages": dead_letters.depth(sqs, queue.url),
            "deadLetters": dead_letters.depth(sqs, queue.dead_letters_url),
        }
        for queue in _queues(request).values()
    ]
    return ok({"queues": rows})


@api.route(
    "POST",
    "/api/admin/queues/{name}/redrive",
    access=SUPER_ADMIN,
    rate="integration",
    body=f"{MODELS}:RedriveRequest",
    answer=f"{MODELS}:Redriven",
)
def redrive(request: Request) -> Answer:
    """Send dead letters to their queue again; `max` of them, at most 1000."""
    from hub.webhooks.recovery.operations_models import RedriveRequest

    queue, wanted = dead_letters.named(_queues(request), request.path["name"]), request.parsed(RedriveRequest)
    sqs = request.resources.sqs
    moved = dead_letters.redrive(sqs, queue, wanted.max)
    request.change.audit("queue.redriven", queue.name, moved=moved)
    return request.change.commit(ok({"moved": moved, "left": dead_letters.depth(sqs, queue.dead_letters_url)}))


def _queues(request: Request) -> dict[str, Queue]:
    found = request.resources.settings
    urls = {
        "sync": found.sync_queue_url,
        "event": found.event_queue_url,
        "delivery": found.delivery_queue_url,
        "inbound": found.inbound_queue_url,
        "connection": found.connection_queue_url,
    }
    return {name: Queue(name, urls[name], dead) for name, dead in dead_letter_queues().items()}
