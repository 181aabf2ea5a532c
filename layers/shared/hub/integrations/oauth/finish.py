"""The end of an OAuth 2.0 flow: the state is used up, the code exchanged, and what was granted kept, once.

One finisher for the browser that the provider sends back and for the page that posts the code. Every refusal is
audited where it is known whose flow it was, with the cause; the answer says the same for all of them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.connector.token_requests import Code, basic_pair, code_call, read_grant
from hub.core import clock, logs
from hub.core.answers import no_content
from hub.core.attributes import Item
from hub.core.caller import Caller
from hub.core.errors import BadRequest, HubError, Unavailable, UpstreamError
from hub.core.journal import Change
from hub.core.tables import CALL_FAILED, ConditionFailed, Tables
from hub.core.vault import Secrets, SecretUnreadable, Vault
from hub.integrations.connections.connect import Desk
from hub.integrations.connections.reasons import INVALID_GRANT, of_token_failure
from hub.integrations.oauth import keep, one_time, states, targets
from hub.integrations.oauth.keep import Kept
from hub.integrations.oauth.one_time import Unusable
from hub.integrations.oauth.states import Flow
from hub.integrations.oauth.targets import Target
from hub.outbound.guard import Guard
from hub.outbound.retry import Sender

HTTP_S = 20.0
MAX_CODE_CHARS = 4096
# Before each further try to write what was granted: a code cannot be exchanged twice.
KEEP_AGAIN_S = (0.1, 0.3, 1.0)
REFUSED = "This connection cannot be finished: its state is unknown, used, over, or another one's. Start it again."
DENIED = "The provider did not connect the account: {code}."


class FlowRefused(BadRequest):
    """The same whatever the cause, so that nothing can be learnt from it."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


class NotGranted(BadRequest):
    """The provider said no, to the user's consent or to the code."""

    code = "CONNECTION_FAILED"


class FlowFailed(Exception):
    """The flow is over and connected nothing; `reason` may be shown in a URL, `cause` is for an answer."""

    def __init__(self, flow: Flow, reason: str, cause: HubError) -> None:
        super().__init__(reason)
        self.flow, self.reason, self.cause = flow, reason, cause


@dataclass(frozen=True, repr=False)
class Returned:
    """What came back: at `path` by a browser, or by a post of `caller` for `integration_id`."""

    state: str
    code: str = ""
    error: str = ""
    path: str = ""
    caller: Caller | None = None
    integration_id: str = ""


