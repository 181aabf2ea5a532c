"""What a subscription signs and authenticates with, in clear, as this process holds it for a while.

Its record in the vault holds the signing secrets by their names in the rotation (`secret.3`), and the secrets of its
authentication and headers by JSON pointer (`/auth/token`, `/headers/X-Key`).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from hub.core.errors import BadRequest
from hub.core.problems import pointer
from hub.core.vault import Secrets, Vault
from hub.outbound.retry import Sender
from hub.webhooks.subscriptions.subscriptions import SECRETS_KIND, Subscription

if TYPE_CHECKING:
    from hub.connector.authenticate import Credentials, Signer
    from hub.integrations.tokens import TokenStore

HELD_S = 300.0
MOST_HELD = 1000
# What is waited for another worker that fetches the access token: a delivery has a lease to keep to.
TOKEN_WAIT_S = 5.0
MISSING = "The secret {place} of the subscription is not stored; enter it again."


class SecretMissing(BadRequest):
    """A secret that the subscription names is not in its record."""

    code = "INVALID_CREDENTIALS"


@dataclass(frozen=True, repr=False)
class Authorization:
    """The secrets of one version of a subscription."""

    subscription: Subscription
    secrets: Secrets
    tokens: "TokenStore"

    @property
    def has_current(self) -> bool:
        return self.subscription.secret_names.current in self.secrets

    def signing_secrets(self) -> list[str]:
        """Return the secrets that count now, the current one first; raises SecretMissing."""
        names = self.subscription.secret_names
        self._secret(names.current)
        return [self.secrets[name] for name in names.accepted() if name in self.secrets]

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The subscription's own headers, secrets in their places; raises SecretMissing."""
        from hub.connector.secrets import is_handle

        given = self.subscription.json("headers") or {}
        places = {name: pointer(("headers", name)) for name in given}
        return {
            name.lower(): self._secret(places[name]) if is_handle(value) else value for name, value in given.items()
        }

    def signer(self) -> "Signer":
        """Return what authenticates the calls of one attempt; raises BadDefinition where a secret is missing."""
        return self._made_signer() if self.is_oauth2 else self._lasting_signer

    @cached_property
    def _lasting_signer(self) -> "Signer":
        """Without access tokens, one serves all attempts."""
        return self._made_signer()

    def _made_signer(self) -> "Signer":
        from hub.connector.authenticate import Signer

        return Signer(self._auth, self.secrets, self._source())

    @cached_property
    def stored(self) -> "Credentials":
        """All that is stored, as texts that must not be seen; what a signer gives knows more."""
        from hub.connector.authenticate import Credentials, forms_of

        return Credentials(known=forms_of(self.secrets.values()))

    @property
    def is_oauth2(self) -> bool:
        """Say whether an attempt may have to fetch an access token first."""
        return bool(self.subscription.item["authType"] == "oauth2")

    @cached_property
    def _auth(self) -> Any:
        return _auth_adapter().validate_python(self.subscription.json("auth") or {"type": "none"})

    def _source(self) -> Any:
        if not self.is_oauth2:
            return None
        return self.tokens.source(self.subscription.tenant, self.subscription.id, self._auth, self.secrets)

    def _secret(self, place: str) -> str:
        if place not in self.secrets:
            raise SecretMissing(MISSING.format(place=place))
        return self.secrets[place]


@cache
def _auth_adapter() -> Any:
    """Return the reader of an `auth`: to make one takes as long as a delivery."""
    from pydantic import TypeAdapter

    from hub.connector.auth_config import Auth

    return TypeAdapter(Auth)


class Authorizations:
    """Those of all subscriptions this process sends for: read once for each version; threads may share it."""

    def __init__(self, vault: Vault, client: Sender) -> None:
        self._vault, self._client = vault, client
        self._held: dict[tuple[str, str], tuple[float, Authorization]] = {}
        self._lock = Lock()

    def of(self, subscription: Subscription) -> Authorization:
        """Return what a subscription signs with; raises SecretUnreadable."""
        place = (subscription.tenant.id, subscription.id)
        until, held = self._held.get(place, (0.0, None))
        if held and until > time.monotonic() and held.subscription.item["version"] == subscription.item["version"]:
            return held
        read = Authorization(
            subscription, self._vault.read(subscription.tenant, SECRETS_KIND, subscription.id), self._tokens
        )
        with self._lock:
            if len(self._held) >= MOST_HELD:
                self._held.clear()
            self._held[place] = (time.monotonic() + HELD_S, read)
        return read

    @cached_property
    def _tokens(self) -> "TokenStore":
        from hub.integrations.tokens import TokenStore

        return TokenStore(self._vault, self._client, wait_s=TOKEN_WAIT_S)
