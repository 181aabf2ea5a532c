"""One wide JSON line per unit of work, of allow-listed keys only: what is not named here cannot be logged.

Never whole events, headers or bodies, and never the text of a foreign error: URLs and messages carry secrets.
"""

from typing import Any

from aws_lambda_powertools.logging import Logger

_LOGGER = Logger(service="hub", use_rfc3339=True, utc=True)
_KEYS = frozenset(
    """action attempt attempts bytes code config_id delivery_id due duration_ms endpoint_id error_type event_id fence
    hop host integration_id job_id key_id kind message_id method next_attempt_at page problem queue reason
    records_created records_deleted records_read records_rejected records_unchanged records_updated request_id
    retry_after_s route scope status stop_reason subscription_id tenant total url user""".split()
)


def info(event: str, **facts: Any) -> None:
    """Log one finished unit of work, named like `request.answered`."""
    _LOGGER.info(event, extra=_allowed(facts))


def warning(event: str, **facts: Any) -> None:
    _LOGGER.warning(event, extra=_allowed(facts))


def failure(event: str, error: BaseException, **facts: Any) -> None:
    """Log an unexpected error with its type and where it arose, without its text."""
    _LOGGER.error(event, extra=_allowed({**facts, "error_type": type(error).__name__, "problem": _origin(error)}))


def _allowed(facts: dict[str, Any]) -> dict[str, Any]:
    unknown = facts.keys() - _KEYS
    if unknown:
        raise KeyError(f"not on the list of keys that may be logged: {sorted(unknown)}")
    return {name: value for name, value in facts.items() if value is not None}


def _origin(error: BaseException) -> str:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/hub/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " > ".join(frames[-6:])
