"""What the receiver's own API answers."""

from pydantic import BaseModel, ConfigDict


class WebhookUrl(BaseModel):
    """S000, "Get webhook URL": the whole URL with its secret."""

    model_config = ConfigDict(extra="forbid")

    webhookUrl: str
