import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.connector.definition import check_definition, parse_definition
from hub.connector.plan import compile_endpoint
from hub.connector.strict import vocabulary
from tests.unit.connector.factories import Json, definition, endpoint

README = Path(__file__).parents[3] / "layers" / "shared" / "hub" / "connector" / "README.md"
EXAMPLES = re.findall(r"```json (\w+)\n(.*?)```", README.read_text(), re.DOTALL)
WHOLE: dict[str, Callable[[Json], Json]] = {
    "definition": lambda part: part,
    "auth": lambda part: definition(auth=part),
    "endpoint": definition,
    "body": lambda part: definition(endpoint(method="POST", body=part)),
    "response": lambda part: definition(endpoint(responseMapping=part)),
    "pagination": lambda part: definition(endpoint(pagination=part)),
    "errorActions": lambda part: definition(endpoint(errorActions=part)),
    "rateLimit": lambda part: definition(endpoint(rateLimit=part), rateLimit=part),
    "webhook": lambda part: definition(webhookConfig=part),
}


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_example_of_the_format_works(kind: str, text: str) -> None:
    made = parse_definition(check_definition(WHOLE[kind](json.loads(text))))

    compile_endpoint(made, made.endpoints[0].id)


def test_every_part_of_the_format_has_an_example() -> None:
    assert {kind for kind, _ in EXAMPLES} == WHOLE.keys()


def test_every_word_of_the_format_is_explained() -> None:
    words = set(re.findall(r"`([A-Za-z]+)", README.read_text()))

    assert vocabulary() - words == set()
