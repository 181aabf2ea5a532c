"""Makes a definition one that the format takes: what it refuses is left out with a warning, part by part."""

from collections.abc import Callable, Iterable
from typing import Any

from hub.connector.definition import parse_definition
from hub.connector.secrets import HANDLE_START, secret_fields
from hub.core import jsontext
from hub.core.errors import BadDefinition, Problem
from hub.integrations.importing.credentials import secret_parts
from hub.integrations.importing.names import slug
from hub.integrations.importing.warnings import Warnings

Json = dict[str, Any]

MOST_ROUNDS = 6
LARGEST_BYTES = 200 * 1024
# Faults in these are the caller's: a name of theirs, an address that cannot be replaced by another.
_OF_CALLER = ("name", "displayName", "baseUrl", "integrationType", "")
_WITHOUT: dict[str, Any] = {"dataPath": "$", "identifierField": "id"}


def fitted(definition: Json, warnings: Warnings) -> Json:
    """Return a definition that `parse_definition` takes; raises BadDefinition when that is not possible."""
    definition = _small(_without_handles(_without_secrets(definition, warnings)), warnings)
    for _ in range(MOST_ROUNDS):
        problems = _problems(definition)
        if not problems:
            return definition
        definition = _without(definition, problems, warnings)
    definition = {
        **definition,
        "endpoints": [each for each in definition["endpoints"] if not _refused(definition, each)],
    }
    parse_definition(definition)
    return definition


def _problems(definition: Json) -> list[Problem]:
    try:
        parse_definition(definition)
    except BadDefinition as refused:
        return refused.problems
    return []


def _refused(definition: Json, endpoint: Json) -> bool:
    return bool(_problems({**definition, "endpoints": [endpoint]}))


def _without(definition: Json, problems: Iterable[Problem], warnings: Warnings) -> Json:
    """Return the definition without the parts that have faults."""
    parts: dict[int, list[list[str]]] = {}
    for problem in problems:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in problem.pointer.split("/")[1:]] or [""]
        if steps[0] in _OF_CALLER or steps == ["endpoints"]:
            raise BadDefinition("The definition that was made cannot be stored.", [problem])
        warnings.add(_named(definition, steps), f"was left out: {problem.message}")
        if steps[0] == "endpoints" and len(steps) > 1:
            parts.setdefault(int(steps[1]), []).append(steps[2:])
        elif steps[0] == "auth":
            definition = {**definition, "auth": {"type": "none"}}
        else:
            definition = {name: value for name, value in definition.items() if name != steps[0]}
    made = (
        _mended(each, parts[index]) if index in parts else each for index, each in enumerate(definition["endpoints"])
    )
    return {**definition, "endpoints": [each for each in made if each is not None]}


def _named(definition: Json, steps: list[str]) -> str:
    """Return the place of a fault with the endpoint's id, which says more than its number."""
    if steps[0] == "endpoints" and len(steps) > 1:
        endpoint = definition["endpoints"][int(steps[1])]
        return "/".join(["", "definition", "endpoints", str(endpoint.get("id")), *steps[2:]])
    return "/".join(["", "definition", *steps])


def _mended(endpoint: Json, faults: list[list[str]]) -> Json | None:
    """Return the endpoint without its faulty parts; None when one of them cannot be left out."""
    made: Json | None = endpoint
    for steps in sorted(faults, reverse=True, key=_last_first):
        mend = _MEND.get(steps[0] if steps else "")
        made = mend(made, steps) if made is not None and mend else None
    return made


def _last_first(steps: list[str]) -> tuple[str, int]:
    """Items of one list are taken out from its end."""
    return (steps[0] if steps else "", int(steps[1]) if len(steps) > 1 and steps[1].isdigit() else -1)


def _without_part(endpoint: Json, steps: list[str]) -> Json:
    return {name: value for name, value in endpoint.items() if name != steps[0]}


def _without_item(endpoint: Json, steps: list[str]) -> Json | None:
    items = endpoint.get(steps[0])
    if len(steps) < 2 or items is None:
        return _without_part(endpoint, steps)
    if isinstance(items, dict):
        return {**endpoint, steps[0]: {name: value for name, value in items.items() if name != steps[1]}}
    index = int(steps[1])
    return {**endpoint, steps[0]: [*items[:index], *items[index + 1 :]]}


def _without_word(endpoint: Json, steps: list[str]) -> Json | None:
    if len(steps) < 2:
        return None
    rest = {name: value for name, value in endpoint["responseMapping"].items() if name != steps[1]}
    plain = {name: value for name, value in _WITHOUT.items() if name == steps[1]}
    return {**endpoint, "responseMapping": {**rest, **plain}}


_MEND: dict[str, Callable[[Json, list[str]], Json | None]] = {
    "description": _without_part,
    "body": _without_part,
    "pagination": _without_part,
    "timeout": _without_part,
    "tags": _without_part,
    "queryParams": _without_item,
    "headers": _without_item,
    "responseMapping": _without_word,
}


def _without_handles(definition: Json) -> Json:
    """Break what reads like a handle of a secret in a foreign text: only the hub writes handles."""
    rest = {name: value for name, value in definition.items() if name != "auth"}
    made: Json = _replaced(rest, {HANDLE_START: "{encrypted:"})
    return {**made, "auth": definition["auth"]}


def _without_secrets(definition: Json, warnings: Warnings) -> Json:
    """Take out a secret of `auth` that also stands elsewhere, in a body or in a path."""
    stored = [value for value in secret_fields(definition).values() if not value.startswith(HANDLE_START)]
    secrets = {part for value in stored for part in secret_parts(value)}
    rest = {name: value for name, value in definition.items() if name != "auth"}
    made: Json = _replaced(rest, dict.fromkeys(sorted(secrets, key=len, reverse=True), "****"))
    if made != rest:
        made["endpoints"] = [{**each, "id": slug(each["id"], "endpoint")} for each in made["endpoints"]]
        warnings.add("/definition", "a secret that also stood outside of auth reads **** there: check it")
    return {**made, "auth": definition["auth"]}


def _replaced(value: Any, texts: dict[str, str]) -> Any:
    if isinstance(value, str):
        for found, replacement in texts.items():
            value = value.replace(found, replacement)
        return value
    if isinstance(value, list):
        return [_replaced(child, texts) for child in value]
    if isinstance(value, dict):
        return {_replaced(name, texts): _replaced(child, texts) for name, child in value.items()}
    return value


def _small(definition: Json, warnings: Warnings) -> Json:
    """Leave out the last endpoints of a definition that is too large to be stored."""
    endpoints: list[Json] = []
    room = LARGEST_BYTES - _bytes({**definition, "endpoints": []})
    for endpoint in definition["endpoints"]:
        room -= _bytes(endpoint) + 1
        if room < 0:
            taken = f"{len(endpoints)} endpoints were taken, `endpoints` chooses others"
            warnings.add("", f"the definition is too large to be stored; {taken}")
            break
        endpoints.append(endpoint)
    return {**definition, "endpoints": endpoints}


def _bytes(value: Any) -> int:
    return len(jsontext.dump(value).encode())
