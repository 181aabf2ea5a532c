"""What may stand in the webhookConfig of a custom integration, and where a fault in it is found."""

from typing import Any

import pytest

from tests.api.conftest import Hub, make_integration
from tests.api.custom_integrations import PATH, create
from tests.api.inbound_endpoints import Json, stored

ROUTE = {"eventTypePath": "$.type", "eventTypeValue": "a", "action": "custom"}


def config(**changed: Any) -> Json:
    return {"webhookConfig": changed}


def rule(**changed: Any) -> Json:
    return config(eventRouting=[{**ROUTE, **changed}])


BAD: list[tuple[str, Json]] = [
    ("signatureConfig/algorithm", config(signatureConfig={"header": "X-S"})),
    ("signatureConfig/header", config(signatureConfig={"algorithm": "hmac-sha256"})),
    ("signatureConfig/header", config(signatureConfig={"header": "X S", "algorithm": "hmac-sha256"})),
    ("signatureConfig/header", config(signatureConfig={"scheme": "github", "header": "X-Hub"})),
    ("signatureConfig/algorithm", config(signatureConfig={"scheme": "hmac", "algorithm": "none"})),
    ("signatureConfig/scheme", config(signatureConfig={"scheme": "rot13"})),
    ("signatureConfig/toleranceS", config(signatureConfig={"scheme": "stripe", "toleranceS": 301})),
    ("ipAllowList/0", config(ipAllowList=["example.com"])),
    ("transformTemplate/a", config(transformTemplate={"a": "$.["})),
    ("responseStatus", config(responseStatus=302)),
    ("eventRouting/0/eventTypeHeader", rule(eventTypeHeader="X-Type")),
    ("eventRouting/0/eventTypeHeader", rule(eventTypePath=None, eventTypeHeader="X-Api-Key")),
    ("eventRouting/0/versionPath", rule(versionPath="$.[")),
    ("eventRouting/0/eventName", rule(eventName="a b")),
    ("eventRouting/0/endpointId", rule(action="trigger_sync", endpointId="none")),
    ("eventRouting/0/identifierPath", rule(action="update_shard")),
]


@pytest.mark.parametrize(("place", "change"), BAD, ids=lambda value: str(value)[:70])
def test_fault_in_the_webhook_is_refused_at_its_place(hub: Hub, place: str, change: Json) -> None:
    reply = hub.post(PATH, make_integration(**change))

    assert reply.status == 400
    assert [each["pointer"] for each in reply.body["error"]["details"]["problems"]] == [f"/webhookConfig/{place}"]


def test_every_word_of_the_webhook_is_accepted(hub: Hub) -> None:
    rules = [
        {**ROUTE, "eventName": "order.created"},
        {**ROUTE, "action": "trigger_sync", "endpointId": "contacts"},
        {
            "eventTypeHeader": "X-Event",
            "eventTypeValue": "order.*",
            "action": "update_shard",
            "targetShardTypeId": "order",
            "identifierPath": "$.id",
            "versionPath": "$.updatedAt",
        },
    ]
    signature = {"scheme": "stripe", "toleranceS": 60}
    sent = {
        "signatureConfig": signature,
        "ipAllowList": ["192.0.2.0/24", "2001:db8::1"],
        "eventRouting": rules,
        "transformTemplate": {"id": "$.id"},
        "responseStatus": 202,
        "responseBody": "ok",
    }

    made = create(hub, webhookConfig=sent)

    found = stored(hub, made["id"])
    assert {name: made["webhookConfig"][name] for name in sent} == sent
    assert (found.verification, found.ip_allow_list) == (signature, sent["ipAllowList"])
    assert (found.routing, found.json("transformTemplate")) == (rules, {"id": "$.id"})
