"""OAuth 2.0 in the browser: flows that connect integrations (S001 to S004), links to them, tokens on request."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from hub.access import callers
from hub.core import events, rate_limit
from hub.core.answers import Answer, created, ok
from hub.core.api import Api, Request
from hub.core.caller import PUBLIC, Caller, admins, members
from hub.core.clock import iso
from hub.core.config import dashboard_url
from hub.core.journal import Change
from hub.core.resources import resources
from hub.core.tables import Table
from hub.integrations import tenant_settings
from hub.integrations.connections import connection_views, diagnosis, stored_tokens
from hub.integrations.connections.connections import ConnectionNotFound
from hub.integrations.connections.marks import Marks
from hub.integrations.instances import beside, integrations, views_v1
from hub.integrations.oauth import browser, return_urls, targets, tickets
from hub.integrations.oauth.browser import Door, Opened
from hub.integrations.oauth.finish import Finisher, FlowFailed, Returned
from hub.integrations.oauth.oauth_models import (
    LinkRequest,
    OAuthAuthorize,
    OAuthReturned,
    OAuthStart,
    ReconnectLinkRequest,
    TokenRefresh,
)
from hub.integrations.oauth.one_time import Issued
from hub.integrations.oauth.renewed import Renewal
from hub.integrations.oauth.start import Wanted, start
from hub.integrations.oauth.states import Flow
from hub.integrations.oauth.targets import Target
from hub.integrations.oauth.tickets import Ticket
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.outbound.retry import Sender

api = Api("oauth")
handler = api.handle

TENANT: dict[str, Any] = {"access": admins("integrations:write"), "rate": "connection"}
# What a user's own connection needs is the user; what is the tenant's, the features refuse to others.
USER: dict[str, Any] = {"access": members(), "rate": "connection"}
ANYONE: dict[str, Any] = {"access": members("integrations:write"), "rate": "connection"}
BROWSER: dict[str, Any] = {"access": PUBLIC, "rate": None, "status": 302}
MODELS = "hub.integrations.oauth.oauth_models"
START, STARTED = f"{MODELS}:OAuthStart", f"{MODELS}:OAuthStarted"
LINK = f"{MODELS}:OAuthLink"
RETURN = {"code": "Of the provider", "state": "Of the flow", "error": "Of the provider, in place of a code"}
RECONNECT = "/api/v1/connections/reconnect"
Find = Callable[[Table, Caller, str], Target]


# Flows


@api.route("POST", "/api/tenant/integrations/{id}/connect/oauth", **TENANT, body=START, answer=STARTED)
def start_for_tenant(request: Request) -> Answer:
    """Begin to connect an integration for the whole tenant with OAuth 2.0."""
    return _started(request, targets.of_tenant, request.parsed(OAuthStart).returnUrl)


@api.route("POST", "/api/user/integrations/{id}/connect/oauth", **USER, body=START, answer=STARTED)
def start_for_user(request: Request) -> Answer:
    """Begin to connect an integration for oneself with OAuth 2.0."""
    return _started(request, targets.of_user, request.parsed(OAuthStart).returnUrl)


@api.route(
    "POST", "/api/v1/integrations/{id}/oauth/authorize", **ANYONE, body=f"{MODELS}:OAuthAuthorize", answer=STARTED
)
def authorize(request: Request) -> Answer:
    """Begin to connect an integration with OAuth 2.0; a page at `redirectUri` can post the code itself."""
    wanted = request.parsed(OAuthAuthorize)
    return _started(request, targets.of_caller, wanted.returnUrl, wanted.redirectUri)


@api.route("GET", "/api/integrations/oauth/callback", **BROWSER, query=RETURN)
def callback(request: Request) -> Answer:
    """Finish a flow: where the provider sends the browser back to, and the hub on to its returnUrl."""
    query = request.query
    state, code, error = (query.get(name, "") for name in ("state", "code", "error"))
    path = request.route.path.replace("{provider}", request.path.get("provider", ""))
    returned = Returned(state, code, return_urls.shown_error(error), path)
    try:
        flow = _finisher(request).finish(returned)
    except FlowFailed as failure:
        return _sent_back(failure.flow, {"error": failure.reason, "integrationId": failure.flow.integration_id})
    return _sent_back(flow, {"status": "connected", "integrationId": flow.integration_id})


@api.route(
    "POST",
    "/api/v1/integrations/{id}/oauth/callback",
    **ANYONE,
    body=f"{MODELS}:OAuthReturned",
    answer="hub.integrations.instances.v1_models:Integration",
)
def finish(request: Request) -> Answer:
    """Finish a flow with the code and the state that a page of your own received."""
    sent, caller = request.parsed(OAuthReturned), request.caller
    error = return_urls.shown_error(sent.error or "")
    returned = Returned(sent.state, sent.code or "", error, caller=caller, integration_id=request.path["id"])
    try:
        flow = _finisher(request).finish(returned)
    except FlowFailed as failure:
        raise failure.cause from failure
    config = request.resources.tables.config
    item = integrations.get(config, flow.tenant, flow.integration_id, user=caller.user)
    answer = ok(views_v1.one(beside.one(config, item)))
    return request.change.commit(answer) if request.reservation else answer


# Links


@api.route("POST", "/integrations/oauth/{provider}/link", **USER, status=201, body=f"{MODELS}:LinkRequest", answer=LINK)
def link(request: Request) -> Answer:
    """Make a link that connects a provider for oneself, to open once in a browser within 10 minutes."""
    entry = browser.provider_named(request.resources.tables.config, request.path["provider"])
    ticket = _ticket(request, request.parsed(LinkRequest).returnUrl, provider=entry.id)
    place = f"/integrations/oauth/{request.path['provider']}/authorize"
    return _linked(request, tickets.issue(request.resources.tables.coordination, ticket, tickets.LINK_LIVES_S), place)


@api.route(
    "GET",
    "/integrations/oauth/{provider}/authorize",
    **BROWSER,
    query={"ticket": "Of a link; without one, a Bearer token is needed", "returnUrl": "Where the browser goes then"},
)
def authorize_in_browser(request: Request) -> Answer:
    """Send the browser to a provider of the cards product, to connect it for the user of the link or the token."""
    name = request.path["provider"]
    entry = browser.provider_named(request.resources.tables.config, name)
    door, secret = _door(request), request.query.get("ticket")
    opened = door.opened(secret, entry.id) if secret else None
    caller, return_url = _visitor(request, opened)
    wanted = Wanted(request.base_url, return_url, callback=f"/integrations/oauth/{name}/callback")
    return _redirected(door.connect_own(entry, caller, wanted, opened).authorization_url)


@api.route("GET", "/integrations/oauth/{provider}/callback", **BROWSER, query=RETURN)
def callback_of_provider(request: Request) -> Answer:
    """Finish a flow that began at a provider's own address."""
    return callback(request)


