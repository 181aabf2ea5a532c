"""The catalogue of providers as its operator keeps it (spec S001, "Integration Provider Endpoints")."""

from typing import TYPE_CHECKING, Any

from hub.core.answers import Answer, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import SUPER_ADMIN
from hub.core.errors import BadRequest, Conflict, ProviderNotFound
from hub.core.listing import page_of
from hub.core.tables import ConditionFailed
from hub.integrations.catalog import chosen, providers, views
from hub.integrations.catalog.providers import ProviderEntry

if TYPE_CHECKING:
    from hub.integrations.catalog.lifecycle import Desk

api = Api("provider_admin")
handler = api.handle

ADMIN: dict[str, Any] = {"access": SUPER_ADMIN, "rate": "provider"}
BASE = "/api/admin/integrations"
PLACE = f"{BASE}/{{category}}/{{id}}"
MODELS = "hub.integrations.catalog.catalog_models"
FULL = f"{MODELS}:FullProvider"
SORTABLE = ("displayName", "name", "category", "status", "createdAt", "updatedAt")


@api.route("POST", BASE, **ADMIN, status=201, body=f"{MODELS}:NewProvider", answer=FULL)
def create(request: Request) -> Answer:
    """Create a provider; without `connector` and `methods` its integrations cannot call."""
    from hub.integrations.catalog import lifecycle  # the connector format: loaded where a provider is written

    made = lifecycle.create(_desk(request), request.json_object())
    return _commit(request, created(views.full(made)))


@api.route(
    "GET",
    BASE,
    **ADMIN,
    answer=f"{MODELS}:AdminProviderPage",
    query={
        **chosen.QUERY,
        "audience": "system or tenant",
        "status": "active, beta, deprecated or disabled",
        "sortBy": ", ".join(SORTABLE),
        "sortOrder": "asc or desc",
    },
)
def list_providers(request: Request) -> Answer:
    """List all providers, whatever their status and audience."""
    listing = page_of(chosen.of_all(_all(request), request.query), request.page(), SORTABLE)
    return ok(request.listed("providers", listing, views.for_admin))


@api.route("GET", PLACE, **ADMIN, answer=FULL)
def get(request: Request) -> Answer:
    """Get a provider with its connector; the secret of its OAuth client shows as a handle."""
    return ok(views.full(_found(request)))


@api.route("PATCH", PLACE, **ADMIN, body=f"{MODELS}:ProviderPatch", answer=FULL)
def update(request: Request) -> Answer:
    """Change a provider: a JSON merge patch (RFC 7396); `oauthConfig` takes the operator's OAuth client."""
    from hub.integrations.catalog import lifecycle

    current = _found(request)
    request.must_match(current.item["version"])
    return _commit(request, ok(views.full(lifecycle.update(_desk(request), current, request.json_object()))))


@api.route("DELETE", PLACE, **ADMIN, status=204, query={"force": "true: also while integrations use it"})
def delete(request: Request) -> Answer:
    """Delete a provider; while integrations use it only with ?force=true, and those can no longer call."""
    from hub.integrations.catalog import lifecycle

    current = _found(request)
    request.must_match(current.item["version"])
    lifecycle.delete(request.change, current, force=_is_forced(request))
    return _commit(request, no_content())


@api.route("PATCH", f"{PLACE}/status", **ADMIN, body=f"{MODELS}:StatusChange", answer=f"{MODELS}:StatusChanged")
def set_status(request: Request) -> Answer:
    """Set a provider's status; later deployments leave it."""
    from hub.integrations.catalog.catalog_models import StatusChange

    return _word_set(request, "status", request.parsed(StatusChange).status)


@api.route("PATCH", f"{PLACE}/audience", **ADMIN, body=f"{MODELS}:AudienceChange", answer=f"{MODELS}:AudienceChanged")
def set_audience(request: Request) -> Answer:
    """Set for whom a provider is; later deployments leave it."""
    from hub.integrations.catalog.catalog_models import AudienceChange

    return _word_set(request, "audience", request.parsed(AudienceChange).audience)


def _word_set(request: Request, name: str, value: str) -> Answer:
    from hub.integrations.catalog import lifecycle

    current = _found(request)
    request.must_match(current.item["version"])
    changed = lifecycle.set_word(request.change, current, name, value)
    return _commit(request, ok({"id": changed.id, name: value, "updatedAt": changed.item["updatedAt"]}))


def _all(request: Request) -> list[Item]:
    return providers.list_all(request.resources.tables.config)


def _found(request: Request) -> ProviderEntry:
    """Return the provider that the path names; in another category it is not there."""
    found = providers.get(request.resources.tables.config, request.path["id"])
    if not chosen.is_in(found.item, request.path["category"]):
        raise ProviderNotFound
    return found


def _desk(request: Request) -> "Desk":
    from hub.integrations.catalog.lifecycle import Desk
    from hub.outbound.guard import Guard

    guard = Guard.from_text(request.resources.settings.outbound_allowed_private, own_hosts=request.own_hosts)
    return Desk(request.change, request.vault, guard)


def _is_forced(request: Request) -> bool:
    text = request.query.get("force", "false")
    if text not in ("true", "false"):
        raise BadRequest(f"`force` must be true or false, found {text[:40]!r}.")
    return text == "true"


def _commit(request: Request, answer: Answer) -> Answer:
    try:
        return request.change.commit(answer)
    except ConditionFailed as failure:
        if failure.found and request.route.method == "POST":
            raise Conflict("A provider of this name exists already; choose another.", field="provider") from None
        raise
