"""Files that were sent: kept in memory, listed, and given back as they came."""

from __future__ import annotations

import hashlib
from threading import RLock

from local.sandbox.messages import Json, Refusal, Request, Response, as_json

MOST_BYTES = 1024 * 1024
MOST_FILES = 100


class Files:
    """The handlers of `/v1/files`."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._files: dict[str, tuple[Json, bytes]] = {}

    def reset(self) -> None:
        with self._lock:
            self._files.clear()

    def upload(self, request: Request) -> Response:
        """201 with `{"id", "name", "size", "content_type", "sha256"}`; the body is the file, `?name=` its name."""
        name = request.args.get("name", "")
        if not name:
            raise Refusal(400, "The file needs a name: ?name=contacts.csv")
        if len(request.body) > MOST_BYTES:
            raise Refusal(413, f"A file may have {MOST_BYTES} bytes, found {len(request.body)}")
        with self._lock:
            if len(self._files) >= MOST_FILES:
                raise Refusal(507, f"There are {MOST_FILES} files already; POST /_control/reset removes them")
            shown = self._keep(name, request)
        return as_json(shown, 201, (("location", f"{request.base}/v1/files/{shown['id']}"),))

    def list(self, _request: Request) -> Response:
        """`{"files": [...]}`, oldest first, not paged."""
        return as_json({"files": [shown for shown, _ in self._files.values()]})

    def content(self, request: Request) -> Response:
        """The file as it was sent."""
        found = self._files.get(request.params["id"])
        if found is None:
            raise Refusal(404, f"There is no file {request.params['id']}")
        shown, content = found
        return Response(200, content, (("content-type", shown["content_type"]),))

    def _keep(self, name: str, request: Request) -> Json:
        shown: Json = {
            "id": f"f{len(self._files) + 1:04d}",
            "name": name,
            "size": len(request.body),
            "content_type": request.headers.get("content-type", "application/octet-stream"),
            "sha256": hashlib.sha256(request.body).hexdigest(),
        }
        self._files[shown["id"]] = (shown, request.body)
        return shown
