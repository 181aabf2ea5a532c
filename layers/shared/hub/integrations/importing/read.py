"""Turns a source, an OpenAPI document, cURL commands or a HAR log, into a connector definition; nothing is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.connector.definition import MAX_ENDPOINTS
from hub.connector.normal import normal_form
from hub.connector.secrets import extract_secrets, is_handle, secret_fields, secret_handles
from hub.core import jsontext
from hub.core.errors import BadRequest
from hub.integrations.importing import curl, har, openapi, seen
from hub.integrations.importing.fitting import fitted
from hub.integrations.importing.models import ImportRequest
from hub.integrations.importing.names import slug
from hub.integrations.importing.warnings import Warnings, refused

Json = dict[str, Any]

UNSHOWN = "****"
FROM_CURL = seen.Source("curl", keep_values=True)
# A log holds what somebody did once: names and amounts that are nobody else's.
FROM_HAR = seen.Source("har", keep_values=False)


@dataclass(frozen=True)
class Imported:
    """`definition` holds the secrets of the source in clear, and handles for those it does not have."""

    definition: Json
    warnings: list[Json]

    @property
    def awaited(self) -> frozenset[str]:
        """The secret fields that are to be entered, as JSON pointers."""
        return frozenset(secret_handles(self.definition))

    def shown(self) -> Json:
        """Return the definition with `****` for every secret."""
        made: Json = _unshown(extract_secrets(self.definition)[0])
        return made


def read(wanted: ImportRequest) -> Imported:
    """Return the definition that the source describes; raises BadDefinition saying where it cannot be read."""
    given = {name: source for name in _READ if (source := getattr(wanted, name)) is not None}
    if len(given) != 1:
        raise refused("", f"expected exactly one of {', '.join(_READ)}, found {' and '.join(given) or 'none'}")
    name, source = next(iter(given.items()))
    warnings = Warnings()
    made = _completed(_READ[name](source, wanted, warnings), wanted)
    definition = fitted(normal_form(made), warnings)
    if not definition["endpoints"]:
        raise refused((name,), "expected at least one request that a connector can make, found none")
    if wanted.dryRun and secret_fields(definition):
        warnings.add("/definition/auth", f"secrets read {UNSHOWN}; enter them when you create the integration")
    return Imported(definition, warnings.listed())


def _completed(made: Json, wanted: ImportRequest) -> Json:
    """Return the definition with a name; what the request says wins."""
    display_name = wanted.displayName or made["displayName"]
    name = wanted.name or slug(display_name.lower(), "imported-api").lstrip("_-")
    rest = {key: value for key, value in made.items() if value is not None}
    return {"name": name, **rest, "displayName": display_name, "integrationType": "rest_api"}


def _openapi(source: Any, wanted: ImportRequest, warnings: Warnings) -> Json:
    return openapi.definition(_document(source, "openapi"), wanted.baseUrl, wanted.endpoints, warnings)


def _curl(source: Any, wanted: ImportRequest, warnings: Warnings) -> Json:
    made = seen.definition(curl.exchanges(source, warnings), FROM_CURL, wanted.baseUrl, warnings)
    return _chosen(made, wanted, warnings)


def _har(source: Any, wanted: ImportRequest, warnings: Warnings) -> Json:
    requests = har.exchanges(_document(source, "har"), warnings)
    return _chosen(seen.definition(requests, FROM_HAR, wanted.baseUrl, warnings), wanted, warnings)


_READ: dict[str, Callable[[Any, ImportRequest, Warnings], Json]] = {"openapi": _openapi, "curl": _curl, "har": _har}


def _document(source: Any, name: str) -> Json:
    """Return a document given as an object or as its JSON text."""
    if isinstance(source, str):
        try:
            source = jsontext.parse(source.encode(errors="replace"))
        except BadRequest as error:
            raise refused(
                (name,), f"expected a JSON document (YAML is not read; convert it). {error.message}"
            ) from None
    if not isinstance(source, dict):
        raise refused((name,), "expected a JSON object")
    return source


def _chosen(made: Json, wanted: ImportRequest, warnings: Warnings) -> Json:
    """Return the definition with the endpoints that are wanted, no more than it can hold."""
    known = [each["id"] for each in made["endpoints"]]
    for index, each in enumerate(wanted.endpoints or ()):
        if each not in known:
            raise refused(
                ("endpoints", index), f"expected the id of an endpoint, such as {', '.join(known[:20])[:400]}"
            )
    chosen = [each for each in made["endpoints"] if wanted.endpoints is None or each["id"] in wanted.endpoints]
    if len(chosen) > MAX_ENDPOINTS:
        taken = f"the first {MAX_ENDPOINTS} were taken, `endpoints` chooses others"
        warnings.add("", f"{len(chosen)} endpoints; {taken}")
    return {**made, "endpoints": chosen[:MAX_ENDPOINTS]}


def _unshown(value: Any) -> Any:
    if isinstance(value, str):
        return UNSHOWN if is_handle(value) else value
    if isinstance(value, list):
        return [_unshown(child) for child in value]
    return {name: _unshown(child) for name, child in value.items()} if isinstance(value, dict) else value
