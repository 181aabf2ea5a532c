"""What a job's two sides share: which fields come in, which go out, and who wins where both have changed one.

A field is a name at the top of a document. What a pull fills and a push does not carry only comes in; what a push
carries and a pull does not fill only goes out, and nobody can say what the other side has of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hub.core.attributes import Item
from hub.mapping.paths import BadPath, steps_of
from hub.sync import field_rules
from hub.sync.merge import Rule, Rules

Json = dict[str, Any]
# The names of fields; None = every field that there is.
Names = frozenset[str] | None

DEFAULT_RULE: Rule = "local"
NO_RULE: Names = frozenset()
_PATH = re.compile(r"\$(?:\.[^\s{}|,;()'\"\[\]]+|\['[^']*'\])+")
_READS_MORE = ("expression",)


@dataclass(frozen=True)
class Outgoing:
    """The fields that a push carries; `needed` go with every record, and those of one rule in `together` as well."""

    carried: Names
    needed: frozenset[str] = frozenset()
    together: tuple[Names, ...] = ()

    def with_needed(self, names: Iterable[str]) -> Names:
        """Return the fields to send where those of `names` have changed; None = all of the document."""
        wanted = set(names) | self.needed
        for rule in self.together:
            if rule is None:
                return None
            if rule & wanted:
                wanted |= rule
        return frozenset(wanted)


@dataclass(frozen=True)
class Terms:
    incoming: Names
    outgoing: Outgoing
    rule: Rule = DEFAULT_RULE
    by_field: Mapping[str, Rule] = field(default_factory=dict)
    only_in: frozenset[str] = frozenset()

    def rules(self, names: Iterable[str]) -> Rules:
        """Return the rules for a record that has these fields."""
        every = frozenset(names)
        pull_only = {name for name in every if self.comes_in(name) and not self.goes_out(name)}
        push_only = {name for name in every if not self.comes_in(name)}
        return Rules(self.rule, self.by_field, pull_only, push_only)

    def comes_in(self, name: str) -> bool:
        return self.incoming is None or name in self.incoming

    def goes_out(self, name: str) -> bool:
        return name not in self.only_in and (self.outgoing.carried is None or name in self.outgoing.carried)

    def shared(self, content: Mapping[str, Any]) -> Json:
        """Return what of a document the other side can know."""
        return {name: value for name, value in content.items() if self.comes_in(name) or self.goes_out(name)}

    def sent(self, content: Mapping[str, Any]) -> Json:
        """Return what of a document a push carries."""
        return {name: value for name, value in content.items() if self.goes_out(name)}


def terms_of(job: Item, definition: Json) -> Terms:
    """Return the terms of a job by the definition that it runs, its own fields filled in."""
    endpoints = {each["id"]: each for each in definition["endpoints"]}
    reads = endpoints.get(job["endpointId"], {}) if "pull" in (job.get("phases") or ()) else {}
    return Terms(
        incoming=_incoming(reads) if reads else NO_RULE,
        outgoing=_outgoing(endpoints.get(write_endpoint_id(job), {}).get("batch")),
        rule=cast(Rule, job.get("conflictResolution") or DEFAULT_RULE),
        by_field=cast(Mapping[str, Rule], job.get("fieldRules") or {}),
        only_in=_only_in(job),
    )


def write_endpoint_id(job: Item) -> str:
    return str(job.get("writeEndpointId") or job["endpointId"])


def _only_in(job: Item) -> frozenset[str]:
    """Return the fields that the configuration itself sends one way, where a job goes both.

    A transformer has no inverse: what it made of a value is never sent back as if it were one.
    """
    if "pull" not in (job.get("phases") or ()):
        return frozenset()
    fields = job.get("fieldMappings") or []
    one_way = field_rules.pulled(fields) | {str(each["localField"]) for each in fields if each.get("transformer")}
    both = [each["localField"] for each in fields if each["localField"] not in one_way]
    return frozenset(map(_top, one_way)) - frozenset(map(_top, both))


def _top(path: str) -> str:
    steps = steps_of(path)
    return str(steps[0]) if steps else path


def _incoming(endpoint: Json) -> Names:
    rules = (endpoint.get("responseMapping") or {}).get("fieldMappings") or []
    return frozenset(_top(rule["target"]) for rule in rules) if rules else None


def _outgoing(batch: Json | None) -> Outgoing:
    if batch is None:
        return Outgoing(NO_RULE)
    rules, results = batch.get("fieldMappings") or [], batch["results"]
    required = [names for path in batch.get("required") or () for names in [_read_by_path(path)]]
    if not rules:  # a document is sent as it is, and known again by a field of its own
        key = [_read_by_path(results["itemKeyPath"])] if results.get("itemKeyPath") else []
        return Outgoing(None, _joined([*required, *key]) or frozenset())
    read = [_read_by(rule) for rule in rules]
    key_path = str(results.get("itemKeyPath") or "").removeprefix("$.")
    needed = [names for names, rule in zip(read, rules, strict=True) if "default" in rule or rule["target"] == key_path]
    known = [names for names in needed if names is not None]
    together = (*read, None) if len(known) < len(needed) else tuple(read)
    return Outgoing(_joined([*read, *required]), _joined([*known, *required]) or frozenset(), together)


def _joined(parts: Iterable[Names]) -> Names:
    every: set[str] = set()
    for names in parts:
        if names is None:
            return None
        every |= names
    return frozenset(every)


def _read_by(rule: Json) -> Names:
    """Return the fields of a document that a rule reads, None where that cannot be said."""
    transform = rule.get("transform") or {}
    if transform.get("type") in _READS_MORE and "record" in str(transform.get("config")):
        return None
    paths = [rule["source"], *_paths_in(transform.get("config"))]
    return _joined(_read_by_path(path) for path in paths if path)


def _paths_in(config: Any) -> Iterator[str]:
    if isinstance(config, str):
        yield from _PATH.findall(config)
    elif isinstance(config, (list, dict)):
        for value in config.values() if isinstance(config, dict) else config:
            yield from _paths_in(value)


def _read_by_path(path: str) -> Names:
    try:
        steps = steps_of(path)
    except BadPath:
        return None
    return frozenset({str(steps[0])}) if steps and isinstance(steps[0], str) else None
