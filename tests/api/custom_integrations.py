"""The routes of custom integrations in a few words; every answer is checked against its model."""

from typing import Any

from hub.integrations.models import CustomIntegration, CustomIntegrationPage
from tests.api.conftest import Hub, Reply, make_integration
from tests.api.sync_work import Json

PATH = "/api/v1/custom-integrations"


def create(hub: Hub, name: str = "crm", **changed: Any) -> Json:
    reply = hub.post(PATH, make_integration(name, **changed))
    assert reply.status == 201, reply.body
    return checked(reply)


def patch(hub: Hub, made: Json, change: Json, **options: Any) -> Reply:
    return hub.call("PATCH", f"{PATH}/{made['id']}", change, **options)


def delete(hub: Hub, made: Json, **options: Any) -> Reply:
    return hub.call("DELETE", f"{PATH}/{made['id']}", **options)


def checked(reply: Reply) -> Json:
    """Return the answer, which is one that the model describes."""
    CustomIntegration.model_validate(reply.body)
    body: Json = reply.body
    return body


def page(hub: Hub, **query: Any) -> Json:
    reply = hub.get(PATH, query=query)
    assert reply.status == 200, reply.body
    CustomIntegrationPage.model_validate(reply.body)
    body: Json = reply.body
    return body


def names(listed: Json) -> list[str]:
    return [item["name"] for item in listed["items"]]
