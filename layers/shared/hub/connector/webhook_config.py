"""What a connector receives: S000's "Webhooks (Incoming)"."""

from typing import Literal

from pydantic import Field

from hub.connector.auth_config import Secret, Unprintable
from hub.connector.response_config import LONGEST_PATH, TYPE_PATTERN, FieldMapping
from hub.connector.strict import Strict


class SignatureConfig(Strict):
    header: str = Field(min_length=1, max_length=200)
    algorithm: Literal["hmac-sha256", "hmac-sha1", "none"]
    signature_prefix: str | None = Field(default=None, max_length=100)


class EventRouting(Strict):
    event_type_path: str = Field(max_length=LONGEST_PATH)
    event_type_value: str = Field(min_length=1, max_length=200)
    action: Literal["create_shard", "update_shard", "delete_shard", "trigger_sync", "custom"]
    target_shard_type_id: str | None = Field(default=None, pattern=TYPE_PATTERN)
    data_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    field_mappings: list[FieldMapping] = Field(default=[], max_length=500)
    identifier_path: str | None = Field(default=None, max_length=LONGEST_PATH)


class WebhookConfig(Unprintable):
    """`webhook_url` is made by the hub and only read back; a missing secret is made by the hub, too."""

    webhook_url: str | None = Field(default=None, max_length=2048)
    webhook_secret: Secret | None = None
    signature_config: SignatureConfig | None = None
    event_routing: list[EventRouting] = Field(default=[], max_length=100)
    response_status: int = Field(default=200, ge=200, le=299)
    response_body: str | None = Field(default=None, max_length=10_000)
