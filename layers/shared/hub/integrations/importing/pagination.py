"""Guesses how a list is paged: from the names of its parameters, the fields of its answer and a Link header."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.integrations.importing.answers import Answer, Answers
from hub.integrations.importing.names import step
from hub.integrations.importing.warnings import Place

Json = dict[str, Any]

MOST_RECORDS = 1000
# Names as `_plain` writes them: lower case, without `_`, `-`, `[`, `]`, `$`, `.`.
_PAGE = frozenset("page pagenumber pageno pagenum pageindex currentpage".split())
_SIZE = frozenset(
    "perpage pagesize pagelimit limit size count maxresults max top maxrecords maxitems first resultsperpage "
    "itemsperpage pagecount take".split()
)
_OFFSET = frozenset("offset skip startat startindex pageoffset".split())
_CURSOR = frozenset(
    "cursor after pagetoken nexttoken nextpagetoken continuationtoken continuation nextcursor startcursor pageafter "
    "pagecursor scrollid marker bookmark startingafter paginationtoken exclusivestartkey".split()
)
_NEXT_CURSOR = (
    "nextcursor nextpagetoken nexttoken continuationtoken continuation nextcontinuationtoken paginationtoken endcursor "
    "nextpagecursor scrollid nextmarker bookmark cursor after nextpage next"
).split()
_NEXT_LINK = "nextlink nextpageurl nexturl nextrecordsurl odatanextlink nexthref next".split()
_HAS_MORE = frozenset("hasmore hasnext hasnextpage more moreresults moreavailable".split())
_BEFORE = ("paging", "pagination", "meta", "pageinfo", "page", "links", "responsemetadata", "cursors", "next", "_links")


@dataclass(frozen=True)
class Parameter:
    """A query parameter: its name, the largest value it takes and the value it has when nobody gives one."""

    name: str
    most: Any = None
    default: Any = None


@dataclass(frozen=True)
class Guess:
    """`config` is the format's pagination; `taken` are the parameters that it sends by itself."""

    config: Json
    taken: frozenset[str]


def is_position(name: str) -> bool:
    """Say whether a parameter's name is one that pagination uses, so that its value is no secret worth keeping."""
    return _plain(name) in _PAGE | _SIZE | _OFFSET | _CURSOR


def guess(
    params: Sequence[Parameter], answer: Answer, answers: Answers, headers: Sequence[str], where: Place
) -> Guess | None:
    """Return the pagination of a list; None when nothing speaks of one."""
    found = _Names({_plain(each.name): each for each in reversed(params)}, _fields(answer, answers, where))
    if any(name.lower() == "link" for name in headers):
        return _link(found, "header:Link")
    return _cursor(found, answer) or _offset(found) or _page(found) or _next_link(found)


@dataclass(frozen=True)
class _Names:
    """Parameters by plain name, and JSONPaths of the answer's scalar fields by plain name."""

    params: Mapping[str, Parameter]
    fields: Mapping[str, str]

    def param(self, names: frozenset[str]) -> Parameter | None:
        return next((param for plain, param in self.params.items() if plain in names), None)

    def size(self, word: str) -> Json:
        """Return the words about the page size; without a parameter for it there are none."""
        param = self.param(_SIZE)
        if param is None:
            return {}
        most = next((each for each in (param.most, param.default) if _is_size(each)), None)
        return {word: param.name, **({"maxLimit": most} if most else {})}

    def end(self) -> Json:
        path = next((path for plain, path in self.fields.items() if plain in _HAS_MORE), None)
        return {"endCondition": {"type": "has_more_field", "field": path}} if path else {}

    def made(self, config: Json, *used: Parameter | None) -> Guess:
        """Return the guess; a first page that is not 1 stays with the endpoint, where pagination looks for it."""
        params = [each for each in (*used, self.param(_SIZE)) if each is not None]
        starts = [each for each in params if config["type"] == "page" and each.default == 0]
        return Guess(config, frozenset(each.name for each in params if each not in starts))


def _cursor(found: _Names, answer: Answer) -> Guess | None:
    param = found.param(_CURSOR)
    if param is None:
        return None
    if _plain(param.name) == "startingafter" and answer.is_list and answer.identifier:
        path, end = f"{answer.data_path}[-1]{step(answer.identifier)}", found.end()
    else:
        path, end = next((found.fields[name] for name in _NEXT_CURSOR if name in found.fields), ""), {}
    if not path:
        return None
    config = {"type": "cursor", "cursorParam": param.name, "cursorPath": path, **found.size("limitParam"), **end}
    return found.made(config, param)


def _offset(found: _Names) -> Guess | None:
    param, size = found.param(_OFFSET), found.size("limitParam")
    if param is None or not size:
        return None
    return found.made({"type": "offset", "offsetParam": param.name, **size, **found.end()}, param)


def _page(found: _Names) -> Guess | None:
    param = found.param(_PAGE)
    if param is None:
        return None
    return found.made({"type": "page", "pageParam": param.name, **found.size("pageSizeParam"), **found.end()}, param)


def _next_link(found: _Names) -> Guess | None:
    path = next((found.fields[name] for name in _NEXT_LINK if name in found.fields), None)
    return _link(found, path) if path else None


def _link(found: _Names, path: str) -> Guess:
    return found.made({"type": "link", "nextLinkPath": path, **found.size("limitParam")})


def _fields(answer: Answer, answers: Answers, where: Place) -> dict[str, str]:
    """Return the scalar fields outside the records; those near the top and inside an object about pages come first."""
    found = [each for each in answers.fields(answer.root, where) if not each.path.startswith(f"{answer.data_path}.")]
    found = [each for each in found if each.schema.kind not in ("object", "array")]
    if not answer.is_list:
        return {}
    paths: dict[str, str] = {}
    for each in sorted(found, key=lambda each: (not _is_about_pages(each.path), each.depth)):
        paths.setdefault(_field_name(each.path, each.name), each.path)
    return paths


def _is_about_pages(path: str) -> bool:
    return path.count(".") == 1 or any(_plain(part) in _BEFORE for part in path.split(".")[1:-1])


def _field_name(path: str, name: str) -> str:
    """Name `$.links.next.href` and `$.links.next` alike."""
    parts = path.split(".")
    return _plain(parts[-2]) if _plain(name) in ("href", "url") and len(parts) > 2 else _plain(name)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value <= MOST_RECORDS


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