@dataclass(frozen=True)
class Finisher:
    """What finishing needs; `hint` has an event that was written routed at once."""

    tables: Tables
    vault: Vault
    client: Sender
    guard: Guard
    request_id: str
    keep_days: int
    hint: Callable[[Item], None]
    sleep: Callable[[float], None] = time.sleep

    def finish(self, returned: Returned) -> Flow:
        """Connect what the flow was begun for; raises FlowRefused, FlowFailed."""
        flow, verifier = self._used_up(returned)
        if (denial := _denial_in(returned)) is not None:
            raise self._failed(flow, denial, NotGranted(DENIED.format(code=denial)))
        target = self._unchanged(flow)
        kept = self._exchanged(flow, target, Code(returned.code, verifier, flow.redirect_uri))
        self._keep(flow, target, kept)
        return flow

    # The state

    def _used_up(self, returned: Returned) -> tuple[Flow, str]:
        """Return the flow and its verifier; from here on nobody else can finish it."""
        try:
            flow, item = states.find(self.tables.coordination, returned.state)
            if not _fits(flow, returned):
                raise Unusable("foreign", item)
            one_time.claim(self.tables.coordination, item)
        except Unusable as refusal:
            self._note(refusal, returned)
            raise FlowRefused from None
        return flow, states.verifier_of(item, returned.state)

    def _note(self, refusal: Unusable, returned: Returned) -> None:
        """Audit a refusal: with the one who posted it, else with the one whose flow it was."""
        flow = states.flow_of(refusal.item) if refusal.item else None
        caller = returned.caller or (flow.caller if flow else None)
        if caller is None:
            logs.info("oauth.refused", reason=refusal.reason, request_id=self.request_id)
            return
        own = flow if flow and flow.tenant == caller.tenant else None
        target = own.integration_id if own else returned.integration_id
        self._audit_refusal(caller, target, refusal.reason)

    # The code

    def _unchanged(self, flow: Flow) -> Target:
        """Return what the flow connects, where nothing of it has changed since it began."""
        try:
            target = targets.of_flow(self.tables.config, flow)
        except HubError as gone:
            raise self._failed(flow, "unavailable" if gone.retryable else "changed", gone) from gone
        if not target.is_that_of(flow):
            raise self._failed(flow, "changed", FlowRefused())
        return target

    def _exchanged(self, flow: Flow, target: Target, code: Code) -> Kept:
        asked_at_s = clock.epoch_s()
        try:
            secrets = targets.secrets_of(self.tables.config, self.vault, target)
            reply = self.client.send(code_call(target.auth, secrets, code), timeout_s=HTTP_S)
            grant = read_grant(target.auth, reply, list(_hidden(target, secrets, code)))
        except (UpstreamError, BadRequest, SecretUnreadable, Unavailable) as error:
            reason = of_token_failure(error)
            cause = NotGranted(error.message, reason=reason) if reason == INVALID_GRANT else error
            raise self._failed(flow, reason, cause) from error
        return Kept(grant, asked_at_s, secrets)

    # What was granted

    def _keep(self, flow: Flow, target: Target, kept: Kept) -> None:
        """Write it, whatever else changes at the moment; gives the grant back where that cannot be."""
        for delay_s in (*KEEP_AGAIN_S, None):
            try:
                self._write(flow, target, kept)
                return
            except (ConditionFailed, *CALL_FAILED) as error:
                logs.failure("oauth.unkept", error, tenant=flow.tenant_id, integration_id=flow.integration_id)
                if delay_s is None:
                    self._give_back(target, kept)
                    raise
                self.sleep(delay_s)
            except BadRequest as error:
                self._give_back(target, kept)
                raise self._failed(flow, "address_refused", error) from error
            target = self._still_there(flow, target, kept)

    def _write(self, flow: Flow, target: Target, kept: Kept) -> None:
        change = self._change(flow.caller)
        keep.keep(Desk(change, self.vault, self.guard), target, kept)
        change.commit(no_content())
        for event in change.told:
            self.hint(event)

    def _still_there(self, flow: Flow, target: Target, kept: Kept) -> Target:
        try:
            return self._unchanged(flow)
        except FlowFailed:
            self._give_back(target, kept)
            raise

    def _give_back(self, target: Target, kept: Kept) -> None:
        """Have the provider forget a grant that nobody has the tokens of; that it may fail changes nothing."""
        call = keep.revocation(target, kept)
        try:
            if call is not None:
                self.client.send(call, timeout_s=HTTP_S / 4)
        except HubError as error:
            logs.info("oauth.not_revoked", reason=error.code, integration_id=target.found.id)

    # The audit

    def _failed(self, flow: Flow, reason: str, cause: HubError) -> FlowFailed:
        self._audit_refusal(flow.caller, flow.integration_id, reason)
        return FlowFailed(flow, reason, cause)

    def _audit_refusal(self, caller: Caller, target: str, reason: str) -> None:
        change = self._change(caller)
        change.audit("oauth.refused", target, reason=reason)
        change.commit(no_content())

    def _change(self, caller: Caller) -> Change:
        return Change(self.tables, caller, self.request_id, self.keep_days)


def _denial_in(returned: Returned) -> str | None:
    """Return why there is no code to exchange; None where there is one."""
    if returned.error:
        return returned.error
    return None if 0 < len(returned.code) <= MAX_CODE_CHARS else "no_code"


def _fits(flow: Flow, returned: Returned) -> bool:
    """Say whether the flow ends where, and by whom, it may: at its own address, or by the one who began it."""
    if returned.caller is not None:
        return flow.is_of(returned.caller) and flow.integration_id == returned.integration_id
    return urlsplit(flow.redirect_uri).path == returned.path


def _hidden(target: Target, secrets: Secrets, code: Code) -> Iterator[str]:
    yield from (code.code, code.verifier, *secrets.values())
    yield from (basic_pair(target.auth.client_id, secret) for secret in secrets.values())
