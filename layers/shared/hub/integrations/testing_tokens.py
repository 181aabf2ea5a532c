"""The access token of a test: fetched before its first call, and hidden like every other secret."""

from dataclasses import dataclass, replace

from hub.connector.auth_config import NoAuth, OAuth2Auth
from hub.connector.authenticate import Credentials, Hide, Signer, TokenSource, forms_of
from hub.connector.definition import ConnectorDefinition
from hub.connector.probe import telling
from hub.core.errors import BadRequest, HubError, UpstreamError
from hub.core.vault import Secrets
from hub.integrations.tokens import Source
from hub.outbound.calls import Call

# With the token server's own 20 s still within the time of a test.
LONGEST_WAIT_S = 4.0


@dataclass(frozen=True, repr=False)
class Signature:
    """The credentials of a test; `refusal` says why there is no access token, `asked` whom the hub asked for one."""

    signer: Signer
    credentials: Credentials
    tokens: TokenSource | None
    refusal: HubError | None = None
    asked: Call | None = None

    def hide(self) -> Hide:
        """Return a function that hides the secrets, also a token that is fetched while the test runs."""
        if self.tokens is None:
            return telling(self.credentials)
        tokens, known, hide = self.tokens, self.credentials.known, telling(self.credentials)

        def hide_all(text: str) -> str:
            nonlocal known, hide
            present = self.credentials.known | forms_of(tokens.known())
            if present != known:
                known, hide = present, telling(replace(self.credentials, known=present))
            return hide(text)

        return hide_all


def signature(definition: ConnectorDefinition, secrets: Secrets, tokens: Source | None) -> Signature:
    """Return what authentication adds to the calls of a test; raises BadDefinition for a secret that is not there."""
    auth = definition.auth or NoAuth(type="none")
    signer = Signer(auth, secrets, tokens)
    if not isinstance(auth, OAuth2Auth):
        return Signature(signer, signer.credentials(), None)
    try:
        return Signature(signer, signer.credentials(), tokens)
    except (BadRequest, UpstreamError) as refusal:
        return Signature(signer, signer.known(), tokens, refusal, Call("POST", auth.token_url, {}))
