"""What GET answered may be sent back with a change: what only the hub sets is left out where it is the same."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = dict[str, Any]


def without_echo(body: Json, shown: Json, model: "type[BaseModel]") -> Json:
    """Return the body without the fields that `model` does not take and that are as they are shown."""
    return {
        name: value
        for name, value in body.items()
        if name in model.model_fields or name not in shown or shown[name] != value
    }
