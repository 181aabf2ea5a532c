"""Connections: credentials are stored here and cannot be read (specs S001, S002 and S003)."""

from typing import TYPE_CHECKING, Any

from hub.core.answers import Answer, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import admins, members
from hub.core.errors import NotFound
from hub.core.listing import page_of
from hub.core.tables import ConditionFailed
from hub.integrations.connections import connection_views, connections, stored_tokens

if TYPE_CHECKING:
    from hub.integrations.connected import Connected
    from hub.integrations.connections.connect import Desk
    from hub.integrations.connections.methods import Entered
    from hub.outbound.guard import Guard

api = Api("connections")
handler = api.handle

READ = members("integrations:read")
WRITE = admins("integrations:write")
STORE = members("integrations:write")
USER = members()
MODELS = "hub.integrations.connections.connection_models"
CONNECTION = f"{MODELS}:Connection"
TOKEN = f"{MODELS}:OAuthToken"
GONE = f"{MODELS}:Disconnected"

Json = dict[str, Any]


@api.route(
    "POST",
    "/api/tenant/integrations/{id}/connect/api-key",
    access=WRITE,
    rate="connection",
    body=f"{MODELS}:ApiKeyCredentials",
    answer=CONNECTION,
)
def connect_api_key(request: Request) -> Answer:
    """Connect an integration with an API key, or an access token."""
    from hub.integrations.connected import entry_of
    from hub.integrations.connections.connection_models import ApiKeyCredentials
    from hub.integrations.connections.methods import KEYS, Entered, with_one_secret

    body, found = request.parsed(ApiKeyCredentials), _of_tenant(request)
    values = with_one_secret(entry_of(found), KEYS, body.apiKey)
    return _connected(request, found, Entered(values, KEYS, found.owner, body.displayName))


@api.route(
    "POST",
    "/api/tenant/integrations/{id}/connect/basic",
    access=WRITE,
    rate="connection",
    body=f"{MODELS}:BasicCredentials",
    answer=CONNECTION,
)
def connect_basic(request: Request) -> Answer:
    """Connect an integration with a user name and a password."""
    from hub.integrations.connections.connection_models import BasicCredentials
    from hub.integrations.connections.methods import BASIC, Entered

    body, found = request.parsed(BasicCredentials), _of_tenant(request)
    values = {"username": body.username, "password": body.password}
    return _connected(request, found, Entered(values, BASIC, found.owner, body.displayName))


@api.route(
    "POST",
    "/api/tenant/integrations/{id}/connect/custom",
    access=WRITE,
    rate="connection",
    body=f"{MODELS}:CustomCredentials",
    answer=CONNECTION,
)
def connect_custom(request: Request) -> Answer:
    """Connect an integration with the credentials that its provider names."""
    from hub.integrations.connections.connection_models import CustomCredentials
    from hub.integrations.connections.methods import ANY, Entered

    body, found = request.parsed(CustomCredentials), _of_tenant(request)
    return _connected(request, found, Entered(body.credentials, ANY, found.owner, body.displayName, at="/credentials"))


@api.route(
    "GET",
    "/api/tenant/integrations/{id}/connection",
    access=WRITE,
    rate="connection",
    answer=f"{MODELS}:ConnectionState",
)
def get_connection(request: Request) -> Answer:
    """Get the state of an integration's connection."""
    return ok(connection_views.state(_shared(request)[1]))


@api.route("POST", "/api/tenant/integrations/{id}/disconnect", access=WRITE, rate="connection", answer=GONE)
def disconnect(request: Request) -> Answer:
    """Disconnect an integration: its secrets are deleted, its tokens given back to the provider."""
    return _disconnected(request, *_shared(request))


@api.route(
    "PATCH",
    "/api/tenant/integrations/{id}/credentials",
    access=WRITE,
    rate="connection",
    body=f"{MODELS}:NewCredentials",
    answer=f"{MODELS}:StoredCredentials",
)
def replace_credentials(request: Request) -> Answer:
    """Replace the credentials of an integration; `oauth` also takes an OAuth client of the tenant's own."""
    from hub.integrations.connections import connect, methods
    from hub.integrations.connections.connection_models import NewCredentials

    body, found = request.parsed(NewCredentials), _of_tenant(request)
    kinds = methods.BY_CREDENTIAL_TYPE[body.credentialType]
    connection = connect.connect(
        _desk(request), found, methods.Entered(body.credentials, kinds, found.owner, at="/credentials")
    )
    name = connect.credential_secret_name(connection)
    return request.change.commit(
        ok({"success": True, "credentialSecretName": name, "updatedAt": connection["connectedAt"]})
    )


