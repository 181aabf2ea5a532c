"""What is special about one API, beside what all shapes are held to."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from hub.core.errors import Refused
from tests.parity.servers import (
    hubspot,
    jira,
    mailchimp,
    microsoft_graph,
    notion,
    salesforce,
    shelly_cloud,
    shopify,
    slack,
    stripe,
    zoho,
)
from tests.parity.serving import Answer, Handle, Json
from tests.parity.shapes import SHAPES
from tests.parity.walking import Setting, Walk, example, walking

SETTINGS = {shape.name: shape.setting for shape in SHAPES}


def changed(name: str, part: str, **changes: Any) -> Json:
    """Return an example whose first endpoint has other words in one of its parts."""
    definition = example(name)
    listing, *others = definition["endpoints"]
    return {**definition, "endpoints": [{**listing, part: {**listing[part], **changes}}, *others]}


def walking_on(name: str, server: Handle) -> AbstractContextManager[Walk]:
    return walking(example(name), server, SETTINGS[name])


def refused(definition: Json, server: Handle, instead: Answer | None = None) -> tuple[Refused, Walk]:
    with walking(definition, server, SETTINGS[definition["name"]]) as walk:
        walk.api.instead.extend([instead] if instead else [])
        with pytest.raises(Refused) as caught:
            walk.pages()
    return caught.value, walk


# Stripe


def test_stripe_takes_its_key_as_a_user_name() -> None:
    auth = {"auth": {"type": "basic", "username": stripe.KEY, "password": ""}}

    with walking({**example("stripe-customers"), **auth}, stripe.Customers(150), Setting()) as walk:
        assert len(walk.documents()) == 150


def test_stripe_lock_is_waited_for() -> None:
    with walking_on("stripe-customers", stripe.Customers(3)) as walk:
        walk.api.instead.append(stripe.LOCKED)
        page = walk.run.fetch()

    assert (len(page.records), page.attempts) == (3, 2)


def test_stripe_request_that_failed_is_an_error() -> None:
    error, walk = refused(example("stripe-customers"), stripe.Customers(3), stripe.FAILED)

    assert "answered 402: The parameters were valid but the request failed." in error.message
    assert len(walk.api.requests) == 1


def test_stripe_refuses_pages_that_are_too_long() -> None:
    error, _ = refused(changed("stripe-customers", "pagination", maxLimit=101), stripe.Customers(3))

    assert "less than or equal to 100" in error.message


def test_stripe_events_since_the_last_one_are_all_that_is_asked_for() -> None:
    setting, server = Setting({"token": stripe.KEY}, endpoint="events"), stripe.Customers(250)
    with walking(example("stripe-customers"), server, setting) as walk:
        since = walk.since()
    server.events += [stripe.event(number) for number in range(251, 371)]

    with walking(example("stripe-customers"), server, replace(setting, since=since)) as walk:
        ids = list(walk.documents())

    overlap = 300 // 60
    assert ids == [f"evt_{number:014}" for number in range(370, 249 - overlap, -1)]
    assert [request.query["created[gte]"] for request in walk.api.requests] == [str(since)] * 2


# Shopify


def test_shopify_sends_the_filter_once_and_then_the_link_alone() -> None:
    with walking_on("shopify-customers", shopify.Customers(600)) as walk:
        walk.pages()

    first, *others = [set(request.query) for request in walk.api.requests]
    assert first == {"limit", "fields", "order"}
    assert others == [{"limit", "fields", "page_info"}] * 2


def test_shopify_refuses_a_filter_beside_its_page_info() -> None:
    """The cursor is in the link, but a cursor pagination that takes it out repeats the filter."""
    definition = changed("shopify-customers", "pagination", type="cursor", cursorParam="page_info", cursorPath="$.next")
    server = shopify.Customers(300)

    def with_cursor_in_body(request: Any) -> Answer:
        answer = server(request)
        return Answer(answer.status, {**answer.content, "next": "bmV4dDoyNTA="}, answer.headers)

    error, walk = refused(definition, with_cursor_in_body)

    assert "order cannot be passed when page_info is present" in error.message.replace('"', "")
    assert len(walk.api.requests) == 2


# HubSpot


def test_hubspot_limit_of_the_day_is_not_tried_again() -> None:
    error, walk = refused(example("hubspot-contacts"), hubspot.Contacts(3), hubspot.LIMITED_FOR_THE_DAY)

    assert "daily limit" in error.message
    assert "the requests of the day are used up" in error.message
    assert len(walk.api.requests) == 1


def test_hubspot_refuses_pages_that_are_too_long() -> None:
    error, _ = refused(changed("hubspot-contacts", "pagination", maxLimit=200), hubspot.Contacts(3))

    assert "exceeds the maximum of 100" in error.message


def test_hubspot_changes_are_searched_from_the_last_sync_on() -> None:
    """The first search takes the day that the caller gives, the next ones what the records said."""
    setting = Setting({"token": hubspot.TOKEN}, {"since": "2024-04-20T00:00:00Z"}, endpoint="changes")
    server = hubspot.Contacts(1000)

    with walking(example("hubspot-contacts"), server, setting) as walk:
        ids = list(walk.documents())
        since = walk.since()
        first = [request.json() for request in walk.api.requests[:2]]
    with walking(example("hubspot-contacts"), server, replace(setting, since=since)) as walk:
        later = list(walk.documents())

    assert ids == [str(500 + number) for number in range(1, 1001) if number % 28 + 1 >= 20]
    assert [request.get("after") for request in first] == [None, "200"]
    assert since == "2024-04-27T23:50:00.000Z"
    assert later == [str(500 + number) for number in range(1, 1001) if number % 28 + 1 >= 28]


# Salesforce


@pytest.mark.parametrize(
    ("soql", "told"),
    [("SELECT Id, Company FROM Contact", "No such column 'Company'"), ("FETCH Contact", "unexpected token: 'FETCH'")],
)
def test_salesforce_says_what_is_wrong_with_a_query(soql: str, told: str) -> None:
    definition = example("salesforce-contacts")
    definition["endpoints"][0]["queryParams"] = [{"name": "q", "value": soql}]

    error, _ = refused(definition, salesforce.Contacts(3))

    assert told in error.message


# Zoho


def test_zoho_needs_the_names_of_the_fields() -> None:
    definition = example("zoho-contacts")
    definition["endpoints"][0]["queryParams"] = []

    error, _ = refused(definition, zoho.Contacts(3))

    assert "One of the expected parameter is missing" in error.message


def test_zoho_refuses_page_numbers_beyond_its_limit() -> None:
    """The walk by numbers must not end there as if that were all."""
    pagination = {"type": "page", "pageParam": "page", "pageSizeParam": "per_page", "limitParam": None}
    definition = changed("zoho-contacts", "pagination", **pagination)

    error, walk = refused(definition, zoho.Contacts(2300))

    assert "You can only get the first 2000 records" in error.message
    assert len(walk.api.requests) == 11


# Notion


def test_notion_gets_its_cursor_in_the_body_from_the_second_page() -> None:
    with walking_on("notion-pages", notion.Search(150)) as walk:
        walk.pages()

    first, second = [request.json() for request in walk.api.requests]
    assert first["page_size"] == 100
    assert "start_cursor" not in first
    assert second == first | {"start_cursor": notion.page(101)["id"]}


def test_notion_needs_its_version() -> None:
    error, _ = refused({**example("notion-pages"), "defaultHeaders": {}}, notion.Search(3))

    assert "Notion-Version header failed validation" in error.message


def test_notion_walk_is_cut_where_the_definition_says() -> None:
    definition = changed("notion-pages", "pagination", maxPages=2)

    with walking(definition, notion.Search(350), SETTINGS["notion-pages"]) as walk:
        pages = walk.pages()

    assert ([len(page.records) for page in pages], pages[-1].stop_reason) == ([100, 100], "max_pages")


# Slack


def test_slack_token_is_tested_by_a_request_of_its_own() -> None:
    setting = Setting({"token": slack.TOKEN}, endpoint=example("slack-users")["healthEndpoint"])

    with walking(example("slack-users"), slack.Users(3), setting) as walk:
        assert list(walk.documents()) == ["U00000001"]


def test_slack_error_inside_a_200_is_an_error() -> None:
    error, walk = refused(example("slack-users"), slack.Users(3), Answer(200, {"ok": False, "error": "missing_scope"}))

    assert "missing_scope" in error.message
    assert len(walk.api.requests) == 1


def test_slack_limit_inside_a_200_is_waited_for() -> None:
    with walking_on("slack-users", slack.Users(3)) as walk:
        walk.api.instead.append(slack.LIMITED_IN_200)
        page = walk.run.fetch()

    assert (len(page.records), page.attempts) == (3, 2)


# Jira


def test_jira_pages_that_are_cut_short_are_no_end() -> None:
    with walking_on("jira-issues", jira.Search(120, most_per_page=50)) as walk:
        assert len(walk.documents()) == 120

    assert len(walk.api.requests) == 3


@pytest.mark.parametrize(
    ("name", "server", "count"),
    [("jira-issues", jira.Search, 200), ("mailchimp-members", mailchimp.Members, 400)],
)
def test_total_saves_the_empty_page_after_a_full_one(name: str, server: Any, count: int) -> None:
    with walking_on(name, server(count)) as walk:
        assert len(walk.documents()) == count

    assert len(walk.api.requests) == 2


# Mailchimp


def test_mailchimp_refuses_pages_that_are_too_long() -> None:
    error, _ = refused(changed("mailchimp-members", "pagination", maxLimit=1001), mailchimp.Members(3))

    assert "could not be validated" in error.message


# Shelly


def test_shelly_error_inside_a_200_is_an_error_and_not_an_empty_map() -> None:
    """The path of the devices matches nothing then, as it does in an account without devices."""
    answer = Answer(200, {"isok": False, "errors": {"wrong_user": "The account is locked"}})

    error, _ = refused(example("shelly-cloud"), shelly_cloud.Devices(3), answer)

    assert "The account is locked" in error.message


def test_shelly_key_is_a_field_of_the_form_alone() -> None:
    with walking_on("shelly-cloud", shelly_cloud.Devices(3)) as walk:
        walk.pages()

    assert walk.api.requests[0].form == {"show_info": "true", "no_shared": "true", "auth_key": shelly_cloud.KEY}
    assert walk.api.requests[0].pairs == []


# Microsoft Graph


def test_graph_link_is_followed_as_it_is() -> None:
    with walking_on("microsoft-graph-users", microsoft_graph.Users(300)) as walk:
        walk.pages()

    first, second = walk.api.requests
    assert first.query["$top"] == "200"
    assert second.pairs == [*first.pairs, ("$skiptoken", "RFNwdAIAAQAAAB200")]


def test_graph_link_to_another_cloud_is_not_followed() -> None:
    elsewhere = {"value": [], "@odata.nextLink": "https://microsoftgraph.chinacloudapi.cn/v1.0/users?$skiptoken=x"}

    error, walk = refused(example("microsoft-graph-users"), microsoft_graph.Users(3), Answer(200, elsewhere))

    assert "another origin" in error.message
    assert len(walk.api.requests) == 1
