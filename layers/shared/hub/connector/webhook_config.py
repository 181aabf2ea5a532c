"""What a connector receives: S000's "Webhooks (Incoming)", and the schemes by which well-known senders sign."""

from typing import Any, Literal

from pydantic import Field

from hub.connector.auth_config import Secret, Unprintable
from hub.connector.response_config import LONGEST_PATH, TYPE_PATTERN, FieldMapping
from hub.connector.strict import Strict

Scheme = Literal[
    "hmac",
    "github",
    "stripe",
    "slack",
    "shopify",
    "hubspot-v1",
    "hubspot-v3",
    "standard-webhooks",
    "svix",
    "zoom",
]
Algorithm = Literal["hmac-sha256", "hmac-sha1", "hmac-sha512", "none"]
Encoding = Literal["hex", "base64"]
LONGEST_TOLERANCE_S = 300


class SignatureConfig(Strict):
    """`scheme` hmac is described by the other words; a named scheme knows its header and algorithm itself."""

    scheme: Scheme | None = None
    header: str | None = Field(default=None, min_length=1, max_length=200)
    algorithm: Algorithm | None = None
    signature_prefix: str | None = Field(default=None, max_length=100)
    encoding: Encoding | None = None
    tolerance_s: int | None = Field(default=None, ge=1, le=LONGEST_TOLERANCE_S, alias="toleranceS")


class EventRouting(Strict):
    """The type is at `event_type_path` in the body or in a header; without both it is where senders usually put it.

    A trigger_sync reads an endpoint of the integration, or runs the sync configuration `config_id` as it is.
    """

    event_type_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    event_type_header: str | None = Field(default=None, min_length=1, max_length=200)
    event_type_value: str = Field(min_length=1, max_length=200)
    action: Literal["create_shard", "update_shard", "delete_shard", "trigger_sync", "custom"]
    target_shard_type_id: str | None = Field(default=None, pattern=TYPE_PATTERN)
    data_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    field_mappings: list[FieldMapping] = Field(default=[], max_length=500)
    identifier_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    version_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    event_name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$")
    endpoint_id: str | None = Field(default=None, min_length=1, max_length=64)
    config_id: str | None = Field(default=None, min_length=1, max_length=128)


class WebhookConfig(Unprintable):
    """`webhook_url` and `insecure` are shown by the hub and only read back; it makes a missing secret, too."""

    webhook_url: str | None = Field(default=None, max_length=2048)
    webhook_secret: Secret | None = None
    signature_config: SignatureConfig | None = None
    event_routing: list[EventRouting] = Field(default=[], max_length=100)
    ip_allow_list: list[str] = Field(default=[], max_length=100)
    transform_template: Any = None
    response_status: int = Field(default=200, ge=200, le=299)
    response_body: str | None = Field(default=None, max_length=10_000)
    insecure: bool | None = None
