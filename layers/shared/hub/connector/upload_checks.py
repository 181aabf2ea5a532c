"""What the upload words of an endpoint must be beyond the shape of their JSON."""

from collections.abc import Iterator, Mapping

from hub.connector.auth_config import ApiKeyAuth, Auth
from hub.connector.bodies import filled
from hub.connector.checks import check_headers, check_path
from hub.connector.paging import header_name
from hub.connector.request_config import Endpoint
from hub.connector.requests import BadPart, path_builder
from hub.connector.upload_config import ResumableUpload, SimpleUpload, Upload, UploadStep
from hub.connector.variables import BadText, filler
from hub.core.errors import Problem
from hub.core.problems import pointer
from hub.outbound.calls import HEADER_NAME

METHODS = ("POST", "PUT", "PATCH")
# What makes a body or reads pages has no place beside a file.
INSTEAD = ("body", "graphql", "batch", "pagination", "incremental")
CONTENTS: Mapping[str, tuple[str, ...]] = {
    "start": ("none", "metadata"),
    "part": ("part",),
    "ask": ("none",),
    "finish": ("none", "metadata"),
}


def check_upload(endpoint: Endpoint, place: str, auth: Auth | None) -> Iterator[Problem]:
    """`place` is that of the endpoint."""
    config = endpoint.upload
    if config is None:
        return
    if endpoint.method not in METHODS:
        yield Problem(f"{place}/method", f"expected one of {', '.join(METHODS)}, since the request carries a file")
    for word in INSTEAD:
        if getattr(endpoint, word) is not None:
            yield Problem(f"{place}/{word}", "cannot stand beside upload; leave it out")
    if isinstance(auth, ApiKeyAuth) and auth.key_location == "body":
        yield Problem(f"{place}/upload", "a file has no place for the key that auth puts into the body")
    yield from _check_words(config, f"{place}/upload")
    yield from _check_simple(config.simple, config, endpoint, place)
    if config.resumable:
        yield from _check_resumable(config.resumable, f"{place}/upload/resumable")


def _check_words(config: Upload, place: str) -> Iterator[Problem]:
    try:
        filled(config.metadata)
    except BadText as cause:
        yield Problem(f"{place}/metadata", str(cause))
    for name, path in {"idPath": config.id_path, "namePath": config.name_path, "sizePath": config.size_path}.items():
        yield from check_path(path, f"{place}/{name}")


def _check_simple(simple: SimpleUpload, config: Upload, endpoint: Endpoint, place: str) -> Iterator[Problem]:
    if simple.kind != "multipart_related":
        return
    if not config.metadata:
        yield Problem(f"{place}/upload/metadata", "expected the first part of a multipart body, found nothing")
    for name in (name for name in endpoint.headers if name.lower() == "content-type"):
        yield Problem(f"{place}/headers/{name}", "is set by the hub for a multipart body; leave it out")


def _check_resumable(config: ResumableUpload, place: str) -> Iterator[Problem]:
    steps = {"start": config.start, "part": config.part, "ask": config.ask, "finish": config.finish}
    for name, step in steps.items():
        if step is not None:
            yield from _check_step(step, name, f"{place}/{name}")
    if config.start.path is None:
        yield Problem(f"{place}/start/path", "expected a path: there is no session yet")
    if config.ask is None and config.finish is None:
        yield Problem(f"{place}/ask", "expected a request: without it and finish, a lost last answer is lost for good")
    yield from _check_place(config.session_path, f"{place}/sessionPath")
    for index, path in enumerate(config.offset.paths):
        yield from _check_place(path, f"{place}/offset/paths/{index}")


def _check_step(step: UploadStep, name: str, place: str) -> Iterator[Problem]:
    if step.content not in CONTENTS[name]:
        yield Problem(f"{place}/content", f"expected {' or '.join(map(repr, CONTENTS[name]))}, found {step.content!r}")
    yield from check_headers(step.headers, f"{place}/headers")
    for key, text in step.query.items():
        try:
            filler(text)
        except BadText as cause:
            yield Problem(place + pointer(("query", key)), str(cause))
    try:
        if step.path is not None:
            path_builder(step.path, {})
    except BadPart as cause:
        yield Problem(f"{place}/path", str(cause))


def _check_place(path: str, place: str) -> Iterator[Problem]:
    """A place in an answer is a JSONPath or a header."""
    header = header_name(path)
    if header is None:
        yield from check_path(path, place)
    elif not HEADER_NAME.fullmatch(header):
        yield Problem(place, "expected the name of a header after 'header:'")
