"""The reader takes everything from the template, and refuses what it does not understand."""

from pathlib import Path

import pytest

from local import template
from local.attributes import Addresses
from local.intrinsics import TemplateError
from local.template import QueueMapping, Route, Schedule, Template

FIXTURE = Path(__file__).with_name("fixture_app") / "template.yaml"
ADDRESSES = Addresses("http://127.0.0.1:4566", "http://127.0.0.1:8787", {"Key": "key-1"})
PARAMETERS = {"JwtIssuer": "me", "JwksUrl": "http://127.0.0.1/keys"}


def read(path: Path = FIXTURE, **parameters: str) -> Template:
    return template.read(template.load(path, PARAMETERS | parameters), ADDRESSES)


def changed(folder: Path, old: str, new: str) -> Path:
    text = FIXTURE.read_text()
    assert old in text
    path = folder / "template.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_environment_holds_the_globals_and_the_functions_own_lines() -> None:
    environment = read().functions["Echo"].environment

    assert environment == {
        "ITEMS_TABLE": "integration-hub-ItemsTable",
        "COLOUR": "blue",
        "WORK_QUEUE_URL": "http://127.0.0.1:4566/000000000000/integration-hub-WorkQueue",
        "BUS_NAME": "integration-hub-bus",
        "KEY_ARN": "arn:aws:kms:us-east-1:000000000000:key/key-1",
        "SHADE": "dark",
        "WHERE": "us-east-1/integration-hub-ItemsTable/integration-hub-WorkQueue",
    }


def test_environment_line_that_is_removed_is_missing(tmp_path: Path) -> None:
    without = read(changed(tmp_path, "          BUS_NAME: !Ref Bus\n", ""))

    assert "BUS_NAME" not in without.functions["Echo"].environment
    assert "WORK_QUEUE_URL" in without.functions["Echo"].environment


def test_condition_decides_when_a_parameter_is_overridden() -> None:
    environment = read(Colour="red").functions["Echo"].environment

    assert environment["COLOUR"] == "red"
    assert "SHADE" not in environment


def test_function_takes_global_settings_when_it_has_none() -> None:
    functions = read().functions

    assert (functions["Worker"].handler, functions["Worker"].timeout_s) == ("app.handler", 5)
    assert functions["Echo"].timeout_s == 1
    assert functions["Echo"].code_dir == FIXTURE.parent / "functions/echo"


def test_routes_use_the_default_authorizer_unless_none_is_said() -> None:
    routes = read().routes

    assert routes == (
        Route("ANY", "/echo", "Echo", "Gatekeeper"),
        Route("POST", "/echo/{name}", "Echo", "Gatekeeper"),
        Route("POST", "/open", "Echo", None),
    )


def test_queue_event_becomes_a_mapping() -> None:
    jobs = read().queue_mappings[0]

    assert jobs == QueueMapping(
        "Jobs", "Worker", "arn:aws:sqs:us-east-1:000000000000:integration-hub-WorkQueue", 5, True
    )


def test_bus_event_becomes_a_rule_with_a_hidden_queue() -> None:
    found = read()

    rule = next(each for each in found.resources if each.type == "AWS::Events::Rule")
    mapping = found.queue_mappings[1]
    assert rule.properties["EventPattern"] == {"source": ["app"]}
    assert rule.properties["Targets"][0]["Arn"] == mapping.queue_arn
    assert (mapping.function, mapping.unwrap) == ("Listener", True)


def test_schedule_keeps_its_expression() -> None:
    assert read().schedules == (Schedule("Hourly", "Listener", "rate(1 hour)", "aws.scheduler", None),)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("AWS::Logs::LogGroup", "AWS::Neptune::DBCluster", "Logs: .* AWS::Neptune::DBCluster"),
        ("Type: EventBridgeRule", "Type: Kinesis", "Listener.Happened: .* Kinesis"),
        ("!Ref Bus\n          KEY", "!Ref Buss\n          KEY", "!Ref Buss"),
        ("!GetAtt Key.Arn", "!GetAtt Key.Colour", "!GetAtt Key.Colour"),
        ("!Sub", "!ImportValue", "Fn::ImportValue"),
        ("      Auth:\n        Default", "      Cors: {}\n      Auth:\n        Default", "Api: .* Cors"),
    ],
)
def test_construct_that_is_not_known_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = changed(tmp_path, old, new)

    with pytest.raises(TemplateError, match=named):
        read(path)


def test_parameter_that_the_template_lacks_is_refused() -> None:
    with pytest.raises(TemplateError, match="no parameter JwtIsuer"):
        template.load(FIXTURE, PARAMETERS | {"JwtIsuer": "typo"})


def test_parameter_without_a_value_is_named() -> None:
    with pytest.raises(TemplateError, match="No value for the parameter JwksUrl"):
        template.load(FIXTURE, {"JwtIssuer": "me"})
