"""Settings are read once, and what is wrong is named all at once."""

import pytest

from hub.core import config

COMPLETE = {
    "CONFIG_TABLE": "c",
    "CREDENTIALS_TABLE": "s",
    "DOCUMENTS_TABLE": "d",
    "ACTIVITY_TABLE": "a",
    "COORDINATION_TABLE": "o",
    "BUS_NAME": "bus",
    "BLOB_BUCKET": "blobs",
    "KMS_KEY_ID": "key",
    "SYNC_QUEUE_URL": "https://queue",
    "EVENT_QUEUE_URL": "https://events",
    "DELIVERY_QUEUE_URL": "https://deliveries",
    "INBOUND_QUEUE_URL": "https://inbound",
    "CONNECTION_QUEUE_URL": "https://connections",
    "RETENTION_DAYS": "30",
    "RATE_LIMITS": "integration=200, search=30",
    "SYNC_LEASE_S": "120",
    "SYNC_INTERVAL_S": "60",
    "RANGE_READS_FROM": "8",
    "OUTBOUND_ALLOWED_PRIVATE": "",
}
TOKENS = {"JWT_ISSUER": "i", "JWT_AUDIENCE": "a", "JWKS_URL": "https://keys", "TENANT_CLAIM": "tenant_id"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Exactly what the hub needs, and nothing of the machine's own."""
    for name, value in {**COMPLETE, **TOKENS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OWN_HOSTS", raising=False)
    return monkeypatch


def read() -> config.Settings:
    """Read afresh, past the cache that holds for a cold start."""
    return config.settings.__wrapped__()


def test_settings_hold_what_the_environment_says(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OWN_HOSTS", "hub.example.com, ,api.example.com")

    found = read()

    assert (found.config_table, found.retention_days) == ("c", 30)
    assert found.rate_limits == {"integration": 200, "search": 30}
    assert found.own_hosts == ("hub.example.com", "api.example.com")


def test_every_missing_variable_is_named_at_once(environment: pytest.MonkeyPatch) -> None:
    for name in COMPLETE:
        environment.delenv(name)

    with pytest.raises(config.MissingSettings) as failure:
        read()

    assert [fault.split()[0] for fault in str(failure.value).split("; ")] == list(COMPLETE)


def test_every_missing_token_variable_is_named_at_once(environment: pytest.MonkeyPatch) -> None:
    for name in TOKENS:
        environment.delenv(name)

    with pytest.raises(config.MissingSettings) as failure:
        config.token_settings.__wrapped__()

    assert [fault.split()[0] for fault in str(failure.value).split("; ")] == list(TOKENS)


@pytest.mark.parametrize("text", ["", "many", "-1", "1.5", "1e3", "²", "٣"])
def test_variable_that_is_no_number_is_named_with_what_it_holds(environment: pytest.MonkeyPatch, text: str) -> None:
    environment.setenv("RETENTION_DAYS", text)
    environment.delenv("BUS_NAME")

    with pytest.raises(config.MissingSettings) as failure:
        read()

    assert str(failure.value) == f"BUS_NAME is not set; RETENTION_DAYS must hold whole numbers, found {text!r}"


@pytest.mark.parametrize("text", ["integration=many", "integration", "integration=200,search="])
def test_limit_that_is_no_number_is_named(environment: pytest.MonkeyPatch, text: str) -> None:
    environment.setenv("RATE_LIMITS", text)

    with pytest.raises(config.MissingSettings, match="RATE_LIMITS must hold whole numbers"):
        read()


def test_limits_without_the_class_all_others_fall_back_to_are_refused(environment: pytest.MonkeyPatch) -> None:
    """Found at the start of the function, not by the first request."""
    environment.setenv("RATE_LIMITS", "search=30")

    with pytest.raises(config.MissingSettings, match="RATE_LIMITS must name integration"):
        read()
