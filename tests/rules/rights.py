"""What the template lets a function do, asked call by call: a call on moto succeeds without rights, in AWS it does not.

`watch(clients)` makes every call of these clients pass through the rights of the function that runs now.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from local.intrinsics import Json
from tests.rules.reading import functions, listed, named, read, resources

# The actions and the parameter that names the resource, of the SAM policies in use.
SAM_ACTIONS = {
    "SQSSendMessagePolicy": ({"sqs:SendMessage"}, "QueueName"),
    "EventBridgePutEventsPolicy": ({"events:PutEvents"}, "EventBusName"),
    "S3ReadPolicy": ({"s3:GetObject", "s3:ListBucket"}, "BucketName"),
    "S3WritePolicy": ({"s3:PutObject"}, "BucketName"),
}
TRANSACTION_ACTIONS = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
# Calls that need the right to another action.
ACTIONS = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage", "HeadObject": "GetObject"}
_SUB = re.compile(r"\$\{(\w+)\.Arn\}(/index/.+)?")
LEADING_KEYS = "ForAllValues:StringLike"


@dataclass(frozen=True)
class Right:
    """One action on one resource, such as "DocumentsTable/index/due"; `keys` is a pattern of partition keys."""

    action: str
    place: str
    keys: str = "*"


class RightMissing(BaseException):
    """In AWS the call would be refused: AccessDenied. No Exception, or the HTTP edge would make an answer of it."""


def rights_of(template: Json, function: str) -> frozenset[Right]:
    """Return what a function may do."""
    held = next(each.policies for each in functions(template) if each.name == function)
    return frozenset(right for policy in held for right in _rights(template, policy))


def _rights(template: Json, policy: Any) -> Iterator[Right]:
    own = resources(template, "AWS::IAM::ManagedPolicy")
    if named(policy) in own:
        yield from _granted(own[named(policy)]["PolicyDocument"]["Statement"])
        return
    for name, parameters in policy.items():
        if name == "Statement":
            yield from _granted(parameters)
        else:
            actions, parameter = SAM_ACTIONS[name]
            yield from (Right(action, named(parameters[parameter])) for action in actions)


def _granted(statements: Any) -> Iterator[Right]:
    for statement in listed(statements):
        if statement["Effect"] == "Allow":
            keys = _keys(statement.get("Condition"))
            for resource in listed(statement["Resource"]):
                yield from (Right(action, _target(resource), keys) for action in listed(statement["Action"]))


def _keys(condition: Json | None) -> str:
    """Return the partition keys that a statement is for; the guard knows of no other condition."""
    if condition is None:
        return "*"
    assert condition.keys() == {LEADING_KEYS}, condition
    (keys,) = listed(condition[LEADING_KEYS]["dynamodb:LeadingKeys"])
    return str(keys)


def _target(resource: Json) -> str:
    if "Fn::Sub" not in resource:
        return named(resource)
    found = _SUB.fullmatch(resource["Fn::Sub"])
    return found[1] + (found[2] or "") if found else ""


def needed(operation: str, service: str, request: Mapping[str, Any]) -> Iterator[Right]:
    """Yield the rights that one call needs; the resources by their names in the cloud, `keys` the key it is about."""
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in request["TransactItems"]:
            verb, parts = next(iter(item.items()))
            yield Right(f"dynamodb:{TRANSACTION_ACTIONS[verb]}", parts["TableName"], _key(parts))
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        yield from (Right(f"dynamodb:{operation}", table) for table in request["RequestItems"])
    elif service == "dynamodb":
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        yield Right(f"dynamodb:{operation}", request["TableName"] + index, _key(request))
    elif service == "events":
        yield from (Right(f"events:{operation}", entry["EventBusName"]) for entry in request["Entries"])
    elif service == "sqs":
        yield Right(f"sqs:{ACTIONS.get(operation, operation)}", request["QueueUrl"].rpartition("/")[2])
    elif service == "s3":
        yield Right(f"s3:{ACTIONS.get(operation, operation)}", request["Bucket"])
    elif operation != "Decrypt":
        yield Right(f"{service}:{operation}", request["KeyId"])
    else:
        yield Right("kms:Decrypt", "HubKey")


def _key(request: Mapping[str, Any]) -> str:
    key: Any = (request.get("Key") or request.get("Item") or {}).get("pk", {})
    return str(key.get("S", "*") if isinstance(key, dict) else key)


class Guard:
    """Refuses what the running function has no right to. `names` tells the logical ids by the names in the cloud."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._template = read()
        self._names = names
        self._rights: dict[str, frozenset[Right]] = {}
        self.function: str | None = None

    def watch(self, clients: Iterable[Any]) -> None:
        for client in clients:
            client.meta.events.register("provide-client-params", self.check)

    def check(self, params: Mapping[str, Any], model: Any, **_event: Any) -> None:
        """Raise RightMissing unless the running function may do what the client is about to do."""
        if self.function is None:
            return
        held = self._held(self.function)
        for right in needed(model.name, model.service_model.service_name, params):
            name, _, rest = right.place.partition("/index/")
            logical_id = self._names.get(name, name)
            places = {f"{logical_id}/index/{rest}", f"{logical_id}/index/*"} if rest else {logical_id}
            fitting = [each for each in held if each.action == right.action and each.place in places]
            if not any(fnmatchcase(right.keys, each.keys) for each in fitting):
                raise RightMissing(f"{self.function} has no right to {right.action} on {logical_id}")

    def _held(self, function: str) -> frozenset[Right]:
        """Return what a function may do, read once: it is asked for with every call."""
        if function not in self._rights:
            self._rights[function] = rights_of(self._template, function)
        return self._rights[function]
