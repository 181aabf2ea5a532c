"""Lets the embedded DynamoDB look at the range of keys that a query asks for, not at every item of its partition.

ministack evaluates a key condition item by item: with 100,000 items in a partition each query would take seconds. The
query sees a table with the items of its range only, and a few more; everything else about it is ministack's.
"""

import heapq
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from ministack.services import dynamodb

Json = dict[str, Any]
Query = Callable[[Json], tuple[Any, ...]]

_LAST = "\U0010ffff"
_NAME = r"#?\w+"
# The first name is the partition's: ministack refuses a query in which it is not.
_CONDITION = re.compile(
    rf"{_NAME} = (?P<pk>:\w+)( AND ({_NAME} BETWEEN (?P<low>:\w+) AND (?P<high>:\w+)"
    rf"|begins_with\({_NAME}, (?P<prefix>:\w+)\)|{_NAME} >=? (?P<above>:\w+)|{_NAME} <=? (?P<below>:\w+)))?"
)
# The items at a bound that the condition excludes: the one compared with and the one a page begins after.
_AT_BOUNDS = 2


@dataclass(frozen=True)
class KeyRange:
    """Sort keys of a partition, bounds included; it holds at least what the query matches."""

    partition: str
    low: str = ""
    high: str = _LAST

    @classmethod
    def of(cls, request: Json) -> Self | None:
        """Return the range of a query, None for one that is not on text keys of the table itself."""
        found = _CONDITION.fullmatch(request.get("KeyConditionExpression") or "")
        if found is None or request.get("IndexName"):
            return None
        values = {name: _text(request, placeholder) for name, placeholder in found.groupdict().items() if placeholder}
        return None if None in values.values() else cls._between(values)

    @classmethod
    def _between(cls, values: Mapping[str, Any]) -> Self:
        prefix = values.get("prefix")
        low = values.get("low") or values.get("above") or prefix or ""
        high = values.get("high") or values.get("below") or (prefix + _LAST if prefix else _LAST)
        return cls(values["pk"], low, high)

    def items(self, table: Json, request: Json) -> Json:
        """Return the range's items by sort key, as many as the page that is asked for can have."""
        stored = table["items"].get(self.partition, {})
        start = (request.get("ExclusiveStartKey") or {}).get(table["sk_name"], {}).get("S")
        forward = request.get("ScanIndexForward", True)
        low = max(self.low, start) if start and forward else self.low
        high = min(self.high, start) if start and not forward else self.high
        keys = [name for name in list(stored) if low <= name <= high]
        if limit := request.get("Limit"):
            keys = (heapq.nsmallest if forward else heapq.nlargest)(int(limit) + _AT_BOUNDS, keys)
        return {name: stored[name] for name in keys if name in stored}


def install() -> None:
    """Make ministack's Query use the ranges."""
    dynamodb._query = by_ranges(dynamodb._query)


def by_ranges(query: types.FunctionType) -> Query:
    """Return the same query over no more than the range it asks for."""
    names = dict(vars(dynamodb))
    on_range = types.FunctionType(query.__code__, names, query.__name__, query.__defaults__, query.__closure__)

    def answer(request: Json) -> tuple[Any, ...]:
        name = dynamodb._normalize_table_name(request.get("TableName"))
        asked, table = KeyRange.of(request), dynamodb._tables.get(name)
        if asked is None or not table or not _has_text_keys(table):
            return query(request)  # type: ignore[no-any-return]
        names["_tables"] = {name: {**table, "items": {asked.partition: asked.items(table, request)}}}
        return on_range(request)  # type: ignore[no-any-return]

    return answer


def _has_text_keys(table: Json) -> bool:
    kinds = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    return kinds.get(table["pk_name"]) == kinds.get(table["sk_name"]) == "S"


def _text(request: Json, placeholder: str) -> str | None:
    value = (request.get("ExpressionAttributeValues") or {}).get(placeholder)
    text = value.get("S") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None
