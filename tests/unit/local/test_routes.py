"""The most specific route wins, as in an HTTP API."""

import pytest

from local.routes import RouteTable
from local.template import Route

TABLE = RouteTable(
    Route(method, path, "F", None)
    for method, path in [
        ("ANY", "/docs/{proxy+}"),
        ("GET", "/docs/{type}"),
        ("ANY", "/docs/{type}"),
        ("GET", "/docs/special"),
        ("POST", "/docs/{type}/{id}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "key", "variables"),
    [
        ("GET", "/docs/special", "GET /docs/special", {}),
        ("GET", "/docs/other", "GET /docs/{type}", {"type": "other"}),
        ("PUT", "/docs/special", "ANY /docs/{type}", {"type": "special"}),
        ("POST", "/docs/a/b", "POST /docs/{type}/{id}", {"type": "a", "id": "b"}),
        ("GET", "/docs/a/b", "ANY /docs/{proxy+}", {"proxy": "a/b"}),
        ("GET", "/docs/a%20b", "GET /docs/{type}", {"type": "a b"}),
        ("GET", "/docs/a%2Fb", "GET /docs/{type}", {"type": "a/b"}),
    ],
)
def test_route_is_the_most_specific_one(method: str, path: str, key: str, variables: dict[str, str]) -> None:
    match = TABLE.select(method, path)

    assert match
    assert (match.route.key, match.variables) == (key, variables)


@pytest.mark.parametrize("path", ["/", "/docs", "/docsx/a", "/docs/"])
def test_route_is_none_when_nothing_matches(path: str) -> None:
    assert TABLE.select("GET", path) is None


def test_default_route_takes_what_no_other_route_takes() -> None:
    table = RouteTable([Route("ANY", "$default", "F", None), Route("GET", "/a", "F", None)])

    keys = [match.route.key for path in ("/a", "/b/c") if (match := table.select("GET", path))]

    assert keys == ["GET /a", "$default"]
