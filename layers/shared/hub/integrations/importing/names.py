"""Names that the format takes, made from those that others use."""

import re
from collections.abc import Iterable
from typing import Any

from hub.mapping.paths import NAME

LONGEST_NAME = 60
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLAIN_NAME = re.compile(NAME)
_VARIABLE = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII)


def slug(text: str, otherwise: str) -> str:
    """Return letters, digits, `-` and `_`, beginning with a letter or a digit."""
    made = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9_-]+", "-", text))
    return made.strip("-_")[:LONGEST_NAME].rstrip("-_") or otherwise


def document_type(text: str) -> str | None:
    """Return `order-line` for `OrderLine`, `api.v1.Order_line` and the like; None for a name without a letter."""
    last = text.rpartition(".")[2] or text
    made = slug(_CAMEL.sub("-", last).lower().replace("_", "-"), "")
    return made if re.search(r"[a-z]", made) else None


class Taken:
    """Hands out each name once: `list`, `list-2`, `list-3`."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def free(self, name: str, joint: str = "-") -> str:
        made, number = name, self._next.get(name, 2)
        while made in self._taken:
            made, number = f"{name}{joint}{number}", number + 1
        self._next[name] = number
        self._taken.add(made)
        return made


def is_variable(name: str) -> bool:
    return _VARIABLE.fullmatch(name) is not None


def variable_for(name: str) -> str:
    """Return a name that may stand between `{{` and `}}`."""
    made = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "value"
    return made if made[0].isalpha() or made[0] == "_" else f"_{made}"


def step(name: str) -> str:
    """Return the step of a JSONPath (RFC 9535) to a field."""
    if _PLAIN_NAME.fullmatch(name):
        return f".{name}"
    text = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{text}']"


def text_in(value: Any, most: int) -> str | None:
    """Return a foreign text without blanks around it, cut; None for what is no text or empty."""
    text = value.strip() if isinstance(value, str) else ""
    return (text if len(text) <= most else f"{text[: most - 1]}…") or None
