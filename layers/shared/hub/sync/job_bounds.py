"""How large the item of a job may become: DynamoDB takes 400 KB, whatever callers and providers write.

A caller's own part is bounded when the job is made, each fault when it is noted. What a run learns of a shape is
bounded in `hub.sync.pull.contract`, where it reads on in `hub.connector.paging`, and everything else is small.
"""

from collections.abc import Mapping
from typing import Any

from hub.core import jsontext
from hub.core.errors import BadRequest, Refused

Json = dict[str, Any]

# Of parameters, filters, fields, rules and contract together; a configuration may have a little less.
MOST_OWN_BYTES = 100_000
MOST_FAULT_CHARS = 700
# Of what a provider says of a job of its own.
MOST_REMOTE_BYTES = 8000


def must_fit(params: Json, more: Mapping[str, Any]) -> None:
    """Refuse a job that is asked for with more than fits beside what it will note; raises BadRequest."""
    size = sum(map(bytes_of, (params, *more.values())))
    if size > MOST_OWN_BYTES:
        raise BadRequest(
            f"What a sync is asked for with has {size} bytes: at most {MOST_OWN_BYTES} are kept.", where="params"
        )


def kept(progress: Json) -> Json:
    """Return the progress as it is stored, its faults cut; raises Refused for a provider's job of too many words."""
    if bytes_of(progress.get("remoteJob")) > MOST_REMOTE_BYTES:
        raise Refused(f"The provider names its job in more than {MOST_REMOTE_BYTES} bytes: nobody could ask for it.")
    return {**progress, "errors": cut(progress["errors"])} if "errors" in progress else progress


def cut(value: Any) -> Any:
    """Return faults with long texts cut; what is no fault stays."""
    if isinstance(value, str):
        return value[:MOST_FAULT_CHARS]
    if isinstance(value, list):
        return [cut(each) for each in value]
    return {name: cut(each) for name, each in value.items()} if isinstance(value, dict) else value


def bytes_of(value: Any) -> int:
    """Return what a value takes as text, one that is a text already as it is."""
    return len((value if isinstance(value, str) else jsontext.dump(value)).encode(errors="replace"))
