"""What an endpoint must be beyond the shape of its JSON; it is compiled part by part, as it will be for a call."""

from collections.abc import Iterator, Sequence

from hub.connector.auth_config import ApiKeyAuth, Auth
from hub.connector.bodies import JSON, BadBody, body_builder
from hub.connector.checks import check_headers, is_secret_name
from hub.connector.paging import header_name, page_size
from hub.connector.request_config import Endpoint, Param, RequestBody
from hub.connector.requests import PATH_VARIABLE, BadPart, parameter, path_builder
from hub.connector.response_config import FieldMapping, Pagination, ResponseMapping
from hub.connector.select import identifier
from hub.core.errors import Problem
from hub.mapping.fields import BadRule, compile_rules
from hub.mapping.paths import BadPath, getter
from hub.outbound.calls import HEADER_NAME


def check_endpoint(endpoint: Endpoint, place: str, auth: Auth | None) -> Iterator[Problem]:
    yield from _check_path(endpoint, place)
    yield from _check_query(endpoint.query_params, f"{place}/queryParams", auth)
    yield from check_headers(endpoint.headers, f"{place}/headers")
    yield from _check_body(endpoint, place, auth)
    yield from _check_response(endpoint.response_mapping, f"{place}/responseMapping")
    if endpoint.pagination:
        yield from _check_pagination(endpoint.pagination, f"{place}/pagination")


def check_path(path: str | None, place: str) -> Iterator[Problem]:
    try:
        if path is not None:
            getter(path)
    except BadPath as cause:
        yield Problem(place, str(cause))


def check_mappings(mappings: Sequence[FieldMapping], place: str) -> Iterator[Problem]:
    """Compile the rules together, as they will be; only if that fails, one by one, so that every fault is named."""
    together = _rule_fault(mappings)
    if together is None:
        return
    faults = [(index, fault) for index, mapping in enumerate(mappings) if (fault := _rule_fault([mapping]))]
    for index, fault in faults or [(together.index, together)]:
        yield Problem(f"{place}/{index}{fault.pointer}", _told(fault, mappings[index]))


def _told(fault: BadRule, mapping: FieldMapping) -> str:
    """The format knows more transforms than can be run today."""
    if fault.pointer == "/transform/type" and mapping.transform:
        return f"{mapping.transform.type!r} is not available yet"
    return fault.message


def _rule_fault(mappings: Sequence[FieldMapping]) -> BadRule | None:
    try:
        compile_rules([mapping.rule() for mapping in mappings])
    except BadRule as fault:
        return fault
    return None


# Request


def _check_path(endpoint: Endpoint, place: str) -> Iterator[Problem]:
    names = PATH_VARIABLE.findall(endpoint.path)
    yield from _check_params(endpoint.path_params, f"{place}/pathParams")
    for index, param in enumerate(endpoint.path_params):
        if param.name not in names:
            yield Problem(f"{place}/pathParams/{index}/name", f"expected {{{param.name}}} in the path, found none")
        if param.type == "array":
            yield Problem(f"{place}/pathParams/{index}/type", "a list cannot stand in a path")
    try:
        path_builder(endpoint.path, {param.name: lambda _: [] for param in endpoint.path_params})
    except BadPart as cause:
        yield Problem(f"{place}/path", str(cause))


def _check_query(params: Sequence[Param], place: str, auth: Auth | None) -> Iterator[Problem]:
    yield from _check_params(params, place)
    key = auth.key_name if isinstance(auth, ApiKeyAuth) and auth.key_location == "query" else None
    for index, param in enumerate(params):
        is_static = param.value_source == "static" or (param.value_source is None and param.value is not None)
        if is_secret_name(param.name) and (
            (is_static and isinstance(param.value, str)) or isinstance(param.default, str)
        ):
            hint = "looks like a secret; use auth with type api_key and keyLocation query, where it is encrypted"
            yield Problem(f"{place}/{index}/name", hint)
        if param.name == key:
            yield Problem(f"{place}/{index}/name", "is the parameter that auth adds; leave it out")


def _check_params(params: Sequence[Param], place: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, param in enumerate(params):
        if param.name in seen:
            yield Problem(f"{place}/{index}/name", f"{param.name!r} is there twice")
        seen.add(param.name)
        try:
            parameter(param)
        except BadPart as cause:
            yield Problem(f"{place}/{index}{cause.pointer}", str(cause))


def _check_body(endpoint: Endpoint, place: str, auth: Auth | None) -> Iterator[Problem]:
    body = endpoint.body
    if body and endpoint.method == "GET":
        yield Problem(f"{place}/body", "a GET request has no body; use another method or queryParams")
    if isinstance(auth, ApiKeyAuth) and auth.key_location == "body" and not _takes_fields(body):
        yield Problem(f"{place}/body", "expected a form or a JSON object, since auth puts its key into the body")
    try:
        if body:
            body_builder(body)
    except BadBody as cause:
        yield Problem(f"{place}/body{cause.pointer}", str(cause))


def _takes_fields(body: RequestBody | None) -> bool:
    if body is None or body.content_type in ("text/plain", "multipart/form-data"):
        return False
    text = {"template": body.template, "raw": body.raw}.get(body.body_type)
    starts_an_object = (text or "{").lstrip().startswith("{")
    is_object = body.schema_ is None or body.schema_.type == "object" or body.body_type != "schema"
    return (starts_an_object and is_object) or body.content_type != JSON


# Response


def _check_response(config: ResponseMapping, place: str) -> Iterator[Problem]:
    yield from check_path(config.data_path, f"{place}/dataPath")
    yield from check_path(config.error_path, f"{place}/errorPath")
    try:
        identifier(config.identifier_field)
    except BadPath as cause:
        yield Problem(f"{place}/identifierField", str(cause))
    yield from check_mappings(config.field_mappings, f"{place}/fieldMappings")
    if config.metadata_mapping:
        yield from check_path(config.metadata_mapping.total_count, f"{place}/metadataMapping/totalCount")
        yield from check_path(config.metadata_mapping.page_info, f"{place}/metadataMapping/pageInfo")


NEEDED = {
    "offset": {"offsetParam": "offset_param", "limitParam": "limit_param"},
    "page": {"pageParam": "page_param"},
    "cursor": {"cursorParam": "cursor_param", "cursorPath": "cursor_path"},
    "link": {"nextLinkPath": "next_link_path"},
}


def _check_pagination(config: Pagination, place: str) -> Iterator[Problem]:
    for name, attribute in NEEDED[config.type].items():
        if getattr(config, attribute) is None:
            yield Problem(f"{place}/{name}", f"expected a value, since the pagination's type is {config.type!r}")
    yield from check_path(config.cursor_path, f"{place}/cursorPath")
    yield from _check_link(config.next_link_path, f"{place}/nextLinkPath")
    yield from _check_end(config, f"{place}/endCondition")


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
    if end.type == "has_more_field" and end.field is None:
        yield Problem(f"{place}/field", "expected the path of a boolean, since the end is told by 'has_more_field'")
    if end.type == "count_less_than_limit" and page_size(config)[1] is None:
        yield Problem(f"{place}/type", "'count_less_than_limit' needs maxLimit or a parameter for the page size")
    if end.type == "cursor_null" and config.cursor_path is None and config.next_link_path is None:
        yield Problem(f"{place}/type", "'cursor_null' needs cursorPath or nextLinkPath")
    yield from check_path(end.field, f"{place}/field")
