"""Documents: reading what syncs and webhooks stored, local edits, and the change stream."""

from hub import documents
from hub.core.answers import Answer, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import members
from hub.core.errors import BadRequest

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
    return ok(request.uncounted("items", found, documents.view, has_more))


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
    changed = [documents.change_view(item) for item in found]
    return ok(
        {"changes": changed, "limit": page.limit, "hasMore": has_more, "nextCursor": request.seal_cursor(reached)}
    )


@api.route("GET", "/api/v1/documents/{type}/{id}", access=READ, rate="documents", answer=ONE)
def get(request: Request) -> Answer:
    """Get one document."""
    return ok(documents.view(_found(request)))


@api.route(
    "PUT",
    "/api/v1/documents/{type}/{id}",
    access=WRITE,
    rate="documents",
    body="hub.documents_models:DocumentEdit",
    answer=ONE,
)
def put(request: Request) -> Answer:
    """Create or replace one document: a local edit; `If-Match` with the version guards against a lost update."""
    content = request.json_object().get("content")
    if not isinstance(content, dict) or len(request.json_object()) != 1:
        raise BadRequest('The body must be {"content": {...}} with the document\'s fields.')
    document_type, document_id = request.path["type"], request.path["id"]
    before = documents.find(request.resources.tables.documents, request.caller.tenant, document_type, document_id)
    request.must_match(before["version"] if documents.exists(before) else 0)
    after = documents.put(request.change, document_type, document_id, content, before)
    answer = ok if documents.exists(before) else created
    return request.change.commit(answer(documents.view(after)))


@api.route("DELETE", "/api/v1/documents/{type}/{id}", access=WRITE, rate="documents", status=204)
def delete(request: Request) -> Answer:
    """Delete one document; the change stream shows the deletion."""
    before = _found(request)
    request.must_match(before["version"])
    keep_days = request.resources.settings.retention_days
    documents.delete(request.change, request.path["type"], before, keep_days)
    return request.change.commit(no_content())


def _found(request: Request) -> Item:
    table = request.resources.tables.documents
    return documents.get(table, request.caller.tenant, request.path["type"], request.path["id"])
