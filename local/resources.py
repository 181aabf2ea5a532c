"""Creates what the template declares in the embedded AWS; what exists already keeps its data."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.attributes import REGION
from local.intrinsics import Json, TemplateError, as_text
from local.template import Resource

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

STACK_USER_AGENT = "local-stack"  # calls that carry it are never failed on purpose

_QUEUE_ATTRIBUTES = ("DelaySeconds", "MessageRetentionPeriod", "RedrivePolicy", "VisibilityTimeout")
_TABLE_PROPERTIES = ("AttributeDefinitions", "GlobalSecondaryIndexes", "KeySchema")


@dataclass(frozen=True)
class Clients:
    """The stack's own boto3 clients; one session, each client built when first used."""

    aws_url: str
    _made: list[Any] = field(default_factory=list)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session("local", "local", region_name=REGION)

    def client(self, service: str) -> Any:
        """Return a client of any service of the embedded AWS."""
        config = Config(user_agent_extra=STACK_USER_AGENT, max_pool_connections=64, retries={"mode": "standard"})
        made: Any = self._session.client(service, endpoint_url=self.aws_url, config=config)  # type: ignore[call-overload]
        self._made.append(made)
        return made

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self._made:
            client.close()

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        client: DynamoDBClient = self.client("dynamodb")
        return client

    @cached_property
    def events(self) -> "EventBridgeClient":
        client: EventBridgeClient = self.client("events")
        return client

    @cached_property
    def kms(self) -> "KMSClient":
        client: KMSClient = self.client("kms")
        return client

    @cached_property
    def s3(self) -> "S3Client":
        client: S3Client = self.client("s3")
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        client: SQSClient = self.client("sqs")
        return client


def ensure_keys(clients: Clients, logical_ids: Iterable[str]) -> dict[str, str]:
    """Return logical id -> KMS key id; a hidden alias finds the key again after a restart."""
    return {logical_id: _ensure_key(clients.kms, f"alias/local/{logical_id}") for logical_id in logical_ids}


def _ensure_key(kms: "KMSClient", alias: str) -> str:
    known = {
        entry["AliasName"]: entry["TargetKeyId"] for entry in kms.list_aliases()["Aliases"] if "TargetKeyId" in entry
    }
    if alias in known:
        return known[alias]
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    return key_id


def ensure(clients: Clients, resources: Iterable[Resource]) -> None:
    """Create each resource that is missing and bring queue attributes and rules up to date."""
    wanted = sorted(resources, key=_creation_order)
    for resource in wanted:
        _ENSURE[resource.type](clients, resource)
    _forget_rules(clients, wanted)


def _creation_order(resource: Resource) -> tuple[int, bool]:
    return list(_ENSURE).index(resource.type), "RedrivePolicy" in resource.properties


def _ensure_table(clients: Clients, resource: Resource) -> None:
    name = resource.attributes["Ref"]
    wanted: Json = {key: resource.properties[key] for key in _TABLE_PROPERTIES if key in resource.properties}
    try:
        existing: Any = clients.dynamodb.describe_table(TableName=name)["Table"]
    except clients.dynamodb.exceptions.ResourceNotFoundException:
        existing = clients.dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **wanted)[
            "TableDescription"
        ]
    if _shape(existing) != _shape(wanted):
        raise TemplateError(f"The keys or indexes of {resource.logical_id} changed; start with a fresh --state folder")
    _expire(clients.dynamodb, name, resource.properties.get("TimeToLiveSpecification") or {})


def _shape(table: Json) -> Any:
    indexes = table.get("GlobalSecondaryIndexes") or []
    return table["KeySchema"], sorted((index["IndexName"], str(index["KeySchema"])) for index in indexes)


