"""Edits: what the rules of an endpoint make of events for documents; mapped and identified, not written yet.

    create_shard  the document becomes the mapped data
    update_shard  the mapped fields are put into the document, which is made when there is none
    delete_shard  the document goes

The identifier is at `identifierPath` of the event (or of each of the data's entries); a rule without one takes the
field `externalId` of the result, then `$.id` of the data, then a name made of the event, so that a repeat finds it.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from hub.core import jsontext
from hub.mapping.config import Unfit
from hub.mapping.lookups import FindDocuments
from hub.mapping.paths import MISSING, PathFailed, Steps, child, finder, getter, setter, steps_of, target_steps
from hub.webhooks.inbound.route import Match, Rule

Json = dict[str, Any]
Number = int | float

DEFAULT_TYPE = "record"
DOCUMENT_ACTIONS = ("create_shard", "update_shard", "delete_shard")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")
# DynamoDB stores numbers from 1e-130 to 1e126.
SMALLEST, LARGEST = 1e-130, 9.9e125


@dataclass(frozen=True)
class Result:
    """What became of one event by one rule, both counted from 0; as it is shown."""

    event: int
    rule: int | None
    action: str
    outcome: str
    document_type: str = ""
    document_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Edit:
    """`content` is None for a deletion; with `targets` only these places of it are put into the document."""

    match: Match
    rule: Rule
    document_type: str
    document_id: str
    content: Json | None
    targets: tuple[str, ...] | None
    version: Number | None

    @property
    def is_plain(self) -> bool:
        """Say whether the document is replaced whatever is there: many such can be written together."""
        return self.content is not None and self.targets is None and self.version is None

    def result(self, outcome: str, reason: str = "") -> Result:
        where = self.document_type, self.document_id
        return Result(self.match.event, self.rule.index, self.rule.action, outcome, *where, reason)


def failed(match: Match, reason: str) -> Result:
    index, action = (match.rule.index, match.rule.action) if match.rule else (None, "publish")
    return Result(match.event, index, action, "failed", reason=reason)


@dataclass(frozen=True)
class Recipe:
    """A rule compiled: where its data is, as it is and as entries, what they become, what identifies and dates them."""

    whole: Callable[[Any], Any]
    data: Callable[[Any], list[Any]]
    fields: Callable[[Sequence[Any], FindDocuments | None], list[Any]]
    targets: tuple[str, ...] | None
    identify: Callable[[Any, Any, Any], str | None]
    version: Callable[[Any, Any], Number | None]


def recipe_of(rule: Rule) -> Recipe:
    return _compiled(jsontext.dump(rule.raw))


@dataclass(frozen=True)
class Setting:
    """What making edits needs of the worker: documents to look up, and leave to go on, which it asks for all the time.

    `salt` names the inbound event: an entry without an identifier gets one that is always the same.
    """

    find: FindDocuments | None
    may_go_on: Callable[[], None]
    salt: str


def edits_of(rule: Rule, matches: Sequence[Match], setting: Setting) -> list[Edit | Result]:
    """Return what a rule makes of the events that it takes: edits in their order, or why there is none."""
    recipe = recipe_of(rule)
    found: list[Edit | Result] = []
    entries: list[tuple[Match, Any]] = []
    for match in matches:
        setting.may_go_on()
        try:
            taken = recipe.data(match.value)
        except (Unfit, PathFailed) as cause:
            found.append(failed(match, str(cause)))
            continue
        entries += [(match, data) for data in taken]
        if not taken:
            found.append(Result(match.event, rule.index, rule.action, "empty", reason="dataPath found no entries"))
    is_deletion = rule.action == "delete_shard"
    fields = [None] * len(entries) if is_deletion else recipe.fields([data for _, data in entries], setting.find)
    for number, ((match, data), content) in enumerate(zip(entries, fields, strict=True)):
        setting.may_go_on()
        found.append(_edit(rule, recipe, match, data, content, f"{setting.salt}/{rule.index}/{number}"))
    return found


def _edit(rule: Rule, recipe: Recipe, match: Match, data: Any, content: Any, name: str) -> Edit | Result:
    if isinstance(content, Exception):
        return failed(match, str(content))
    try:
        document_id = recipe.identify(match.value, data, content)
        version = recipe.version(match.value, data)
    except (Unfit, PathFailed) as cause:
        return failed(match, str(cause))
    return Edit(
        match=match,
        rule=rule,
        document_type=rule.raw.get("targetShardTypeId") or DEFAULT_TYPE,
        document_id=document_id or hashlib.sha256(name.encode()).hexdigest()[:32],
        content=content,
        targets=recipe.targets,
        version=version,
    )


def merged(content: Json, edit: Edit) -> Json:
    """Put an edit's fields into a document's content, which is changed in place; raises PathFailed."""
    if not edit.targets:
        content.update(edit.content or {})
    for target in edit.targets or ():
        value = _at(edit.content, target_steps(target))
        if value is not MISSING:
            setter(target)(content, value)
    return content


def _at(content: Any, steps: Steps) -> Any:
    for step in steps:
        content = child(content, step)
    return content


@lru_cache(maxsize=512)
def _compiled(text: str) -> Recipe:
    raw: Json = jsontext.load(text)
    targets = tuple(mapping["target"] for mapping in raw.get("fieldMappings") or ())
    return Recipe(
        whole=_whole(raw.get("dataPath")),
        data=_data(raw),
        fields=_fields(raw),
        targets=_merged_targets(raw, targets),
        identify=_identity(raw),
        version=_version(raw),
    )


def _merged_targets(raw: Json, targets: tuple[str, ...]) -> tuple[str, ...] | None:
    return targets if raw["action"] == "update_shard" else None


def _whole(path: str | None) -> Callable[[Any], Any]:
    if not path:
        return lambda event: event
    if steps_of(path) is None:
        return finder(path)
    get = getter(path)

    def whole(event: Any) -> Any:
        found = get(event)
        if found is MISSING:
            raise Unfit(f"dataPath {path!r} found nothing")
        return found

    return whole


def _data(raw: Json) -> Callable[[Any], list[Any]]:
    """Return where a rule's data is: a list there is many documents. A deletion may do without."""
    path, may_lack = raw.get("dataPath"), raw["action"] == "delete_shard"
    if not path:
        return lambda event: [event]
    find_all, is_single = finder(path), steps_of(path) is not None

    def data(event: Any) -> list[Any]:
        found = find_all(event)
        if is_single and found and isinstance(found[0], list):
            return list(found[0])
        if not found and may_lack:
            return [None]
        if is_single and (not found or found[0] is None):
            raise Unfit(f"dataPath {path!r} found nothing")
        return found

    return data


