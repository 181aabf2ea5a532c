"""The provider's keys, and a stopwatch that decides when they are old."""

import time

import pytest

from hub.access.tokens import KeySet
from tests.unit.access.identity import EC_KEY, RSA_KEY, Provider, Stopwatch, make_keys, published


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(time, "monotonic", watch)
    return watch


@pytest.fixture
def provider() -> Provider:
    return Provider(published(RSA_KEY, "rsa-1"), published(EC_KEY, "ec-1"))


@pytest.fixture
def keys(provider: Provider) -> KeySet:
    return make_keys(provider)
