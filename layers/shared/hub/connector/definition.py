"""A connector's definition: S000's "Custom Integration Definition" without what the server sets, read and checked."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from hub.connector.auth_config import Auth
from hub.connector.batch_checks import check_jobs
from hub.connector.checks import check_auth, check_base_url, check_headers, check_names
from hub.connector.endpoint_checks import check_endpoint, check_error_actions, check_key_in_path
from hub.connector.error_config import ErrorAction
from hub.connector.faults import kind_of, problems_in
from hub.connector.graphql_checks import check_query
from hub.connector.normal import normal_form
from hub.connector.rates import check_rate_limit
from hub.connector.request_config import Endpoint, RateLimit, RetryConfig, TimeoutMs
from hub.connector.secrets import misplaced_handles
from hub.connector.strict import Strict
from hub.connector.webhook_checks import check_webhook
from hub.connector.webhook_config import WebhookConfig
from hub.core import jsontext
from hub.core.errors import BadDefinition, BadHandle, Problem

Json = dict[str, Any]

MAX_ENDPOINTS = 100


class ConnectorDefinition(Strict):
    """`base_url` and `auth` may be absent in a connector that only receives webhooks."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    display_name: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=5000)
    icon: str | None = Field(default=None, max_length=2048)
    color: str | None = Field(default=None, max_length=40)
    integration_type: Literal["rest_api", "webhook", "graphql"]
    base_url: str | None = Field(default=None, max_length=2048)
    default_headers: dict[str, str] = Field(default={}, max_length=50)
    timeout: TimeoutMs = 30_000
    retry_config: RetryConfig | None = None
    error_actions: list[ErrorAction] = Field(default=[], max_length=50)
    rate_limit: RateLimit | None = None
    health_endpoint: str | None = Field(default=None, max_length=64)
    auth: Auth | None = None
    endpoints: list[Endpoint] = Field(default=[], max_length=MAX_ENDPOINTS)
    webhook_config: WebhookConfig | None = None


def parse_definition(raw: Any) -> ConnectorDefinition:
    """Return the definition; raises BadDefinition with every fault, BadHandle when a handle stands where none may."""
    return _parse(normal_form(raw))


def check_definition(raw: Any) -> Json:
    """Return the definition as it is to be stored: aliases resolved, ids of endpoints filled in; raises the same."""
    normal: Json = normal_form(raw)
    _parse(normal, _queries_in(normal))
    return normal


def merge_definition(current: Json, patch: Json) -> Json:
    """Return the definition after a JSON merge patch (RFC 7396); another kind of auth replaces the present one."""
    patch = {("integrationType" if name == "type" else name): value for name, value in patch.items()}
    merged: Json = jsontext.merged(current, patch)
    before, after = current.get("auth"), patch.get("auth")
    if (
        isinstance(before, dict)
        and isinstance(after, dict)
        and after.get("type", before.get("type")) != before.get("type")
    ):
        merged["auth"] = jsontext.merged({}, after)
    return merged


def _parse(raw: Any, more: Iterable[Problem] = ()) -> ConnectorDefinition:
    definition, problems = _validated(raw)
    handles = [Problem(place, "a secret handle can stand only in its own field") for place in misplaced_handles(raw)]
    problems += [*handles, *(_checked(definition) if definition else _checked_parts(raw)), *more]
    if problems or definition is None:
        kind = BadHandle if handles else BadDefinition
        raise kind(f"The definition has {len(problems)} fault(s); `details.problems` says where.", problems)
    return definition


def _validated(raw: Any) -> tuple[ConnectorDefinition | None, list[Problem]]:
    if not isinstance(raw, dict):
        return None, [Problem("", f"expected an object, found {kind_of(raw)}")]
    try:
        return ConnectorDefinition.model_validate(raw), []
    except ValidationError as error:
        return None, problems_in(error)


def _checked(definition: ConnectorDefinition) -> Iterator[Problem]:
    yield from check_base_url(definition.base_url, definition.integration_type)
    yield from check_headers(definition.default_headers, "/defaultHeaders")
    yield from check_error_actions(definition.error_actions, "/errorActions", definition.auth)
    yield from check_rate_limit(definition.rate_limit, "/rateLimit")
    yield from check_auth(definition.auth, definition.integration_type)
    yield from _check_together(definition.auth, list(enumerate(definition.endpoints)))
    yield from _check_health(definition)
    for index, endpoint in enumerate(definition.endpoints):
        yield from check_endpoint(endpoint, f"/endpoints/{index}", definition.auth)
    if definition.webhook_config:
        yield from check_webhook(definition.webhook_config, [endpoint.id for endpoint in definition.endpoints])


def _check_together(auth: Auth | None, endpoints: Sequence[tuple[int, Endpoint]]) -> Iterator[Problem]:
    """Check what endpoints say of one another, and auth of them; each comes with its index."""
    yield from check_names(endpoints)
    yield from check_jobs(endpoints)
    yield from check_key_in_path(auth, endpoints)


def _check_health(definition: ConnectorDefinition) -> Iterator[Problem]:
    known = [endpoint.id for endpoint in definition.endpoints]
    if definition.health_endpoint is not None and definition.health_endpoint not in known:
        yield Problem("/healthEndpoint", f"expected the id of an endpoint ({', '.join(known) or 'there is none'})")


def _checked_parts(raw: Any) -> Iterator[Problem]:
    """Check the parts of a definition that are in order, so that the first answer names every fault."""
    if not isinstance(raw, dict):
        return
    auth, endpoints = _auth_in(raw), _endpoints_in(raw)
    kind = raw.get("integrationType")
    if raw.get("baseUrl") is None or isinstance(raw.get("baseUrl"), str):
        yield from check_base_url(raw.get("baseUrl"), kind)
    if auth is not None or raw.get("auth") is None:
        yield from check_auth(auth, kind)
    yield from check_headers(_texts_in(raw.get("defaultHeaders")), "/defaultHeaders")
    yield from check_rate_limit(_rate_limit_in(raw), "/rateLimit")
    yield from _check_together(auth, endpoints)
    for index, endpoint in endpoints:
        yield from check_endpoint(endpoint, f"/endpoints/{index}", auth)


def _queries_in(raw: Any) -> Iterator[Problem]:
    """Parse the GraphQL queries; what is stored was parsed when it was saved."""
    items = raw.get("endpoints") if isinstance(raw, dict) else None
    if isinstance(items, list) and any(isinstance(item, dict) and "graphql" in item for item in items):
        for index, endpoint in _endpoints_in(raw):
            yield from check_query(endpoint, f"/endpoints/{index}")


def _auth_in(raw: Json) -> Auth | None:
    try:
        adapter: TypeAdapter[Auth] = TypeAdapter(Auth)
        return adapter.validate_python(raw.get("auth"))
    except ValidationError:
        return None


def _rate_limit_in(raw: Json) -> RateLimit | None:
    try:
        return RateLimit.model_validate(raw.get("rateLimit"))
    except ValidationError:
        return None


def _endpoints_in(raw: Json) -> list[tuple[int, Endpoint]]:
    found = []
    items = raw.get("endpoints")
    for index, item in enumerate(items[:MAX_ENDPOINTS] if isinstance(items, list) else []):
        try:
            found.append((index, Endpoint.model_validate(item)))
        except ValidationError:  # its faults are reported with the definition's
            continue
    return found


def _texts_in(value: Any) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else []
    return {name: text for name, text in items if isinstance(text, str)}
