"""Whether the fields and rules of a configuration fit the endpoints that it syncs by: told on saving, not at a slot.

What contradicts itself, or what an endpoint fills in without being asked, is found by reading the definition as the
configuration's jobs will run it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hub.core import jsontext
from hub.core.errors import BadDefinition, Problem
from hub.core.problems import pointer
from hub.integrations.connected import Connected
from hub.integrations.plans import definition_of
from hub.sync import jobs
from hub.sync.field_rules import with_own_fields
from hub.sync.starts.choosing import Chosen
from hub.sync.two_way.terms import terms_of

Json = dict[str, Any]

MOST_NAMED = 20
_PLACE = re.compile(r"/endpoints/(\d+)/(responseMapping|batch)(?:/fieldMappings/(\d+))?(?:/(\w+))?.*")
# What a caller calls the sides of a rule that reads, and of one that writes.
_NAMES = {
    "responseMapping": {"source": "remoteField", "target": "localField", "transform": "transformer"},
    "batch": {"source": "localField", "target": "remoteField"},
}


def running_with(running: Connected, chosen: Chosen, fields: Json) -> Connected:
    """Return the integration as the jobs of a configuration run it, its fields filled in."""
    text = with_own_fields(running.definition_text, _as_a_job(chosen, fields))
    if text == running.definition_text:
        return running
    connector = {**running.found.connector, "definition": text}
    return replace(running, found=replace(running.found, connector=connector))


def problems_of(running: Connected, chosen: Chosen, fields: Json) -> Iterator[Problem]:
    """Yield what is wrong with the fields of an integration that was made by `running_with`, else with the rules."""
    faults = list(_faults_of(running, fields))
    yield from faults
    if not faults and chosen.phases == jobs.BOTH and fields["fieldRules"]:
        yield from _unknown_names(running, chosen, fields)


def _as_a_job(chosen: Chosen, fields: Json) -> Json:
    return {
        "fieldMappings": fields["fieldMappings"],
        "endpointId": chosen.endpoint_id,
        "writeEndpointId": chosen.write_endpoint_id,
        "phases": list(chosen.phases),
    }


def _faults_of(running: Connected, fields: Json) -> Iterator[Problem]:
    own = fields["fieldMappings"]
    if not own:
        return
    try:
        definition_of(running.definition_text)
    except BadDefinition as found:
        endpoints = jsontext.load(running.definition_text)["endpoints"]
        for each in found.problems:
            if (place := _PLACE.fullmatch(each.pointer)) is not None:
                yield Problem(_own_place(place, endpoints[int(place[1])], len(own)), each.message)


def _own_place(place: re.Match[str], endpoint: Json, count: int) -> str:
    """Return where in the body a fault of the definition comes from; a batch keeps rules of its own before ours."""
    _, part, rule, name = place.groups()
    index = int(rule) - len(endpoint[part]["fieldMappings"]) + count if rule else -1
    if index < 0:
        return "/fieldMappings"
    side = _NAMES[part].get(name or "")
    return pointer(("fieldMappings", index, *([side] if side else [])))


def _unknown_names(running: Connected, chosen: Chosen, fields: Json) -> Iterator[Problem]:
    """Yield the rules for fields that neither side has, as far as the mapping says which they have."""
    terms = terms_of(_as_a_job(chosen, fields), jsontext.load(running.definition_text))
    if terms.incoming is None or terms.outgoing.carried is None:
        return
    known = terms.incoming | terms.outgoing.carried
    listed = ", ".join(sorted(known)[:MOST_NAMED])
    for name in fields["fieldRules"]:
        if name not in known:
            yield Problem(pointer(("fieldRules", name)), f"expected a field of the mapping, such as: {listed}")
