"""Every fault of a body at once, each with a JSON pointer, and none with the value it found."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from hub.core.errors import BadDefinition
from hub.core.problems import parse_as, pointer


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    waits_s: int = Field(ge=0)


class Plan(BaseModel):
    secret: str = Field(min_length=40)
    steps: list[Step]
    labels: dict[str, int] = {}


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ((), ""),
        (("a",), "/a"),
        (("steps", 0, "name"), "/steps/0/name"),
        (("a/b", "c~d"), "/a~1b/c~0d"),
        (("~1",), "/~01"),
        (("",), "/"),
    ],
)
def test_pointer_is_written_as_rfc_6901_says(location: tuple[int | str, ...], expected: str) -> None:
    assert pointer(location) == expected


def test_good_body_is_the_model() -> None:
    plan = parse_as(Plan, {"secret": "s" * 40, "steps": [{"name": "one", "waits_s": 1}]})

    assert plan.steps == [Step(name="one", waits_s=1)]


def test_every_fault_is_named_with_its_pointer() -> None:
    body = {
        "secret": "s" * 40,
        "steps": [{"waits_s": -1}, {"name": "x", "waits_s": 1, "x/y": 2}],
        "labels": {"a/b": "c"},
    }

    with pytest.raises(BadDefinition) as refusal:
        parse_as(Plan, body)

    pointers = {problem["pointer"] for problem in refusal.value.details["problems"]}
    assert pointers == {"/steps/0/name", "/steps/0/waits_s", "/steps/1/x~1y", "/labels/a~1b"}
    assert [problem.pointer for problem in refusal.value.problems]
    assert "4 fault(s)" in refusal.value.message


def test_fault_never_shows_the_value_and_has_no_cause_that_does() -> None:
    with pytest.raises(BadDefinition) as refusal:
        parse_as(Plan, {"secret": "canary-7c1d", "steps": [{"name": "canary-7c1d", "waits_s": "canary-7c1d"}]})

    assert "canary" not in repr((refusal.value.message, refusal.value.details))
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
