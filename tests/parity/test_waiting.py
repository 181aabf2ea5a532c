"""Waits that providers ask for: a job that has no time for one is told how long it is."""

import time

import pytest

from hub.core.errors import Retryable
from tests.parity.servers import jira, microsoft_graph, notion, shopify, slack
from tests.parity.serving import Answer
from tests.parity.shapes import SHAPES
from tests.parity.walking import example, walking

BY_NAME = {shape.name: shape for shape in SHAPES}
ASKED = {
    "slack-users": (slack.limited(30), 30.0),
    "notion-pages": (notion.limited(60), 60.0),
    "microsoft-graph-users": (microsoft_graph.limited(10), 10.0),
    "jira-issues": (jira.limited(5), 5.0),
    "shopify-customers": (shopify.LIMITED_FOR_A_WHILE, 2.0),
}


@pytest.mark.parametrize(("name", "answer", "wait_s"), [(name, *asked) for name, asked in ASKED.items()], ids=ASKED)
def test_wait_that_does_not_fit_is_handed_on(name: str, answer: Answer, wait_s: float) -> None:
    shape = BY_NAME[name]

    with walking(example(name), shape.server(shape.count), shape.setting) as walk:
        walk.api.instead.append(answer)
        with pytest.raises(Retryable) as caught:
            walk.run.fetch(give_up_at=time.monotonic() + 1)

    assert caught.value.retry_after_s == wait_s
    assert len(walk.api.requests) == 1


def test_wait_of_a_fraction_is_kept() -> None:
    """Shopify writes 2.0 where the standard has whole seconds."""
    shape = BY_NAME["shopify-customers"]

    with walking(example(shape.name), shape.server(300), shape.setting) as walk:
        walk.api.instead.append(shopify.LIMITED)
        page = walk.run.fetch()

    assert page.attempts == 2
