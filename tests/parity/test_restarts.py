"""Providers that forget a cursor: the walk begins again, and no record is lost."""

import pytest

from hub.connector.pages import MAX_RESTARTS
from hub.core.errors import Refused
from tests.parity.servers import airtable, microsoft_graph, salesforce
from tests.parity.serving import Answer, Request
from tests.parity.shapes import SHAPES
from tests.parity.walking import example, walking

BY_NAME = {shape.name: shape for shape in SHAPES}
FORGOTTEN = {
    "airtable-records": airtable.EXPIRED,
    "microsoft-graph-users": microsoft_graph.EXPIRED_PAGE,
    "salesforce-contacts": salesforce.FORGOTTEN,
}
each = pytest.mark.parametrize(("name", "answer"), FORGOTTEN.items(), ids=FORGOTTEN)


@each
def test_walk_begins_again_when_its_place_is_forgotten(name: str, answer: Answer) -> None:
    shape = BY_NAME[name]

    with walking(example(name), shape.server(shape.count), shape.setting) as walk:
        first = walk.run.fetch()
        walk.api.instead.append(answer)
        rest = walk.pages(first.next)

    ids = [str(record.external_id) for page in rest for record in page.records]
    assert ids == shape.ids(shape.count)
    assert rest[-1].stop_reason == shape.stop


@each
def test_place_that_is_forgotten_again_and_again_is_an_error(name: str, answer: Answer) -> None:
    shape = BY_NAME[name]
    server, seen = shape.server(shape.count), list[Request]()

    def forgetful(request: Request) -> Answer:
        seen.append(request)
        is_first = (request.path, request.pairs) == (seen[0].path, seen[0].pairs)
        return server(request) if is_first else answer

    with walking(example(name), forgetful, shape.setting) as walk, pytest.raises(Refused):
        walk.pages()

    assert len(seen) == 2 * (1 + MAX_RESTARTS)
