"""Transforms between texts: `concat`, `template` and `split`; their config is described in `hub.mapping.transforms`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.mapping.config import BadConfig, Config, Unfit, as_text, found, path_at
from hub.mapping.paths import MISSING, Steps, getter, steps_of

Convert = Callable[[Any], Any]

_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A text made of parts of the record: what is between them, where they are, and the general way to fill it.

    Where every part is a text (`skips_blank`: and none is empty) the parts may be put between the literals directly.
    """

    literals: Sequence[str]
    parts: Sequence[Steps | None]
    skips_blank: bool
    fill: Convert

    def __call__(self, record: Any) -> Any:
        return self.fill(record)


def concat(config: Config) -> Convert:
    paths = [path_at(path, f"/fields/{index}") for index, path in enumerate(config.items("fields"))]
    parts = [getter(path) for path in paths]
    separator = config.text("separator", "")

    def join(record: Any) -> Any:
        texts = [text for part in parts if (text := _text_or_blank(part(record)))]
        return separator.join(texts) if texts else MISSING

    literals = ["", *[separator] * (len(parts) - 1), ""]
    return Pattern(literals, [steps_of(path) for path in paths], True, join)


def template(config: Config) -> Convert:
    text = config.text("template")
    literals, paths = [*_PLACE.split(text)[::2]], _places(text)
    if not paths:
        return lambda _: text
    pattern = "%s".join(literal.replace("%", "%%") for literal in literals)
    parts = [getter(path) for path in paths]

    def fill(record: Any) -> Any:
        values = [part(record) for part in parts]
        if all(value is MISSING or value is None for value in values):
            return MISSING
        return pattern % tuple([_text_or_blank(value) for value in values])

    return Pattern(literals, [steps_of(path) for path in paths], False, fill)


def _places(text: str) -> list[str]:
    left_over = _PLACE.sub(lambda match: " " * len(match[0]), text)
    if "{{" in left_over:
        raise BadConfig("/template", f"expected '}}}}' after the '{{{{' at character {left_over.index('{{')}")
    return [path_at(match[1].strip(), "/template") for match in _PLACE.finditer(text)]


def _text_or_blank(value: Any) -> str:
    return "" if value is None or value is MISSING else as_text(value)


def split(config: Config) -> Convert:
    separator = config.text("separator", ",")
    if not separator:
        raise BadConfig("/separator", "expected at least one character")
    limit, trim, index = config.count("limit", lowest=1), config.flag("trim"), config.count("index")
    cuts = -1 if limit is None else limit - 1

    def parts(value: Any) -> list[str]:
        if not isinstance(value, str):
            raise Unfit(f"expected a text to split, found {found(value)}")
        return value.split(separator, cuts) if value else []

    def trimmed(value: Any) -> list[str]:
        return [part.strip() for part in parts(value)]

    read = trimmed if trim else parts
    return read if index is None else _picked(read, index)


def _picked(parts: Callable[[Any], list[str]], index: int) -> Convert:
    def pick(value: Any) -> Any:
        pieces = parts(value)
        return pieces[index] if -len(pieces) <= index < len(pieces) else MISSING

    return pick
