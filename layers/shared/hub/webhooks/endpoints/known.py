"""The inbound endpoints as one process knows them: read, their secrets decrypted, at most every ten seconds.

A change takes effect by then everywhere. What looks refused by something that was read a while ago is looked at again
first, so that a rotated secret counts at once.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from hub.core import clock, jsontext, logs
from hub.core.answers import Answer
from hub.core.errors import HubError, Unavailable
from hub.core.resources import Resources
from hub.webhooks.endpoints import endpoints
from hub.webhooks.endpoints.endpoints import SECRETS_KIND, Endpoint
from hub.webhooks.endpoints.verification import Verification

if TYPE_CHECKING:
    from hub.core.vault import Secrets, Vault

CACHED_S = 10.0
# Whoever is refused cannot make the hub read an endpoint more often than this.
REREAD_AFTER_S = 1.0
MOST_CACHED = 1000
LONGEST_LOOKUP = 1024


class KnownEndpoint:
    """An endpoint as read at one moment, with what every request needs of it made ready."""

    def __init__(self, endpoint: Endpoint, read_secrets: "Callable[[], Secrets]", read_at_epoch_s: float) -> None:
        self.endpoint = endpoint
        self.tenant = endpoint.tenant
        self.id = endpoint.id
        self.read_at_epoch_s = read_at_epoch_s
        self.verification = Verification.of(endpoint.verification)
        self._read_secrets = read_secrets

    def age_s(self) -> float:
        """Return how long ago it was read; a clock that was set back makes it old."""
        age = clock.epoch_s() - self.read_at_epoch_s
        return age if age >= 0 else CACHED_S

    def secrets(self) -> list[str]:
        """Return the secrets that a request may be signed with now, the present one first."""
        return [self._secrets[name] for name in self.endpoint.secret_names.accepted() if name in self._secrets]

    def present_secret(self) -> str | None:
        return self._secrets.get(self.endpoint.secret_names.current)

    @cached_property
    def answer(self) -> Answer:
        """What every accepted request is answered, and its copies likewise."""
        response = self.endpoint.response
        text = response.get("body") or None
        if response["status"] == 204 or text is None:
            return Answer(response["status"])
        kind = "application/json" if not isinstance(text, str) or _is_json(text) else "text/plain; charset=utf-8"
        return Answer(response["status"], text, {"Content-Type": kind, "X-Content-Type-Options": "nosniff"})

    @cached_property
    def routed_by(self) -> set[str]:
        """The headers that the endpoint's rules read."""
        from hub.webhooks.inbound.route import headers_read  # the path language: not for whoever is refused

        return headers_read(self.endpoint.item)

    @cached_property
    def _secrets(self) -> "Secrets":
        return self._read_secrets()


class Known:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._config = resources.tables.config
        self._entries: dict[str, KnownEndpoint] = {}

    def find(self, lookup: str) -> KnownEndpoint | None:
        """Return the endpoint that a URL names, as it was at most ten seconds ago; None where nothing is."""
        known = self._entries.get(lookup)
        if known is not None and known.age_s() < CACHED_S:
            return known
        return self._keep(lookup, endpoints.by_lookup(self._config, lookup) if _may_exist(lookup) else None)

    def newer(self, lookup: str, known: KnownEndpoint) -> KnownEndpoint | None:
        """Return an endpoint as it is this very moment; None when it has just been read."""
        if known.age_s() < REREAD_AFTER_S:
            return None
        endpoint = known.endpoint
        return self._keep(lookup, endpoints.find(self._config, endpoint.tenant, endpoint.id))

    def _keep(self, lookup: str, endpoint: Endpoint | None) -> KnownEndpoint | None:
        """What is missing is not remembered: whoever makes an endpoint wants to use it at once."""
        if endpoint is None:
            self._entries.pop(lookup, None)
            return None
        if len(self._entries) >= MOST_CACHED:
            self._entries.clear()
        known = self._entries[lookup] = KnownEndpoint(endpoint, lambda: self._read(endpoint), clock.epoch_s())
        return known

    def _read(self, endpoint: Endpoint) -> "Secrets":
        try:
            return self.vault.read(endpoint.tenant, SECRETS_KIND, endpoint.id)
        except HubError as error:  # what is wrong with a stored secret is no business of whoever posts
            logs.failure("webhook.secret_unreadable", error, tenant=endpoint.tenant.id, endpoint_id=endpoint.id)
            raise Unavailable("This webhook cannot be checked at present; send it again.") from error

    @property
    def vault(self) -> "Vault":
        return self._resources.vault


def _may_exist(lookup: str) -> bool:
    """DynamoDB calls a request with a longer key, or one that is no text, wrong; nothing has such a name."""
    try:
        return len(lookup.encode()) <= LONGEST_LOOKUP
    except UnicodeEncodeError:
        return False


def _is_json(text: str) -> bool:
    try:
        jsontext.load(text)
    except (ValueError, RecursionError):
        return False
    return True