@api.route(
    "POST",
    "/api/v1/connections/{id}/reconnect-link",
    **ANYONE,
    status=201,
    body=f"{MODELS}:ReconnectLinkRequest",
    answer=LINK,
)
def reconnect_link(request: Request) -> Answer:
    """Make a link with which somebody connects this connection again in a browser, without signing in to the hub."""
    tables, wanted = request.resources.tables, request.parsed(ReconnectLinkRequest)
    connection = diagnosis.visible(tables, request.caller, request.path["id"])
    targets.of_connection(tables.config, connection)  # a link that could not work is not made
    about = {"connection_id": connection["sk"], "generation": connection["generation"]}
    ticket = _ticket(request, wanted.returnUrl, **about)
    return _linked(request, tickets.issue(tables.coordination, ticket, wanted.expiresIn), RECONNECT)


@api.route("GET", RECONNECT, **BROWSER, query={"ticket": "Of the link"})
def reconnect(request: Request) -> Answer:
    """Send the browser of whoever holds a reconnect link to the provider."""
    door = _door(request)
    opened = door.opened(request.query.get("ticket", ""))
    return _redirected(door.reconnect(opened, Wanted(request.base_url, opened.ticket.return_url)).authorization_url)


# Tokens


@api.route(
    "POST",
    "/api/v1/teams/{teamId}/oauth-tokens/{oauthId}/refresh",
    **ANYONE,
    body=f"{MODELS}:TokenRefresh",
    answer="hub.integrations.connections.connection_models:OAuthToken",
)
def refresh_token(request: Request) -> Answer:
    """Put the token that you bring in place of a stored one, or have the hub ask the provider for the next."""
    tables, caller = request.resources.tables, request.caller
    if request.path["teamId"] != caller.tenant.id:
        raise ConnectionNotFound
    connection, integration = stored_tokens.get(tables.config, caller, request.path["oauthId"])
    wanted, renewal = request.parsed(TokenRefresh), Renewal.of(request.change, resources().vault, connection)
    shown = renewal.put(wanted) if wanted.newToken else renewal.fetch(client(request), _marks(request))
    return request.change.commit(ok(connection_views.oauth_token(shown, stored_tokens.name_of(integration))))


