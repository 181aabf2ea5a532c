"""What an endpoint must be beyond the shape of its JSON; it is compiled part by part, as it will be for a call."""

from collections.abc import Iterator, Sequence

from hub.connector.auth_config import ApiKeyAuth, Auth, OAuth2Auth
from hub.connector.authenticate import path_key
from hub.connector.batch_checks import check_batch
from hub.connector.bodies import BadBody, body_builder
from hub.connector.checks import check_address, check_headers, check_path, is_secret_name
from hub.connector.error_config import ErrorAction
from hub.connector.graphql_checks import check_graphql
from hub.connector.incremental_checks import check_incremental
from hub.connector.multipart import MULTIPART
from hub.connector.paging_checks import check_pagination, takes_fields
from hub.connector.parent_checks import check_parent
from hub.connector.rates import check_rate_limit
from hub.connector.request_config import Endpoint, Param
from hub.connector.requests import PATH_VARIABLE, BadPart, parameter, path_builder
from hub.connector.response_config import FieldMapping, ResponseMapping
from hub.connector.select import identifier
from hub.connector.upload_checks import check_upload
from hub.core.errors import Problem
from hub.mapping.fields import BadRule
from hub.mapping.pages import compile_page
from hub.mapping.paths import BadPath


def check_endpoint(endpoint: Endpoint, place: str, auth: Auth | None) -> Iterator[Problem]:
    yield from check_address(endpoint.base_url, f"{place}/baseUrl")
    yield from _check_path(endpoint, place, auth)
    yield from _check_query(endpoint.query_params, f"{place}/queryParams", auth)
    yield from check_headers(endpoint.headers, f"{place}/headers")
    yield from _check_body(endpoint, place, auth)
    yield from _check_response(endpoint, f"{place}/responseMapping")
    yield from check_error_actions(endpoint.error_actions, f"{place}/errorActions", auth)
    yield from check_rate_limit(endpoint.rate_limit, f"{place}/rateLimit")
    yield from check_graphql(endpoint, place)
    yield from check_batch(endpoint, place)
    yield from check_mappings(endpoint.batch.field_mappings if endpoint.batch else (), f"{place}/batch/fieldMappings")
    yield from check_upload(endpoint, place, auth)
    yield from check_pagination(endpoint, f"{place}/pagination", auth)
    yield from check_incremental(endpoint, f"{place}/incremental", auth)
    yield from check_parent(endpoint, f"{place}/parent")


def check_error_actions(actions: Sequence[ErrorAction], place: str, auth: Auth | None) -> Iterator[Problem]:
    for index, action in enumerate(actions):
        where = f"{place}/{index}"
        if action.status is None and action.path is None and action.contains is None:
            yield Problem(where, "expected a condition: status, path or contains")
        if "value" in action.model_fields_set and action.path is None:
            yield Problem(f"{where}/value", "is compared with what is at path; give a path")
        if action.action == "REFRESH_TOKEN_THEN_RETRY" and not isinstance(auth, OAuth2Auth):
            yield Problem(f"{where}/action", "needs auth of the type oauth2: there is no token to be renewed")
        yield from check_path(action.path, f"{where}/path")


def check_mappings(mappings: Sequence[FieldMapping], place: str) -> Iterator[Problem]:
    """Compile the rules together, as they will be; only if that fails, one by one, so that every fault is named."""
    together = _rule_fault(mappings)
    if together is None:
        return
    faults = [(index, fault) for index, mapping in enumerate(mappings) if (fault := _rule_fault([mapping]))]
    for index, fault in faults or [(together.index, together)]:
        yield Problem(f"{place}/{index}{fault.pointer}", fault.message)


def _rule_fault(mappings: Sequence[FieldMapping]) -> BadRule | None:
    try:
        compile_page([mapping.rule() for mapping in mappings])
    except BadRule as fault:
        return fault
    return None


def check_key_in_path(auth: Auth | None, endpoints: Sequence[tuple[int, Endpoint]]) -> Iterator[Problem]:
    """A key that no path has a place for would never be sent."""
    name = path_key(auth) if auth else None
    if name is not None and not any(name in PATH_VARIABLE.findall(endpoint.path) for _, endpoint in endpoints):
        yield Problem("/auth/keyName", f"expected {{{name}}} in the path of an endpoint, found none")


# Request


def _check_path(endpoint: Endpoint, place: str, auth: Auth | None) -> Iterator[Problem]:
    names, key = PATH_VARIABLE.findall(endpoint.path), path_key(auth) if auth else None
    yield from _check_params(endpoint.path_params, f"{place}/pathParams")
    for index, param in enumerate(endpoint.path_params):
        if param.name not in names:
            yield Problem(f"{place}/pathParams/{index}/name", f"expected {{{param.name}}} in the path, found none")
        elif param.name == key:
            yield Problem(f"{place}/pathParams/{index}/name", "is the variable that auth fills; leave it out")
        if param.type == "array":
            yield Problem(f"{place}/pathParams/{index}/type", "a list cannot stand in a path")
    try:
        path_builder(endpoint.path, {param.name: lambda _: [] for param in endpoint.path_params}, key)
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
    if isinstance(auth, ApiKeyAuth) and auth.key_location == "body" and not takes_fields(endpoint):
        yield Problem(f"{place}/body", "expected a form or a JSON object, since auth puts its key into the body")
    if body and body.content_type == MULTIPART:
        for name in (name for name in endpoint.headers if name.lower() == "content-type"):
            yield Problem(f"{place}/headers/{name}", "is set by the hub for a multipart body; leave it out")
    try:
        if body:
            body_builder(body)
    except BadBody as cause:
        yield Problem(f"{place}/body{cause.pointer}", str(cause))


# Response


def _check_response(endpoint: Endpoint, place: str) -> Iterator[Problem]:
    config = endpoint.response_mapping
    if config is None:
        if endpoint.reads_records:
            yield Problem(place, "expected a value, found nothing")
        return
    yield from _check_whole(config, place, is_read=endpoint.reads_records)
    yield from check_path(config.data_path, f"{place}/dataPath")
    yield from check_path(config.error_path, f"{place}/errorPath")
    try:
        if config.identifier_field is not None:
            identifier(config.identifier_field)
    except BadPath as cause:
        yield Problem(f"{place}/identifierField", str(cause))
    yield from check_mappings(config.field_mappings, f"{place}/fieldMappings")
    if config.metadata_mapping:
        yield from check_path(config.metadata_mapping.total_count, f"{place}/metadataMapping/totalCount")
        yield from check_path(config.metadata_mapping.page_info, f"{place}/metadataMapping/pageInfo")


def _check_whole(config: ResponseMapping, place: str, *, is_read: bool) -> Iterator[Problem]:
    """What is read needs its place and its identifier; an endpoint that only writes may have neither of the two."""
    given = {"dataPath": config.data_path, "identifierField": config.identifier_field}
    if is_read or any(value is not None for value in given.values()):
        yield from (
            Problem(f"{place}/{name}", "expected a value, found nothing")
            for name, value in given.items()
            if value is None
        )
