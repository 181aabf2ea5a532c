"""Small rules about the text of the product."""

import re

import pytest

from tests.rules.code import Source, in_folder, product
from tests.rules.reading import ROOT

MAX_LINES = 350
WRITTEN = [*product(), *in_folder(ROOT / "local")]
LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


@pytest.mark.parametrize("source", WRITTEN, ids=lambda source: source.name)
def test_file_is_short_and_finished(source: Source) -> None:
    assert len(source.text.splitlines()) <= MAX_LINES
    assert LEFT_OPEN.findall(source.text) == []
