"""The provider's keys, and a stopwatch that decides when they are old."""

import pytest

from hub.access.tokens import KeySet
from tests.unit.access.identity import EC_KEY, RSA_KEY, Provider, Stopwatch, make_keys, published


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def provider() -> Provider:
    return Provider(published(RSA_KEY, "rsa-1"), published(EC_KEY, "ec-1"))


@pytest.fixture
def keys(provider: Provider, stopwatch: Stopwatch) -> KeySet:
    return make_keys(provider, stopwatch)
