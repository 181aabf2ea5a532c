"""Schedules are read as EventBridge reads them."""

import pytest

from local.intrinsics import TemplateError
from local.schedules import interval_s, tick_event
from local.template import Schedule


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(1 hour)", 3600), ("rate(2 days)", 172800)],
)
def test_rate_is_read_in_its_unit(expression: str, seconds: int) -> None:
    assert interval_s(expression) == seconds


@pytest.mark.parametrize("expression", ["cron(0 12 * * ? *)", "rate(1 week)", "rate(minute)", "1 minute"])
def test_expression_that_is_not_a_rate_is_named(expression: str) -> None:
    with pytest.raises(TemplateError, match="the local stack knows schedules of the form"):
        interval_s(expression)


@pytest.mark.parametrize(("source", "detail"), [("aws.events", {}), ("aws.scheduler", "{}")])
def test_tick_is_a_scheduled_event(source: str, detail: object) -> None:
    event = tick_event(Schedule("Minute", "F", "rate(1 minute)", source, None))

    assert (event["detail-type"], event["source"], event["detail"]) == ("Scheduled Event", source, detail)


def test_tick_is_the_input_when_the_schedule_has_one() -> None:
    assert tick_event(Schedule("Minute", "F", "rate(1 minute)", "aws.events", '{"a": 1}')) == {"a": 1}
