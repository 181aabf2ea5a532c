"""What the incremental words of an endpoint must be beyond the shape of their JSON."""

import re
from collections.abc import Iterator
from datetime import UTC

from hub.connector.auth_config import Auth
from hub.connector.checks import check_path
from hub.connector.graphql_checks import check_variable
from hub.connector.incremental import NUMBER, VARIABLE, placed
from hub.connector.paging import PARAMS, pagination_of
from hub.connector.paging_checks import added_by, name_fault, takes_fields
from hub.connector.request_config import Endpoint, Incremental
from hub.core import jsontext
from hub.core.errors import Problem
from hub.mapping.config import BadConfig
from hub.mapping.dates import reader


def check_incremental(endpoint: Endpoint, place: str, auth: Auth | None) -> Iterator[Problem]:
    config, located = endpoint.incremental, placed(endpoint)
    if config is None or located is None:
        return
    yield from check_path(config.field, f"{place}/field")
    yield from _check_formats(config, place)
    yield from _check_location(endpoint, config, f"{place}/location")
    yield from _check_param(endpoint, located, f"{place}/param", auth)


def _check_formats(config: Incremental, place: str) -> Iterator[Problem]:
    if config.format == NUMBER:
        if config.overlap_seconds is not None:
            yield Problem(f"{place}/overlapSeconds", "a number has no overlap; leave it out")
        if config.param_format not in (None, NUMBER):
            yield Problem(f"{place}/paramFormat", "a number is sent as it is; leave it out")
        return
    for name, pattern in (("format", config.format), ("paramFormat", config.param_format)):
        try:
            if pattern is not None:
                reader(pattern, UTC)  # what cannot be read, such as a time without a year, cannot be asked from
        except BadConfig as cause:
            yield Problem(f"{place}/{name}", f"{cause}; or number" if name == "format" else str(cause))


def _check_location(endpoint: Endpoint, config: Incremental, place: str) -> Iterator[Problem]:
    if endpoint.graphql is not None:
        if "location" in config.model_fields_set and config.location not in ("body", VARIABLE):
            yield Problem(place, "the parameters of a graphql endpoint are in its body; leave it out")
    elif config.location == "body" and endpoint.method == "GET":
        yield Problem(place, "a GET request has no body; use query or header, or another method")
    elif config.location == "body" and endpoint.body is not None and not takes_fields(endpoint):
        yield Problem(place, "expected a form or a JSON object as the body, since the parameter goes into it")


def _check_param(endpoint: Endpoint, located: Incremental, place: str, auth: Auth | None) -> Iterator[Problem]:
    if located.location == VARIABLE:
        yield from _check_used(endpoint, located.param, place)
        return
    if endpoint.graphql is not None:
        yield from check_variable(located.param, place)
    elif fault := name_fault(located.param, located.location, endpoint.body):
        yield Problem(place, fault)
    elif _written(located.param, located.location) in added_by(auth, located.location):
        yield Problem(place, "is what auth adds; expected another name")
    if _written(located.param, located.location) in _of_the_pages(endpoint, located.location):
        yield Problem(place, "is a parameter of the pagination; expected another name")


def _check_used(endpoint: Endpoint, name: str, place: str) -> Iterator[Problem]:
    """A variable that no text names would let every sync read everything, and say that it does not."""
    request = jsontext.dump(endpoint.model_dump(mode="json", exclude={"incremental", "response_mapping"}))
    if not re.search(rf"\b{re.escape(name)}\b", request):
        yield Problem(place, f"is in no text of the request; expected {{{{{name}}}}} where the time goes")


def _of_the_pages(endpoint: Endpoint, location: str) -> set[str]:
    pages = pagination_of(endpoint)
    names = [getattr(pages, param) for param in PARAMS] if pages and pages.location == location else []
    return {_written(name, location) for name in names if name is not None}


def _written(name: str, location: str) -> str:
    return name.lower() if location == "header" else name
