"""Reads `template.yaml` into what the local stack runs: functions, routes, mappings, schedules, resources."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from local.attributes import PSEUDO_PARAMETERS, Addresses, attributes_of
from local.custom_resources import CustomResource
from local.intrinsics import Json, Scope, TemplateError, as_text, parse_yaml

_T = TypeVar("_T")
_API_PROPERTIES = frozenset(
    {"Auth", "AccessLogSettings", "Description", "Domain", "FailOnWarnings", "DefaultRouteSettings", "RouteSettings"}
)
_CREATED_TYPES = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::KMS::Alias",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    }
)


@dataclass(frozen=True)
class Function:
    """One Lambda function as the template declares it."""

    logical_id: str
    name: str
    arn: str
    code_dir: Path
    layer_dirs: tuple[Path, ...]
    handler: str
    timeout_s: int
    memory_mb: int
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    """One line of the HTTP API; `authorizer` is None where the template says NONE."""

    method: str
    path: str
    function: str
    authorizer: str | None

    @property
    def key(self) -> str:
        """The routeKey of API Gateway, such as `GET /documents/{type}`."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True)
class Authorizer:
    """A Lambda authorizer; `headers` are its identity sources."""

    name: str
    function_arn: str
    headers: tuple[str, ...]
    ttl_s: int


@dataclass(frozen=True)
class QueueMapping:
    """A queue that calls a function; `unwrap` hands over each message body as the event itself."""

    name: str
    function: str
    queue_arn: str
    batch_size: int
    partial_failures: bool
    unwrap: bool = False


@dataclass(frozen=True)
class Schedule:
    """A timer that calls a function; `source` is `aws.events` or `aws.scheduler`."""

    name: str
    function: str
    expression: str
    source: str
    payload: str | None


@dataclass(frozen=True)
class Resource:
    """Something to create in the embedded AWS; no intrinsic function is left in `properties`."""

    logical_id: str
    type: str
    attributes: Mapping[str, str]
    properties: Json


@dataclass(frozen=True)
class Template:
    """All that the local stack takes from the template."""

    functions: Mapping[str, Function]
    authorizers: Mapping[str, Authorizer]
    routes: tuple[Route, ...]
    queue_mappings: tuple[QueueMapping, ...]
    schedules: tuple[Schedule, ...]
    resources: tuple[Resource, ...]
    custom_resources: tuple[CustomResource, ...] = ()


@dataclass(frozen=True)
class Source:
    """The template as written, with its parameters filled in."""

    root: Path
    document: Json
    scope: Scope
    resources: Mapping[str, Json]

    def key_ids(self) -> tuple[str, ...]:
        """The logical ids of the KMS keys; they must exist before the rest can be read."""
        return tuple(key for key, value in self.resources.items() if value.get("Type") == "AWS::KMS::Key")


def load(path: Path, overrides: Mapping[str, str]) -> Source:
    """Parse the template file; `overrides` are parameter values, and each must be a parameter of the template."""
    document = parse_yaml(path.read_text(encoding="utf-8"))
    scope = Scope(_parameters(document, overrides), {}, document.get("Conditions") or {})
    resources = {
        logical_id: resource
        for logical_id, resource in document["Resources"].items()
        if "Condition" not in resource or scope.holds(resource["Condition"])
    }
    return Source(path.resolve().parent, document, scope, resources)


def _parameters(document: Json, overrides: Mapping[str, str]) -> dict[str, Any]:
    declared: Json = document.get("Parameters") or {}
    unknown = sorted(set(overrides) - set(declared))
    if unknown:
        raise TemplateError(f"The template has no parameter {', '.join(unknown)}")
    values = {name: overrides.get(name, spec.get("Default")) for name, spec in declared.items()}
    missing = sorted(name for name, value in values.items() if value is None)
    if missing:
        raise TemplateError(f"No value for the parameter {', '.join(missing)}")
    lists = {name for name, spec in declared.items() if spec.get("Type") == "CommaDelimitedList"}
    split = {name: str(values[name]).split(",") for name in lists}
    return {**PSEUDO_PARAMETERS, **values, **split}


