"""Documents: reading what syncs and webhooks stored, local edits, and the change stream."""

from datetime import datetime
from typing import Any

from hub import document_versions, document_views, documents
from hub.core import clock
from hub.core.answers import Answer, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import members
from hub.core.errors import BadRequest, NotFound

api = Api("documents")
handler = api.handle

READ = members("contacts:read")
WRITE = members("contacts:write")
ONE = "hub.documents_models:Document"
PAGED = {"limit": "How many, 1 to 100", "cursor": "Where to go on"}


@api.route(
    "GET",
    "/api/v1/documents/{type}",
    access=READ,
    rate="documents",
    answer="hub.documents_models:DocumentPage",
    query=PAGED,
)
def list_documents(request: Request) -> Answer:
    """List the documents of a type, ordered by id."""
    page, table = request.page(), request.resources.tables.documents
    found, has_more = documents.list_page(table, request.caller.tenant, request.path["type"], page.limit, page.after)
    return ok(request.uncounted("items", found, document_views.view, has_more))


@api.route(
    "GET",
    "/api/v1/documents/{type}/changes",
    access=READ,
    rate="documents",
    answer="hub.documents_models:ChangePage",
    query=PAGED,
)
def changes(request: Request) -> Answer:
    """Follow the changes of a type, oldest first; the cursor of the last page waits for the next change."""
    page, table = request.page(), request.resources.tables.documents
    after = page.after or ""
    found, has_more = documents.changes(table, request.caller.tenant, request.path["type"], page.limit, after)
    reached = found[-1]["changeKey"] if found else after
    changed = [document_views.change_view(item) for item in found]
    return ok(
        {"changes": changed, "limit": page.limit, "hasMore": has_more, "nextCursor": request.seal_cursor(reached)}
    )


@api.route(
    "GET",
    "/api/v1/documents/{type}/{id}",
    access=READ,
    rate="documents",
    answer=ONE,
    query={
        "asOf": "The document as it was at this time (ISO 8601), where its versions are kept",
        "raw": "true shows the record beside it, where that is kept",
    },
)
def get(request: Request) -> Answer:
    """Get one document, as it is or as it was."""
    found = _at(request, request.query["asOf"]) if "asOf" in request.query else _found(request)
    view = document_views.view(found)
    return ok({**view, "raw": document_views.raw_of(found)} if _is_wanted(request, "raw") else view)


@api.route(
    "PUT",
    "/api/v1/documents/{type}/{id}",
    access=WRITE,
    rate="documents",
    body="hub.documents_models:DocumentEdit",
    answer=ONE,
)
def put(request: Request) -> Answer:
    """Create or replace one document: a local edit; `If-Match` with the version guards against a lost update.

    With `history` what was there before is kept, and can be read with `asOf`.
    """
    content, keep_days = _edit(request)
    document_type, document_id = request.path["type"], request.path["id"]
    before = documents.find(request.resources.tables.documents, request.caller.tenant, document_type, document_id)
    request.must_match(before["version"] if documents.exists(before) else 0)
    after = documents.put(request.change, document_type, document_id, content, before, keep_days)
    answer = ok if documents.exists(before) else created
    return request.change.commit(answer(document_views.view(after)))


@api.route("DELETE", "/api/v1/documents/{type}/{id}", access=WRITE, rate="documents", status=204)
def delete(request: Request) -> Answer:
    """Delete one document; the change stream shows the deletion."""
    before = _found(request)
    request.must_match(before["version"])
    keep_days = request.resources.settings.retention_days
    documents.delete(request.change, request.path["type"], before, keep_days)
    return request.change.commit(no_content())


def _edit(request: Request) -> tuple[dict[str, Any], int]:
    """Return the content of the body, and for how many days what was before is to be kept."""
    body = request.json_object()
    content, history = body.get("content"), body.get("history", False)
    if not isinstance(content, dict) or not isinstance(history, bool) or body.keys() - {"content", "history"}:
        raise BadRequest('The body must be {"content": {...}} with the fields, and may have "history": true.')
    return content, request.resources.settings.retention_days if history else 0


def _at(request: Request, text: str) -> Item:
    """Return the document as it was at a time; one deleted then, or whose version is not kept, is not found."""
    time = _time(text)
    table, tenant = request.resources.tables.documents, request.caller.tenant
    document_type, document_id = request.path["type"], request.path["id"]
    found = documents.find(table, tenant, document_type, document_id)
    if found is not None and found["updatedAt"] > time:
        found = document_versions.at(table, found, time)
    if not documents.exists(found):
        raise NotFound("No document has this type and id in your tenant.")
    return found


def _time(text: str) -> str:
    try:
        given = datetime.fromisoformat(text)
        if given.tzinfo is not None:
            return clock.iso(given.timestamp())
    except (ValueError, OverflowError):  # no time, or one before the year 1 or after 9999 in UTC
        pass
    raise BadRequest("`asOf` must be a time with its zone, such as 2026-07-01T10:00:00Z.", found=text[:40])


def _is_wanted(request: Request, name: str) -> bool:
    return request.query.get(name) == "true"


def _found(request: Request) -> Item:
    table = request.resources.tables.documents
    return documents.get(table, request.caller.tenant, request.path["type"], request.path["id"])
