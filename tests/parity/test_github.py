from dataclasses import replace
from typing import Any

import pytest

from hub.core.errors import Refused
from tests.parity.servers import github, github_graphql
from tests.parity.serving import Answer, Json
from tests.parity.walking import Setting, example, walking

REPOSITORY = {"owner": "octocat", "repo": "hello"}
REST = Setting({"token": github.TOKEN}, REPOSITORY)
GRAPHQL = Setting({"token": github_graphql.TOKEN}, REPOSITORY)


def test_page_of_pull_requests_alone_is_no_end() -> None:
    server = github.Issues(250, is_pull=lambda number: 100 < number <= 200)

    with walking(example("github-issues"), server, REST) as walk:
        pages = walk.pages()

    assert [len(page.records) for page in pages] == [100, 0, 50]


def test_next_page_is_asked_for_as_the_link_says() -> None:
    with walking(example("github-issues"), github.Issues(150), REST) as walk:
        walk.pages()

    first, second = walk.api.requests
    assert first.path == "/repos/octocat/hello/issues"
    assert second.path == f"/repositories/{github.REPOSITORY_ID}/issues"
    assert second.query == first.query | {"page": "2"}


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Accept": "application/vnd.github+json"}, "The API version is not supported"),
        ({"X-GitHub-Api-Version": "2022-11-28"}, "Must accept"),
    ],
)
def test_header_that_is_left_out_is_missed(headers: Json, told: str) -> None:
    definition = {**example("github-issues"), "defaultHeaders": headers}

    with walking(definition, github.Issues(3), REST) as walk, pytest.raises(Refused, match=told):
        walk.pages()


def test_issues_that_changed_since_the_last_sync_are_all_that_is_asked_for() -> None:
    """The time that was seen last is asked for again, less the overlap, and the links carry it to every page."""
    server = github.Issues(350, is_pull=lambda _: False)
    with walking(example("github-issues"), server, REST) as walk:
        since = walk.since()
    for entry in server.entries[:150]:
        entry["updated_at"] = "2024-05-02T00:00:00Z"

    with walking(example("github-issues"), server, replace(REST, since=since)) as walk:
        found = [entry for page in walk.pages() for entry in page.records]

    last = {entry["node_id"] for entry in server.entries if entry["updated_at"] >= "2024-04-28T11:22:33Z"}
    assert since == "2024-04-28T11:17:33Z"
    assert {record.external_id for record in found} == last
    assert 150 <= len(last) < 350
    assert [request.query["since"] for request in walk.api.requests] == [since] * 2


def test_repository_that_is_not_there_is_an_error() -> None:
    setting = Setting({"token": github.TOKEN}, {"owner": "octocat", "repo": "gone"})

    with (
        walking(example("github-issues"), github.Issues(3), setting) as walk,
        pytest.raises(Refused, match="Not Found"),
    ):
        walk.pages()


# GraphQL


def changed_query(**changes: Any) -> Json:
    definition = example("github-graphql")
    listing = definition["endpoints"][0]
    return {**definition, "endpoints": [{**listing, "graphql": {**listing["graphql"], **changes}}]}


def refusal_of(definition: Json, setting: Setting = GRAPHQL) -> str:
    with walking(definition, github_graphql.Repository(3), setting) as walk, pytest.raises(Refused) as caught:
        walk.pages()
    return caught.value.message


def test_variables_keep_their_types_and_the_cursor_comes_later() -> None:
    with walking(example("github-graphql"), github_graphql.Repository(150), GRAPHQL) as walk:
        walk.pages()

    first, second = [request.json() for request in walk.api.requests]
    assert first["variables"] == {"owner": "octocat", "name": "hello", "first": 100}
    assert second["variables"] == first["variables"] | {"after": "Y3Vyc29yOnYyOjEwMA=="}
    assert (first["operationName"], first["query"]) == ("Issues", second["query"])


def test_repository_that_is_not_there_is_an_error_inside_a_200() -> None:
    setting = Setting({"token": github_graphql.TOKEN}, {"owner": "octocat", "repo": "gone"})

    assert "Could not resolve to a Repository" in refusal_of(example("github-graphql"), setting)


def test_query_that_asks_for_too_much_is_an_error() -> None:
    definition = changed_query(variables={"owner": "{{owner}}", "name": "{{repo}}", "first": 101})

    assert "exceeds the `first` limit of 100 records" in refusal_of(definition)


def test_query_that_cannot_be_read_is_an_error() -> None:
    assert "Syntax Error" in refusal_of(changed_query(query="query Issues { repository("))


def test_data_beside_an_error_is_not_taken_for_all_of_it() -> None:
    node = github_graphql.issue(1)
    connection = {"nodes": [node, None], "pageInfo": {"hasNextPage": False, "endCursor": None}, "totalCount": 2}
    partial = {
        "data": {"repository": {"issues": connection}},
        "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}],
    }

    with walking(example("github-graphql"), github_graphql.Repository(3), GRAPHQL) as walk:
        walk.api.instead.append(Answer(200, partial))
        with pytest.raises(Refused, match="Resource not accessible by integration"):
            walk.pages()