@api.route(
    "GET",
    "/api/user/integrations/{id}/connection",
    access=USER,
    rate="connection",
    answer=f"{MODELS}:UserConnection",
)
def get_user_connection(request: Request) -> Answer:
    """Get whether the calling user has connected an integration."""
    return ok(connection_views.of_user(_own(request)[1]))


@api.route("POST", "/api/user/integrations/{id}/disconnect", access=USER, rate="connection", answer=GONE)
def disconnect_user(request: Request) -> Answer:
    """Disconnect the calling user from an integration."""
    integration, connection = _own(request)
    if connection is None:
        raise connections.ConnectionNotFound
    return _disconnected(request, integration, connection)


@api.route(
    "POST",
    "/integrations/connect",
    access=USER,
    rate="connection",
    status=201,
    body=f"{MODELS}:CardsConnect",
    answer="hub.integrations.instances.cards_models:ConnectedCardsIntegration",
)
def connect_card(request: Request) -> Answer:
    """Connect a provider for the calling user; where there is a connection already, its credentials are replaced."""
    from hub.integrations.connections.connection_models import CardsConnect
    from hub.integrations.instances import cards_connect, views_cards
    from hub.integrations.instances.changing import Writer

    writer = Writer(request.change, request.vault, _guard(request))
    shown = cards_connect.connect(writer, request.parsed(CardsConnect))
    return _committed(request, created(views_cards.connected(shown)))


@api.route(
    "POST",
    "/api/v1/teams/{teamId}/oauth-tokens",
    access=STORE,
    rate="connection",
    status=201,
    body=f"{MODELS}:NewOAuthToken",
    answer=TOKEN,
)
def store_token(request: Request) -> Answer:
    """Store a user's OAuth token; one of the same provider is replaced."""
    from hub.integrations.connections import storing
    from hub.integrations.connections.connection_models import NewOAuthToken

    body = request.parsed(NewOAuthToken)
    _must_be_team(request, body.teamId)
    connection = storing.store(_desk(request), body)
    return _committed(request, created(connection_views.oauth_token(connection, body.provider)))


@api.route(
    "GET",
    "/api/v1/teams/{teamId}/oauth-tokens",
    access=READ,
    rate="connection",
    answer=TOKEN,
    cache_s=1800,
    query={"provider": "salesforce, hubspot, slack, microsoft, google or custom", "userId": "Whose token"},
)
def find_token(request: Request) -> Answer:
    """Find a user's stored OAuth token; it is never shown again, but masked."""
    _must_be_team(request)
    user, provider = request.query.get("userId") or request.caller.user, request.query.get("provider", "")
    stored_tokens.must_be_own(request.caller, user)
    connection = stored_tokens.find(request.resources.tables.config, request.caller, user, provider)
    return ok(connection_views.oauth_token(connection, provider))


@api.route("DELETE", "/api/v1/teams/{teamId}/oauth-tokens/{oauthId}", access=STORE, rate="connection", status=204)
def revoke_token(request: Request) -> Answer:
    """Revoke a stored OAuth token: it is given back to the provider and deleted."""
    from hub.integrations.connections.disconnect import disconnect as end

    _must_be_team(request)
    config = request.resources.tables.config
    connection, integration = stored_tokens.get(config, request.caller, request.path["oauthId"])
    end(request.change, integration, connection)
    answer = request.change.commit(no_content())
    _hint(request, connection)
    return answer


