"""What a job's two sides share: which fields come in, which go out, and who wins where both have changed one.

A field is a name at the top of a document. What a pull fills and a push does not carry only comes in; what a push
carries and a pull does not fill only goes out, and nobody can say what the other side has of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

from hub.connector.entities import document_type
from hub.core.attributes import Item
from hub.mapping.paths import MISSING, BadPath, steps_of
from hub.sync import field_rules
from hub.sync.two_way.merge import Rule, Rules
from hub.sync.two_way.nested import Parts, parts_of

Json = dict[str, Any]
# The names of fields; None = every field that there is.
Names = frozenset[str] | None

DEFAULT_RULE: Rule = "local"
NO_FIELD: frozenset[str] = frozenset()
EMPTY: tuple[Any, ...] = (MISSING, None, "", [], {})
_PATH = re.compile(r"\$(?:\.[^\s{}|,;()'\"\[\]]+|\['[^']*'\])+")
_READS_MORE = ("expression",)


@dataclass(frozen=True)
class Outgoing:
    """The fields that a push carries; `needed` go with every record, and those of one rule in `together` as well.

    Of `silent` ones a record says nothing where they are empty: the provider keeps what it has.
    """

    carried: Names
    needed: frozenset[str] = frozenset()
    together: tuple[Names, ...] = ()
    silent: frozenset[str] = frozenset()

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
    marks: Mapping[str, str] = field(default_factory=dict)
    parts: Parts = field(default_factory=dict)

    def agreed(self, base: Mapping[str, Any], marks: Mapping[str, str]) -> Json:
        """Return what of a base is known of the places from which fields come now.

        A field that was read elsewhere then is not cleared because nothing is at its new place.
        """
        moved = {name for name, now in self.marks.items() if marks.get(name, now) != now}
        return {name: value for name, value in base.items() if name not in moved}

    def marked(self, base: Iterable[str]) -> dict[str, str]:
        return {name: self.marks[name] for name in base if name in self.marks}

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

    def tells(self, name: str, value: Any) -> bool:
        """Say whether the provider can learn that a field has this value."""
        return self.goes_out(name) and not (name in self.outgoing.silent and value in EMPTY)

    def told(self, base: Mapping[str, Any], content: Mapping[str, Any]) -> set[str]:
        """Return the fields of which a push can say what they are now; those of the base may be cleared."""
        return {name for name in base.keys() | content.keys() if self.tells(name, content.get(name))}


def terms_of(job: Item, definition: Json) -> Terms:
    """Return the terms of a job by the definition that it runs, its own fields filled in."""
    endpoints = {each["id"]: each for each in definition["endpoints"]}
    reads = endpoints.get(job["endpointId"], {}) if _reads(job) else {}
    return Terms(
        incoming=_incoming(reads) if reads else NO_FIELD,
        outgoing=_outgoing(endpoints.get(write_endpoint_id(job), {}).get("batch")),
        rule=cast(Rule, job.get("conflictResolution") or DEFAULT_RULE),
        by_field=cast(Mapping[str, Rule], job.get("fieldRules") or {}),
        only_in=_only_in(job),
        marks=_marks(reads),
        parts=parts_of(rule["target"] for rule in _rules_in(reads)),
    )


def has_own_ids(definition: Json, kind: str) -> bool:
    """Say whether documents that are read have the provider's ids: a list per parent may put the parent's before."""
    parents = [each.get("parent") or {} for each in definition["endpoints"] if document_type(each) in (None, kind)]
    return not any(parent.get("scopedIds") for parent in parents)


def write_endpoint_id(job: Item) -> str:
    return str(job.get("writeEndpointId") or job["endpointId"])


def _reads(job: Item) -> bool:
    """Say whether records come in; a job that only deletes what is approved has the terms of the sync it is of."""
    return "pull" in (job.get("phases") or ()) or bool(job.get("isTwoWay"))


def _only_in(job: Item) -> frozenset[str]:
    """Return the fields that the configuration itself sends one way, where a job goes both.

    A transformer has no inverse: what it made of a value is never sent back as if it were one.
    """
    if not _reads(job):
        return frozenset()
    fields = job.get("fieldMappings") or []
    one_way = field_rules.pulled(fields) | {str(each["localField"]) for each in fields if each.get("transformer")}
    both = [each["localField"] for each in fields if each["localField"] not in one_way]
    return frozenset(map(_top, one_way)) - frozenset(map(_top, both))


def _top(path: str) -> str:
    steps = steps_of(path)
    return str(steps[0]) if steps else path


def _rules_in(endpoint: Json) -> list[Json]:
    return (endpoint.get("responseMapping") or {}).get("fieldMappings") or []


def _incoming(endpoint: Json) -> Names:
    rules = _rules_in(endpoint)
    return frozenset(_top(rule["target"]) for rule in rules) if rules else None


def _marks(endpoint: Json) -> dict[str, str]:
    """Return short texts by field that are others where the field is read from another place of the record."""
    places: dict[str, list[str]] = {}
    for rule in _rules_in(endpoint):
        places.setdefault(_top(rule["target"]), []).append(rule["source"])
    texts = {name: "\n".join(sorted(found)).encode() for name, found in places.items()}
    return {name: blake2b(text, digest_size=4).hexdigest() for name, text in texts.items()}


def _outgoing(batch: Json | None) -> Outgoing:
    if batch is None:
        return Outgoing(NO_FIELD)
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
    needed_names = _joined([*known, *required]) or frozenset()
    return Outgoing(_joined([*read, *required]), needed_names, together, _silent(rules, read))


def _silent(rules: Sequence[Json], read: Sequence[Names]) -> frozenset[str]:
    """Return the fields that only rules read which leave empty values out."""
    skipping = [bool(rule.get("skipIfEmpty")) for rule in rules]
    quiet = [names or NO_FIELD for names, skips in zip(read, skipping, strict=True) if skips]
    loud = [names or NO_FIELD for names, skips in zip(read, skipping, strict=True) if not skips]
    return NO_FIELD.union(*quiet) - NO_FIELD.union(*loud)


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
