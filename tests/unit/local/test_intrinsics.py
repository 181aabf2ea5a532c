"""Intrinsic functions give what CloudFormation gives."""

from typing import Any

import pytest

from local.intrinsics import Scope, as_text, parse_yaml

SCOPE = Scope(
    parameters={"Name": "hub", "Count": 3, "Names": ["a", "b"]},
    attributes={"Queue": {"Ref": "http://queue", "Arn": "arn:queue"}},
    conditions={"Many": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Count"}, "1"]}]}},
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("!Ref Name", "hub"),
        ("!Ref Queue", "http://queue"),
        ("!GetAtt Queue.Arn", "arn:queue"),
        ("!GetAtt [Queue, Arn]", "arn:queue"),
        ('!Sub "${Name}-${Queue.Arn}-${!Name}"', "hub-arn:queue-${Name}"),
        ('!Sub ["${Name}/${other}", { other: !Ref Count }]', "hub/3"),
        ('!Join ["-", [!Ref Name, 1, true]]', "hub-1-true"),
        ("!If [Many, yes-many, no]", "yes-many"),
        ("!Select [1, !Ref Names]", "b"),
        ('!Split [",", "a,b"]', ["a", "b"]),
        ("[1, !Ref AWS::NoValue]", [1]),
        ("{ a: 1, b: !Ref AWS::NoValue }", {"a": 1}),
    ],
)
def test_intrinsic_gives_what_cloudformation_gives(written: str, meant: Any) -> None:
    value = parse_yaml(f"Resources: {{}}\nValue: {written}")["Value"]

    assert SCOPE.resolve(value) == meant


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (30, "30"), (["a", 1], "a,1")])
def test_scalar_is_written_as_cloudformation_does(value: Any, text: str) -> None:
    assert as_text(value) == text
