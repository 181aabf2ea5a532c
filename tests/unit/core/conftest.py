"""A clock that stands still, the log as it is written, tables on moto, and a table and a KMS in memory."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.config import Settings
from hub.core.tables import Key, Put, Table, Tables
from hub.core.wire import speak_plainly

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ACME = Tenant("acme")
OTHER = Tenant("other")


@pytest.fixture
def at() -> Iterator[Callable[[float], None]]:
    """Set the hub's clock to an epoch second, where it stays."""
    yield lambda epoch_s: clock.use(lambda: epoch_s)
    clock.use(None)


class LogLines:
    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[LogLines]:
    """What the hub logs, byte for byte as CloudWatch would get it."""
    handler = cast("logging.StreamHandler[Any]", logging.getLogger("hub").handlers[0])
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield LogLines(stream)
    if before is not None:
        handler.setStream(before)


def make_settings(prefix: str = "unit") -> Settings:
    return Settings(
        config_table=f"{prefix}-config",
        credentials_table=f"{prefix}-credentials",
        documents_table=f"{prefix}-documents",
        activity_table=f"{prefix}-activity",
        coordination_table=f"{prefix}-coordination",
        bus_name="bus",
        blob_bucket="blobs",
        kms_key_id="key",
        sync_queue_url="https://queue.test",
        event_queue_url="https://events.test",
        delivery_queue_url="https://deliveries.test",
        inbound_queue_url="https://inbound.test",
        connection_queue_url="https://connections.test",
        retention_days=30,
        rate_limits={"integration": 200, "search": 30},
        sync_lease_s=120,
        sync_interval_s=60,
        range_reads_from=8,
        outbound_allowed_private="",
        return_origins=(),
        own_hosts=(),
    )


def make_client() -> "DynamoDBClient":
    """Return a client as botocore makes it; it checks no parameters, as the hub's does not."""
    return boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False),
    )


@pytest.fixture
def dynamodb() -> Iterator["DynamoDBClient"]:
    """A client that finds the five tables of `make_settings`, all empty."""
    names = [f"unit-{name}" for name in ("config", "credentials", "documents", "activity", "coordination")]
    with mock_aws():
        client = speak_plainly(make_client())
        for name in names:
            client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        yield client
        for name in names:
            client.delete_table(TableName=name)


@pytest.fixture
def tables(dynamodb: "DynamoDBClient") -> Tables:
    return Tables(dynamodb, make_settings())


class MemoryTable(Table):
    """A table that only keeps and finds items by key."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), "memory")
        self.items: dict[tuple[str, str], Item] = {}

    def get(self, item_key: Key) -> Item | None:
        return self.items.get((item_key["pk"], item_key["sk"]))

    def take(self, write: Put | None) -> Item:
        """Do a Put without its condition and return the item."""
        assert write is not None
        self.items[write.item["pk"], write.item["sk"]] = write.item
        return write.item
