"""Answers about integrations as the cards product (S002, "Integration Management") writes them."""

from typing import Any, Literal

from pydantic import RootModel

from hub.integrations.instances.surface_models import Shown


class CardsIntegration(Shown):
    """`credentials` has the provider's own keys: secrets masked, anything else as it was entered."""

    id: str
    provider: str
    status: Literal["ACTIVE", "INACTIVE", "ERROR"]
    credentials: dict[str, Any]
    lastSyncAt: str | None


class CardsIntegrations(RootModel[list[CardsIntegration]]):
    """A bare array, as S002 writes it."""


class ConnectedCardsIntegration(Shown):
    """What connecting answers: S002, "Connect Integration"."""

    id: str
    provider: str
    status: Literal["ACTIVE", "INACTIVE", "ERROR"]
    credentials: dict[str, Any]
    createdAt: str


class Success(Shown):
    success: bool
