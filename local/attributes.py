"""What `!Ref` and `!GetAtt` give for each resource, and which resource types the local stack knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.intrinsics import Json, Scope, TemplateError

REGION = "us-east-1"
ACCOUNT = "000000000000"
STACK_NAME = "integration-hub"

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/local",
    "AWS::StackName": STACK_NAME,
    "AWS::URLSuffix": "amazonaws.com",
}

# They guard, observe or package the hub in AWS; on one machine there is nothing for them to do.
IGNORED_TYPES = frozenset(
    {
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::DomainName",
        "AWS::Budgets::Budget",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Events::EventBusPolicy",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Role",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::Serverless::LayerVersion",
    }
)

Attributes = dict[str, str]


@dataclass(frozen=True)
class Addresses:
    """Where the parts of this run are reached, and the ids that only the embedded AWS can give."""

    aws_url: str
    api_url: str
    key_ids: Mapping[str, str]


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _name(properties: Json, key: str, logical_id: str) -> str:
    return str(properties.get(key) or f"{STACK_NAME}-{logical_id}")


def _queue(where: Addresses, logical_id: str, properties: Json) -> Attributes:
    name = _name(properties, "QueueName", logical_id)
    url = f"{where.aws_url}/{ACCOUNT}/{name}"
    return {"Ref": url, "QueueUrl": url, "QueueName": name, "Arn": _arn("sqs", name)}


def _table(_where: Addresses, logical_id: str, properties: Json) -> Attributes:
    name = _name(properties, "TableName", logical_id)
    return {"Ref": name, "Arn": _arn("dynamodb", f"table/{name}")}


def _bus(_where: Addresses, logical_id: str, properties: Json) -> Attributes:
    name = _name(properties, "Name", logical_id)
    return {"Ref": name, "Name": name, "Arn": _arn("events", f"event-bus/{name}")}


def _rule(_where: Addresses, logical_id: str, properties: Json) -> Attributes:
    name = _name(properties, "Name", logical_id)
    return {"Ref": name, "Arn": _arn("events", f"rule/{name}")}


def _bucket(_where: Addresses, logical_id: str, properties: Json) -> Attributes:
    name = _name(properties, "BucketName", logical_id).lower()
    return {"Ref": name, "Arn": f"arn:aws:s3:::{name}"}


def _key(where: Addresses, logical_id: str, _properties: Json) -> Attributes:
    key_id = where.key_ids[logical_id]
    return {"Ref": key_id, "KeyId": key_id, "Arn": _arn("kms", f"key/{key_id}")}


def _alias(_where: Addresses, _logical_id: str, properties: Json) -> Attributes:
    return {"Ref": str(properties["AliasName"])}


def _function(_where: Addresses, logical_id: str, properties: Json) -> Attributes:
    name = _name(properties, "FunctionName", logical_id)
    return {"Ref": name, "Arn": _arn("lambda", f"function:{name}")}


def _http_api(where: Addresses, logical_id: str, _properties: Json) -> Attributes:
    return {"Ref": logical_id.lower(), "ApiEndpoint": where.api_url}


def _custom_resource(_where: Addresses, logical_id: str, _properties: Json) -> Attributes:
    return {"Ref": logical_id}


_KNOWN_TYPES: dict[str, tuple[tuple[str, ...], Callable[[Addresses, str, Json], Attributes]]] = {
    # type: (properties that decide the name, what !Ref and !GetAtt give)
    "AWS::CloudFormation::CustomResource": ((), _custom_resource),
    "AWS::DynamoDB::Table": (("TableName",), _table),
    "AWS::Events::EventBus": (("Name",), _bus),
    "AWS::Events::Rule": (("Name",), _rule),
    "AWS::KMS::Alias": (("AliasName",), _alias),
    "AWS::KMS::Key": ((), _key),
    "AWS::S3::Bucket": (("BucketName",), _bucket),
    "AWS::SQS::Queue": (("QueueName",), _queue),
    "AWS::Serverless::Function": (("FunctionName",), _function),
    "AWS::Serverless::HttpApi": ((), _http_api),
}


def attributes_of(resources: Mapping[str, Json], scope: Scope, where: Addresses) -> dict[str, Attributes]:
    """Return logical id -> attribute -> value; what `!Ref` gives is kept under `Ref`."""
    return {logical_id: _of_one(logical_id, resource, scope, where) for logical_id, resource in resources.items()}


def _of_one(logical_id: str, resource: Json, scope: Scope, where: Addresses) -> Attributes:
    kind: Any = resource.get("Type")
    if kind in IGNORED_TYPES:
        return {"Ref": logical_id}
    if kind not in _KNOWN_TYPES:
        raise TemplateError(f"{logical_id}: the local stack does not know the resource type {kind}")
    naming, give = _KNOWN_TYPES[kind]
    properties = resource.get("Properties") or {}
    return give(where, logical_id, {key: scope.resolve(properties[key]) for key in naming if key in properties})
