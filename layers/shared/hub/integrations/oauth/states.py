"""The state of an OAuth 2.0 flow: what began it, and that it ends once, in time, and where it began.

Source: RFC 6749, 10.12; RFC 7636; RFC 9700, 4.7. The verifier of PKCE is made of the state, which only the browser
has, and of a salt, which only the database has: neither alone can redeem a code.
"""

import base64
import hmac
import secrets
from dataclasses import asdict, dataclass
from hashlib import sha256

from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.tables import Put, Table
from hub.integrations.oauth import one_time

KIND = "oauth-state"
LIVES_S = 600.0


@dataclass(frozen=True)
class Flow:
    """What a flow is bound to. `generation` is that of the credentials it replaces, `version` the connector's.

    `return_url` is "" where the browser goes to the dashboard; the code must come to the path of `redirect_uri`.
    """

    tenant_id: str
    user: str
    key_id: str | None
    integration_id: str
    provider: str
    owner: str
    method_index: int
    redirect_uri: str
    return_url: str
    generation: int
    version: int

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.tenant_id)

    @property
    def caller(self) -> Caller:
        """The one who began it, for the audit; without any role."""
        return Caller(self.tenant, self.user, frozenset(), frozenset(), self.key_id)

    def is_of(self, caller: Caller) -> bool:
        return (self.tenant_id, self.user, self.key_id) == (caller.tenant.id, caller.user, caller.key_id)


@dataclass(frozen=True, repr=False)
class Begun:
    """A flow's state in clear, its challenge, and the write that makes it count."""

    state: str
    challenge: str
    write: Put


def begin(coordination: Table, flow: Flow) -> Begun:
    """Return the state of a new flow."""
    salt = secrets.token_bytes(32)
    made = one_time.issue(coordination, KIND, {"flow": asdict(flow), "salt": salt}, LIVES_S)
    return Begun(made.secret, challenge_of(_verifier(salt, made.secret)), made.write)


def find(coordination: Table, state: str) -> tuple[Flow, Item]:
    """Return the flow of a state that still counts; raises Unusable."""
    item = one_time.find(coordination, KIND, state)
    return flow_of(item), item


def verifier_of(item: Item, state: str) -> str:
    """Return the flow's verifier: 43 characters (RFC 7636, 4.1)."""
    return _verifier(bytes(item["salt"]), state)


def flow_of(item: Item) -> Flow:
    return Flow(**item["flow"])


def challenge_of(verifier: str) -> str:
    """Return the challenge of the method S256, the only one that is used (RFC 7636, 4.2)."""
    return _unpadded(sha256(verifier.encode()).digest())


def _verifier(salt: bytes, state: str) -> str:
    return _unpadded(hmac.digest(salt, f"verifier of {state}".encode(), "sha256"))


def _unpadded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