def _fields(raw: Json) -> Callable[[Sequence[Any], FindDocuments | None], list[Any]]:
    mappings = raw.get("fieldMappings")
    if not mappings:
        return lambda entries, _: [_as_object(entry) for entry in entries]
    from hub.connector.response_config import FieldMapping  # pydantic, which a start does not pay for
    from hub.mapping.pages import compile_page

    map_page = compile_page([FieldMapping.model_validate(mapping).rule() for mapping in mappings])
    return lambda entries, find: list(map_page(entries, find))


def _as_object(entry: Any) -> Any:
    return entry if isinstance(entry, dict) else Unfit("the data must be an object, since the rule maps no fields")


def _identity(raw: Json) -> Callable[[Any, Any, Any], str | None]:
    from hub.connector.select import identifier_text

    path, get_id = raw.get("identifierPath"), getter("$.id")
    if path:
        find = _place(path, raw.get("dataPath") or "")
        return lambda event, data, _: identifier_text(find(event, data))

    def identify(_: Any, data: Any, content: Any) -> str | None:
        given = content.get("externalId", MISSING) if isinstance(content, dict) else MISSING
        value = get_id(data) if given in (MISSING, None, "") else given
        return None if value in (MISSING, None, "") else identifier_text(value)

    return identify


def _place(path: str, data_path: str) -> Callable[[Any, Any], Any]:
    """Return where a value is that belongs to the data: `$.data.id` is that of each entry of the data at `$.data`."""
    inside = _relative(path, data_path)
    get_whole, get_own = getter(path), getter(inside or path)

    def find(event: Any, data: Any) -> Any:
        if inside is not None and data is not None:
            return get_own(data)
        found = get_whole(event)
        return get_own(data) if found is MISSING else found

    return find


def _relative(path: str, data_path: str) -> str | None:
    """Return a path as it is within the data, None where it does not lead there."""
    for start in (f"{data_path}[*]", data_path) if data_path else ():
        rest = path.removeprefix(start)
        if rest != path and rest[:1] in ("", ".", "["):
            return f"${rest}"
    return None


def _version(raw: Json) -> Callable[[Any, Any], Number | None]:
    path = raw.get("versionPath")
    if not path:
        return lambda _event, _data: None
    find = _place(path, raw.get("dataPath") or "")

    def version(event: Any, data: Any) -> Number:
        found = version_of(find(event, data))
        if found is None:
            raise Unfit(f"versionPath {path!r}: expected a number or an ISO 8601 time")
        return found

    return version


def version_of(value: Any) -> Number | None:
    """Return a version that can be compared and stored: a number as it is, a time as epoch seconds; else None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if value == 0 or SMALLEST <= abs(value) <= LARGEST else None
    if not isinstance(value, str):
        return None
    if _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
