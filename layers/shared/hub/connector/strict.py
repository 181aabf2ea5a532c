"""The base of every model of the connector format: camelCase names in JSON, no unknown words, no guessing of types."""

from functools import cache

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Strict(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,  # one of them may be a secret
        defer_build=True,  # a request that only reads definitions does not pay for the validators
    )


@cache
def vocabulary() -> frozenset[str]:
    """Return every word of the format, for hints such as "did you mean"."""
    words: set[str] = set()
    waiting: list[type[BaseModel]] = [Strict]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith("hub.connector."):  # a model built on one of the format's adds no word to it
            words |= {field.alias or name for name, field in model.model_fields.items()}
    return frozenset(words)
