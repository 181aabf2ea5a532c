"""The `config` of a transform, read key by key, so that a wrong or unknown key is refused when a rule is saved."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hub.mapping.paths import BadPath, getter


class BadConfig(ValueError):
    """A transform's config is wrong; `pointer` is the JSON pointer inside it (`/fields/0`)."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer, self.message = pointer, message


class Unfit(ValueError):
    """This value cannot be transformed; the text is the reason."""


class Config:
    """Reads typed values and remembers which keys were asked for; what was not asked for is unknown."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        self._known.append(key)
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        value = self._values[key] if self.has(key) else default
        if not isinstance(value, str):
            raise BadConfig(f"/{key}", f"expected a text, found {found(value)}")
        return value

    def flag(self, key: str) -> bool:
        value = self._values[key] if self.has(key) else False
        if not isinstance(value, bool):
            raise BadConfig(f"/{key}", f"expected true or false, found {found(value)}")
        return value

    def count(self, key: str, lowest: int | None = None) -> int | None:
        if not self.has(key):
            return None
        value = self._values[key]
        if not isinstance(value, int) or isinstance(value, bool) or (lowest is not None and value < lowest):
            least = "" if lowest is None else f" of {lowest} or more"
            raise BadConfig(f"/{key}", f"expected a whole number{least}, found {found(value)}")
        return value

    def items(self, key: str, default: list[Any] | None = None) -> list[Any]:
        value = self._values[key] if self.has(key) else default
        if not isinstance(value, list) or not value:
            raise BadConfig(f"/{key}", f"expected a list with at least one entry, found {found(value)}")
        return value

    def table(self, key: str) -> dict[str, Any]:
        value = self._values[key] if self.has(key) else None
        if not isinstance(value, dict) or not value:
            raise BadConfig(f"/{key}", f"expected an object with at least one entry, found {found(value)}")
        return value

    def value(self, key: str, default: Any) -> Any:
        return self._values[key] if self.has(key) else default

    def refuse_unknown(self) -> None:
        for key in self._values:
            if key not in self._known:
                pointer = str(key).replace("~", "~0").replace("/", "~1")
                raise BadConfig(f"/{pointer}", f"unknown key; known are {', '.join(sorted(set(self._known)))}")


def path_at(path: Any, pointer: str) -> str:
    if not isinstance(path, str):
        raise BadConfig(pointer, f"expected a path, found {found(path)}")
    try:
        getter(path)
    except BadPath as cause:
        raise BadConfig(pointer, str(cause)) from cause
    return path


def found(value: Any) -> str:
    """Return a short description of a foreign value for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def as_text(value: Any) -> str:
    """Return a scalar as JSON writes it, without the quotes; 5.0 is "5"."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value).removesuffix(".0")
    raise Unfit(f"expected a text, a number or a boolean, found {found(value)}")


def fresh(value: Any) -> Any:
    """Return a value that the caller may change: a copy where it is a list or an object."""
    return deepcopy(value) if isinstance(value, (dict, list)) else value
