"""S004's StartSyncDto as an order."""

from typing import TYPE_CHECKING

from hub.core.errors import BadDefinition, Problem
from hub.sync.choosing import Sought
from hub.sync.jobs import INBOUND, OUTBOUND, PULL, PUSH
from hub.sync.orders import EXPORT, IMPORT, Order

if TYPE_CHECKING:
    from hub.sync.models import StartSync

_PHASES = {INBOUND: (PULL,), OUTBOUND: (PUSH,)}
_DIRECTION_OF = {EXPORT: OUTBOUND, IMPORT: INBOUND}


def order_of(body: "StartSync") -> Order:
    """Return what is asked for; raises BadDefinition where an export is to come in, or an import to go out."""
    expected = _DIRECTION_OF.get(body.jobType, body.direction)
    if body.direction != expected:
        problem = Problem("/direction", f"expected {expected}: that is what {body.jobType} means")
        raise BadDefinition("The job type and the direction contradict each other.", [problem])
    named = {PULL: "endpoint_id", PUSH: "write_endpoint_id"}[_PHASES[body.direction][0]]
    sought = Sought(_PHASES[body.direction], body.entityType, **{named: body.endpointId})
    return Order(sought, body.jobType, body.params, body.filters or {})
