"""Pydantic's findings as the hub's: every fault with its JSON pointer, what was expected and what was found."""

from typing import TYPE_CHECKING, Any, TypeVar

from hub.core.errors import BadDefinition, Problem

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound="BaseModel")


def parse_as(model: type[Model], raw: dict[str, Any]) -> Model:
    from pydantic import ValidationError  # `pointer` is also used where nothing is parsed

    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = found_in(error)
        raise BadDefinition(
            f"The body has {len(problems)} fault(s); `details.problems` says where.", problems
        ) from None


def found_in(error: "ValidationError") -> list[Problem]:
    """Return one Problem per fault, without the values: one of them may be a secret."""
    return [
        Problem(pointer(fault["loc"]), fault["msg"])
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def pointer(location: tuple[int | str, ...]) -> str:
    """Return the RFC 6901 pointer of a pydantic location."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
