"""Templates: JSON that is filled from a JSON document, for the data of events that come in and go out.

    {"id": "$.data.id", "title": "Order {{$.data.number}} of {{data.customer.name}}", "kind": "order", "all": "$",
     "tags": "$.data.tags[*].name", "lines": {"$each": "$.data.lines", "do": {"sku": "$.sku"}}, "price": "$$.99"}

- A text that is a JSONPath as a whole (it begins with `$.` or `$[`, or is `$`) becomes the value there, of whatever
  kind; null where nothing is. A path that may find several values becomes the list of all of them.
- `{{path}}` in a text becomes the value as text: nothing for null or missing, JSON for objects and lists. A text with
  such places always stays a text. Inside the braces `data.name` is short for `$.data.name`.
- `{"$each": path, "do": template}` becomes a list: the template filled from each entry of the list at the path, which
  is `$` inside. A single value counts as a list of one, null or nothing as an empty one.
- A text that begins with `$$` is what follows the first `$`. Everything else stands for itself.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from hub.mapping.config import Unfit, as_text
from hub.mapping.paths import MISSING, BadPath, finder, getter, steps_of

Fill = Callable[[Any], Any]

MAX_NODES = 1000
MAX_DEPTH = 32
# What a filled template may hold: one that names the whole document a hundred times must not fill the memory.
MAX_VALUES = 200_000
MAX_CHARS = 1_000_000
_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PATH = re.compile(r"\$(?:[.\[].*)?", re.DOTALL)
_EACH = {"$each", "do"}


class BadTemplate(ValueError):
    """A template cannot be used; `pointer` is the JSON pointer inside it."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or 'The template'}: {message}")
        self.pointer, self.message = pointer, message


def compile_template(raw: Any) -> Fill:
    """Return a function from a document to the filled template; raises BadTemplate.

    The function raises PathFailed for a path that costs too much in this document, and Unfit for a result that is too
    large. A result shares nested values with the document and with the template: change neither in place.
    """
    nodes = sum(1 for _ in _nodes(raw, 0))
    if nodes > MAX_NODES:
        raise BadTemplate("", f"expected at most {MAX_NODES} values, found {nodes}")
    fill = _compiled(raw, "")
    if not callable(fill):
        return lambda _: fill

    def filled(document: Any) -> Any:
        result = fill(document)
        _refuse_excess(result)
        return result

    return filled


def _nodes(raw: Any, depth: int) -> Iterator[None]:
    if depth > MAX_DEPTH:
        raise BadTemplate("", f"expected at most {MAX_DEPTH} levels")
    yield None
    if isinstance(raw, (dict, list)):
        for part in raw.values() if isinstance(raw, dict) else raw:
            yield from _nodes(part, depth + 1)


def _compiled(raw: Any, pointer: str) -> Any:
    """Return the function that fills this part, or the part itself where there is nothing to fill."""
    if isinstance(raw, str):
        return _text(raw, pointer)
    if isinstance(raw, list):
        return _list([_compiled(part, f"{pointer}/{index}") for index, part in enumerate(raw)])
    if isinstance(raw, dict):
        return _each(raw, pointer) if "$each" in raw else _object(raw, pointer)
    return raw


def _object(raw: dict[str, Any], pointer: str) -> Any:
    for name in raw:
        if name.startswith("$"):
            raise BadTemplate(_below(pointer, name), "expected no name that begins with '$', except $each")
    parts = {name: _compiled(part, _below(pointer, name)) for name, part in raw.items()}
    filled = [(name, part) for name, part in parts.items() if callable(part)]
    if not filled:
        return parts

    def fill(document: Any) -> dict[str, Any]:
        result = dict(parts)
        for name, part in filled:
            result[name] = part(document)
        return result

    return fill


def _list(parts: list[Any]) -> Any:
    if not any(map(callable, parts)):
        return parts
    return lambda document: [part(document) if callable(part) else part for part in parts]


def _each(raw: dict[str, Any], pointer: str) -> Fill:
    for name in raw.keys() ^ _EACH:
        raise BadTemplate(_below(pointer, name), "expected exactly $each and do")
    path = raw["$each"]
    if not isinstance(path, str):
        raise BadTemplate(f"{pointer}/$each", "expected a path")
    find, do = _value(path, f"{pointer}/$each"), _compiled(raw["do"], f"{pointer}/do")

    def fill(document: Any) -> list[Any]:
        found = find(document)
        entries = [] if found is None else found if isinstance(found, list) else [found]
        return [do(entry) if callable(do) else do for entry in entries]

    return fill


def _text(text: str, pointer: str) -> Any:
    if text.startswith("$$"):
        return text[1:]
    if _PATH.fullmatch(text):
        return _value(text, pointer)
    return _interpolated(text, pointer) if "{{" in text else text


def _value(path: str, pointer: str) -> Fill:
    """Return the function that finds what a path names: one value or null, or the list of all."""
    try:
        if steps_of(path) is None:
            return finder(path)
        get = getter(path)
    except BadPath as cause:
        raise BadTemplate(pointer, str(cause)) from cause
    return lambda document: None if (value := get(document)) is MISSING else value


def _interpolated(text: str, pointer: str) -> Fill:
    left_over = _PLACE.sub("", text)
    if "{{" in left_over:
        raise BadTemplate(pointer, "expected '}}' after '{{'")
    parts = _PLACE.split(text)  # literals and paths take turns
    pieces = [_value(part.strip(), pointer) if index % 2 else part for index, part in enumerate(parts)]
    return lambda document: "".join(_as_text(piece(document)) if callable(piece) else piece for piece in pieces)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else as_text(value)


def _below(pointer: str, name: str) -> str:
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def _refuse_excess(result: Any) -> None:
    values, chars, waiting = 0, 0, [result]
    while waiting:
        value = waiting.pop()
        values += 1
        if isinstance(value, dict):
            waiting += value.values()
            chars += sum(map(len, value))
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            chars += len(value)
        if values + len(waiting) > MAX_VALUES or chars > MAX_CHARS:
            raise Unfit(f"the filled template has more than {MAX_VALUES} values or {MAX_CHARS} characters")
