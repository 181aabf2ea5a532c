"""Merging what two sides made of a record: nobody's edit is lost without a rule or a conflict that names it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.paths import MISSING
from hub.sync.two_way.merge import WHOLE, Rule, Rules, merge, same

Json = dict[str, Any]

NAMES = ("a", "b", "c")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "x", "y"]), st.lists(st.integers(0, 1))
)
RECORDS = st.dictionaries(st.sampled_from(NAMES), VALUES)
SIDES = st.one_of(st.none(), RECORDS)
RULE = st.sampled_from(["local", "remote", "manual"])
RULES = st.builds(Rules, RULE, st.dictionaries(st.sampled_from(NAMES), RULE))


def equal(one: Json | None, other: Json | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(same(one.get(name, MISSING), other.get(name, MISSING)) for name in NAMES)


def test_each_side_gets_what_the_other_changed() -> None:
    merged = merge({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3}, Rules())

    assert merged.local == merged.remote == {"a": 2, "b": 3}
    assert merged.base == {"a": 1, "b": 3}  # a is yet to be pushed
    assert merged.conflicts == ()


@pytest.mark.parametrize(("rule", "value"), [("local", "here"), ("remote", "there")])
def test_rule_decides_a_field_that_both_changed(rule: Rule, value: str) -> None:
    merged = merge({"a": "old"}, {"a": "here"}, {"a": "there"}, Rules("manual", {"a": rule}))

    assert merged.local == merged.remote == {"a": value}
    assert [(each.name, each.rule) for each in merged.conflicts] == [("a", rule)]
    assert merged.open == ()


def test_manual_conflict_leaves_each_side_its_own() -> None:
    merged = merge({"a": "old", "b": 1}, {"a": "here", "b": 2}, {"a": "there", "b": 1}, Rules("manual"))

    assert (merged.local, merged.remote) == ({"a": "here", "b": 2}, {"a": "there", "b": 2})
    assert [(each.name, each.base, each.local, each.remote) for each in merged.open] == [("a", "old", "here", "there")]
    assert merged.base == {"a": "old", "b": 1}


def test_field_that_only_comes_in_is_never_sent_back() -> None:
    rules = Rules("local", pull_only={"a"})

    assert merge({"a": 1}, {"a": 2}, {"a": 1}, rules).remote == {"a": 1}
    assert merge({"a": 1}, {"a": 2}, {"a": 3}, rules).local == {"a": 3}


def test_field_that_only_goes_out_is_kept_here() -> None:
    merged = merge({"a": 1}, {"a": 2}, {}, Rules("remote", push_only={"a"}))

    assert (merged.local, merged.base) == ({"a": 2}, {"a": 1})


def test_deletion_of_what_nobody_edited_stands() -> None:
    assert merge({"a": 1}, None, {"a": 1}, Rules("remote")).remote is None
    assert merge({"a": 1}, {"a": 1}, None, Rules("local")).local is None


@pytest.mark.parametrize(("rule", "local", "remote"), [("local", None, None), ("remote", {"a": 2}, {"a": 2})])
def test_deletion_here_against_an_edit_there_is_decided_by_the_rule(
    rule: Rule, local: Json | None, remote: Json | None
) -> None:
    merged = merge({"a": 1}, None, {"a": 2}, Rules(rule))

    assert (merged.local, merged.remote) == (local, remote)
    assert [each.name for each in merged.conflicts] == [WHOLE]


def test_edit_of_what_is_not_ours_to_edit_does_not_keep_a_deleted_record() -> None:
    """The provider's own time of change moves with everything that is written to it."""
    merged = merge({"a": 1, "at": 1}, None, {"a": 1, "at": 2}, Rules("manual", pull_only={"at"}))

    assert merged.conflicts == ()
    assert merged.remote is None


@given(SIDES, RECORDS, RULES)
def test_equal_sides_agree(side: Json | None, base: Json, rules: Rules) -> None:
    merged = merge(base, side, side, rules)

    assert (merged.local, merged.remote, merged.conflicts) == (side, side, ())
    assert side is None or merged.base == side


@given(RECORDS, SIDES, SIDES, RULES)
def test_swapping_sides_and_rules_swaps_the_result(
    base: Json, local: Json | None, remote: Json | None, rules: Rules
) -> None:
    one, other = merge(base, local, remote, rules), merge(base, remote, local, rules.swapped())

    assert (one.local, one.remote) == (other.remote, other.local)
    assert len(one.conflicts) == len(other.conflicts)


@given(RECORDS, SIDES, SIDES, RULES)
def test_merging_again_changes_nothing(base: Json, local: Json | None, remote: Json | None, rules: Rules) -> None:
    """A page that is read again after a crash finds documents, and maybe links, as the first time has left them."""
    first = merge(base, local, remote, rules)

    assert equal(merge(base, first.local, remote, rules).local, first.local)
    if remote is not None:  # else the link has ended, and there is nothing to compare with
        assert equal(merge(first.base, first.local, remote, rules).local, first.local)


@given(RECORDS, RECORDS, RECORDS, RULES)
def test_no_edit_is_lost_without_a_conflict_that_names_it(base: Json, local: Json, remote: Json, rules: Rules) -> None:
    merged = merge(base, local, remote, rules)
    named = {each.name for each in merged.conflicts}

    for name in NAMES:
        before, here, there = (side.get(name, MISSING) for side in (base, local, remote))
        after = (merged.local or {}).get(name, MISSING)
        is_kept = same(after, here) or same(here, before)
        assert is_kept or name in named, (name, before, here, there, after)
        assert same((merged.remote or {}).get(name, MISSING), there) or same(there, before) or name in named


@given(RECORDS, RECORDS, RECORDS, RULES)
def test_what_differs_from_the_base_is_what_the_remote_side_lacks(
    base: Json, local: Json, remote: Json, rules: Rules
) -> None:
    merged = merge(base, local, remote, rules)
    held = {each.name for each in merged.open}

    for name in set(NAMES) - held:
        owed = not same((merged.local or {}).get(name, MISSING), merged.base.get(name, MISSING))
        assert owed == (not same((merged.remote or {}).get(name, MISSING), remote.get(name, MISSING)))
