"""The template's promises, and that the rules would notice a template that breaks one."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hub.core import config
from local import template as local_template
from local.attributes import Addresses
from local.intrinsics import Json
from tests.rules.function_rules import OPTIONAL, load_with
from tests.rules.reading import ROOT, functions, read
from tests.rules.rules import violations

PARAMETERS = {"JwtIssuer": "https://id.test", "JwksUrl": "https://id.test/keys"}
EVENTS = [(function.name, event) for function in functions(read()) for event in function.events]
Breakage = Callable[[Json], object]


def test_template_keeps_every_rule() -> None:
    assert violations(read()) == []


@pytest.mark.parametrize(("function", "event"), EVENTS, ids=[f"{function}.{event}" for function, event in EVENTS])
def test_event_line_is_missed_when_it_is_removed(function: str, event: str) -> None:
    template = read()

    del template["Resources"][function]["Properties"]["Events"][event]

    assert violations(template)


def properties(template: Json, resource: str) -> Json:
    found: Json = template["Resources"][resource]["Properties"]
    return found


def event(template: Json, function: str, name: str) -> Json:
    found: Json = properties(template, function)["Events"][name]["Properties"]
    return found


def add_statement(template: Json, policy: str, action: Any, resource: Any) -> None:
    added = {"Effect": "Allow", "Action": action, "Resource": resource}
    properties(template, policy)["PolicyDocument"]["Statement"].append(added)


def statement(template: Json, policy: str, number: int) -> Json:
    found: Json = properties(template, policy)["PolicyDocument"]["Statement"][number]
    return found


def leading_keys(template: Json, policy: str, keys: str) -> None:
    statement(template, policy, 0)["Condition"] = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]}}


def add_policy(template: Json, function: str, policy: Any) -> None:
    properties(template, function)["Policies"].append(policy)


def variables(template: Json, function: str) -> Json:
    found: Json = properties(template, function)["Environment"]["Variables"]
    return found


TABLE = {"Fn::GetAtt": "DocumentsTable.Arn"}
BREAKAGES: dict[str, tuple[Breakage, str]] = {
    "a route without a row": (
        lambda t: event(t, "Documents", "List").update(Path="/api/v1/papers/{type}"),
        "no row in app.py",
    ),
    "another method": (lambda t: event(t, "Documents", "Get").update(Method="POST"), "no line in the template"),
    "a public route": (
        lambda t: event(t, "Documents", "Get").update(Auth={"Authorizer": "NONE"}),
        "closed in app.py",
    ),
    "a closed health check": (lambda t: event(t, "Insights", "Health").pop("Auth"), "public in app.py"),
    "an API without authorizer": (lambda t: properties(t, "HubApi")["Auth"].pop("DefaultAuthorizer"), "Authorizer"),
    "a route of no API": (lambda t: event(t, "Documents", "Get").pop("ApiId"), "ApiId"),
    "two names for one variable": (
        lambda t: event(t, "Documents", "Get").update(Path="/api/v1/documents/{kind}/{id}"),
        "different names: ['kind', 'type']",
    ),
    "a function left out": (lambda t: t["Resources"].pop("Sweeper"), "functions/sweeper has no function"),
    "a function without code": (lambda t: properties(t, "Sweeper").update(CodeUri="functions/broom/"), "broom/app.py"),
    "a slow HTTP function": (lambda t: properties(t, "Documents").update(Timeout=30), "may take 30 s"),
    "a worker that dies first": (lambda t: properties(t, "SyncWorker").update(Timeout=30), "before the call it makes"),
    "no dead letters": (lambda t: properties(t, "SyncQueue").pop("RedrivePolicy"), "no dead letter queue"),
    "fewer receives": (
        lambda t: properties(t, "SyncQueue")["RedrivePolicy"].update(maxReceiveCount=3),
        "maxReceiveCount",
    ),
    "dead letters for a day": (
        lambda t: properties(t, "SyncDeadLetters").update(MessageRetentionPeriod=86_400),
        "14 days",
    ),
    "messages seen too early": (
        lambda t: properties(t, "SyncQueue").update(VisibilityTimeout=900),
        "VisibilityTimeout is not 6 x",
    ),
    "all or nothing batches": (
        lambda t: event(t, "SyncWorker", "Hints").pop("FunctionResponseTypes"),
        "partial failures",
    ),
    "another schedule": (
        lambda t: event(t, "Sweeper", "EveryMinute").update(ScheduleExpression="rate(1 hour)"),
        "is not woken by schedule rate(1 minute)",
    ),
    "another bus event": (
        lambda t: event(t, "Sweeper", "SchedulerTick").update(Pattern={"detail-type": ["scheduler.daily"]}),
        "scheduler.hourly",
    ),
    "a bus that may not send": (lambda t: t["Resources"].pop("BusMayQueue"), "BusEvents may not send to EventQueue"),
    "a queue open to everyone": (
        lambda t: properties(t, "BusMayQueue")["PolicyDocument"]["Statement"][0].pop("Condition"),
        "lets in more than the bus",
    ),
    "a bus that drops what the queue refuses": (
        lambda t: properties(t, "BusEvents")["Targets"][0].pop("DeadLetterConfig"),
        "has no queue, or none for what it does not take",
    ),
    "a rule for another bus": (lambda t: properties(t, "BusEvents").pop("EventBusName"), "does not make"),
    "a table paid by the hour": (
        lambda t: properties(t, "ConfigTable").update(BillingMode="PROVISIONED"),
        "not on demand",
    ),
    "no recovery": (
        lambda t: properties(t, "ConfigTable").pop("PointInTimeRecoverySpecification"),
        "point-in-time",
    ),
    "other keys": (lambda t: properties(t, "ConfigTable")["KeySchema"].pop(), "not pk and sk"),
    "items for ever": (lambda t: properties(t, "ActivityTable").pop("TimeToLiveSpecification"), "expire"),
    "data gone with the stack": (
        lambda t: t["Resources"]["DocumentsTable"].update(DeletionPolicy="Delete"),
        "does not survive",
    ),
    "a public bucket": (
        lambda t: properties(t, "BlobBucket").pop("PublicAccessBlockConfiguration"),
        "may be public",
    ),
    "logs for ever": (lambda t: properties(t, "HubLogs").pop("RetentionInDays"), "for ever"),
    "logs elsewhere": (lambda t: t["Globals"]["Function"].pop("LoggingConfig"), "log group"),
    "every action": (lambda t: add_statement(t, "ReadConfig", "*", TABLE), "may do *"),
    "every action of a service": (lambda t: add_statement(t, "ReadConfig", ["s3:*"], TABLE), "may do s3:*"),
    "every resource": (lambda t: add_statement(t, "ReadConfig", "s3:GetObject", "*"), "right on everything"),
    "a scan": (lambda t: add_statement(t, "ReadConfig", ["dynamodb:Scan"], TABLE), "may scan"),
    "SAM's policy with a scan": (
        lambda t: add_policy(t, "Documents", {"DynamoDBReadPolicy": {"TableName": "x"}}),
        "uses the policy",
    ),
    "a policy of AWS": (lambda t: add_policy(t, "Documents", "AmazonDynamoDBFullAccess"), "uses the policy"),
    "a reader of secrets": (lambda t: add_policy(t, "Documents", {"Ref": "UseSecrets"}), "Documents may decrypt"),
    "a storer that reads": (
        lambda t: add_statement(t, "StoreSecrets", "kms:Decrypt", {"Fn::GetAtt": "HubKey.Arn"}),
        "stores secrets and may decrypt",
    ),
    "a connect route that reads": (
        lambda t: add_policy(t, "Connections", {"Ref": "UseSecrets"}),
        "Connections may decrypt",
    ),
    "an admin that reads": (
        lambda t: add_policy(t, "ProviderAdmin", {"Ref": "UseSecrets"}),
        "ProviderAdmin may decrypt",
    ),
    "a browser flow that stores": (
        lambda t: add_policy(t, "Oauth", {"Ref": "StoreSecrets"}),
        "Oauth reads secrets and may write them",
    ),
    "a caller that stores": (
        lambda t: add_policy(t, "Calls", {"Ref": "StoreSecrets"}),
        "Calls reads secrets and may write them",
    ),
    "a renewal that writes other secrets": (
        lambda t: leading_keys(t, "RenewTokens", "*#connection"),
        "ConnectionWorker reads secrets and may write them",
    ),
    "a mark on other items": (
        lambda t: leading_keys(t, "MarkConnections", "*#connector"),
        "MarkConnections lets dynamodb:UpdateItem on *#connector",
    ),
    "a mark that makes items": (
        lambda t: add_statement(t, "MarkConnections", "dynamodb:PutItem", {"Fn::GetAtt": "ConfigTable.Arn"}),
        "MarkConnections lets dynamodb:PutItem on everything",
    ),
    "a browser flow that takes names away": (
        lambda t: statement(t, "KeepConnections", 2).update(Action=["dynamodb:PutItem", "dynamodb:DeleteItem"]),
        "KeepConnections lets dynamodb:DeleteItem on *#unique",
    ),
    "a seed that everybody calls": (
        lambda t: properties(t, "ProviderSeed").update(Events=properties(t, "Documents")["Events"]),
        "ProviderSeed is called by others than CloudFormation",
    ),
    "a seed that nobody calls": (lambda t: t["Resources"].pop("ProviderCatalogue"), "ProviderSeed is never called"),
    "a reader that stores": (lambda t: add_policy(t, "SyncWorker", {"Ref": "StoreSecrets"}), "may write them"),
    "a reader that writes more than tokens": (
        lambda t: properties(t, "RenewTokens")["PolicyDocument"]["Statement"][0].pop("Condition"),
        "IntegrationTests reads secrets and may write them",
    ),
    "an audit trail that can change": (
        lambda t: properties(t, "WriteActivity")["PolicyDocument"]["Statement"].pop(),
        "dynamodb:UpdateItem on audit entries",
    ),
    "an audit trail that can be overwritten in bulk": (
        lambda t: add_statement(t, "WriteActivity", "dynamodb:BatchWriteItem", {"Fn::GetAtt": "ActivityTable.Arn"}),
        "dynamodb:BatchWriteItem on audit entries",
    ),
    "a setting left out": (
        lambda t: t["Globals"]["Function"]["Environment"]["Variables"].pop("BUS_NAME"),
        "is not given BUS_NAME",
    ),
    "a setting nobody reads": (lambda t: variables(t, "Authorizer").update(JWT_COLOUR="red"), "JWT_COLOUR, unread"),
    "a caller that may call the hub": (
        lambda t: variables(t, "SyncWorker").pop("OWN_HOSTS"),
        "SyncWorker is not given OWN_HOSTS",
    ),
    "an operator without dead letters": (
        lambda t: variables(t, "Operations").pop("DEAD_LETTERS"),
        "Operations is not given DEAD_LETTERS",
    ),
    "a layer for another processor": (
        lambda t: t["Resources"]["SharedLayer"]["Metadata"].pop("BuildArchitecture"),
        "not built for arm64",
    ),
    "a function for another processor": (lambda t: t["Globals"]["Function"].pop("Architectures"), "arm64"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_rules_name_the_fault_of_a_template_with(name: str) -> None:
    template = read()
    break_it, fault = BREAKAGES[name]

    break_it(template)

    assert fault in "\n".join(violations(template))


@cache
def given() -> local_template.Template:
    """Return the template with stand-ins for what only AWS knows."""
    path: Path = ROOT / "template.yaml"
    source = local_template.load(path, PARAMETERS)
    keys = dict.fromkeys(source.key_ids(), "key")
    return local_template.read(source, Addresses("http://127.0.0.1:1", "http://127.0.0.1:2", keys))


def given_environment(function: str) -> dict[str, str]:
    """Return the values that the template gives a function."""
    return dict(given().functions[function].environment)


@pytest.mark.parametrize("function", [function.name for function in functions(read())])
def test_settings_are_complete_for_every_function(function: str) -> None:
    found = load_with(config.settings, given_environment(function))

    assert found.config_table
    assert found.rate_limits["integration"] > 0


def test_token_settings_are_complete_for_the_authorizer() -> None:
    found = load_with(config.token_settings, given_environment("Authorizer"))

    assert found.jwt_issuer == "https://id.test"


# Without it no other origin is allowed.
MAY_BE_ABSENT = OPTIONAL | {"RETURN_ORIGINS"}
REQUIRED = sorted(next(each.variables for each in functions(read()) if each.name == "Authorizer") - MAY_BE_ABSENT)


@pytest.mark.parametrize("name", REQUIRED)
def test_function_does_not_start_without(name: str) -> None:
    environment = given_environment("Authorizer")
    load = config.settings if name in given_environment("Documents") else config.token_settings

    del environment[name]

    with pytest.raises(config.MissingSettings, match=f"{name} is not set"):
        load_with(load, environment)