def _expire(dynamodb: "DynamoDBClient", table: str, wanted: Json) -> None:
    """Bring the expiry of a table up to date, also of one that an earlier run created."""
    found = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    is_enabled = found.get("TimeToLiveStatus") == "ENABLED"
    attribute = wanted.get("AttributeName") or found.get("AttributeName")
    if attribute and is_enabled != bool(wanted.get("Enabled")):
        spec: Any = {"AttributeName": attribute, "Enabled": not is_enabled}
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=spec)


def _ensure_queue(clients: Clients, resource: Resource) -> None:
    name = resource.attributes["QueueName"]
    attributes: Any = {
        key: _queue_attribute(resource.properties[key]) for key in _QUEUE_ATTRIBUTES if key in resource.properties
    }
    try:
        url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except clients.sqs.exceptions.QueueDoesNotExist:
        clients.sqs.create_queue(QueueName=name, Attributes=attributes)
        return
    if attributes:
        clients.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def _queue_attribute(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else as_text(value)


def _ensure_bus(clients: Clients, resource: Resource) -> None:
    try:
        clients.events.describe_event_bus(Name=resource.attributes["Ref"])
    except clients.events.exceptions.ResourceNotFoundException:
        clients.events.create_event_bus(Name=resource.attributes["Ref"])


def _ensure_rule(clients: Clients, resource: Resource) -> None:
    bus = resource.properties.get("EventBusName", "default")
    if "ScheduleExpression" in resource.properties:
        raise TemplateError(f"{resource.logical_id}: use a Schedule event of the function instead of a scheduled rule")
    clients.events.put_rule(
        Name=resource.attributes["Ref"],
        EventBusName=bus,
        EventPattern=json.dumps(resource.properties["EventPattern"]),
        State=resource.properties.get("State", "ENABLED"),
    )
    targets: Any = [_target(each) for each in resource.properties.get("Targets") or []]
    clients.events.put_targets(Rule=resource.attributes["Ref"], EventBusName=bus, Targets=targets)


def _forget_rules(clients: Clients, wanted: Iterable[Resource]) -> None:
    """Delete the rules that left the template: a rule that stays would go on delivering."""
    kept = {resource.attributes["Ref"] for resource in wanted if resource.type == "AWS::Events::Rule"}
    for bus in clients.events.list_event_buses()["EventBuses"]:
        for rule in clients.events.list_rules(EventBusName=bus["Name"])["Rules"]:
            if rule["Name"] not in kept:
                _delete_rule(clients.events, bus["Name"], rule["Name"])


def _delete_rule(events: "EventBridgeClient", bus: str, rule: str) -> None:
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]]
    if targets:
        events.remove_targets(Rule=rule, EventBusName=bus, Ids=targets)
    events.delete_rule(Name=rule, EventBusName=bus)


def _target(target: Json) -> Json:
    """Take what delivers the event; roles, retry and dead-letter settings of AWS have no meaning here."""
    return {key: target[key] for key in ("Id", "Arn", "Input", "InputPath", "InputTransformer") if key in target}


def _ensure_bucket(clients: Clients, resource: Resource) -> None:
    name = resource.attributes["Ref"]
    try:
        clients.s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        clients.s3.create_bucket(Bucket=name)


def _ensure_alias(clients: Clients, resource: Resource) -> None:
    name, target = resource.properties["AliasName"], resource.properties["TargetKeyId"]
    if name not in {entry["AliasName"] for entry in clients.kms.list_aliases()["Aliases"]}:
        clients.kms.create_alias(AliasName=name, TargetKeyId=target)


_ENSURE: dict[str, Callable[[Clients, Resource], None]] = {
    # in the order of creation: a rule needs its bus and its queue
    "AWS::DynamoDB::Table": _ensure_table,
    "AWS::S3::Bucket": _ensure_bucket,
    "AWS::KMS::Alias": _ensure_alias,
    "AWS::SQS::Queue": _ensure_queue,
    "AWS::Events::EventBus": _ensure_bus,
    "AWS::Events::Rule": _ensure_rule,
}
