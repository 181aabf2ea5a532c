"""What a pagination must be beyond the shape of its JSON."""

from collections.abc import Iterator

from pydantic.alias_generators import to_camel

from hub.connector.auth_config import ApiKeyAuth, Auth, BasicAuth, BearerAuth, CustomHeaderAuth, OAuth2Auth
from hub.connector.batch_config import WHOLE_BODY
from hub.connector.bodies import JSON, TEXT
from hub.connector.checks import check_path, header_name_fault
from hub.connector.graphql_checks import check_variable
from hub.connector.paging import PARAMS, header_name, page_size, pagination_of
from hub.connector.request_config import Endpoint, RequestBody
from hub.connector.response_config import Pagination
from hub.connector.urls import has_dot_segment
from hub.core.errors import Problem
from hub.mapping.paths import BadPath, target_steps
from hub.outbound.calls import HEADER_NAME

NEEDED = {
    "offset": {"offsetParam": "offset_param", "limitParam": "limit_param"},
    "page": {"pageParam": "page_param"},
    "cursor": {"cursorParam": "cursor_param", "cursorPath": "cursor_path"},
    "link": {"nextLinkPath": "next_link_path"},
}


def check_pagination(endpoint: Endpoint, place: str, auth: Auth | None) -> Iterator[Problem]:
    config, placed = endpoint.pagination, pagination_of(endpoint)
    if config is None:
        return
    for name, attribute in NEEDED[config.type].items():
        if getattr(placed, attribute) is None:
            yield Problem(f"{place}/{name}", f"expected a value, since the pagination's type is {config.type!r}")
    yield from _check_location(endpoint, config, f"{place}/location")
    yield from _check_names(endpoint, config, place, auth)
    yield from check_path(config.cursor_path, f"{place}/cursorPath")
    if config.next_path is not None and (config.type != "cursor" or has_dot_segment(config.next_path)):
        yield Problem(f"{place}/nextPath", "expected a path without dots behind that of a cursor pagination")
    yield from _check_link(config.next_link_path, f"{place}/nextLinkPath")
    yield from _check_end(config, f"{place}/endCondition")


def takes_fields(endpoint: Endpoint) -> bool:
    """Say whether there is a body to which a field can be added."""
    if endpoint.graphql is not None:
        return True
    if endpoint.body is None and endpoint.batch is not None:
        return endpoint.batch.items_path != WHOLE_BODY
    if endpoint.body is None:
        return endpoint.pagination is not None and endpoint.pagination.location == "body"
    return _has_fields(endpoint.body)


def _has_fields(body: RequestBody) -> bool:
    if body.content_type != JSON:
        return body.content_type != TEXT
    text = {"template": body.template, "raw": body.raw}.get(body.body_type)
    starts_an_object = (text or "{").lstrip().startswith("{")
    is_object = body.schema_ is None or body.schema_.type == "object" or body.body_type != "schema"
    return starts_an_object and is_object


def _check_location(endpoint: Endpoint, config: Pagination, place: str) -> Iterator[Problem]:
    if endpoint.graphql is not None:
        if "location" in config.model_fields_set and config.location != "body":
            yield Problem(place, "the parameters of a graphql endpoint are in its body; leave it out")
    elif config.location == "body" and endpoint.method == "GET":
        yield Problem(place, "a GET request has no body; use query or header, or another method")
    elif config.location == "body" and not takes_fields(endpoint):
        yield Problem(place, "expected a form or a JSON object as the body, since the parameters go into it")


def _check_names(endpoint: Endpoint, config: Pagination, place: str, auth: Auth | None) -> Iterator[Problem]:
    added = added_by(auth, "body" if endpoint.graphql else config.location)
    for param in PARAMS:
        name, where = getattr(config, param), f"{place}/{to_camel(param)}"
        if name is None:
            continue
        if endpoint.graphql is not None:
            yield from check_variable(name, where)
        elif fault := name_fault(name, config.location, endpoint.body):
            yield Problem(where, fault)
        elif (name.lower() if config.location == "header" else name) in added:
            yield Problem(where, "is what auth adds; expected another name")


def name_fault(name: str, location: str, body: RequestBody | None) -> str | None:
    """Say why nothing can be put there under this name, None when it can."""
    if location == "header":
        return header_name_fault(name)
    if location == "query" or not name.startswith("$"):
        return None
    if body is not None and body.content_type != JSON:
        return "a path leads into a JSON body; expected the plain name of a field"
    try:
        target_steps(name)
    except BadPath as cause:
        return str(cause)
    return None


def added_by(auth: Auth | None, location: str) -> set[str]:
    """Return what authentication adds there; headers in lower case."""
    if isinstance(auth, ApiKeyAuth):
        name = auth.key_name.lower() if location == "header" else auth.key_name
        return {name} if auth.key_location == location else set()
    if location != "header":
        return set()
    if isinstance(auth, CustomHeaderAuth):
        return {name.lower() for name in auth.headers}
    return {"authorization"} if isinstance(auth, (BearerAuth, BasicAuth, OAuth2Auth)) else set()


def _check_link(path: str | None, place: str) -> Iterator[Problem]:
    header = None if path is None else header_name(path)
    if header is None:
        yield from check_path(path, place)
    elif not HEADER_NAME.fullmatch(header):
        yield Problem(place, "expected the name of a header after 'header:'")


def _check_end(config: Pagination, place: str) -> Iterator[Problem]:
    end = config.end_condition
    if end is None:
        return
    if end.type in ("has_more_field", "done_field") and end.field is None:
        yield Problem(f"{place}/field", f"expected the path of a boolean, since the end is told by {end.type!r}")
    if end.type == "total_reached" and end.field is None:
        yield Problem(f"{place}/field", "expected the path of a number, since the end is told by 'total_reached'")
    if end.type == "total_reached" and config.type != "offset":
        yield Problem(f"{place}/type", "'total_reached' needs a pagination of the type offset")
    if end.type == "count_less_than_limit" and page_size(config)[1] is None:
        yield Problem(f"{place}/type", "'count_less_than_limit' needs maxLimit or a parameter for the page size")
    if end.type == "cursor_null" and config.cursor_path is None and config.next_link_path is None:
        yield Problem(f"{place}/type", "'cursor_null' needs cursorPath or nextLinkPath")
    yield from check_path(end.field, f"{place}/field")
