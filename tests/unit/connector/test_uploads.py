import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from hub.connector.definition import parse_definition
from hub.connector.plan import Means
from hub.connector.related import related_body
from hub.connector.secrets import extract_secrets
from hub.connector.transfers import Transfer
from hub.connector.upload_plans import part_body
from hub.connector.uploads import Uploaded, UploadRun, compile_upload
from hub.connector.variables import Variables
from hub.core.errors import BadDefinition, BadRequest, HubError, Refused, Retryable, TooLarge
from hub.outbound.calls import CircuitOpen, Reply
from tests.unit.connector.factories import Asked, Json, Provider, definition, endpoint, problems_of, reply
from tests.unit.connector.test_readme import EXAMPLES
from tests.unit.connector.upload_servers import (
    UNIT,
    Drive,
    Dropbox,
    Fault,
    Server,
    answers,
    lost_after,
    lost_before,
    never_sent,
)

DRIVE, DROPBOX = (json.loads(text) for kind, text in EXAMPLES if kind == "endpoint" and '"upload"' in text)
SMALLEST_IN_PARTS = 5 * 1024 * 1024 + 1
FAULTS: dict[str, Fault | None] = {
    "fine": None,
    "lost-before": lost_before,
    "lost-after": lost_after,
    "never-sent": never_sent,
    "unavailable": answers(503),
    "throttled": answers(429, retry_after="0"),
}
Kind = tuple[Json, Callable[[], Server]]
KINDS: dict[str, Kind] = {"drive": (DRIVE, Drive), "dropbox": (DROPBOX, Dropbox)}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def uploading(raw: Json, answer: Callable[[Asked], Any], settings: Json | None = None) -> UploadRun:
    retries = {"maxRetries": 3, "retryDelay": 0, "retryOn": [429, 503]}
    whole = definition(raw, auth={"type": "bearer", "token": "the-secret-token"}, retryConfig=retries)
    stored, secrets = extract_secrets(whole)
    plan = compile_upload(parse_definition({**stored, "endpoints": [{"id": "upload", **raw}]}), "upload")
    return UploadRun(plan, Variables(settings=settings or {}), Means(Provider(answer), secrets))


def sent(raw: Json, server: Callable[[Asked], Any], size: int, name: str = "export.csv") -> Uploaded:
    return uploading(with_parts(raw), server).send(content_of(size), name, "text/csv")


def with_parts(raw: Json, **changes: Any) -> Json:
    """Return the endpoint with parts of 4 KiB and small files up to 8 KiB, so that little has to be sent."""
    upload = raw["upload"]
    resumable = {**upload["resumable"], "partBytes": 4 * UNIT, **changes}
    return {**raw, "upload": {**upload, "simple": {**upload["simple"], "maxBytes": 8 * UNIT}, "resumable": resumable}}


