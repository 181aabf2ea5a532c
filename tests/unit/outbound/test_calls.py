"""What a caller may put into a call, and how a Link header reads."""

import pytest

from hub.core.errors import BadRequest
from hub.outbound.calls import Call, Reply, check_call, full_url


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "keep-alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Proxy-Authorization",
        "Expect",
    ],
)
def test_header_that_belongs_to_the_client_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match=name):
        check_call(Call("GET", "https://a.example", {name: "secret"}))


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b", "ä", "\x7f"])
def test_header_value_is_refused_without_being_repeated(value: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_call(Call("GET", "https://a.example", {"X-Key": f"secret{value}"}))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ä"])
def test_header_name_is_refused_when_it_is_not_a_token(name: str) -> None:
    with pytest.raises(BadRequest):
        check_call(Call("GET", "https://a.example", {name: "x"}))


@pytest.mark.parametrize("method", ["get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\n", ""])
def test_method_is_refused_when_no_provider_needs_it(method: str) -> None:
    with pytest.raises(BadRequest):
        check_call(Call(method, "https://a.example", {}))


def test_params_are_added_behind_the_query_of_the_url() -> None:
    call = Call("GET", "https://a.example/x?b=1", {}, params=[("a b", "c&d"), ("b", "ü")])

    assert full_url(call) == "https://a.example/x?b=1&a%20b=c%26d&b=%C3%BC"


def test_links_are_read_by_relation() -> None:
    header = (
        '<https://a.example/?page=2&x=1,2>; rel="next", </last>; title="a;b"; rel=last, <https://b>; REL="prev next"'
    )
    reply = Reply(200, {"link": header}, b"", 1)

    assert reply.links() == {"next": "https://a.example/?page=2&x=1,2", "last": "/last", "prev": "https://b"}


@pytest.mark.parametrize("header", ["", "nonsense", "<a>", "<a>; rel", "<" * 50_000, "<a>;" + " " * 50_000])
def test_links_are_empty_when_the_header_says_nothing(header: str) -> None:
    assert Reply(200, {"link": header}, b"", 1).links() == {}
