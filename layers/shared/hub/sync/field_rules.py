"""A configuration's own fields in place of an endpoint's (spec S003, SyncFieldMapping).

    {"localField": "name", "remoteField": "properties.fullName", "transformer": "value.trim()", "bidirectional": true}

`localField` is a field of the document, `remoteField` one of the provider's record; both may be paths. A transformer is
an expression, or a function of the value: it is run on the way in. On the way out the fields that an endpoint cannot do
without stay: those it requires, and those it fills in itself.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item

Json = dict[str, Any]

KEPT = 64


def with_own_fields(definition: str, job: Item) -> str:
    """Return the definition that a job runs: with the fields of its configuration where that has some."""
    mappings = job.get("fieldMappings") or []
    if not mappings:
        return definition
    names = tuple(str(job[name]) for name in ("endpointId", "writeEndpointId") if job.get(name))
    return _rewritten(definition, jsontext.dump(mappings), names)


@lru_cache(maxsize=KEPT)
def _rewritten(definition: str, mappings: str, endpoint_ids: tuple[str, ...]) -> str:
    """Plans are kept by the text of their definition: the same fields must give the same text."""
    whole, fields = jsontext.load(definition), jsontext.load(mappings)
    whole["endpoints"] = [_changed(each, fields) if each["id"] in endpoint_ids else each for each in whole["endpoints"]]
    text: str = jsontext.dump(whole)
    return text


def _changed(endpoint: Json, fields: Sequence[Mapping[str, Any]]) -> Json:
    if "batch" in endpoint:
        return {**endpoint, "batch": {**endpoint["batch"], "fieldMappings": outgoing(endpoint["batch"], fields)}}
    mapping = endpoint.get("responseMapping") or {}
    return {**endpoint, "responseMapping": {**mapping, "fieldMappings": incoming(fields)}}


def incoming(fields: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Return the rules from a record to a document."""
    return [
        {
            "source": _path(each["remoteField"]),
            "target": each["localField"],
            **_transform(each.get("transformer")),
        }
        for each in fields
    ]


def outgoing(batch: Json, fields: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Return the rules from a document to a record; a transformer, which is one way, is left out."""
    local = {_path(each["localField"]) for each in fields} | set(batch.get("required", ()))
    targets = {_bare(each["remoteField"]) for each in fields}
    kept = [
        rule
        for rule in batch.get("fieldMappings", ())
        if rule["target"] not in targets and ("default" in rule or rule["source"] in local)
    ]
    own = [
        {"source": _path(each["localField"]), "target": _bare(each["remoteField"])}  # what was cleared is cleared there
        for each in fields
    ]
    return [*kept, *own]


def pulled(fields: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the local fields that are only ever read: in a sync of both ways they are not sent back."""
    return {str(each["localField"]) for each in fields if not each.get("bidirectional", True)}


def _path(name: str) -> str:
    return name if name.startswith("$") else f"$.{name}"


def _bare(name: str) -> str:
    return name.removeprefix("$.")


def _transform(transformer: str | None) -> Json:
    return {"transform": {"type": "expression", "config": {"expression": transformer}}} if transformer else {}
