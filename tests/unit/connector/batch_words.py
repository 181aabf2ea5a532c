"""Words of batches with defaults."""

from typing import Any

from tests.unit.connector.factories import Json, endpoint

BY_POSITION = {
    "match": "position",
    "path": "$.results",
    "success": {"path": "$.ok", "value": True},
    "created": {"path": "$.new", "value": True},
    "idPath": "$.id",
    "messagePath": "$.why",
    "codePath": "$.code",
}
BY_KEY = {
    "match": "key",
    "path": "$.results",
    "keyPath": "$.email",
    "itemKeyPath": "$.email",
    "idPath": "$.id",
    "errorsPath": "$.errors",
    "errorKeyPath": "$.emails[*]",
    "messagePath": "$.why",
    "codePath": "$.code",
}
ERRORS_BY_KEY = {
    **BY_KEY,
    "match": "errors_by_key",
    "path": ["$.new", "$.old"],
    "createdIn": "$.new",
}
JOB = {
    "idPath": "$.job",
    "endpoint": "status",
    "param": "job",
    "statusPath": "$.state",
    "done": ["done"],
    "failed": ["broken"],
    "counts": {"created": "$.made", "rejected": "$.bad"},
}


def without(words: Json, *names: str) -> Json:
    return {name: value for name, value in words.items() if name not in names}


STATUS = without(
    endpoint(id="status", name="status", path="/jobs/{job}", pathParams=[{"name": "job"}], operation="get"),
    "responseMapping",
)


def batch(results: Json = BY_POSITION, **changes: Any) -> Json:
    return {"size": 3, "itemsPath": "$.inputs", "results": results, **changes}


def writes(batch_words: Json | None = None, **changes: Any) -> Json:
    """Return an endpoint that writes; without a response mapping unless one is given."""
    made = endpoint(**{"id": "write", "method": "POST", "path": "/batch", "batch": batch_words or batch(), **changes})
    return made if "responseMapping" in changes else without(made, "responseMapping")
