"""The URLs of inbound endpoints, as they are shown to the tenant; `base` is `Request.base_url`."""

from urllib.parse import quote

MASK = "****"


def custom_url(base: str, integration_id: str, secret: str = MASK) -> str:
    """Return the URL of an integration's endpoint, masked where its secret is not given."""
    return f"{base}/api/v1/webhooks/custom/{integration_id}/{secret}"


def receive_url(base: str, tenant_id: str, path: str) -> str:
    """Return the URL of an endpoint with a path of its own."""
    return f"{base}/api/v1/webhooks/receive/{quote(tenant_id, safe='')}/{quote(path)}"
