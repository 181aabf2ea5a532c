"""A provider's connector for one integration: addresses filled from its settings, authentication by its method.

`{{name}}` in an address, in the path of an endpoint, in a field mapping of a batch or in `auth` is looked up in
`values`: the integration's settings with their defaults, and the connection's fields that are no secrets. A setting
that leads an address may hold `{{name}}` itself, as a default does that is made of a field. Where a secret goes, the
definition holds a handle. All other `{{name}}` stay for the requests.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.connector.secrets import handle_for, is_handle, secret_fields
from hub.core import json_schema, jsontext
from hub.core.errors import BadDefinition, Problem
from hub.core.problems import pointer

Json = dict[str, Any]
Values = Mapping[str, Any]
Place = tuple[str | int, ...]
Fill = Callable[[Place, str], Any]

HANDLE = handle_for("")
MAX_SETTINGS_BYTES = 32 * 1024
_PLACE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}", re.ASCII)
_FILLED = ("baseUrl", "path")
_ADDRESSES = frozenset({"baseUrl", "tokenUrl", "authorizationUrl", "revocationUrl", "redirectUri"})
# What may fill a part of an address: nothing that could end the host or begin another.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")
# What may fill a path: no query, and no braces, which would be a parameter.
_PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%-]{0,1000}")
_ANYTHING = re.compile(r"[\s\S]*")


class Unfilled(BadDefinition):
    """Neither the settings nor the connection have what the definition needs: `missing` has the names."""

    def __init__(self, problems: list[Problem], missing: tuple[str, ...]) -> None:
        super().__init__("The settings or credentials do not fill the definition of the provider.", problems)
        self.missing = missing


def resolve(file_connector: Json, method: Json, values: Values) -> Json:
    """Return the definition of one integration; raises BadDefinition naming each value that is missing or unfit."""
    if not file_connector:
        raise BadDefinition("The provider has no connector yet, so nothing can be called through it.", [])
    filling = _Filling(values, _optional_fields(method))
    definition = _with_addresses({**file_connector, **method.get("connector", {})}, filling.fill)
    definition["auth"] = _auth(method["auth"], filling.fill)
    if filling.problems:
        raise Unfilled(filling.problems, tuple(dict.fromkeys(filling.missing)))
    return definition


def secrets_in(method: Json, values: Values) -> dict[str, str]:
    """Return the secrets that `values`, as they were entered, put into a method's `auth`: by JSON pointer.

    Raises BadDefinition where one is missing.
    """
    filling = _Filling(values, _optional_fields(method))
    filled = _mapped(_with_header_names(method["auth"], filling.fill), ("auth",), filling.fill)
    if filling.problems:
        raise BadDefinition("The credentials are not complete.", filling.problems)
    return {place: text for place, text in secret_fields({"auth": filled}).items() if not is_handle(text)}


def config_values(config_schema: Json, settings: Json) -> Json:
    """Return the settings with the defaults of their schema, also within objects that are there."""
    properties = config_schema.get("properties") or {}
    described = {name: each for name, each in properties.items() if isinstance(each, dict)}  # else true or false
    defaults = {name: each["default"] for name, each in described.items() if "default" in each}
    inner = {
        name: config_values(described[name], value)
        for name, value in settings.items()
        if isinstance(value, dict) and name in described
    }
    return {**defaults, **settings, **inner}


def check_settings(config_schema: Json, settings: Json, at: str = "/settings") -> list[Problem]:
    """Return what is wrong with an integration's settings; the pointers begin with `at`."""
    size = len(jsontext.dump(settings).encode())
    if size > MAX_SETTINGS_BYTES:
        return [Problem(at, f"expected at most {MAX_SETTINGS_BYTES} bytes, found {size}")]
    return json_schema.faults(jsontext.dump(config_schema), settings, at)


def _with_addresses(connector: Json, fill: Fill) -> Json:
    """What has another form than a definition's stays as it is: the check of the definition says so."""
    endpoints = connector.get("endpoints", [])
    if not isinstance(endpoints, list):
        return connector
    filled = [_filled_in(endpoint, ("endpoints", index), fill) for index, endpoint in enumerate(endpoints)]
    return {**_filled_in(connector, (), fill), "endpoints": filled}


