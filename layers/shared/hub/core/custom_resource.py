"""The answer that CloudFormation waits for when it has a function do something in a deployment.

Source: AWS CloudFormation User Guide, "Custom resource request types" and "Custom resource response objects". It goes
to an address that CloudFormation signed for this one answer. Without it a deployment hangs for an hour.
"""

from dataclasses import dataclass
from typing import Any, Literal

from hub.core import jsontext

MAX_REASON_CHARS = 500


@dataclass(frozen=True)
class Outcome:
    """`facts` are shown as attributes of the resource; a `reason` says why it failed."""

    status: Literal["SUCCESS", "FAILED"] = "SUCCESS"
    reason: str = ""
    facts: Any = None


def body_of(event: dict[str, Any], outcome: Outcome) -> bytes:
    """Return what is PUT to the event's ResponseURL."""
    answer = {
        "Status": outcome.status,
        "Reason": outcome.reason[:MAX_REASON_CHARS] or "The log of the function tells more.",
        # One thing for as long as the stack lives: another id would have CloudFormation delete the former.
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
        "Data": outcome.facts or {},
    }
    return jsontext.dump(answer).encode()
