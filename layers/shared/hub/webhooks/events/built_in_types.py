"""The event types that every tenant has from the start, with the payloads that the specifications write down.

Required is only what each writer surely has: the schemas guard what subscribers build on, and refuse nothing that the
specifications themselves send.
"""

from dataclasses import dataclass
from typing import Any

from hub.core.json_schema import DIALECT

Json = dict[str, Any]


@dataclass(frozen=True)
class EventType:
    """`owned_by_hub`: only the hub itself may publish it."""

    name: str
    description: str
    schema: Json | None = None
    aliases: tuple[str, ...] = ()
    example: Json | None = None
    owned_by_hub: bool = False


TEXT: Json = {"type": "string"}
PERHAPS_TEXT: Json = {"type": ["string", "null"]}
ANY_OBJECT: Json = {"type": "object"}


def _payload(required: Json, optional: Json | None = None) -> Json:
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


def _of_hub(name: str, description: str, schema: Json, example: Json) -> EventType:
    return EventType(name, description, schema, (), example, owned_by_hub=True)


# Source: the specification of the freight platform ("Events to Publish").
_PLATFORM = (
    _of_hub(
        "integration.created",
        "An integration was created.",
        _payload({"integrationId": TEXT}),
        {"integrationId": "int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD"},
    ),
    _of_hub(
        "integration.connected",
        "An integration was given access to the other system.",
        _payload({"integrationId": TEXT}),
        {"integrationId": "int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD"},
    ),
    _of_hub(
        "integration.error",
        "The other system refused an integration, or could not be reached.",
        _payload({"integrationId": TEXT, "error": TEXT}),
        {"integrationId": "int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "error": "401: the access token was revoked"},
    ),
    _of_hub(
        "webhook.received",
        "An inbound endpoint received a webhook. No wildcard covers it.",
        _payload({"endpointId": TEXT}, {"data": {}}),
        {"endpointId": "whe_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "data": {"event": "deal.won"}},
    ),
    _of_hub(
        "webhook.delivered",
        "A delivery was taken by its receiver. No wildcard covers it.",
        _payload({"subscriptionId": TEXT, "deliveryId": TEXT}),
        {"subscriptionId": "sub_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "deliveryId": "dlv_01JCZ8Y0M3V8T6W2Q9X4N5B7KE"},
    ),
    _of_hub(
        "webhook.failed",
        "A delivery failed for good. No wildcard covers it.",
        _payload({"subscriptionId": TEXT, "error": TEXT}, {"deliveryId": TEXT}),
        {"subscriptionId": "sub_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "error": "500: Internal Server Error"},
    ),
    _of_hub(
        "sync.started",
        "A sync job began.",
        _payload({"jobId": TEXT}),
        {"jobId": "job_01JCZ8Y0M3V8T6W2Q9X4N5B7KD"},
    ),
    _of_hub(
        "sync.completed",
        "A sync job ended well.",
        _payload({"jobId": TEXT, "stats": ANY_OBJECT}),
        {"jobId": "job_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "stats": {"read": 42, "created": 42}},
    ),
    _of_hub(
        "sync.failed",
        "A sync job failed.",
        _payload({"jobId": TEXT, "error": TEXT}),
        {"jobId": "job_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "error": "503: Service Unavailable"},
    ),
    _of_hub(
        "sync.conflict",
        "A sync of both ways found changes of the same fields that no rule decides.",
        _payload({"jobId": TEXT, "count": {"type": "integer"}}),
        {"jobId": "job_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "count": 3},
    ),
    _of_hub(
        "sync.deletes_held",
        "A full sync found so much gone that its deletions wait for an approval.",
        _payload({"jobId": TEXT, "count": {"type": "integer"}}, {"approveUntil": TEXT}),
        {"jobId": "job_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "count": 120, "approveUntil": "2026-07-08T10:00:00.000Z"},
    ),
)
_OPERATIONS = (
    _of_hub(
        "webhook.subscription_disabled",
        "The hub switched a subscription off because its receiver kept failing. No wildcard covers it.",
        _payload({"subscriptionId": TEXT, "reason": TEXT}),
        {"subscriptionId": "sub_01JCZ8Y0M3V8T6W2Q9X4N5B7KD", "reason": "10 failures in a row"},
    ),
)
# Source: the specification of the cards product ("Event Payloads"; `phone` is absent in its own call of triggerEvent).
_CARDS = (
    EventType(
        "contact.created",
        "A contact was added.",
        _payload(
            {"contactId": TEXT},
            {
                "firstName": PERHAPS_TEXT,
                "lastName": PERHAPS_TEXT,
                "email": PERHAPS_TEXT,
                "phone": PERHAPS_TEXT,
                "cardId": PERHAPS_TEXT,
            },
        ),
        ("CONTACT_CREATED",),
        {
            "contactId": "contact-123",
            "firstName": "John",
            "lastName": "Doe",
            "email": "john@example.com",
            "phone": "+1234567890",
            "cardId": "card-123",
        },
    ),
    EventType(
        "card.viewed",
        "A card was viewed.",
        _payload({"cardId": TEXT}, {"viewerId": PERHAPS_TEXT, "location": PERHAPS_TEXT, "device": PERHAPS_TEXT}),
        ("CARD_VIEW",),
        {"cardId": "card-123", "viewerId": "user-456", "location": "New York, US", "device": "mobile"},
    ),
    EventType(
        "link.clicked",
        "A link on a card was clicked.",
        _payload({"cardId": TEXT}, {"linkType": PERHAPS_TEXT, "linkValue": PERHAPS_TEXT}),
        ("LINK_CLICK",),
        {"cardId": "card-123", "linkType": "EMAIL", "linkValue": "john@example.com"},
    ),
    EventType(
        "subscription.updated",
        "A user's plan changed.",
        _payload({"userId": TEXT, "newTier": TEXT}, {"oldTier": PERHAPS_TEXT, "effectiveDate": PERHAPS_TEXT}),
        ("SUBSCRIPTION_UPDATED",),
        {"userId": "user-123", "oldTier": "FREE", "newTier": "PRO", "effectiveDate": "2025-11-20T10:30:00Z"},
    ),
)

BUILT_IN = {each.name: each for each in (*_PLATFORM, *_OPERATIONS, *_CARDS)}
BY_ALIAS = {alias: each.name for each in BUILT_IN.values() for alias in each.aliases}
