"""What tenants see of the catalogue: as S001 lists it, as S003's marketplace, and as S004's providers."""

from typing import Any
from urllib.parse import urlencode

from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import members
from hub.core.errors import ProviderNotFound
from hub.core.listing import MAX_LIMIT, PageQuery, page_of
from hub.integrations import tenant_settings
from hub.integrations.catalog import availability, categories, chosen, providers, views

api = Api("catalog")
handler = api.handle

READ: dict[str, Any] = {"access": members("integrations:read"), "rate": "provider"}
V1 = "/api/v1/integrations/providers"
MARKETPLACE = "/api/v1/marketplace/integrations"
MODELS = "hub.integrations.catalog.catalog_models"
SORTABLE = ("displayName", "name", "category", "createdAt", "updatedAt")
HOUR_S = 3600
SORTED = {"sortBy": ", ".join(SORTABLE), "sortOrder": "asc or desc"}


@api.route("GET", "/api/integrations", **READ, answer=f"{MODELS}:CatalogPage", query={**chosen.QUERY, **SORTED})
def list_providers(request: Request) -> Answer:
    """List the active providers; `available` says whether the tenant has the plan for one."""
    listing = page_of(chosen.listed(_all(request), request.query), request.page(), SORTABLE)
    return ok(request.listed("providers", listing, views.seen_by(views.for_tenant, _plans(request))))


@api.route("GET", "/api/integrations/{key}/{id}", **READ, answer=f"{MODELS}:CatalogProvider")
def get(request: Request) -> Answer:
    """Get a provider, also one in beta or deprecated: the integrations of a tenant may use it."""
    found = _found(request)
    if not chosen.is_in(found, request.path["key"]):
        raise ProviderNotFound
    return ok(views.for_tenant(_plans(request), found))


@api.route(
    "GET",
    MARKETPLACE,
    **READ,
    answer=f"{MODELS}:Marketplace",
    query={name: text for name, text in chosen.QUERY.items() if name != "offset"},
    cache_s=HOUR_S,
)
def list_marketplace(request: Request) -> Answer:
    """List the active providers as a bare array: X-Total-Count says how many there are, Link where it goes on."""
    cursor = request.query.get("cursor")
    page = PageQuery.of({"limit": str(MAX_LIMIT), **request.query}, request.open_cursor(cursor) if cursor else None)
    listing = page_of(chosen.listed(_all(request), request.query), page, SORTABLE)
    view = views.seen_by(views.marketplace, _plans(request))
    headers = {"X-Total-Count": str(listing.total)}
    if listing.has_more:
        query = urlencode({**request.query, "cursor": request.seal_cursor(listing.position)})
        headers["Link"] = f'<{MARKETPLACE}?{query}>; rel="next"'
    return Answer(200, [view(item) for item in listing.items], headers)


@api.route(
    "GET",
    V1,
    **READ,
    answer=f"{MODELS}:V1ProviderPage",
    query={**chosen.QUERY, **SORTED, "status": "ACTIVE (default), BETA or DEPRECATED"},
)
def list_v1(request: Request) -> Answer:
    """List providers, the active ones unless `status` asks for others."""
    listing = page_of(chosen.in_v1(_all(request), request.query), request.page(), SORTABLE)
    return ok(request.listed("data", listing, views.seen_by(views.v1, _plans(request))))


@api.route("GET", f"{V1}/categories", **READ, answer=f"{MODELS}:V1Categories", query={"limit": "How many, 1 to 100"})
def list_categories(request: Request) -> Answer:
    """List the categories of providers."""
    names = categories.all_in_v1(item for item in _all(request) if availability.is_listed(item))
    rows = [{"sk": f"{number:04d}", "name": name} for number, name in enumerate(names)]
    listing = page_of(rows, request.page(), ("sk",))
    return ok(request.listed("data", listing, lambda row: row["name"]))


@api.route("GET", f"{V1}/{{id}}", **READ, answer=f"{MODELS}:V1Provider")
def get_v1(request: Request) -> Answer:
    """Get a provider."""
    return ok(views.v1(_plans(request), _found(request)))


@api.route("GET", f"{V1}/{{id}}/schema", **READ, answer=f"{MODELS}:ConfigSchema")
def get_schema(request: Request) -> Answer:
    """Get the JSON Schema of the settings that an integration of the provider takes."""
    return ok(views.provider(_found(request))["configSchema"])


def _all(request: Request) -> list[Item]:
    return providers.list_all(request.resources.tables.config)


def _found(request: Request) -> Item:
    """Return the provider that the path names; what the tenant may not see is not there."""
    found = providers.get(request.resources.tables.config, request.path["id"]).item
    availability.must_be_shown(found)
    return found


def _plans(request: Request) -> tuple[str, ...]:
    return tenant_settings.get(request.resources.tables.config, request.caller.tenant).plans
