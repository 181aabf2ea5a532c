"""The transform `lookup`: which documents are asked for, how often, and what becomes of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.mapping.fields import BadRule, FieldRule, MappingFailed
from hub.mapping.pages import Mapped, compile_page

COMPANIES = {"c1": {"name": "Engines", "address": {"city": "Bern"}}, "c2": {"name": None}, "5": {"name": "Five"}}


@dataclass
class Documents:
    """Documents by type and id; keeps what was asked for."""

    stored: Mapping[str, Mapping[str, Any]]
    asked: list[tuple[str, list[str]]] = field(default_factory=list)

    def __call__(self, document_type: str, ids: Collection[str]) -> Mapping[str, Any]:
        self.asked.append((document_type, list(ids)))
        known = self.stored.get(document_type, {})
        return {each: known[each] for each in ids if each in known}


@pytest.fixture
def documents() -> Documents:
    return Documents({"company": COMPANIES, "person": {"c1": {"name": "Ada"}}})


def rule(source: str = "$.company", target: str = "out", **config: Any) -> FieldRule:
    return FieldRule(source, target, "lookup", {"type": "company", **config})


def mapped(documents: Documents, records: list[Any], *rules: FieldRule) -> list[Mapped]:
    return compile_page(rules)(records, documents)


@pytest.mark.parametrize(
    ("record", "config", "document"),
    [
        ({"company": "c1"}, {}, {"out": COMPANIES["c1"]}),
        ({"company": "c1"}, {"field": "name"}, {"out": "Engines"}),
        ({"company": "c1"}, {"field": "$.address.city"}, {"out": "Bern"}),
        ({"company": "c1"}, {"field": "none"}, {}),
        ({"company": "c2"}, {"field": "name"}, {"out": None}),
        ({"company": 5}, {"field": "name"}, {"out": "Five"}),
        ({"company": 5.0}, {"field": "name"}, {"out": "Five"}),
        ({"company": "c9"}, {}, {}),
        ({"company": ""}, {}, {}),
        ({"company": None}, {}, {"out": None}),
        ({}, {}, {}),
        ({"owner": {"id": "c1"}}, {"key": "$.owner.id", "field": "name"}, {"out": "Engines"}),
        ({"owner": {"id": "c1"}}, {"key": "owner.id", "field": "name"}, {"out": "Engines"}),
        ({"number": 1}, {"key": "c{{$.number}}", "field": "name"}, {"out": "Engines"}),
        ({}, {"key": "c{{$.number}}"}, {}),
        ({"company": "c1"}, {"key": "$.owner"}, {}),
    ],
)
def test_lookup_reads_a_document_by_its_id(documents: Documents, record: Any, config: Any, document: Any) -> None:
    assert mapped(documents, [record], rule(**config)) == [document]


def test_lookup_takes_the_word_of_the_specification_for_the_type(documents: Documents) -> None:
    rule = FieldRule("$.company", "out", "lookup", {"shardTypeId": "company", "field": "name"})

    assert mapped(documents, [{"company": "c1"}], rule) == [{"out": "Engines"}]


def test_page_asks_once_per_document_type_and_id(documents: Documents) -> None:
    records = [{"company": "c1", "parent": "c2"}, {"company": "c2", "parent": "c9"}, {"company": "c1"}]
    rules = [
        rule(field="name", target="name"),
        rule("$.parent", "parent", field="name"),
        FieldRule("$.company", "contact", "lookup", {"type": "person", "field": "name"}),
    ]

    assert mapped(documents, records, *rules) == [
        {"name": "Engines", "parent": None, "contact": "Ada"},
        {"name": None},
        {"name": "Engines", "contact": "Ada"},
    ]
    assert documents.asked == [("company", ["c1", "c2", "c9"]), ("person", ["c1", "c2"])]


def test_page_without_ids_asks_for_nothing(documents: Documents) -> None:
    assert mapped(documents, [{}, {"company": None}, {"company": ""}], rule()) == [{}, {"out": None}, {}]
    assert mapped(documents, [], rule()) == []
    assert documents.asked == []


def test_missing_document_gives_the_default(documents: Documents) -> None:
    made = FieldRule("$.company", "out", "lookup", {"type": "company", "field": "name"}, default="unknown")

    assert mapped(documents, [{"company": "c9"}, {}, {"company": None}, {"company": "c1"}], made) == [
        {"out": "unknown"},
        {"out": "unknown"},
        {"out": "unknown"},
        {"out": "Engines"},
    ]


def test_value_that_is_no_id_rejects_its_record_alone(documents: Documents) -> None:
    failed, too_long, fine = mapped(
        documents, [{"company": ["c1"]}, {"company": "ü" * 257}, {"company": "c1"}], rule(field="name")
    )

    assert isinstance(failed, MappingFailed)
    assert "expected a text, a number or a boolean" in failed.reason
    assert isinstance(too_long, MappingFailed)
    assert "at most 512 bytes" in too_long.reason
    assert fine == {"out": "Engines"}
    assert documents.asked == [("company", ["c1"])]


def test_on_error_stands_in_for_a_value_that_is_no_id(documents: Documents) -> None:
    assert mapped(documents, [{"company": []}], rule(onError="null")) == [{"out": None}]


def test_lookup_where_there_are_no_documents_rejects_what_needs_one() -> None:
    failed, fine = compile_page([rule()])([{"company": "c1"}, {}], None)

    assert isinstance(failed, MappingFailed)
    assert failed.reason == "documents cannot be looked up here"
    assert fine == {}


def test_lookups_and_expressions_share_a_page(documents: Documents) -> None:
    rules = [
        FieldRule("$.company", "code", "expression", {"expression": "value.toUpperCase()"}),
        rule(field="name", target="name"),
        FieldRule("$.company", "company"),
    ]

    assert mapped(documents, [{"company": "c1"}], *rules) == [{"code": "C1", "name": "Engines", "company": "c1"}]


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({}, "/type"),
        ({"type": 5}, "/type"),
        ({"type": "no type"}, "/type"),
        ({"type": "company\n"}, "/type"),
        ({"shardTypeId": "../company"}, "/shardTypeId"),
        ({"type": "company", "shardTypeId": "company"}, "/shardTypeId"),
        ({"type": "company", "field": "$["}, "/field"),
        ({"type": "company", "key": "$["}, "/key"),
        ({"type": "company", "key": "{{$.a"}, "/key"),
        ({"type": "company", "key": 5}, "/key"),
        ({"type": "company", "fields": "name"}, "/fields"),
    ],
)
def test_wrong_config_is_refused_with_its_pointer(config: Any, pointer: str) -> None:
    with pytest.raises(BadRule) as refused:
        compile_page([FieldRule("$.a", "a", "lookup", config)])

    assert refused.value.pointer == f"/transform/config{pointer}"
