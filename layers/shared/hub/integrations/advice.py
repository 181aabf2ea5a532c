"""What to do next when a test of an integration fails."""

from hub.core.errors import HubError, TargetForbidden
from hub.outbound.calls import Deferred, Reply

BY_STATUS = {
    400: "Compare the request with what the provider documents.",
    401: "Enter the credentials again, and check how the provider wants to be sent them.",
    403: "Ask the provider which rights these credentials need.",
    404: "Check baseUrl, the path and its parameters.",
    405: "Check the method.",
    422: "Compare the request with what the provider documents.",
    429: "The provider limits how often it is called: wait, then test again.",
}
REDIRECTS = "Redirects are not followed: use the address that it leads to."
FAILURES = "The provider has a problem of its own: test again later."
ADDRESSES = "Check the address; the hub calls public https addresses and those its operator allows."
READING = "Compare dataPath and the pagination with the answer."
REACHING = "Check the address, and whether the system can be reached from outside."


def judged_connection(status: int, url: str) -> tuple[str | None, str | None]:
    """Return what is wrong with an answer, and what is to be known about it; both may be None."""
    if status in (401, 403):
        refused = "The credentials were refused" if status == 401 else "The credentials do not allow this"
        return f"{refused}: {url} answered {status}. {BY_STATUS[status]}", None
    if status >= 500 or status in (407, 408, 429):
        return f"{url} answered {status}. {_advice_by_status(status)}", None
    if status >= 400:
        return None, f"The system answers {status} at this bare address, which many do: test an endpoint next."
    return None, REDIRECTS if status >= 300 else None


def advice(failure: HubError, reply: Reply | None) -> str:
    """Return what to do about a call that failed; `reply` is its answer, if there was one."""
    if isinstance(failure, TargetForbidden):
        return ADDRESSES
    if isinstance(failure, Deferred):
        return BY_STATUS[429]
    if reply is None:
        return REACHING
    return READING if 200 <= reply.status < 300 else _advice_by_status(reply.status)


def _advice_by_status(status: int) -> str:
    if status >= 500:
        return FAILURES
    return REDIRECTS if status < 400 else BY_STATUS.get(status, BY_STATUS[400])
