"""What is sent is read again by the standard library's parser of MIME messages, which knows nothing of ours."""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.multipart import Part, encode
from hub.core.errors import BadRequest
from tests.unit.connector.factories import Asked, Json, Provider, definition, endpoint, reply, run, sent

Seen = tuple[str, str | None, str | None, str]


def parts_in(content_type: str, body: bytes) -> list[EmailMessage]:
    message = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    assert isinstance(message, EmailMessage)
    assert message.is_multipart()
    assert not message.defects
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


def seen(asked: Asked) -> list[Seen]:
    """Return name, file name, content type and content of each part."""
    parts = parts_in(asked.headers["content-type"], asked.body or b"")
    return [_seen(part) for part in parts]


def _seen(part: EmailMessage) -> Seen:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    kind = str(part["content-type"]) if "content-type" in part else None
    return str(part.get_param("name", header="content-disposition")), part.get_filename(), kind, content.decode()


def posting(params: Json | None = None, auth: Json | None = None, **body: Any) -> Asked:
    whole = {"contentType": "multipart/form-data", "bodyType": "template", **body}
    changes = {"auth": auth} if auth else {}
    return sent(definition(endpoint(method="POST", body=whole), **changes), params)


def test_bytes_are_those_of_the_standard() -> None:
    """RFC 7578, 4; RFC 2046, 5.1.1."""
    parts = [Part("a", "1"), Part("b", "x\r\ny", "b.txt"), Part("c", "{}", None, "application/json")]

    content_type, body = encode(parts, lambda: "BOUNDARY")

    assert content_type == "multipart/form-data; boundary=BOUNDARY"
    assert body == (
        b'--BOUNDARY\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--BOUNDARY\r\nContent-Disposition: form-data; name="b"; filename="b.txt"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nx\r\ny\r\n"
        b'--BOUNDARY\r\nContent-Disposition: form-data; name="c"\r\nContent-Type: application/json\r\n\r\n{}\r\n'
        b"--BOUNDARY--\r\n"
    )


def test_names_cannot_end_their_header() -> None:
    """HTML, "multipart/form-data encoding algorithm"."""
    _, body = encode([Part('a"\r\nX-B: c', "1", 'f"\r\n.txt')], lambda: "BOUNDARY")

    assert b'name="a%22%0D%0AX-B: c"; filename="f%22%0D%0A.txt"\r\n' in body


def test_boundary_is_in_no_part() -> None:
    boundaries = iter(["one", "two", "three"])

    content_type, body = encode([Part("a", "--one"), Part("two", "x")], lambda: next(boundaries))

    assert content_type.endswith("boundary=three")
    assert len(parts_in(content_type, body)) == 2


def test_boundary_is_another_one_each_time() -> None:
    boundaries = {encode([Part("a", "1")])[0] for _ in range(20)}

    assert len(boundaries) == 20


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r")).map(lambda text: text.replace("\n", "\r\n"))


@given(contents=st.lists(LINES, min_size=1, max_size=5))
def test_contents_arrive_as_they_are(contents: list[str]) -> None:
    asked = posting({"all": contents}, template='{"a": {{all}}}')

    assert [content for *_, content in seen(asked)] == contents


def test_template_gives_fields_lists_and_files() -> None:
    template = (
        '{"title": "{{title}}", "n": {{n}}, "tags": {{tags}}, "none": null,'
        ' "file": {"filename": "{{name}}.csv", "contentType": "text/csv", "content": "id\\n{{n}}"},'
        ' "meta": {"contentType": "application/json", "content": {"size": {{n}}}}}'
    )

    asked = posting({"title": "ü", "n": 5, "tags": ["a", True], "name": "my report"}, template=template)

    assert seen(asked) == [
        ("title", None, None, "ü"),
        ("n", None, None, "5"),
        ("tags", None, None, "a"),
        ("tags", None, None, "true"),
        ("file", "my report.csv", "text/csv", "id\n5"),
        ("meta", None, "application/json", '{"size":5}'),
    ]


SCHEMA: Json = {
    "type": "object",
    "properties": {
        "folder": {"type": "string", "source": "static", "value": "inbox"},
        "note": {"type": "string"},
        "file": {
            "type": "string",
            "source": "variable",
            "value": "{{report.text}}",
            "filename": "{{report.name}}.txt",
            "contentType": "text/plain",
        },
        "pages": {"type": "array", "items": {"type": "string", "filename": "page.txt"}},
    },
}


def test_schema_gives_fields_and_files() -> None:
    params = {"report": {"text": "Hello", "name": "a"}, "pages": "one"}

    asked = posting(params, bodyType="schema", schema=SCHEMA)

    assert seen(asked) == [
        ("folder", None, None, "inbox"),
        ("file", "a.txt", "text/plain", "Hello"),
        ("pages", "page.txt", "application/octet-stream", "one"),
    ]


def test_file_without_a_content_is_left_out() -> None:
    assert seen(posting(bodyType="schema", schema=SCHEMA)) == [("folder", None, None, "inbox")]


@pytest.mark.parametrize("value", [{"a": 1}, [{"content": None}], [[1]], {"content": "x", "contentType": "a\r\nb: c"}])
def test_value_that_is_no_part_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="'a'"):
        posting({"a": value}, template='{"a": {{a}}}')


def test_key_in_the_body_is_a_part() -> None:
    auth = {"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": "the-secret"}

    asked = posting(auth=auth, template='{"a": 1}')

    assert seen(asked) == [("a", None, None, "1"), ("key", None, None, "the-secret")]


def test_content_type_of_other_requests_gives_way() -> None:
    """Without the boundary nobody could read the body."""
    body = {"contentType": "multipart/form-data", "bodyType": "template", "template": '{"a": 1}'}
    raw = definition(endpoint(method="POST", body=body), defaultHeaders={"Content-Type": "application/json"})

    assert seen(sent(raw)) == [("a", None, None, "1")]


def test_page_number_is_a_part() -> None:
    body = {"contentType": "multipart/form-data", "bodyType": "template", "template": '{"q": "x"}'}
    paged = {"type": "page", "location": "body", "pageParam": "page"}
    provider = Provider(lambda asked: reply({"items": [{"id": 1}] if ("page", None, None, "1") in seen(asked) else []}))
    pages = run(definition(endpoint(method="POST", body=body, pagination=paged)), provider)

    pages.fetch(pages.fetch().next)

    assert [seen(asked)[-1] for asked in provider.requests] == [("page", None, None, "1"), ("page", None, None, "2")]