def _filled_in(part: Any, place: Place, fill: Fill) -> Any:
    if not isinstance(part, dict):
        return part
    filled = {name: fill((*place, name), part[name]) for name in _FILLED if name in part}
    if _are_rules(part.get("batch")):
        filled["batch"] = _with_mappings(part["batch"], (*place, "batch", "fieldMappings"), fill)
    return {**part, **filled}


def _are_rules(batch: Any) -> bool:
    rules = batch.get("fieldMappings") if isinstance(batch, dict) else None
    return isinstance(rules, list) and all(isinstance(rule, dict) and "target" in rule for rule in rules)


def _with_mappings(batch: Json, place: Place, fill: Fill) -> Json:
    """Return the batch with its field mappings filled; of two rules for one target the one that named it counts."""
    rules: list[Json] = batch["fieldMappings"]
    filled: list[Json] = [_rule(rule, (*place, index), fill) for index, rule in enumerate(rules)]
    pairs = list(zip(filled, rules, strict=True))
    named = [rule["target"] for rule, written in pairs if rule["target"] != written["target"]]
    kept = [rule for rule, written in pairs if rule["target"] not in named or rule["target"] != written["target"]]
    return {**batch, "fieldMappings": kept}


def _rule(rule: Json, place: Place, fill: Fill) -> Json:
    """Return a rule with its paths filled; in a transform, `{{...}}` is a part of the record."""
    paths = {name: value for name, value in rule.items() if name != "transform"}
    return {**rule, **_mapped(paths, place, fill)}


def _auth(auth: Json, fill: Fill) -> Json:
    """Return `auth` with handles where secrets go and all its other texts filled."""
    named = _with_header_names(auth, fill)
    secrets = secret_fields({"auth": named})

    def filled(place: Place, text: str) -> Any:
        return HANDLE if pointer(place) in secrets and _PLACE.search(text) else fill(place, text)

    result: Json = _mapped(named, ("auth",), filled)
    return result


def _with_header_names(auth: Json, fill: Fill) -> Json:
    if not isinstance(auth.get("headers"), dict):
        return auth
    return {**auth, "headers": {fill(("auth", "headers", name), name): text for name, text in auth["headers"].items()}}


def _mapped(value: Any, place: Place, change: Fill) -> Any:
    if isinstance(value, str):
        return value if is_handle(value) else change(place, value)
    if isinstance(value, dict):
        return {name: _mapped(child, (*place, name), change) for name, child in value.items()}
    if isinstance(value, list):
        return [_mapped(child, (*place, index), change) for index, child in enumerate(value)]
    return value


@dataclass
class _Filling:
    """Fills texts, and notes in `problems` what it cannot fill."""

    values: Values
    optional: frozenset[str]
    problems: list[Problem] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def fill(self, place: Place, text: Any) -> Any:
        if not isinstance(text, str):
            return text
        if "{{" in _PLACE.sub("", text):
            self._note(place, "expected a name such as accountId between '{{' and '}}'")
        return _PLACE.sub(lambda found: self._value(place, found[1], leads=found.start() == 0), text)

    def _value(self, place: Place, name: str, leads: bool) -> str:
        value, is_address = self.values.get(name), place[-1] in _ADDRESSES
        if value in (None, "") and (is_address or name not in self.optional):
            self._note(place, f"needs a value for {name!r}")
            self.missing.append(name)
            return ""
        text = _text(value)
        if is_address and leads and "{{" in text:
            text = _PLACE.sub(lambda found: self._value(place, found[1], leads=False), text)
        # What leads an address is a whole URL, which is checked with it.
        fits = _PATH if place[-1] == "path" else _PART if is_address and not leads else _ANYTHING
        if not fits.fullmatch(text):
            self._note(place, f"{name!r} has characters that cannot stand in an address")
        return text.rstrip("/") if is_address else text

    def _note(self, place: Place, message: str) -> None:
        self.problems.append(Problem(pointer(place), message))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else jsontext.dump(value)


def _optional_fields(method: Json) -> frozenset[str]:
    return frozenset(each["name"] for each in method.get("fields", []) if not each.get("required", True))
