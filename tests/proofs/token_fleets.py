"""Callers that share one access token: of a custom integration, or of a connection to a provider."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from botocore.exceptions import BotoCoreError

from hub.connector.auth_config import OAuth2Auth
from hub.connector.secrets import CLIENT_SECRET, REFRESH_TOKEN
from hub.core import clock
from hub.core.caller import Tenant
from hub.core.errors import Retryable
from hub.core.tables import Table, key
from hub.core.vault import Secrets, Vault
from hub.integrations.custom import TOKENS_KIND
from hub.integrations.token_records import LEASE_S, first_record
from hub.integrations.tokens import Source, TokenStore
from tests.proofs.token_world import LIFETIME_S, Database, Keys, TokenServer
from tests.proofs.turns import Plan, Turns

CALLERS = 32
AUTH = OAuth2Auth.model_validate(
    {
        "type": "oauth2",
        "grantType": "refresh_token",
        "tokenUrl": "https://id.test/token",
        "clientId": "hub",
        "clientSecret": "{{encrypted:****}}",
        "refreshToken": "{{encrypted:****}}",
    }
)
# An answer that came is written by the next call but one; what happens between the two nobody can undo.
TRIES = 6


@dataclass
class Fleet:
    """Callers in processes of their own, all for the same integration."""

    turns: Turns
    grace_s: float = 0.0
    plans: dict[int, Plan] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    calls_per_expiry: list[int] = field(default_factory=list)
    advice: ClassVar[str] = "Check clientId and clientSecret, or enter a new refreshToken."

    def __post_init__(self) -> None:
        self.server = TokenServer(self.turns, self.grace_s)
        self.database = Database(self.turns)
        self.keys = Keys(self.turns)
        self.entered = 0
        self.enter_refresh_token()

    def enter_refresh_token(self) -> None:
        """The user connects anew: all callers begin with the new secret."""
        self.entered += 1
        secrets = Secrets(
            {CLIENT_SECRET: "client-secret", REFRESH_TOKEN: self.server.authorise()},
            self.entered,
            {CLIENT_SECRET: 1, REFRESH_TOKEN: self.entered},
        )
        self.sources = [self._source(secrets) for _ in self.turns.workers]

    def expire(self) -> list[Any]:
        """Let the token come to its end, or near it, and all callers ask at once; return what each got."""
        before = self.server.calls
        self.turns.now_s += LIFETIME_S * self.turns.chance.choice((0.85, 0.95, 1.5))
        got = self.turns.run([self._asks(source) for source in self.sources], self.plans)
        self.outcomes.update("token" if isinstance(each, str) else type(each).__name__ for each in got)
        self.calls_per_expiry.append(self.server.calls - before)
        return got

    def ask_again(self) -> None:
        """Let all callers ask once more, a lease later, as those of a running sync do."""
        self.plans = {}
        self.turns.now_s += LEASE_S + 15
        self.turns.run([self._asks(source) for source in self.sources])

    def expire_often(self, times: int) -> None:
        """Expire again and again; a grant that is lost is entered anew."""
        for _ in range(times):
            lost = self.server.lost_grants
            self.expire()
            if self.server.lost_grants > lost:
                self.enter_refresh_token()

    def _source(self, secrets: Secrets) -> Source:
        return self.store().source(Tenant("acme"), "int_1", AUTH, secrets)

    def store(self) -> TokenStore:
        return TokenStore(self.vault(), self.server, self.turns.sleep)

    def vault(self) -> Vault:
        return Vault(cast("Any", self.keys), "key", Table(cast("Any", self.database), "credentials"))

    def _asks(self, source: Source) -> Callable[[], str]:
        """A caller that comes again when it is told to, as a sync job does."""

        def ask() -> str:
            for _ in range(TRIES):
                try:
                    token = source.current()
                except Retryable as later:
                    self.turns.sleep((later.retry_after_s or 0) + 1)
                except BotoCoreError:
                    self.turns.sleep(1)
                else:
                    return token if self.server.accepts(token) else f"bad {token}"
            return "gave up"

        return ask


@dataclass
class GrantedFleet(Fleet):
    """Callers of a connection: each grant has a record of its own, of the next generation."""

    advice: ClassVar[str] = "Connect the integration again."

    def enter_refresh_token(self) -> None:
        """The user connects anew: all callers begin with the new generation."""
        self.entered += 1
        self.grant(self.entered, self.server.authorise())
        self.sources = [self.granted(self.entered) for _ in self.turns.workers]

    def grant(self, generation: int, refresh_token: str) -> None:
        """Write the record that a grant begins with; its access token is over at once."""
        place = key(Tenant("acme"), TOKENS_KIND, f"con_1.{generation}")
        tokens = {"accessToken": f"first-access-{generation}", "refreshToken": refresh_token}
        record = first_record(place, self.vault().sealer(place, 1)(tokens), clock.epoch_s())
        self.database.items[place["pk"], place["sk"]] = record

    def granted(self, generation: int) -> Source:
        """Return the tokens of one generation, as a caller of its own knows them."""
        secrets = Secrets({CLIENT_SECRET: "client-secret"}, 1, {CLIENT_SECRET: 1})
        return self.store().granted(Tenant("acme"), f"con_1.{generation}", AUTH, secrets)
