"""Tests of a connector: the calls of a plan with a witness beside them, so that a run of pages stays as it is."""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from hub.connector.authenticate import HIDDEN, LEAST_TELLING_CHARS, Credentials, Hide
from hub.connector.definition import ConnectorDefinition
from hub.connector.pages import NO_CONTENT, Page
from hub.connector.plan import Plan
from hub.connector.requests import Draft, header_builder
from hub.connector.urls import origin
from hub.connector.variables import Variables
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import RetryPolicy, Sender

# An answer such as 503 is shown and not waited for.
ONE_TRY = RetryPolicy(max_retries=0, retry_on=frozenset())


@dataclass
class Witness:
    """A client that remembers the last call and its answer; None when there was none.

    Answers lose the secrets they repeat right here: a path or a transform could take a secret apart, and then no
    search would find it in a preview.
    """

    client: Sender
    hide: Hide
    call: Call | None = None
    reply: Reply | None = None
    has_hidden: bool = False

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        self.call, self.reply = call, None
        reply = self.client.send(call, timeout_s=timeout_s)
        headers = {name: self.hide(value) for name, value in reply.headers.items()}
        self.reply = replace(reply, headers=headers, body=without_secrets(reply.body, self.hide))
        self.has_hidden |= self.reply != reply
        return self.reply


def without_secrets(body: bytes, hide: Hide) -> bytes:
    """Return the same bytes when they hold no secret, in whatever way JSON may write it."""
    text = body.decode(errors="replace")
    hidden = hide(text)
    if hidden == text and "\\" not in text:
        return body
    try:
        return _without_secrets(body, hide)
    except (orjson.JSONDecodeError, TypeError):  # no JSON, or nested too deep to be written
        return body if hidden == text else hidden.encode()


def _without_secrets(body: bytes, hide: Hide) -> bytes:
    whole = [orjson.loads(body)]
    before = orjson.dumps(whole)
    todo: list[Any] = [whole]
    while todo:
        container = todo.pop()
        if isinstance(container, dict):
            for name in [name for name in container if hide(name) != name]:
                container[hide(name)] = container.pop(name)
        for place, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if isinstance(value, (dict, list)):
                todo.append(value)
            elif (text := value if isinstance(value, str) else str(value)) != hide(text):
                container[place] = hide(value) if isinstance(value, str) else HIDDEN
    return body if orjson.dumps(whole) == before else orjson.dumps(whole[0])


def tried_once(plan: Plan) -> Plan:
    """Return the same plan without its retries."""
    return replace(plan, exchange=replace(plan.exchange, policy=ONE_TRY))


def raw_records(plan: Plan, page: Page, reply: Reply) -> list[Any]:
    """Return the records of a page as they came, one for each of `page.records`."""
    if reply.status in NO_CONTENT or not page.records:
        return []
    return plan.exchange.selection.data(orjson.loads(reply.body))


def telling(credentials: Credentials) -> Hide:
    """Return a function that hides the secrets which are in no text by chance: the others could be anybody's data."""
    known = frozenset(form for form in credentials.known if len(form) >= LEAST_TELLING_CHARS)
    return replace(credentials, known=known).hider()


def base_call(definition: ConnectorDefinition, added: Credentials, variables: Variables) -> Call:
    """Return a GET of the baseUrl as it is written, with the default headers and the credentials.

    Raises BadRequest for a variable of a header that is not given. A key that belongs into a body is left out.
    """
    url = definition.base_url or ""
    draft = Draft("GET", url, header_builder(definition.default_headers)(variables), [], None)
    return added.authenticated(draft, origin(url))
