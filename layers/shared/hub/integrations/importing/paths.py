"""Paths that were seen, made into path templates: parts that differ between requests become path parameters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from hub.integrations.importing.credentials import UUID, holds_secret
from hub.integrations.importing.exchange import Exchange
from hub.integrations.importing.names import Taken, variable_for

_ID = re.compile(rf"[0-9]+|{UUID.pattern}|[0-9a-f]{{24}}|[0-9A-HJKMNP-TV-Z]{{26}}", re.I)
_GIVEN = re.compile(r"\$\{?(\w+)\}?|\{\{?\s*([\w.-]+)\s*\}?\}|:([A-Za-z_]\w*)|<([\w -]+)>")
_BASE = re.compile(r"api|rest|v[0-9]+(?:[._][0-9]+)*|[0-9]+\.[0-9]+", re.I)
# A bot's token in the path: it must not be stored readable.
_SECRET = re.compile(r"(bot)[0-9]+:[\w-]{20,}|()[0-9]*:?eyJ[\w-]{8,}\..*")
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]*")


@dataclass(frozen=True)
class Template:
    """`path` has `{name}` where a parameter stands; `was_secret` and `looks_like_id` are for warnings."""

    path: str
    names: tuple[str, ...]
    was_secret: bool
    looks_like_id: bool
    looks_secret: bool

    @property
    def ends_in_one(self) -> bool:
        return self.path.endswith("}")


def shape(segments: Sequence[str]) -> tuple[str, ...]:
    """Return what two paths have in common when only their ids differ."""
    return tuple("{}" if _is_id(segment) or _given(segment) else segment for segment in segments)


def template(seen: Sequence[Exchange], skip: int) -> Template:
    """Return the template of requests of one shape, without its first `skip` segments, which are in the base URL."""
    taken, parts, names = Taken(), [], []
    rows = [each.segments[skip:] for each in seen]
    was_secret = looks_like_id = looks_secret = False
    for index, segments in enumerate(zip(*rows, strict=True)):
        part, name = _part(segments, rows[0][:index])
        if name is not None:
            name = taken.free(name, joint="")
            names.append(name)
        parts.append(part if name is None else part.replace("{}", f"{{{name}}}"))
        was_secret |= _SECRET.fullmatch(unquote(segments[0])) is not None
        looks_like_id |= name is None and _is_id(segments[0])
        looks_secret |= name is None and not _is_id(segments[0]) and holds_secret(unquote(segments[0]))
    return Template("/" + "/".join(parts), tuple(names), was_secret, looks_like_id, looks_secret)


def common_base(paths: Sequence[Sequence[str]]) -> int:
    """Return how many first segments such as `api` and `v1` all paths share; each keeps one of its own."""
    count = 0
    while all(len(path) > count + 1 and _BASE.fullmatch(path[count]) for path in paths):
        if len({path[count] for path in paths}) > 1:
            break
        count += 1
    return count


def last_word(path: str) -> str | None:
    """Return the last literal part of a path: what its records are called."""
    words = [
        part for part in path.split("/") if "{" not in part and _WORD.fullmatch(part) and not _BASE.fullmatch(part)
    ]
    return words[-1] if words else None


def _part(segments: Sequence[str], before: Sequence[str]) -> tuple[str, str | None]:
    """Return a segment of the template, `{}` standing for the parameter, and the parameter's name."""
    first = unquote(segments[0])
    if secret := _SECRET.fullmatch(first):
        return f"{secret[1] or ''}{{}}", "token"
    if given := _given(first):
        return "{}", variable_for(given)
    if len(set(segments)) > 1:
        return "{}", _name_after(before)
    return re.sub(r"[{}]", lambda match: f"%{ord(match[0]):02X}", segments[0]), None


def _name_after(before: Sequence[str]) -> str:
    """Name the id behind `users` `userId`."""
    word = next((part for part in reversed(before) if _WORD.fullmatch(part)), "")
    singular = re.sub(r"ies$", "y", word) if word.endswith("ies") else re.sub(r"s$", "", word)
    return f"{variable_for(singular)}Id" if singular else "id"


def _is_id(segment: str) -> bool:
    return _ID.fullmatch(unquote(segment)) is not None


def _given(segment: str) -> str | None:
    """Return the name of a part that the writer meant to be filled in: `$ID`, `{id}`, `:id`, `<id>`."""
    match = _GIVEN.fullmatch(unquote(segment))
    return next((name for name in match.groups() if name), None) if match else None
