"""What a test expects of an answer: checked before the call, judged after it.

The answer must have lost its secrets before: whoever may ask what it holds could guess a secret that it repeats.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from hub.connector.authenticate import Credentials
from hub.connector.excerpts import Excerpt, json_of
from hub.core.errors import BadDefinition, Problem
from hub.integrations.testing_models import Expectations, JsonPathExpectation
from hub.mapping.paths import MISSING, BadPath, Get, PathFailed, getter
from hub.outbound.calls import Reply

Json = dict[str, Any]
MAX_SHOWN_BYTES = 2048


@dataclass(frozen=True)
class Expected:
    """The expectations of one test, with their paths compiled."""

    wanted: Expectations
    paths: list[Get]

    def judge(self, reply: Reply | None, credentials: Credentials) -> list[Json]:
        """Return `{kind, path?, expected, found, passed}` for each; without an answer none passes."""
        if not (self.wanted.statusCode or self.wanted.bodyContains or self.wanted.jsonPath):
            return []
        judge = _Judge(reply, credentials)
        of_status = [judge.status(self.wanted.statusCode)] if self.wanted.statusCode else []
        of_texts = [judge.text(text) for text in self.wanted.bodyContains]
        return [*of_status, *of_texts, *map(judge.value, self.wanted.jsonPath, self.paths)]


def compiled(wanted: Expectations | None) -> Expected:
    """Return the expectations, ready to judge; raises BadDefinition for a path that cannot be used."""
    wanted = wanted or Expectations()
    paths: list[Get] = []
    problems: list[Problem] = []
    for index, each in enumerate(wanted.jsonPath):
        try:
            paths.append(getter(each.path))
        except BadPath as fault:
            problems.append(Problem(f"/expectations/jsonPath/{index}/path", str(fault)))
    if problems:
        raise BadDefinition("An expectation cannot be judged.", problems)
    return Expected(wanted, paths)


class _Judge:
    def __init__(self, reply: Reply | None, credentials: Credentials) -> None:
        self._reply = reply
        self._credentials = credentials
        self._hide = credentials.hider()
        self._text = reply.body.decode(errors="replace") if reply else ""
        self._document = json_of(reply.body) if reply else MISSING

    def status(self, expected: int) -> Json:
        found = self._reply.status if self._reply else None
        return {"kind": "statusCode", "expected": expected, "found": found, "passed": found == expected}

    def text(self, expected: str) -> Json:
        # A short secret is still in the text; most expected texts are not, and then nothing has to be hidden.
        is_there = expected in self._text and expected in self._hide(self._text)
        shown = self._shown(expected)[0]
        return {
            "kind": "bodyContains",
            "expected": shown,
            "found": shown if is_there else None,
            "passed": is_there,
        }

    def value(self, expected: JsonPathExpectation, get: Get) -> Json:
        value = self._at(get)
        found, is_whole = self._shown(None if value is MISSING else value)
        passed = value is not MISSING and is_whole and _equal(found, expected.value)
        shown = self._shown(expected.value)[0]
        return {"kind": "jsonPath", "path": expected.path, "expected": shown, "found": found, "passed": passed}

    def _at(self, get: Get) -> Any:
        try:
            return MISSING if self._document is MISSING else get(self._document)
        except PathFailed:
            return MISSING

    def _shown(self, value: Any) -> tuple[Any, bool]:
        excerpt = Excerpt(self._credentials, MAX_SHOWN_BYTES)
        shown = excerpt.copy(value)
        return shown, excerpt.is_whole


def _equal(found: Any, expected: Any) -> bool:
    """Say whether two JSON values are the same: 1 is 1.0, and true is not 1."""
    return orjson.dumps(_number_free(found), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        _number_free(expected), option=orjson.OPT_SORT_KEYS
    )


def _number_free(value: Any) -> Any:
    """Return the value with whole floats as integers, so that equal numbers are written alike."""
    if isinstance(value, dict):
        return {name: _number_free(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_number_free(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
