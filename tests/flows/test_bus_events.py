"""Events of the user's own services: put on the bus, and delivered like those of the API."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.flows.receivers import LoopbackReceiver, receiving

Json = dict[str, Any]
Eventually = Callable[..., None]


@pytest.fixture
def receiver() -> Iterator[LoopbackReceiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def bus(stack: Stack) -> Callable[..., None]:
    """Put an event on the bus as a service of the user's own does."""
    name, events = stack.template.functions["EventRouter"].environment["BUS_NAME"], stack.aws("events")

    def put(event_type: str, detail: Any, source: str = "myapp") -> None:
        entry: Any = {"EventBusName": name, "Source": source, "DetailType": event_type, "Detail": json.dumps(detail)}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    return put


def test_event_that_a_service_puts_on_the_bus_reaches_the_subscriber(
    api: Callable[..., httpx.Client],
    tenant: str,
    bus: Callable[..., None],
    receiver: LoopbackReceiver,
    eventually: Eventually,
) -> None:
    body = {"name": "crm", "url": f"{receiver.url}/hook", "eventTypes": ["CONTACT_CREATED"]}
    assert api(tenant).post("/api/v1/webhooks/subscriptions", json=body).status_code == 201

    bus("contact.created", {"tenantId": tenant, "id": "contact-1-made", "data": {"contactId": "contact-1"}})
    eventually(lambda: receiver.at("/hook"), within_s=30)

    (received,) = receiver.at("/hook")
    assert received.id == "contact-1-made"
    assert received.headers["x-webhook-event"] == "CONTACT_CREATED"
    assert json.loads(received.body)["data"] == {"contactId": "contact-1"}
    event = api(tenant).get("/api/v1/events/contact-1-made").json()
    assert (event["source"], event["type"], event["matched"]) == ("myapp", "contact.created", 1)


def test_event_under_the_hubs_name_and_ticks_of_the_scheduler_are_not_taken(
    api: Callable[..., httpx.Client], tenant: str, bus: Callable[..., None], eventually: Eventually
) -> None:
    """The rule of the bus leaves them out; the third shows that what came before it was seen."""
    detail = {"tenantId": tenant, "data": {"contactId": "c"}}

    bus("contact.created", {**detail, "id": "of-the-hub"}, source="hub")
    bus("scheduler.hourly", {**detail, "id": "of-the-clock"})
    bus("contact.created", {**detail, "id": "of-the-app"})
    eventually(lambda: api(tenant).get("/api/v1/events/of-the-app").status_code == 200, within_s=30)

    assert api(tenant).get("/api/v1/events/of-the-hub").status_code == 404
    assert api(tenant).get("/api/v1/events/of-the-clock").status_code == 404