def read(source: Source, where: Addresses) -> Template:
    """Return the template with every intrinsic function resolved."""
    scope = replace(source.scope, attributes=attributes_of(source.resources, source.scope, where))
    reader = _Reader(source, scope)
    functions = {name: reader.function(name, properties) for name, properties in reader.of_type("Function")}
    return Template(
        functions=functions,
        authorizers=reader.authorizers(),
        routes=tuple(reader.events("HttpApi", reader.route)),
        queue_mappings=tuple(reader.events("SQS", reader.mapping))
        + tuple(reader.events("EventBridgeRule", _hidden_mapping)),
        schedules=tuple(reader.events("Schedule", reader.schedule))
        + tuple(reader.events("ScheduleV2", reader.schedule)),
        resources=tuple(reader.created())
        + tuple(part for parts in reader.events("EventBridgeRule", reader.hidden_rule) for part in parts),
        custom_resources=tuple(reader.custom_resources()),
    )


@dataclass(frozen=True)
class _Event:
    function: str
    name: str
    type: str
    properties: Json


class _Reader:
    def __init__(self, source: Source, scope: Scope) -> None:
        self._source = source
        self._scope = scope
        shared = source.document.get("Globals") or {}
        self._function_defaults: Json = shared.get("Function") or {}
        self._api_defaults: Json = shared.get("HttpApi") or {}

    def of_type(self, kind: str) -> Iterator[tuple[str, Json]]:
        for logical_id, resource in self._source.resources.items():
            if resource["Type"] == f"AWS::Serverless::{kind}":
                yield logical_id, resource.get("Properties") or {}

    def function(self, logical_id: str, properties: Json) -> Function:
        merged = {**self._function_defaults, **properties}
        given = {key: self._scope.resolve(merged.get(key)) for key in ("CodeUri", "Handler", "Timeout", "MemorySize")}
        if not given["CodeUri"] or not given["Handler"]:
            raise TemplateError(f"{logical_id}: CodeUri and Handler are needed")
        attributes = self._scope.attributes[logical_id]
        return Function(
            logical_id=logical_id,
            name=attributes["Ref"],
            arn=attributes["Arn"],
            code_dir=self._source.root / given["CodeUri"],
            layer_dirs=self._layers(merged),
            handler=given["Handler"],
            timeout_s=int(given["Timeout"] or 3),
            memory_mb=int(given["MemorySize"] or 128),
            environment=self._environment(properties),
        )

    def _layers(self, properties: Json) -> tuple[Path, ...]:
        names = self._scope.resolve(properties.get("Layers") or [])
        contents = [self._source.resources[name]["Properties"]["ContentUri"] for name in names]
        return tuple(self._source.root / self._scope.resolve(content) for content in contents)

    def _environment(self, properties: Json) -> dict[str, str]:
        merged: Json = {}
        for level in (self._function_defaults, properties):
            merged |= (level.get("Environment") or {}).get("Variables") or {}
        return {key: as_text(value) for key, value in self._scope.resolve(merged).items()}

    def _api_auth(self) -> Json:
        auth: Json = dict(self._api_defaults.get("Auth") or {})
        for logical_id, properties in self.of_type("HttpApi"):
            unknown = sorted(set(properties) - _API_PROPERTIES)
            if unknown:
                raise TemplateError(f"{logical_id}: the local stack does not know the property {', '.join(unknown)}")
            auth |= properties.get("Auth") or {}
        return auth

    def authorizers(self) -> dict[str, Authorizer]:
        specs: Json = self._api_auth().get("Authorizers") or {}
        return {name: self._authorizer(name, spec) for name, spec in specs.items()}

    def _authorizer(self, name: str, spec: Json) -> Authorizer:
        if str(spec.get("AuthorizerPayloadFormatVersion")) != "2.0" or not spec.get("EnableSimpleResponses"):
            raise TemplateError(f"{name}: only simple responses in payload format 2.0 are supported")
        identity: Json = spec.get("Identity") or {}
        return Authorizer(
            name=name,
            function_arn=self._scope.resolve(spec["FunctionArn"]),
            headers=tuple(header.lower() for header in identity.get("Headers") or ["Authorization"]),
            ttl_s=int(self._scope.resolve(identity.get("ReauthorizeEvery") or 0)),
        )

    def events(self, kind: str, make: Callable[[_Event], _T]) -> Iterator[_T]:
        for function, properties in self.of_type("Function"):
            for name, event in (properties.get("Events") or {}).items():
                if event["Type"] not in _EVENT_TYPES:
                    raise TemplateError(f"{function}.{name}: the local stack does not know the event {event['Type']}")
                if event["Type"] == kind:
                    yield make(_Event(function, name, kind, self._scope.resolve(event.get("Properties") or {})))

    def route(self, event: _Event) -> Route:
        named = (event.properties.get("Auth") or {}).get("Authorizer") or self._api_auth().get("DefaultAuthorizer")
        return Route(
            method=str(event.properties.get("Method") or "ANY").upper(),
            path=event.properties.get("Path") or "$default",
            function=event.function,
            authorizer=None if named in (None, "NONE") else named,
        )

    def mapping(self, event: _Event) -> QueueMapping:
        return QueueMapping(
            name=event.name,
            function=event.function,
            queue_arn=event.properties["Queue"],
            batch_size=int(event.properties.get("BatchSize") or 10),
            partial_failures="ReportBatchItemFailures" in (event.properties.get("FunctionResponseTypes") or []),
        )

    def schedule(self, event: _Event) -> Schedule:
        return Schedule(
            name=event.name,
            function=event.function,
            expression=event.properties.get("ScheduleExpression") or event.properties["Schedule"],
            source="aws.scheduler" if event.type == "ScheduleV2" else "aws.events",
            payload=event.properties.get("Input"),
        )

    def hidden_rule(self, event: _Event) -> tuple[Resource, ...]:
        queue_arn = _hidden_queue_arn(event)
        name = queue_arn.rsplit(":", 1)[1]
        rule = {
            "EventBusName": event.properties.get("EventBusName", "default"),
            "EventPattern": event.properties["Pattern"],
            "Targets": [{"Id": event.name, "Arn": queue_arn}],
        }
        # Lambda tries an event of the bus three times and then drops it.
        retries = {"deadLetterTargetArn": f"{queue_arn}-dropped", "maxReceiveCount": 3}
        return (
            _hidden_queue(f"{name}-dropped", {}),
            _hidden_queue(name, {"VisibilityTimeout": 60, "RedrivePolicy": retries}),
            Resource(name, "AWS::Events::Rule", {"Ref": name}, rule),
        )

    def created(self) -> Iterator[Resource]:
        for logical_id, resource in self._source.resources.items():
            if resource["Type"] in _CREATED_TYPES:
                attributes = self._scope.attributes[logical_id]
                properties = self._scope.resolve(resource.get("Properties") or {})
                yield Resource(logical_id, resource["Type"], attributes, properties)

    def custom_resources(self) -> Iterator[CustomResource]:
        for logical_id, resource in self._source.resources.items():
            if resource["Type"] == "AWS::CloudFormation::CustomResource":
                properties = self._scope.resolve(resource.get("Properties") or {})
                yield CustomResource(logical_id, properties["ServiceToken"], properties)


_EVENT_TYPES = frozenset({"HttpApi", "SQS", "Schedule", "ScheduleV2", "EventBridgeRule"})


def _hidden_queue_arn(event: _Event) -> str:
    """EventBridge calls a function itself in AWS; here a queue stands between the two."""
    parameters = PSEUDO_PARAMETERS
    name = f"{parameters['AWS::StackName']}-{event.function}-{event.name}"
    return f"arn:aws:sqs:{parameters['AWS::Region']}:{parameters['AWS::AccountId']}:{name}"


def _hidden_queue(name: str, properties: Json) -> Resource:
    return Resource(name, "AWS::SQS::Queue", {"QueueName": name}, properties)


def _hidden_mapping(event: _Event) -> QueueMapping:
    return QueueMapping(event.name, event.function, _hidden_queue_arn(event), 1, partial_failures=False, unwrap=True)
