"""What the parent words of an endpoint must be beyond the shape of their JSON."""

import re
from collections.abc import Iterator

from hub.connector.checks import check_path
from hub.connector.paging import PARAMS, pagination_of
from hub.connector.request_config import Endpoint, Param, Parent
from hub.core import jsontext
from hub.core.errors import Problem

TYPES = ("string", "number")
# What of a request, beside its parameters, may name a variable.
_TEXTS = {"headers", "body", "graphql"}


def check_parent(endpoint: Endpoint, place: str) -> Iterator[Problem]:
    config = endpoint.parent
    if config is None:
        return
    if not endpoint.reads_records:
        yield Problem(place, "needs an endpoint that lists records; leave it out")
    if config.document_type == _own_type(endpoint):
        yield Problem(f"{place}/documentType", "is what the endpoint reads itself; expected another type")
    if config.field is not None:
        yield from check_path(config.field, f"{place}/field")
    if config.scoped_ids and config.as_ is None:
        yield Problem(f"{place}/as", "expected a name, since scopedIds makes the ids of the value under it")
    yield from _check_param(endpoint, config, f"{place}/param")


def _own_type(endpoint: Endpoint) -> str | None:
    mapping = endpoint.response_mapping
    return (mapping.target_shard_type_id if mapping else None) or endpoint.entity


def _check_param(endpoint: Endpoint, config: Parent, place: str) -> Iterator[Problem]:
    """A parameter that no part of the request takes would read the same list for every parent."""
    name = config.param
    declared = [param for param in [*endpoint.path_params, *endpoint.query_params] if param.name == name]
    if any(param.type not in TYPES for param in declared):
        yield Problem(place, "is a parameter for one value: expected the type string or number")
    if not any(map(_is_given, declared)) and not _is_named(endpoint, name):
        yield Problem(place, f"is nowhere in the request; expected a parameter {name}, or {{{{{name}}}}} in a text")
    if name in _of_the_walk(endpoint):
        yield Problem(place, "is a parameter of pagination or incremental; expected another name")


def _is_given(param: Param) -> bool:
    """Say whether its value is what the caller gives under its name."""
    return param.value_source is None and param.value is None


def _is_named(endpoint: Endpoint, name: str) -> bool:
    sources = [
        param.value
        for param in [*endpoint.path_params, *endpoint.query_params]
        if param.value_source in ("variable", "expression")
    ]
    texts = jsontext.dump([sources, endpoint.model_dump(mode="json", include=_TEXTS)])
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", texts) is not None


def _of_the_walk(endpoint: Endpoint) -> set[str]:
    pages = pagination_of(endpoint)
    names = {getattr(pages, param) for param in PARAMS} if pages else set()
    return names | ({endpoint.incremental.param} if endpoint.incremental else set())
