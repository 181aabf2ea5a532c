"""The key by which a provider knows a call that is repeated, `{{idempotencyKey}}` in a definition."""

from dataclasses import replace

from hub.connector.variables import Variables
from hub.core.ids import hashed_id

NAME = "idempotencyKey"


def with_key(variables: Variables, *what: str) -> Variables:
    """Return the values of a call with the key of what it writes: the same for the same, another for anything else."""
    return replace(variables, params={**variables.params, NAME: hashed_id("batch", "#".join(what))})
