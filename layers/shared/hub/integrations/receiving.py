"""What a custom integration receives: the webhook secret that the hub makes, and what of its configuration is kept."""

from typing import Any

from hub.core.signing_secret import new_secret

Json = dict[str, Any]

# The hub shows these beside what the tenant wrote; the URL holds a secret, which is not part of a definition.
_ONLY_SHOWN = ("webhookUrl", "insecure")


def config_of(definition: Json) -> Json | None:
    """Return a definition's webhookConfig; None where it receives nothing."""
    config: Json | None = definition.get("webhookConfig")
    return config


def without_shown(definition: Json) -> Json:
    """Return the definition without what the hub only shows."""
    config = config_of(definition)
    if config is None:
        return definition
    kept = {name: value for name, value in config.items() if name not in _ONLY_SHOWN}
    return {**definition, "webhookConfig": kept}


def with_secret(definition: Json) -> tuple[Json, str]:
    """Return the definition with a webhook secret, and the one that was made for it; "" where none had to be made."""
    config = config_of(definition)
    if config is None or config.get("webhookSecret") is not None:
        return definition, ""
    made = new_secret()
    return {**definition, "webhookConfig": {**config, "webhookSecret": made}}, made


def is_insecure(config: Json) -> bool:
    """Say whether nothing but the secret in the URL tells a sender from a stranger."""
    signature = config.get("signatureConfig") or {}
    return not signature or signature.get("algorithm") == "none"