def content_of(size: int) -> bytes:
    """Return bytes in which every place is another one, so that a part that is swapped or repeated is seen."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


# Small files


def test_small_file_goes_out_behind_its_metadata() -> None:
    server = Drive()

    uploaded = sent(DRIVE, server, 1000)

    assert server.files == [({"name": "export.csv", "mimeType": "text/csv"}, content_of(1000))]
    assert (uploaded.id, uploaded.name, uploaded.size, len(server.requests)) == ("file1", "export.csv", 1000, 1)


def test_small_file_goes_out_as_it_is_with_its_path_in_a_header() -> None:
    server = Dropbox()

    uploaded = sent(DROPBOX, server, 1000, name="Übersicht 📇.csv")

    assert server.files[0][0]["path"] == "/Übersicht 📇.csv"
    assert (server.content, uploaded.id) == (content_of(1000), "id:1")


@each_kind
def test_empty_file_is_a_small_one(kind: Kind) -> None:
    server = kind[1]()

    sent(kind[0], server, 0)

    assert server.content == b""


@pytest.mark.parametrize("size", [8 * UNIT, 8 * UNIT + 1], ids=["whole", "in-parts"])
@each_kind
def test_file_is_sent_whole_up_to_the_limit(kind: Kind, size: int) -> None:
    server = kind[1]()

    sent(kind[0], server, size)

    assert server.content == content_of(size)
    assert (len(server.sessions) == 1) is (size > 8 * UNIT)


def test_small_file_that_may_have_arrived_is_not_sent_again() -> None:
    """Two files of one name can be in a folder of Google Drive."""
    server = Drive()

    with pytest.raises(Refused, match="not marked `idempotent`"):
        sent(DRIVE, lambda asked: lost_after(lambda: server(asked)), 1000)

    assert len(server.requests) == 1


def test_small_file_is_sent_again_where_that_makes_no_second_one() -> None:
    server, faults = Dropbox(), [lost_after]

    sent(DROPBOX, lambda asked: faults.pop()(lambda: server(asked)) if faults else server(asked), 1000)

    assert (server.content, len(server.requests)) == (content_of(1000), 2)


# In parts


@each_kind
def test_large_file_arrives_part_by_part(kind: Kind) -> None:
    server, size = kind[1](), 21 * UNIT + 5

    uploaded = sent(kind[0], server, size)

    assert server.content == content_of(size)
    assert (server.sent_bytes, uploaded.name) == (size, None if kind[0] is DROPBOX else "export.csv")


@pytest.mark.parametrize("faults", list(product(FAULTS, repeat=3)), ids="+".join)
@each_kind
def test_no_byte_is_lost_or_sent_twice_beyond_the_part_in_doubt(kind: Kind, faults: tuple[str, ...]) -> None:
    server, part, size = kind[1](), 4 * UNIT, 12 * UNIT
    server.faults.extend(FAULTS[fault] for fault in faults)

    sent(kind[0], server, size)

    failed = sum(fault != "fine" for fault in faults)
    assert server.content == content_of(size)
    assert size <= server.sent_bytes <= size + failed * part


def test_part_that_arrived_is_not_sent_again_where_the_provider_can_be_asked() -> None:
    server = Drive()
    server.faults.extend([lost_after, lost_after, lost_after])

    sent(DRIVE, server, 12 * UNIT)

    asked = [request for request in server.requests if request.headers.get("content-range", "").startswith("bytes */")]
    assert (server.content, server.sent_bytes, len(asked)) == (content_of(12 * UNIT), 12 * UNIT, 3)


def test_part_that_is_sent_again_without_asking_is_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive way, which the test above must be able to tell from the right one."""
    server = Drive()
    server.faults.append(lost_after)
    monkeypatch.setattr(Transfer, "_asked", lambda _: None)

    with pytest.raises(AssertionError, match="must begin where the last one ended"):
        sent(DRIVE, server, 12 * UNIT)


def test_part_in_doubt_is_sent_once_more_where_nobody_can_be_asked() -> None:
    server = Dropbox()
    server.faults.extend([None, lost_after])

    sent(DROPBOX, server, 12 * UNIT)

    assert (server.content, server.sent_bytes) == (content_of(12 * UNIT), 16 * UNIT)


def test_rest_of_a_part_that_was_taken_in_part_follows() -> None:
    server = Drive(takes=3 * UNIT)

    sent(DRIVE, server, 11 * UNIT + 7)

    assert server.content == content_of(11 * UNIT + 7)


def test_failures_in_a_row_end_the_upload() -> None:
    server = Drive()
    server.faults.extend([lost_before] * 4)

    with pytest.raises(Retryable, match="the connection broke"):
        sent(DRIVE, server, 12 * UNIT)

    assert server.files == []


def test_part_that_arrives_begins_the_count_of_failures_anew() -> None:
    server = Drive()
    server.faults.extend([lost_before, lost_before, lost_before, None] * 2)

    sent(DRIVE, server, 12 * UNIT)

    assert server.content == content_of(12 * UNIT)


def test_finish_that_says_where_it_is_has_the_rest_sent() -> None:
    server = Dropbox()
    cut = [True]

    def forgetting(asked: Asked) -> Any:
        if asked.path.endswith("finish") and cut:
            cut.pop()
            del server.sessions["session1"][8 * UNIT :]
        return server(asked)

    sent(DROPBOX, forgetting, 12 * UNIT)

    assert server.content == content_of(12 * UNIT)


def test_finish_that_was_lost_is_repeated_and_makes_no_second_file() -> None:
    server, faults = Dropbox(), [lost_after]

    def answer(asked: Asked) -> Any:
        return faults.pop()(lambda: server(asked)) if asked.path.endswith("finish") and faults else server(asked)

    sent(DROPBOX, answer, 12 * UNIT)

    assert server.content == content_of(12 * UNIT)


