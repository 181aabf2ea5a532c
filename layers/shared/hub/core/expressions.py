"""Readable DynamoDB expressions: write attribute names as they are, and each becomes a placeholder.

    condition("version = :version_read")  ->  "#version = :version_read" with {"#version": "version"}

DynamoDB reserves some 570 words (status, name, owner ...); a name behind a placeholder is always allowed.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"(?<![:#\w])[A-Za-z_]\w*")
_KEYWORDS = frozenset(
    "SET REMOVE ADD DELETE AND OR NOT BETWEEN IN attribute_exists attribute_not_exists attribute_type begins_with"
    " contains size if_not_exists list_append".split()
)


@lru_cache(maxsize=512)
def with_placeholders(expression: str) -> tuple[str, dict[str, str]]:
    """Return the expression with `#name` for every attribute name, and what each stands for."""
    names: dict[str, str] = {}

    def placeholder(word: re.Match[str]) -> str:
        if word[0] in _KEYWORDS:
            return word[0]
        names[f"#{word[0]}"] = word[0]
        return f"#{word[0]}"

    return _WORD.sub(placeholder, expression), names


def setting(changed: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return `SET name = :new_name, ...` and its values; their names keep them apart from those of a condition."""
    sets = ", ".join(f"{name} = :new_{name}" for name in changed)
    return f"SET {sets}", {f"new_{name}": value for name, value in changed.items()}
