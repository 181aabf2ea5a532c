"""A custom resource is made by its function, and the stack does not start when that fails."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.custom_resources import Answers, CustomResource, make
from local.intrinsics import TemplateError

RESOURCE = CustomResource("Catalogue", "arn:aws:lambda:us-east-1:000000000000:function:seed", {"Layer": "SharedLayer"})


def answering(**answer: Any) -> Callable[[Any], None]:
    """Return a function that tells CloudFormation this."""
    return lambda event: httpx.put(event["ResponseURL"], json=answer, trust_env=False).raise_for_status()  # type: ignore[return-value]


def test_function_gets_what_cloudformation_sends() -> None:
    events: list[Any] = []

    def function(event: Any) -> None:
        events.append(event)
        answering(Status="SUCCESS")(event)

    with Answers() as answers:
        make(RESOURCE, answers, function)

    (event,) = events
    assert (event["RequestType"], event["LogicalResourceId"]) == ("Create", "Catalogue")
    assert event["ResourceProperties"] == {"Layer": "SharedLayer"}
    assert event["StackId"].startswith("arn:aws:cloudformation:")


def test_failure_is_told_with_its_reason() -> None:
    with Answers() as answers, pytest.raises(TemplateError, match="Catalogue: the table is gone"):
        make(RESOURCE, answers, answering(Status="FAILED", Reason="the table is gone"))


def test_silence_is_a_failure() -> None:
    with Answers(within_s=0.05) as answers, pytest.raises(TemplateError, match="no answer"):
        make(RESOURCE, answers, lambda _: None)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"x" * 5000])
def test_answer_that_cannot_be_read_is_refused(content: bytes) -> None:
    with Answers() as answers:
        assert httpx.put(answers.url_of("one"), content=content, trust_env=False).status_code == 400