# What a request needs


def client(request: Request) -> Sender:
    """Return the way out to token servers. The tests put one in memory here."""
    return _client(request.own_hosts)


def _started(request: Request, find: Find, return_url: str | None, redirect_uri: str | None = None) -> Answer:
    """Begin a flow of its own, also for a request that is sent again: nothing that opens a flow is kept in clear."""
    target = find(request.resources.tables.config, request.caller, request.path["id"])
    # What a tenant wrote into a definition is as little trusted as what a request says.
    if redirect_uri is None and not target.provider:
        redirect_uri = target.auth.redirect_uri
    wanted = Wanted(request.base_url, _checked(request, return_url), _checked(request, redirect_uri, "redirectUri"))
    change = Change(request.resources.tables, request.caller, request.id, request.resources.settings.retention_days)
    started = start(change, target, wanted)
    return change.commit(ok(started.view()))


def _checked(request: Request, url: str | None, name: str = "returnUrl", caller: Caller | None = None) -> str:
    if url is None:
        return ""
    tenant = (caller or request.caller).tenant
    own = tenant_settings.get(request.resources.tables.config, tenant).return_origins
    return return_urls.checked(url, [*own, *request.resources.settings.return_origins, request.base_url], name)


def _ticket(request: Request, return_url: str | None, **what: Any) -> Ticket:
    caller = request.caller
    return Ticket(caller.tenant.id, caller.user, caller.key_id, return_url=_checked(request, return_url), **what)


def _linked(request: Request, issued: Issued, place: str) -> Answer:
    """Store a ticket and answer its link; like a flow, a link is made anew each time."""
    change = Change(request.resources.tables, request.caller, request.id, request.resources.settings.retention_days)
    change.add(issued.write)
    change.audit("oauth.link_made", request.path.get("id") or request.path["provider"], expiresAt=iso(issued.ends_s))
    url = f"{request.base_url}{place}?ticket={issued.secret}"
    return change.commit(created({"url": url, "expiresAt": iso(issued.ends_s)}))


def _visitor(request: Request, opened: Opened | None) -> tuple[Caller, str]:
    """Return in whose name a browser came: with a ticket its maker's, else its token's."""
    if opened is not None:
        return opened.ticket.caller, opened.ticket.return_url
    caller = callers.verify(request.headers.get("authorization", ""))
    members().admit(caller)
    request.allowance = rate_limit.take(request.resources.tables, request.resources.settings, caller, "connection")
    return caller, _checked(request, request.query.get("returnUrl"), caller=caller)


def _sent_back(flow: Flow, params: Mapping[str, str]) -> Answer:
    return _redirected(return_urls.with_params(flow.return_url or dashboard_url(), params))


def _redirected(url: str) -> Answer:
    return Answer(302, None, {"Location": url})


def _door(request: Request) -> Door:
    found = request.resources
    return Door(found.tables, request.id, found.settings.retention_days, partial(events.hint, found))


def _finisher(request: Request) -> Finisher:
    found = request.resources
    return Finisher(
        found.tables,
        resources().vault,
        client(request),
        Guard.from_text(found.settings.outbound_allowed_private, own_hosts=request.own_hosts),
        request.id,
        found.settings.retention_days,
        partial(events.hint, found),
    )


def _marks(request: Request) -> Marks:
    found = request.resources
    return Marks(found.tables, found.settings.retention_days, partial(events.hint, found))


# Kept for the life of the process: connections are reused by the next flow.
@lru_cache(maxsize=4)
def _client(own_hosts: frozenset[str]) -> Client:
    return Client(Guard.from_text(resources().settings.outbound_allowed_private, own_hosts=own_hosts))
