"""Lists in parts that one call takes."""

from hypothesis import given
from hypothesis import strategies as st

from hub.core.chunks import chunks


@given(st.lists(st.integers(0, 12)), st.integers(1, 5), st.integers(1, 10))
def test_parts_are_the_list_and_none_is_too_long_or_too_large(sizes: list[int], most: int, most_size: int) -> None:
    parts = list(chunks(sizes, most, most_size, lambda size: size))

    assert [size for part in parts for size in part] == sizes
    assert all(0 < len(part) <= most for part in parts)
    assert all(sum(part) <= most_size or len(part) == 1 for part in parts)


def test_part_is_filled_before_the_next_begins() -> None:
    assert list(chunks([1, 1, 1, 3, 9, 1], 2, 4, lambda size: size)) == [[1, 1], [1, 3], [9], [1]]