@api.route(
    "GET",
    "/api/v1/integrations/{id}/connections",
    access=READ,
    rate="connection",
    answer=f"{MODELS}:ConnectionRows",
    query={"limit": "How many, 1 to 100", "offset": "How many to skip", "cursor": "Where to go on"},
)
def list_connections(request: Request) -> Answer:
    """List the connections of an integration; a user sees the tenant's and their own."""
    from hub.integrations.instances import integrations

    config, caller = request.resources.tables.config, request.caller
    integration = integrations.get(config, caller.tenant, request.path["id"], _user(request))
    found = connections.list_of(config, integration)
    if not stored_tokens.is_admin(caller):
        found = [each for each in found if each["owner"] in _owners(request)]
    listing = page_of(found, request.page(), sortable=("connectedAt", "owner"))
    return ok(request.listed("data", listing, connection_views.row))


@api.route(
    "GET",
    "/api/v1/connections/{id}/diagnosis",
    access=READ,
    rate="connection",
    answer="hub.integrations.connections.diagnosis_models:ConnectionDiagnosis",
)
def diagnose(request: Request) -> Answer:
    """Say why a connection does not work, and who must do what."""
    from hub.integrations.connections import diagnosis

    tables = request.resources.tables
    return ok(diagnosis.diagnose(tables, diagnosis.visible(tables, request.caller, request.path["id"])))


def _of_tenant(request: Request) -> "Connected":
    """Return the integration with the connection that it shares."""
    from hub.integrations.connected import load

    config = request.resources.tables.config
    return load(config, request.caller.tenant, request.path["id"], user=_user(request), is_shared=True)


def _shared(request: Request) -> tuple[Item, Item]:
    """Return the integration and the connection that it shares, also while the catalogue has no such provider."""
    from hub.integrations.instances import beside

    found = beside.load(request.resources.tables.config, request.caller.tenant, request.path["id"], _user(request))
    if found.connection is None:
        raise connections.ConnectionNotFound
    return found.item, found.connection


def _own(request: Request) -> tuple[Item, Item | None]:
    """Return the integration and the user's own connection; what a tenant shares is not theirs to see or to end."""
    from hub.integrations.instances import integrations

    config, caller = request.resources.tables.config, request.caller
    integration = integrations.get(config, caller.tenant, request.path["id"], caller.user)
    found = connections.of(config, integration, connections.owner_of_user(caller.user))
    return integration, None if found is None or found["status"] == "revoked" else found


def _user(request: Request) -> str:
    """Return the user who calls; a program is none, whoever made its key."""
    return "" if request.caller.key_id else request.caller.user


def _owners(request: Request) -> tuple[str, str]:
    return connections.TENANT, connections.owner_of_user(_user(request))


def _connected(request: Request, found: "Connected", entered: "Entered") -> Answer:
    from hub.integrations.connections.connect import connect

    connection = connect(_desk(request), found, entered)
    return request.change.commit(ok(connection_views.connected(connection)))


def _disconnected(request: Request, integration: Item, connection: Item) -> Answer:
    from hub.integrations.connections.disconnect import disconnect as end

    ended = end(request.change, integration, connection)
    answer = ok(connection_views.disconnected(ended))
    if ended is connection:  # it was over before
        return answer
    answer = request.change.commit(answer)
    _hint(request, connection)
    return answer


def _hint(request: Request, connection: Item) -> None:
    """Have the tokens given back now; the sweeper would within a minute."""
    from hub.integrations.connections import revocations

    if connection["method"] == "oauth2":
        revocations.hint(request.resources, connection)


def _desk(request: Request) -> "Desk":
    from hub.integrations.connections.connect import Desk

    return Desk(request.change, request.vault, _guard(request))


def _guard(request: Request) -> "Guard":
    from hub.outbound.guard import Guard

    return Guard.from_text(request.resources.settings.outbound_allowed_private, own_hosts=request.own_hosts)


def _must_be_team(request: Request, told: str | None = None) -> None:
    """The team of the path, and the one that the body tells, is the caller's tenant, or it is not there."""
    if {request.path["teamId"], told} - {None, request.caller.tenant.id}:
        raise NotFound("There is no such team.")


def _committed(request: Request, answer: Answer) -> Answer:
    """Commit what makes an integration unless it is there."""
    from hub.integrations.instances.integrations import explain

    try:
        return request.change.commit(answer)
    except ConditionFailed as failure:
        raise explain(failure, "It was connected by another request at this moment; send this one again.") from None
