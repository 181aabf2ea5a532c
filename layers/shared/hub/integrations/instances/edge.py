"""What the routes of integrations share: how a request finds them, and how it is answered."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from hub.core.answers import Answer
from hub.core.api import Request
from hub.core.attributes import Item
from hub.core.errors import IntegrationNotFound
from hub.core.listing import Listing
from hub.core.tables import ConditionFailed
from hub.integrations.instances import beside, integrations
from hub.integrations.instances.beside import Instance

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hub.integrations.catalog.providers import ProviderEntry
    from hub.integrations.instances.changing import Writer
    from hub.integrations.instances.request_logs import LogView
    from hub.outbound.guard import Guard

    Body = TypeVar("Body", bound=BaseModel)

Json = dict[str, Any]

NAME_TAKEN = "An integration of this name exists already; choose another name."
PAIR_TAKEN = "An integration of this provider and environment exists already; change that one."


def everything(request: Request) -> list[Item]:
    """Return the integrations that the caller may see."""
    return integrations.list_all(request.resources.tables.config, request.caller.tenant, request.caller.user)


def found(request: Request) -> Instance:
    """Return the integration that the path names, to a team only its own; raises IntegrationNotFound."""
    must_be_own_team(request)
    integration_id = request.path.get("integrationId") or request.path["id"]
    return beside.load(request.resources.tables.config, request.caller.tenant, integration_id, request.caller.user)


def found_deleted(request: Request) -> Item:
    """Return an integration that can be restored; raises IntegrationNotFound."""
    caller = request.caller
    config = request.resources.tables.config
    return integrations.get_deleted(config, caller.tenant, request.path["id"], caller.user)


def to_change(request: Request) -> Instance:
    """Return the same, if it has the version that `If-Match` names."""
    current = found(request)
    request.must_match(current.version)
    return current


def must_be_own_team(request: Request, told: str | None = None) -> None:
    """Refuse any other team, in the path or as the body tells it."""
    if {request.path.get("teamId"), told} - {None, request.caller.tenant.id}:
        raise IntegrationNotFound


def with_parts(request: Request, listing: Listing) -> Listing:
    """Return the same page with what belongs to each integration."""
    return replace(listing, items=beside.many(request.resources.tables.config, listing.items))


def writer(request: Request, guard: "Guard", at: str = "settings") -> "Writer":
    from hub.integrations.instances.changing import Writer

    return Writer(request.change, request.vault, guard, at)


def parsed(request: Request, model: "type[Body]", shown: Json) -> "Body":
    """Return the body as `model`; what GET answered may be sent back with it."""
    from hub.core.problems import parse_as
    from hub.integrations.instances.echoes import without_echo

    return parse_as(model, without_echo(request.json_object(), shown, model))


def open_provider(request: Request, slug: str) -> "ProviderEntry":
    """Return a provider that the tenant may have new integrations of."""
    from hub.integrations.catalog import providers

    return must_be_open(request, providers.get(request.resources.tables.config, slug))


def open_type(request: Request, type_: str) -> "ProviderEntry":
    """Return the provider that S003 calls an integration's type."""
    from hub.integrations.catalog import providers

    return must_be_open(request, providers.find_by_alias(request.resources.tables.config, "teams", type_))


def must_be_open(request: Request, entry: "ProviderEntry") -> "ProviderEntry":
    from hub.integrations import tenant_settings
    from hub.integrations.catalog import availability

    plans = tenant_settings.get(request.resources.tables.config, request.caller.tenant).plans
    availability.must_be_open(entry.item, plans)
    return entry


def commit(request: Request, answer: Answer, taken: str = NAME_TAKEN) -> Answer:
    """Commit the request's change; `taken` says what to do where another integration is called the same."""
    try:
        return request.change.commit(answer)
    except ConditionFailed as failure:
        raise integrations.explain(failure, taken) from None


def bare(request: Request, listing: Listing, view: Callable[[Any], Json]) -> Answer:
    """Answer a page of integrations as a bare array; how many there are stands in X-Total-Count."""
    rows = [view(shown) for shown in with_parts(request, listing).items]
    answer = linked(request, rows, listing.position if listing.has_more else None)
    return Answer(200, rows, {**answer.headers, "X-Total-Count": str(listing.total)})


def logs(request: Request, view: "LogView") -> tuple[list[Json], str | None]:
    """Return a page of the request log of the integration that the path names, and where to go on."""
    from hub.integrations.instances import request_logs

    shown, page, tenant = found(request), request.page(), request.caller.tenant
    activity = request.resources.tables.activity
    lines, position = request_logs.newest(activity, tenant, shown.id, page.limit, page.after)
    return [view(line, tenant, shown.id) for line in lines], position


def linked(request: Request, rows: list[Any], position: Any) -> Answer:
    """Answer a bare array; where it goes on stands in Link (RFC 8288)."""
    if position is None:
        return Answer(200, rows)
    query = urlencode({**request.query, "cursor": request.seal_cursor(position)})
    return Answer(200, rows, {"Link": f'<{request.route.path.format(**request.path)}?{query}>; rel="next"'})
