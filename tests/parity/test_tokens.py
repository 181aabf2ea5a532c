"""Access tokens that die in the middle of a walk, with a source of tokens in place of a token server."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from hub.core.errors import Refused
from tests.parity.servers import microsoft_graph, salesforce
from tests.parity.shapes import SHAPES
from tests.parity.walking import example, walking

BY_NAME = {shape.name: shape for shape in SHAPES}
SERVERS: dict[str, Callable[[int], salesforce.Contacts | microsoft_graph.Users]] = {
    "salesforce-contacts": salesforce.Contacts,
    "microsoft-graph-users": microsoft_graph.Users,
}


@dataclass
class Tokens:
    """Gives "token-1", and another one for each that is refused."""

    given: int = 1
    refused: list[str] = field(default_factory=list)

    def current(self) -> str:
        return f"token-{self.given}"

    def renewed(self, rejected: str) -> str:
        self.refused.append(rejected)
        self.given += 1
        return self.current()

    def known(self) -> frozenset[str]:
        return frozenset(f"token-{number}" for number in range(1, self.given + 1))


@pytest.mark.parametrize("name", SERVERS)
def test_token_that_dies_on_the_way_is_renewed_once(name: str) -> None:
    shape, tokens = BY_NAME[name], Tokens()
    server = SERVERS[name](shape.count)
    server.tokens = {"token-1"}

    with walking(example(name), server, replace(shape.setting, tokens=tokens)) as walk:
        first = walk.run.fetch()
        server.tokens = {"token-2"}
        rest = walk.pages(first.next)

    ids = [record.external_id for page in [first, *rest] for record in page.records]
    assert ids == shape.ids(shape.count)
    assert tokens.refused == ["token-1"]
    assert len(walk.api.requests) == shape.requests(shape.count) + 1


@pytest.mark.parametrize("name", SERVERS)
def test_token_that_is_refused_again_is_an_error(name: str) -> None:
    shape, tokens = BY_NAME[name], Tokens()
    server = SERVERS[name](shape.count)
    server.tokens = set()

    with (
        walking(example(name), server, replace(shape.setting, tokens=tokens)) as walk,
        pytest.raises(Refused, match=shape.denied),
    ):
        walk.pages()

    assert tokens.refused == ["token-1"]
    assert len(walk.api.requests) == 2
