"""The list of custom integrations: its pages, its order and its filters."""

import pytest

from tests.api.conftest import Hub, StoppedClock
from tests.api.custom_integrations import PATH, create, delete, names, page
from tests.api.sync_work import Json


@pytest.fixture
def crowd(hub: Hub, stopped_clock: StoppedClock) -> list[str]:
    """Names of 25 integrations, oldest first; the alphabet has them the other way round."""
    wanted = [f"api-{99 - number}" for number in range(25)]
    for name in wanted:
        stopped_clock.advance(1)
        create(hub, name, auth={"type": "none"})
    return wanted


ORDERS = (("asc", "createdAt"), ("desc", "createdAt"), ("asc", "name"))


@pytest.mark.parametrize("way", ["offset", "cursor"])
def test_list_walks_every_integration_once(hub: Hub, crowd: list[str], way: str) -> None:
    for order, by in ORDERS:
        query: Json = {"limit": 10, "sortOrder": order, "sortBy": by}
        pages = [page(hub, **query)]
        while pages[-1]["hasMore"]:
            pages.append(page(hub, **query, **{way: pages[-1]["nextOffset" if way == "offset" else "nextCursor"]}))

        is_reversed = (order, by) != ("asc", "createdAt")
        walked = [name for each in pages for name in names(each)]
        assert walked == (crowd[::-1] if is_reversed else crowd), (order, by)
        told = [(each["total"], each["limit"], each["offset"]) for each in pages]
        assert told == [(25, 10, at) for at in (0, 10, 20)]
        assert {*pages[0]} == {"items", "total", "limit", "offset", "hasMore", "nextOffset", "nextCursor"}
        assert {*pages[-1]} == {"items", "total", "limit", "offset", "hasMore"}


def test_list_is_filtered_by_status_type_and_text(hub: Hub) -> None:
    create(hub, "one", status="active", displayName="Alpha")
    create(hub, "two", description="what alpha feeds")
    create(hub, "three", integrationType="graphql")
    delete(hub, create(hub, "four", displayName="Alpha"))

    assert names(page(hub, status="active")) == ["one"]
    assert names(page(hub, status="inactive", sortBy="name")) == ["three", "two"]
    assert names(page(hub, status="error")) == []
    assert names(page(hub, type="graphql")) == ["three"]
    assert names(page(hub, type="rest", sortBy="name")) == names(page(hub, type="rest_api", sortBy="name"))
    assert names(page(hub, search="ALPHA", sortBy="name")) == ["one", "two"]
    assert page(hub, search="nothing") == {"items": [], "total": 0, "limit": 50, "offset": 0, "hasMore": False}


BAD_QUERIES: list[Json] = [
    {"limit": "0"},
    {"limit": "101"},
    {"limit": "ten"},
    {"offset": "-1"},
    {"offset": "10001"},
    {"sortBy": "secret"},
    {"sortOrder": "up"},
    {"status": "draft"},
    {"type": "soap"},
    {"cursor": "x"},
]


@pytest.mark.parametrize("query", BAD_QUERIES, ids=lambda query: "=".join(*query.items()))
def test_bad_query_of_a_list_is_a_400(hub: Hub, query: Json) -> None:
    reply = hub.get(PATH, query=query)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")


def test_list_holds_nothing_of_another_tenant(hub: Hub, other_hub: Hub) -> None:
    create(other_hub)

    assert (page(hub)["total"], page(other_hub)["total"]) == (0, 1)
