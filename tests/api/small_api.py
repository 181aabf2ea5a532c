"""An API of the tests' own: one route for each thing that the edge does for every function."""

from botocore.exceptions import ClientError

from hub import document_views, documents
from hub.core.answers import Answer, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.caller import PUBLIC, admins, members
from hub.core.errors import Retryable
from hub.core.ids import new_id

CANARY = "canary-4e4e"

api = Api("small")
handler = api.handle

MEMBER = members("contacts:read")


@api.route("GET", "/small/notes", access=MEMBER, rate="integration")
def list_notes(_request: Request) -> Answer:
    """Answer the same to everyone."""
    return ok({"items": ["a", "b"]})


@api.route("POST", "/small/notes", access=admins("contacts:write"), rate="integration", status=201)
def add_note(request: Request) -> Answer:
    """Create a document under a new id."""
    made = documents.put(request.change, "note", new_id("doc"), request.json_object(), None)
    return request.change.commit(created(document_views.view(made)))


@api.route("POST", "/small/empty/{id}", access=MEMBER, rate="integration", status=204)
def add_nothing(request: Request) -> Answer:
    """Write an audit entry and answer nothing."""
    request.change.audit("nothing.added", request.path["id"])
    return request.change.commit(no_content())


@api.route("POST", "/small/echo", access=MEMBER, rate=None)
def echo(request: Request) -> Answer:
    """Answer what was sent."""
    return ok({"sent": request.json()})


@api.route("GET", "/small/cached", access=MEMBER, rate=None, cache_s=3600)
def cached(_request: Request) -> Answer:
    """Answer what a browser may keep for an hour."""
    return ok({"words": "long-lived"})


@api.route("GET", "/small/search", access=MEMBER, rate="search")
def search(_request: Request) -> Answer:
    """Stand for a call that reaches another system."""
    return ok({})


@api.route("GET", "/small/public", access=PUBLIC, rate=None)
def public(_request: Request) -> Answer:
    """Answer anyone."""
    return ok({})


@api.route("GET", "/small/broken", access=MEMBER, rate=None)
def broken(_request: Request) -> Answer:
    """Fail as code with a fault does."""
    raise RuntimeError(f"https://api.test/?token={CANARY}")


@api.route("GET", "/small/broken-public", access=PUBLIC, rate=None)
def broken_public(_request: Request) -> Answer:
    """Fail where everyone can see it."""
    raise KeyError(CANARY)


@api.route("GET", "/small/no-storage", access=MEMBER, rate=None)
def no_storage(_request: Request) -> Answer:
    """Fail as DynamoDB does."""
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": CANARY}}, "GetItem")


@api.route("GET", "/small/upstream", access=MEMBER, rate=None)
def upstream(_request: Request) -> Answer:
    """Fail as another system does."""
    raise Retryable("api.test did not answer in time.", host="api.test", nothing=None)
