"""The AWS clients of one function: made on first use, kept for the life of the process."""

from functools import cache, cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from hub.core.config import Settings, settings
from hub.core.tables import Tables
from hub.core.wire import speak_plainly

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from hub.core.vault import Vault

# Short time-outs: AWS answers in milliseconds, and a call that hangs is better repeated within the deadline.
_CLIENT = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=32,
    tcp_keepalive=True,
)
# The tables make their parameters themselves; the usual user agent is put together anew for every call.
_DYNAMODB = _CLIENT.merge(Config(parameter_validation=False, user_agent="integration-hub"))


class Resources:
    def __init__(self, found: Settings) -> None:
        self.settings = found
        self._session = boto3.Session()

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return speak_plainly(self._session.client("dynamodb", config=_DYNAMODB))

    @cached_property
    def sqs(self) -> "SQSClient":
        return self._session.client("sqs", config=_CLIENT)

    @cached_property
    def events(self) -> "EventBridgeClient":
        return self._session.client("events", config=_CLIENT)

    @cached_property
    def kms(self) -> "KMSClient":
        return self._session.client("kms", config=_CLIENT)

    @cached_property
    def s3(self) -> "S3Client":
        return self._session.client("s3", config=_CLIENT)

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.dynamodb, self.settings)

    @cached_property
    def vault(self) -> "Vault":
        """One for the process: it remembers the data keys that it unwrapped."""
        from hub.core.vault import Vault  # cryptography: only where secrets are stored or read

        return Vault(self.kms, self.settings.kms_key_id, self.tables.credentials)


@cache
def resources() -> Resources:
    return Resources(settings())
