"""Which endpoints of an integration a sync uses: one that lists an entity, one that writes it, or both.

An endpoint says by `operation` what it does and by `entity` what it handles; one without them is told by its words: a
list of records is read, a batch is written. Whoever wants another endpoint names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connector.entities import document_type, has_records
from hub.core.errors import BadDefinition, Problem
from hub.sync import jobs
from hub.sync.jobs import PULL, PUSH, UPLOAD

Json = dict[str, Any]

DEFAULT_ENTITY = "record"
PHASES = {"pull": (PULL,), "push": (PUSH,), "bidirectional": jobs.BOTH}
_DOES = {PULL: "lists", PUSH: "writes"}


@dataclass(frozen=True)
class Sought:
    """What a sync asks for; what is None is found."""

    phases: tuple[str, ...]
    entity: str | None = None
    endpoint_id: str | None = None
    write_endpoint_id: str | None = None
    document_type: str | None = None


@dataclass(frozen=True)
class Chosen:
    """`phases` may differ from what was sought: where files are taken and no records, documents are uploaded."""

    phases: tuple[str, ...]
    entity: str
    document_type: str
    reads: Json | None
    writes: Json | None

    @property
    def endpoint_id(self) -> str:
        """The endpoint that a job is named by."""
        return str((self.reads or self.writes or {})["id"])

    @property
    def write_endpoint_id(self) -> str | None:
        return str(self.writes["id"]) if self.writes else None


def choose(definition: Json, sought: Sought) -> Chosen:
    """Return the endpoints of a definition that fit; raises BadDefinition that names those there are."""
    endpoints = definition["endpoints"]
    named = {PULL: sought.endpoint_id, PUSH: sought.write_endpoint_id}
    found: dict[str, Json] = {}
    problems: list[Problem] = []
    entity = sought.entity
    for phase in sought.phases:
        fitting = list(_fitting(endpoints, phase, named[phase], entity))
        if not fitting:
            problems.append(_problem(endpoints, phase, named[phase], entity))
            continue
        found[phase] = fitting[0]
        entity = entity or entity_of(fitting[0])
    if problems:
        raise BadDefinition("The integration cannot be synced like this; `details.problems` says why.", problems)
    reads, writes = found.get(PULL), found.get(PUSH)
    is_upload = writes is not None and _takes_files(writes)
    phases = tuple(UPLOAD if phase == PUSH and is_upload else phase for phase in sought.phases)
    known = reads or ({} if is_upload else writes) or {}
    type_ = sought.document_type or document_type(known) or entity
    return Chosen(phases, entity or DEFAULT_ENTITY, type_ or DEFAULT_ENTITY, reads, writes)


def entity_of(endpoint: Json) -> str:
    return str(endpoint.get("entity") or document_type(endpoint) or DEFAULT_ENTITY)


def params_of(endpoint: Json) -> set[str]:
    """Return the names that an endpoint's request takes from whoever calls it."""
    declared = [*endpoint.get("queryParams", ()), *endpoint.get("pathParams", ())]
    return {str(each["name"]) for each in declared if each.get("valueSource") in (None, "variable")}


def _fitting(endpoints: Sequence[Json], phase: str, name: str | None, entity: str | None) -> Iterator[Json]:
    able = [endpoint for endpoint in endpoints if _can(endpoint, phase)]
    if name is not None:
        yield from (endpoint for endpoint in able if endpoint["id"] == name)
        return
    for endpoint in able:
        types = (entity_of(endpoint), document_type(endpoint))
        if _is_meant(endpoint, phase) and not _takes_files(endpoint) and (entity is None or entity in types):
            yield endpoint
    # A file holds documents of any type.
    yield from (endpoint for endpoint in able if phase == PUSH and _takes_files(endpoint))


def _can(endpoint: Mapping[str, Any], phase: str) -> bool:
    if phase == PULL:
        return has_records(dict(endpoint))
    return "batch" in endpoint or "upload" in endpoint


def _takes_files(endpoint: Mapping[str, Any]) -> bool:
    return "upload" in endpoint


def _is_meant(endpoint: Mapping[str, Any], phase: str) -> bool:
    """Say whether an endpoint that nobody named does this: a search lists something else."""
    return _can(endpoint, phase) and (phase != PULL or endpoint.get("operation") in (None, "list"))


def _problem(endpoints: Sequence[Json], phase: str, name: str | None, entity: str | None) -> Problem:
    field = "endpointId" if phase == PULL else "writeEndpointId"
    if name is not None:
        known = ", ".join(each["id"] for each in endpoints if _can(each, phase)) or "none"
        return Problem(f"/{field}", f"expected an endpoint that {_DOES[phase]} records ({known}), found {name[:64]!r}")
    known = ", ".join(dict.fromkeys(entity_of(each) for each in endpoints if _is_meant(each, phase))) or "none"
    wanted = "records" if entity is None else repr(entity[:64])
    return Problem(
        "/entity", f"no endpoint of the integration {_DOES[phase]} {wanted}; those it {_DOES[phase]}: {known}"
    )
