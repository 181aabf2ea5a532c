"""Events as they are kept, and as the bus hears of them."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from hub.core import due, events
from hub.core.attributes import Item
from hub.core.resources import Resources
from tests.unit.core.conftest import ACME, LogLines

AT = 1_782_900_000


@pytest.fixture(autouse=True)
def _stopped(at: Callable[[float], None]) -> None:
    at(AT)


def make(data: Any = None, **options: Any) -> Item:
    return events.new(ACME, "sync.completed", {"jobId": "job_1"} if data is None else data, 30, **options)


class Bus:
    """A bus that remembers its entries, refuses some, or fails with `error`."""

    def __init__(self, refuses: int = 0, error: Exception | None = None) -> None:
        self.refuses, self.error = refuses, error
        self.calls: list[list[dict[str, Any]]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.error:
            raise self.error
        self.calls.append(Entries)
        return {"FailedEntryCount": self.refuses}


def announce(bus: Bus, *made: Item) -> bool:
    resources = SimpleNamespace(events=bus, settings=SimpleNamespace(bus_name="hub-bus"))
    return events.announce(cast("Resources", resources), made)


def test_new_event_waits_to_be_routed_and_is_due_if_nobody_does() -> None:
    event = make()

    assert (event["pk"], event["state"], event["source"]) == ("acme#event", "pending", "hub")
    assert event["sk"].startswith("evt_")
    assert event["dueShard"].startswith("event#")
    assert due.overdue_since(event) == AT + due.GRACE_S
    assert event["expiresEpochS"] == AT + 30 * 86_400


def test_digest_tells_events_with_other_types_or_data_apart() -> None:
    one, same, other_data = make(), make(), make({"jobId": "job_2"})
    other_type = events.new(ACME, "sync.failed", {"jobId": "job_1"}, 30)

    assert one["digest"] == same["digest"]
    assert len({event["digest"] for event in (one, other_data, other_type)}) == 3


def test_event_with_a_given_id_may_be_repeated() -> None:
    assert make(event_id="evt_x") == make(event_id="evt_x")


def test_bus_hears_the_type_and_the_data_with_what_identifies_the_event() -> None:
    bus, event = Bus(), make()

    assert announce(bus, event)

    ((entry,),) = bus.calls
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("hub-bus", "hub", "sync.completed")
    assert json.loads(entry["Detail"]) == {
        "id": event["sk"],
        "tenantId": "acme",
        "timestamp": "2026-07-01T10:00:00.000Z",
        "jobId": "job_1",
    }


def test_data_cannot_pretend_another_tenant_or_id() -> None:
    bus, event = Bus(), make({"tenantId": "victim", "id": "evt_other"})

    announce(bus, event)

    detail = json.loads(bus.calls[0][0]["Detail"])
    assert (detail["tenantId"], detail["id"]) == ("acme", event["sk"])


def test_events_go_to_the_bus_ten_a_call() -> None:
    bus = Bus()

    assert announce(bus, *(make() for _ in range(23)))
    assert [len(call) for call in bus.calls] == [10, 10, 3]


@pytest.mark.parametrize(
    "bus", [Bus(refuses=1), Bus(error=EndpointConnectionError(endpoint_url="https://canary.test"))]
)
def test_bus_that_does_not_take_everything_is_told_of(log: LogLines, bus: Bus) -> None:
    assert not announce(bus, make())
    assert [line["message"] for line in log.lines] == ["event.unannounced"]
    assert "canary" not in log.text