def test_forgotten_session_is_begun_again_once() -> None:
    server = Drive()

    def forgotten(take: Callable[[], Reply]) -> Reply:
        server.sessions.clear()
        return answers(404)(take)

    server.faults.extend([None, forgotten])

    sent(DRIVE, server, 12 * UNIT)

    assert (server.content, server.sent_bytes) == (content_of(12 * UNIT), 20 * UNIT)


def test_session_that_is_forgotten_again_and_again_ends_the_upload() -> None:
    server = Drive()
    server.faults.extend([answers(410)] * 9)

    with pytest.raises(Refused, match="forgotten the upload twice"):
        sent(DRIVE, server, 12 * UNIT)


@pytest.mark.parametrize(
    "answer",
    [answers(308, range="bytes=0-99999999"), answers(308, range="bytes=0-4096")],
    ids=["beyond-the-file", "beyond-what-was-sent"],
)
def test_provider_that_has_more_than_was_sent_is_refused(answer: Fault) -> None:
    server = Drive()
    server.faults.append(answer)

    with pytest.raises(Refused, match="only 4096 were sent"):
        sent(DRIVE, server, 12 * UNIT)


@each_kind
def test_provider_that_never_takes_more_is_left(kind: Kind) -> None:
    server = kind[1]()
    stuck = answers(308) if kind[0] is DRIVE else answers(409, {"error": {"correct_offset": 0}})
    server.faults.extend([stuck] * 9)

    with pytest.raises(Retryable, match="has taken 0 of 12288 bytes"):
        sent(kind[0], server, 12 * UNIT)

    assert server.sent_bytes == 4 * 4 * UNIT


def test_last_answer_that_was_lost_is_asked_for() -> None:
    server = Drive()
    server.faults.extend([None, None, lost_after])

    uploaded = sent(DRIVE, server, 12 * UNIT)

    assert (uploaded.id, server.sent_bytes) == ("file1", 12 * UNIT)


def test_part_that_the_hub_held_back_is_no_failure() -> None:
    server = Drive()

    def held_back(_: Callable[[], Reply]) -> Reply:
        raise CircuitOpen("the host is left alone", retry_after_s=60.0)

    server.faults.extend([None, held_back])

    with pytest.raises(CircuitOpen):
        sent(DRIVE, server, 12 * UNIT)


def test_refused_part_ends_the_upload_with_the_providers_words() -> None:
    server = Drive()
    server.faults.append(answers(403, {"error": {"message": "The user has used up the-secret-token storage"}}))

    with pytest.raises(Refused, match=r"PUT .* answered 403.*used up") as caught:
        sent(DRIVE, server, 12 * UNIT)

    assert "the-secret-token" not in caught.value.message
    assert "upload_id" not in caught.value.message


def test_time_that_is_over_ends_the_upload() -> None:
    with pytest.raises(Retryable):
        uploading(with_parts(DRIVE), Drive()).send(content_of(12 * UNIT), "a.csv", "text/csv", give_up_at=0.0)


# Where it goes


@pytest.mark.parametrize("location", ["https://elsewhere.example.com/up?id=1", "//elsewhere.example.com/", "http://"])
def test_session_on_another_origin_gets_nothing(location: str) -> None:
    requests: list[str] = []

    def answer(asked: Asked) -> Reply:
        requests.append(asked.url)
        return reply(body=b"", location=location)

    with pytest.raises(Refused, match=r"another origin|an address that is none"):
        sent(DRIVE, answer, 12 * UNIT)

    assert len(requests) == 1


def test_answer_without_a_session_is_refused() -> None:
    with pytest.raises(Refused, match="did not say how it is called"):
        sent(DRIVE, lambda _: reply(body=b""), 12 * UNIT)


def test_file_that_is_another_size_at_the_provider_is_refused() -> None:
    with pytest.raises(Refused, match="has 1000 bytes, and the provider says that it has 999"):
        sent(DRIVE, lambda _: reply({"id": "1", "name": "export.csv", "size": "999"}), 1000)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": null}'])
def test_answer_that_names_no_file_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="does not name it"):
        sent(DRIVE, lambda _: reply(body=body), 1000)


def test_answer_that_repeats_a_secret_is_not_shown() -> None:
    uploaded = sent(DRIVE, lambda _: reply({"id": "1", "echo": "the-secret-token"}), 1000)

    assert (uploaded.id, uploaded.raw) == ("1", {})


@pytest.mark.parametrize("name", ["", "a/b.csv", "a\\b.csv", "..", "a\nb.csv", "x" * 256])
def test_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="file name"):
        sent(DROPBOX, Dropbox(), 10, name=name)


