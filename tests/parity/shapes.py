"""Every API that the format is held against: its example, its server, and how it answers at its edges."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.connector.plan import Position
from tests.parity.servers import (
    airtable,
    github,
    github_graphql,
    hubspot,
    jira,
    mailchimp,
    microsoft_graph,
    notion,
    salesforce,
    shelly,
    shelly_cloud,
    shopify,
    slack,
    stripe,
    zoho,
)
from tests.parity.serving import Answer, Handle
from tests.parity.walking import Setting

Ids = Callable[[int], list[str]]


@dataclass(frozen=True)
class Shape:
    """`count` entries are on the server, `ids` are those of the documents; `stop` is how a walk ends by itself.

    `lost` is a position of the same kind whose cursor the provider never gave, `lost_message` what it says to that.
    """

    name: str
    server: Callable[[int], Handle]
    setting: Setting
    ids: Ids
    stop: str
    count: int
    page_size: int
    denied: str
    limited: Answer
    lost: Position | None = None
    lost_message: str = ""
    empty_stop: str = ""
    total: bool = False
    can_be_empty: bool = True

    def requests(self, count: int) -> int:
        return max(1, -(-count // self.page_size))


def _numbered(form: str, skip_every: int = 0) -> Ids:
    def ids(count: int) -> list[str]:
        return [form.format(number) for number in range(1, count + 1) if not skip_every or number % skip_every]

    return ids


def _ids_of(make: Callable[[int], Any], name: str) -> Ids:
    return lambda count: [str(make(number)[name]) for number in range(1, count + 1)]


def _cursor(text: str) -> Position:
    return Position("cursor", cursor=text, pages=1)


SHAPES = (
    Shape(
        name="github-issues",
        server=github.Issues,
        setting=Setting({"token": github.TOKEN}, {"owner": "octocat", "repo": "hello"}),
        ids=_numbered("I_{:08}", skip_every=3),
        stop="no_next_link",
        count=350,
        page_size=100,
        denied="Bad credentials",
        limited=github.LIMITED,
        lost=Position("link", link=f"/repositories/{github.REPOSITORY_ID}/issues?per_page=100&page=900", pages=1),
        lost_message="not supported for large datasets",
    ),
    Shape(
        name="stripe-customers",
        server=stripe.Customers,
        setting=Setting({"token": stripe.KEY}),
        ids=_numbered("cus_{:014}"),
        stop="has_more_false",
        count=350,
        page_size=100,
        denied="Invalid API Key provided",
        limited=stripe.LIMITED,
        lost=_cursor("cus_of_nobody"),
        lost_message="No such customer: 'cus_of_nobody'",
    ),
    Shape(
        name="shopify-customers",
        server=shopify.Customers,
        setting=Setting({"keyValue": shopify.TOKEN}),
        ids=_ids_of(shopify.customer, "id"),
        stop="no_next_link",
        count=600,
        page_size=250,
        denied="Invalid API key or access token",
        limited=shopify.LIMITED,
        lost=Position("link", link="/admin/api/2024-10/customers.json?limit=250&page_info=lost", pages=1),
        lost_message="Invalid value.",
    ),
    Shape(
        name="hubspot-contacts",
        server=hubspot.Contacts,
        setting=Setting({"token": hubspot.TOKEN}),
        ids=_ids_of(hubspot.contact, "id"),
        stop="cursor_null",
        count=350,
        page_size=100,
        denied="Authentication credentials not found",
        limited=hubspot.LIMITED,
        lost=_cursor("lost"),
        lost_message="Unable to infer object type from",
    ),
    Shape(
        name="salesforce-contacts",
        server=salesforce.Contacts,
        setting=Setting({"accessToken": salesforce.TOKEN}),
        ids=_ids_of(salesforce.contact, "Id"),
        stop="no_next_link",
        count=750,
        page_size=200,
        denied="Session expired or invalid",
        limited=salesforce.LIMITED,
        total=True,
    ),
    Shape(
        name="zoho-contacts",
        server=zoho.Contacts,
        setting=Setting({"accessToken": zoho.TOKEN}),
        ids=_ids_of(zoho.contact, "id"),
        stop="has_more_false",
        count=2300,
        page_size=200,
        denied="invalid oauth token",
        limited=zoho.LIMITED,
        lost=_cursor("lost"),
        lost_message="invalid data",
    ),
    Shape(
        name="notion-pages",
        server=notion.Search,
        setting=Setting({"token": notion.TOKEN}),
        ids=_ids_of(notion.page, "id"),
        stop="has_more_false",
        count=350,
        page_size=100,
        denied="API token is invalid.",
        limited=notion.limited(0),
        lost=_cursor("lost"),
        lost_message="The start_cursor provided is invalid: lost",
    ),
    Shape(
        name="slack-users",
        server=slack.Users,
        setting=Setting({"token": slack.TOKEN}),
        ids=_ids_of(slack.user, "id"),
        stop="cursor_null",
        count=450,
        page_size=200,
        denied="invalid_auth",
        limited=slack.limited(0),
        lost=_cursor("lost"),
        lost_message="invalid_cursor",
    ),
    Shape(
        name="github-graphql",
        server=github_graphql.Repository,
        setting=Setting({"token": github_graphql.TOKEN}, {"owner": "octocat", "repo": "hello"}),
        ids=_ids_of(github_graphql.issue, "id"),
        stop="has_more_false",
        count=350,
        page_size=100,
        denied="Bad credentials",
        limited=github_graphql.LIMITED,
        lost=_cursor("lost"),
        lost_message="`lost` does not appear to be a valid cursor.",
        total=True,
    ),
    Shape(
        name="jira-issues",
        server=jira.Search,
        setting=Setting({"token": jira.TOKEN}, {"project": "HUB"}),
        ids=_ids_of(jira.issue, "id"),
        stop="total_reached",
        count=350,
        page_size=100,
        denied="You are not authenticated",
        limited=jira.limited(0),
        empty_stop="empty_page",
        total=True,
    ),
    Shape(
        name="shelly-plug",
        server=lambda _: shelly.Plug(),
        setting=Setting({"password": shelly.PASSWORD}),
        ids=lambda _: [shelly.MAC],
        stop="single_page",
        count=1,
        page_size=1,
        denied="401 Unauthorized",
        limited=Answer(503, text="Service Unavailable", headers={"retry-after": "0"}),
        can_be_empty=False,
    ),
    Shape(
        name="shelly-cloud",
        server=shelly_cloud.Devices,
        setting=Setting({"keyValue": shelly_cloud.KEY}),
        ids=_numbered("a4cf12{:06x}"),
        stop="single_page",
        count=300,
        page_size=300,
        denied="Invalid token. Please, log in again!",
        limited=shelly_cloud.LIMITED,
    ),
    Shape(
        name="mailchimp-members",
        server=mailchimp.Members,
        setting=Setting({"password": mailchimp.KEY}, settings={"listId": mailchimp.LIST}),
        ids=_ids_of(mailchimp.member, "id"),
        stop="total_reached",
        count=450,
        page_size=200,
        denied="Your API key may be invalid",
        limited=mailchimp.LIMITED,
        empty_stop="empty_page",
        total=True,
    ),
    Shape(
        name="airtable-records",
        server=airtable.Records,
        setting=Setting({"token": airtable.TOKEN}, {"baseId": "appA1B2C3D4E5F6G7"}),
        ids=_ids_of(airtable.record, "id"),
        stop="cursor_null",
        count=350,
        page_size=100,
        denied="Authentication required",
        limited=airtable.LIMITED,
        lost=_cursor("lost"),
        lost_message="The value of offset lost is invalid",
    ),
    Shape(
        name="microsoft-graph-users",
        server=microsoft_graph.Users,
        setting=Setting({"accessToken": microsoft_graph.TOKEN}),
        ids=_ids_of(microsoft_graph.user, "id"),
        stop="no_next_link",
        count=450,
        page_size=200,
        denied="the token is expired",
        limited=microsoft_graph.limited(0),
        lost=Position("link", link="/v1.0/users?$skiptoken=lost", pages=1),
        lost_message="Invalid value specified",
    ),
)
