"""Categories of providers: an open list of slugs, which S004 writes in upper case (`load_board` = LOAD_BOARD)."""

from collections.abc import Iterable

from hub.core.attributes import Item

OF_S004 = ("load_board", "accounting", "eld", "crm", "rating", "tracking", "payment", "edi")


def canonical(name: str) -> str:
    """Return the slug of a category in either way of writing."""
    return name.strip().lower()


def in_v1(category: str) -> str:
    return category.upper()


def all_in_v1(items: Iterable[Item]) -> list[str]:
    """Return the categories as S004 writes them: its own first, then the others that providers are in."""
    used = {str(item["category"]) for item in items}
    return [in_v1(each) for each in (*OF_S004, *sorted(used - set(OF_S004)))]
