"""A document on its way into the store: written as JSON once, with a digest that stands for what it holds."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.attributes import Item, decode_item
from hub.core.caller import Tenant
from hub.core.tables import Found, Key, Read, Table
from hub.documents import MAX_CONTENT_BYTES, Incoming, Step, Unstorable, upsert

TENANT = Tenant("acme")
STEP = Step("integration:int_1", "job_1#0")
TEXTS = st.text(st.characters(codec="utf-8"))
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
# Depth is what matters, not size: with more leaves, making the values takes most of the time.
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)
CONTENTS = st.dictionaries(TEXTS, VALUES, max_size=5)


class EmptyTable(Table):
    """A table without items, which keeps what is put into it."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), "empty")
        self.put: list[Item] = []

    def batch_get(self, keys: Sequence[Key], fields: str = "", read: Read = decode_item) -> list[Item]:
        assert (keys, fields, read) != ([], "", decode_item)
        return []

    def query(self, keys: str, values: Mapping[str, Any], **asked: Any) -> Found:
        assert (keys, values, asked) != ("", {}, {})
        return Found([], None)

    def batch_put(self, items: Sequence[Item]) -> None:
        self.put += items


@contextmanager
def counted(function: Callable[..., Any]) -> Iterator[list[int]]:
    """Count the calls of a function that is not written in Python."""
    calls = [0]

    def note(_frame: object, event: str, called: object) -> None:
        calls[0] += event == "c_call" and called is function

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def refusal_of(document_id: str, content: Any) -> str:
    with pytest.raises(Unstorable) as caught:
        Incoming.of(document_id, content)
    return str(caught.value)


def content_of(size: int) -> dict[str, str]:
    """Return content whose JSON has this many bytes."""
    return {"a": "x" * (size - len('{"a":""}'))}


def test_record_is_written_as_json_once_on_its_way_into_the_store() -> None:
    table = EmptyTable()

    with counted(orjson.dumps) as calls:
        incoming = [Incoming.of(str(number), {"number": number}) for number in range(10)]
        upsert(table, TENANT, "contact", incoming, STEP)

    assert [item["content"] for item in table.put] == [f'{{"number":{number}}}' for number in range(10)]
    assert calls == [10]


@given(CONTENTS)
def test_stored_text_is_the_content_with_sorted_keys_and_the_digest_is_of_that_text(content: dict[str, Any]) -> None:
    """Stored documents carry such digests: another one would make each of them look changed."""
    document = Incoming.of("a", content)

    assert json.loads(document.content) == content
    assert document.digest == blake2b(document.content.encode(), digest_size=16).hexdigest()
    assert Incoming.of("a", json.loads(document.content, object_pairs_hook=lambda pairs: dict(pairs[::-1]))) == document


def test_digest_is_the_one_that_earlier_versions_stored() -> None:
    assert Incoming.of("a", {"b": [1, 2.5, None], "a": "ä"}).digest == "04047954f459fcfaf821d784901b18f6"


def test_content_may_be_as_large_as_an_item_holds() -> None:
    assert len(Incoming.of("a", content_of(MAX_CONTENT_BYTES)).content) == MAX_CONTENT_BYTES

    assert (
        refusal_of("a", content_of(MAX_CONTENT_BYTES + 1)) == "the content has 307201 bytes, at most 307200 are stored"
    )


@pytest.mark.parametrize("document_id", ["", "x" * 513, "ä" * 257])
def test_id_has_1_to_512_bytes(document_id: str) -> None:
    assert refusal_of(document_id, {}) == "the id must have 1 to 512 bytes"


@pytest.mark.parametrize("document_id", ["x", "x" * 512, "ä" * 256])
def test_id_at_the_bounds_is_taken(document_id: str) -> None:
    assert Incoming.of(document_id, {}).id == document_id


@pytest.mark.parametrize("content", [{"n": 2**64}, {"text": "\ud800"}, {1: "a number as a name"}])
def test_content_that_is_no_json_is_refused_with_the_reason(content: Any) -> None:
    assert refusal_of("a", content).startswith("the content cannot be stored as JSON: ")