@pytest.mark.parametrize("kind", ["text", "text/csv\r\nX-Evil: 1", "tëxt/csv"])
def test_content_type_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(BadRequest, match="content type"):
        uploading(DRIVE, Drive()).send(b"a", "a.csv", kind)


def test_file_that_is_too_large_for_one_request_is_refused_where_there_are_no_parts() -> None:
    raw = {**DRIVE, "upload": {**DRIVE["upload"], "resumable": None}}
    del raw["upload"]["resumable"]

    with pytest.raises(TooLarge, match="at most 5242880"):
        uploading(raw, Drive()).send(content_of(SMALLEST_IN_PARTS), "a.csv", "text/csv")


def test_boundary_is_in_no_part() -> None:
    boundaries = iter(["taken", "free"])

    body = related_body([part_body(b"a--taken--b"), part_body(b"c")], lambda: next(boundaries))

    assert body.content_type == "multipart/related; boundary=free"
    assert body.raw is not None
    assert body.raw.count(b"--free") == 3


# On save


def changed(raw: Json, path: str, value: Any) -> Json:
    """Return a copy of the endpoint with another value at a path such as upload/resumable/part."""
    first, _, rest = path.partition("/")
    inner = value if not rest else changed(raw.get(first, {}), rest, value)
    return {name: child for name, child in {**raw, first: inner}.items() if child is not None}


@pytest.mark.parametrize(
    ("path", "value", "where", "message"),
    [
        ("method", "GET", "/method", "carries a file"),
        ("pagination", {"type": "link", "nextLinkPath": "$.next"}, "/pagination", "beside upload"),
        ("headers", {"Content-Type": "text/csv"}, "/headers/Content-Type", "set by the hub"),
        ("upload/metadata", {}, "/upload/metadata", "found nothing"),
        ("upload/metadata", {"name": "{{file.name"}, "/upload/metadata", "expected '}}'"),
        ("upload/idPath", "$.[", "/upload/idPath", "Path"),
        ("upload/simple/maxBytes", 0, "/upload/simple/maxBytes", "at least 1"),
        ("upload/resumable/start/path", None, "/upload/resumable/start/path", "no session yet"),
        ("upload/resumable/start/content", "part", "/upload/resumable/start/content", "found 'part'"),
        ("upload/resumable/part/content", "none", "/upload/resumable/part/content", "expected 'part'"),
        ("upload/resumable/part/headers", {"Host": "x"}, "/upload/resumable/part/headers/Host", "set by the hub"),
        ("upload/resumable/part/path", "/a/../b", "/upload/resumable/part/path", "without the segments"),
        ("upload/resumable/start/query", {"a": "{{x"}, "/upload/resumable/start/query/a", "expected '}}'"),
        ("upload/resumable/ask", None, "/upload/resumable/ask", "lost last answer"),
        ("upload/resumable/sessionPath", "header: a b", "/upload/resumable/sessionPath", "name of a header"),
        ("upload/resumable/offset/paths", ["$.["], "/upload/resumable/offset/paths/0", "Path"),
        ("upload/resumable/partBytes", 10**9, "/upload/resumable/partBytes", "at most"),
        ("upload/resumable/offset/status", [99], "/upload/resumable/offset/status/0", "at least 200"),
    ],
)
def test_upload_that_cannot_work_is_refused_on_save(path: str, value: Any, where: str, message: str) -> None:
    problems = problems_of(definition({"id": "upload", **changed(DRIVE, path, value)}))

    assert list(problems) == [f"/endpoints/0{where}"]
    assert message in problems[f"/endpoints/0{where}"]


def test_key_that_goes_into_a_body_has_no_place_in_a_file() -> None:
    auth = {"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": "the-key"}

    assert "/endpoints/0/upload" in problems_of(definition({"id": "upload", **DRIVE}, auth=auth))


def test_endpoint_without_upload_has_no_plan_of_one() -> None:
    with pytest.raises(BadDefinition, match="does not upload"):
        compile_upload(parse_definition(definition(endpoint())), "list")


def test_message_of_every_failure_is_told_without_the_secret() -> None:
    def echo(asked: Asked) -> Reply:
        return reply({"error": asked.headers["authorization"]}, 400)

    for size in (10, 12 * UNIT):
        with pytest.raises(HubError) as caught:
            sent(DRIVE, echo, size)
        assert "the-secret-token" not in str(caught.value)
