"""Edits: which version an event names, and what edits of one document make of it together."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.tables import Put
from hub.documents import Incoming, Step
from hub.webhooks.inbound.edits import Edit, version_of
from hub.webhooks.inbound.route import Match, Rule
from hub.webhooks.inbound.store import Store, fold

PLACE = {"pk": "t#doc#contact", "sk": "c1"}


class NoTables:
    """Folding asks for nothing."""

    documents: Any = None


STORE = Store(NoTables(), Tenant("t"), Step("webhook:e", "e/iev_1#0"), 30)  # type: ignore[arg-type]


def edit(content: Any, version: Any = None, *targets: str) -> Edit:
    rule = Rule(0, "x", lambda *_: None, {})
    return Edit(Match(0, {}, "x", rule), rule, "contact", "c1", content, targets or None, version)


def stored(content: Any, **fields: Any) -> dict[str, Any]:
    document = Incoming.of("c1", content)
    known = {"content": document.content, "hash": document.digest, "hashBefore": "", "version": 3}
    times = {"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z", "touchedBy": "other"}
    return {**PLACE, **known, **times, **fields}


def folded(before: Any, *edits: Edit) -> tuple[list[str], dict[str, Any] | None]:
    """Return the outcomes and the item to put, None where the document is not written."""
    found = fold(before, PLACE, edits, STORE)
    item = found.write.item if isinstance(found.write, Put) else None
    return [result.outcome for result in found.results], item


@pytest.mark.parametrize(
    ("value", "version"),
    [
        (7, 7),
        (1.5, 1.5),
        ("7", 7),
        ("-1.5", -1.5),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01", 1.0),
        ("1970-01-01T01:00:01+01:00", 1.0),
        ("1970-01-02", 86_400.0),
        (0, 0),
        (-1e125, -1e125),
        (1e126, None),
        (1e-200, None),
        (True, None),
        (None, None),
        ("soon", None),
        ([], None),
        ({}, None),
    ],
)
def test_a_version_is_a_number_or_a_time(value: Any, version: Any) -> None:
    assert version_of(value) == version


def test_edits_of_one_document_are_one_write() -> None:
    outcomes, item = folded(None, edit({"a": 1}), edit({"b": 2}, None, "b"), edit({"a": 3, "b": 4}, None, "a"))

    assert outcomes == ["created", "updated", "updated"]
    assert item is not None
    assert (item["content"], item["version"]) == ('{"a":3,"b":2}', 1)


def test_a_repeat_tells_the_same_and_writes_nothing() -> None:
    edits = [edit({"a": 1}), edit({"b": 2}, None, "b")]
    first, item = folded(stored({"z": 1}), *edits)

    assert item is not None
    assert folded(item, *edits) == (first, None)


def test_a_repeated_deletion_tells_the_same_and_writes_nothing() -> None:
    first, item = folded(stored({"z": 1}), edit(None))

    assert (first, item is not None and "content" not in item) == (["deleted"], True)
    assert folded(item, edit(None)) == (first, None)


def test_what_is_made_and_deleted_by_one_event_leaves_nothing() -> None:
    assert folded(None, edit({"a": 1}), edit(None)) == (["created", "deleted"], None)


def test_what_is_deleted_and_made_again_is_there() -> None:
    outcomes, item = folded(stored({"a": 1}), edit(None), edit({"a": 2}))

    assert outcomes == ["deleted", "created"]
    assert item is not None
    assert (item["content"], item["version"]) == ('{"a":2}', 4)


def test_the_newest_version_stays_whatever_the_order() -> None:
    newest, older = edit({"a": "new"}, 9), edit({"a": "old"}, 8)

    assert folded(None, newest, older)[1]["content"] == '{"a":"new"}'  # type: ignore[index]
    assert folded(None, older, newest)[1]["content"] == '{"a":"new"}'  # type: ignore[index]
    assert folded(stored({"a": "x"}, sourceVersion=10), newest, older) == (["stale", "stale"], None)


def test_a_field_that_cannot_be_put_fails_alone() -> None:
    outcomes, item = folded(stored({"a": "text"}), edit({"a": {"b": 1}}, None, "a.b"), edit({"c": 1}, None, "c"))

    assert outcomes == ["failed", "updated"]
    assert item is not None
    assert item["content"] == '{"a":"text","c":1}'
