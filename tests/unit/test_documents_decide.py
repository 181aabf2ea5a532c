"""What becomes of each record of a page, and which documents are written: decided without a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.documents import Incoming, Outcome, Step, decide, document_key

TENANT = Tenant("acme")
STEP = Step("integration:int_1", "job_1#0")
NEXT_STEP = Step("integration:int_1", "job_1#1")
LATER_RUN = Step("integration:int_1", "job_2#0")

Page = Sequence[tuple[str, Any]]
Store = dict[str, Item]


def decided(store: Mapping[str, Item], page: Page, step: Step = STEP) -> tuple[list[Outcome], Store]:
    """Decide a page of (id, value); an upsert reads the stored documents without their content."""
    incoming = [Incoming.of(name, {"value": value}) for name, value in page]
    keys = {record.id: document_key(TENANT, "contact", record.id) for record in incoming}
    read = {
        name: {field: value for field, value in item.items() if field != "content"}
        for name, item in store.items()
        if name in keys
    }
    return decide(read, keys, incoming, step)


def stored(page: Page, step: Step = STEP, store: Mapping[str, Item] | None = None) -> Store:
    """Return the documents as a page leaves them."""
    before = dict(store or {})
    return {**before, **decided(before, page, step)[1]}


def contents(store: Mapping[str, Item]) -> dict[str, str]:
    return {name: item["content"] for name, item in store.items()}


def test_new_record_is_created() -> None:
    outcomes, changed = decided({}, [("a", 1)])

    assert outcomes == ["created"]
    item = changed["a"]
    assert (item["pk"], item["sk"], item["content"], item["version"]) == ("acme#doc#contact", "a", '{"value":1}', 1)
    assert (item["origin"], item["changeKey"]) == (STEP.origin, f"{item['updatedAt']}#a")


def test_changed_record_is_updated_and_keeps_its_birth() -> None:
    before = stored([("a", 1)])
    before["a"]["createdAt"] = "2020-01-01T00:00:00.000Z"

    outcomes, changed = decided(before, [("a", 2)], NEXT_STEP)

    assert outcomes == ["updated"]
    assert (changed["a"]["version"], changed["a"]["createdAt"]) == (2, "2020-01-01T00:00:00.000Z")


def test_equal_record_is_unchanged_and_not_written() -> None:
    assert decided(stored([("a", 1)]), [("a", 1)], LATER_RUN) == (["unchanged"], {})


def test_order_of_the_fields_changes_nothing() -> None:
    before = stored([("a", {"x": 1, "y": 2})])

    assert decided(before, [("a", {"y": 2, "x": 1})], LATER_RUN) == (["unchanged"], {})


def test_tombstone_comes_back_as_created_with_a_new_birth() -> None:
    before = stored([("a", 1)])
    before["a"] |= {"deletedAt": "2020-01-02T00:00:00.000Z", "hash": "", "createdAt": "2020-01-01T00:00:00.000Z"}

    outcomes, changed = decided(before, [("a", 1)], LATER_RUN)

    assert outcomes == ["created"]
    assert "deletedAt" not in changed["a"]
    assert (changed["a"]["version"], changed["a"]["createdAt"]) == (2, changed["a"]["updatedAt"])


def test_last_of_several_records_with_one_id_stays() -> None:
    outcomes, changed = decided({}, [("a", 1), ("b", 1), ("a", 2), ("a", 2)])

    assert outcomes == ["created", "created", "updated", "unchanged"]
    assert contents(changed) == {"a": '{"value":2}', "b": '{"value":1}'}


def test_record_that_flips_back_within_a_page_is_counted_and_ends_as_it_was() -> None:
    before = stored([("a", 1)])

    outcomes, changed = decided(before, [("a", 2), ("a", 1)], LATER_RUN)

    assert outcomes == ["updated", "updated"]
    assert contents({**before, **changed}) == contents(before)


def test_record_that_flips_back_on_a_later_page_is_updated() -> None:
    before = stored([("a", 2)], NEXT_STEP, stored([("a", 1)]))

    outcomes, changed = decided(before, [("a", 1)], LATER_RUN)

    assert (outcomes, changed["a"]["version"]) == (["updated"], 3)


def test_repeated_step_counts_the_same_and_writes_nothing() -> None:
    before = stored([("kept", 1), ("changed", 1)])
    page: Page = [("kept", 1), ("changed", 2), ("new", 1)]

    first, written = decided(before, page, NEXT_STEP)
    second = decided({**before, **written}, page, NEXT_STEP)

    assert first == ["unchanged", "updated", "created"]
    assert second == (first, {})


def test_repeated_step_counts_by_what_the_provider_says_now() -> None:
    """Between the crash and the repeat the provider took the change back: in the end nothing was changed."""
    before = stored([("a", 1)])
    crashed = stored([("a", 2)], NEXT_STEP, before)

    outcomes, changed = decided(crashed, [("a", 1)], NEXT_STEP)

    assert outcomes == ["unchanged"]
    assert contents(changed) == contents(before)


IDS, VALUES = st.sampled_from("abcd"), st.integers(0, 2)
RECORDS = st.tuples(IDS, VALUES)
PAGES = st.lists(st.lists(RECORDS, max_size=4, unique_by=lambda record: record[0]), min_size=1, max_size=4)
PAGES_WITH_TWINS = st.lists(st.lists(RECORDS, max_size=6), min_size=1, max_size=4)
PRESENT = st.dictionaries(IDS, VALUES)


@given(PRESENT, PAGES, st.data())
def test_pages_that_are_repeated_after_crashes_count_and_store_the_same(
    present: dict[str, int], pages: list[Page], data: st.DataObject
) -> None:
    check_crashes(present, pages, data)


@given(PRESENT, PAGES_WITH_TWINS, st.data())
def test_pages_with_one_id_twice_that_are_repeated_after_crashes_count_and_store_the_same(
    present: dict[str, int], pages: list[Page], data: st.DataObject
) -> None:
    check_crashes(present, pages, data)


def check_crashes(present: dict[str, int], pages: list[Page], data: st.DataObject) -> None:
    """A crash leaves any part of a page's writes behind; the next worker does the page again, and may crash, too."""
    calm = crashing = stored([*present.items()], LATER_RUN)
    for number, page in enumerate(pages):
        step = Step("integration:int_1", f"job_1#{number}")
        for _ in range(data.draw(st.integers(0, 2), "crashes")):
            _, written = decided(crashing, page, step)
            reached = data.draw(st.sets(st.sampled_from(sorted(written))) if written else st.just(set()), "written")
            crashing = {**crashing, **{name: written[name] for name in reached}}

        expected, written = decided(calm, page, step)
        calm = {**calm, **written}
        outcomes, written = decided(crashing, page, step)
        crashing = {**crashing, **written}

        assert outcomes == expected
        assert len(page) == sum(outcomes.count(name) for name in ("created", "updated", "unchanged"))
        assert contents(crashing) == contents(calm)
