"""Cursors go only where they came from: this tenant, this route, unaltered."""

import base64
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from hub.core.attributes import Item
from hub.core.cursors import Cursors
from hub.core.errors import BadRequest
from hub.core.tables import Key, Table, Tables
from tests.unit.core.conftest import make_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROUTE = "GET /api/v1/documents/{type} [('type', 'contact')]"


@pytest.fixture
def cursors(tables: Tables) -> Cursors:
    return Cursors(tables)


def decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize("position", [None, "c1", ["name", "id"], {"page": 3}, "ä" * 500, 0])
def test_cursor_opens_to_the_position_it_was_made_of(cursors: Cursors, position: Any) -> None:
    assert cursors.open("acme", ROUTE, cursors.seal("acme", ROUTE, position)) == position


def test_cursor_is_safe_in_a_url_and_hides_the_position(cursors: Cursors) -> None:
    made = [cursors.seal("acme", ROUTE, "canary@example.com") for _ in range(50)]

    assert all(cursor.replace("-", "").replace("_", "").isalnum() for cursor in made)
    assert all(b"canary" not in decoded(cursor) for cursor in made)
    assert len(set(made)) == 50


@pytest.mark.parametrize(
    ("tenant", "route"),
    [("other", ROUTE), ("acme", ROUTE.replace("contact", "deal")), ("acme", ""), ("", ROUTE), ("acm", "e" + ROUTE)],
)
def test_cursor_of_another_tenant_or_route_is_refused(cursors: Cursors, tenant: str, route: str) -> None:
    cursor = cursors.seal("acme", ROUTE, "c1")

    with pytest.raises(BadRequest, match="cursor"):
        cursors.open(tenant, route, cursor)

    assert cursors.open("acme", ROUTE, cursor) == "c1"


def test_cursor_with_any_bit_flipped_is_refused(cursors: Cursors) -> None:
    cursor = cursors.seal("acme", ROUTE, "c1")
    raw = decoded(cursor)
    for bit in range(len(raw) * 8):
        altered = bytearray(raw)
        altered[bit // 8] ^= 1 << bit % 8

        with pytest.raises(BadRequest):
            cursors.open("acme", ROUTE, encoded(bytes(altered)))

    assert cursors.open("acme", ROUTE, encoded(raw)) == "c1"


@pytest.mark.parametrize("text", ["", "x", "AAAA", "A" * 16, "A" * 5000, "ä", "!", "c1", "\ud800", "a b", "=" * 4])
def test_cursor_of_another_hand_is_refused(cursors: Cursors, text: str) -> None:
    with pytest.raises(BadRequest):
        cursors.open("acme", ROUTE, text)


def test_cursor_that_is_cut_short_is_refused_at_every_length(cursors: Cursors) -> None:
    cursor = cursors.seal("acme", ROUTE, "c1")

    for length in random.Random(1).sample(range(len(cursor)), 20):
        with pytest.raises(BadRequest):
            cursors.open("acme", ROUTE, cursor[:length])


def test_every_function_opens_what_another_one_sealed(dynamodb: "DynamoDBClient") -> None:
    """Two Tables stand for two functions: the second finds the key that the first one made."""
    first, second = (Cursors(Tables(dynamodb, make_settings())) for _ in range(2))

    assert second.open("acme", ROUTE, first.seal("acme", ROUTE, "c1")) == "c1"


def test_key_that_two_functions_make_at_once_is_one_key(dynamodb: "DynamoDBClient") -> None:
    """The second one reads before the first one writes: it loses its put and takes the key that won."""
    late = Tables(dynamodb, make_settings())
    late.coordination = Delayed(late.coordination, meanwhile=lambda: Cursors(Tables(dynamodb, make_settings())))

    cursor = Cursors(late).seal("acme", ROUTE, "c1")

    assert Cursors(Tables(dynamodb, make_settings())).open("acme", ROUTE, cursor) == "c1"


class Delayed(Table):
    """A table whose first answer is old: something happens `meanwhile`."""

    def __init__(self, table: Table, meanwhile: Callable[[], object]) -> None:
        super().__init__(table._client, table.name)
        self._meanwhile: Callable[[], object] | None = meanwhile

    def get(self, item_key: Key) -> Item | None:
        found = super().get(item_key)
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            meanwhile()
        return found
