"""Webhooks both ways: a receiver that keeps what came in, and a sender that signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from local.sandbox.messages import JSON_TYPE, Json, Refusal, Request, Response, as_json
from local.sandbox.people import timestamp
from local.sandbox.signatures import is_signed

SEND_TIMEOUT_S = 10
ALGORITHMS = {"hmac-sha256": hashlib.sha256, "hmac-sha1": hashlib.sha1}


@dataclass
class Hook:
    """One receiving address. `statuses` are answered in turn, the last one for ever.

    With a `secret` each request is checked, and one that is not signed with it is answered 401.
    """

    statuses: list[int] = field(default_factory=lambda: [200])
    delay_s: float = 0.0
    retry_after_s: float | None = None
    secret: str | None = None
    items: list[Json] = field(default_factory=list)
    answered: int = 0

    def next_status(self) -> int:
        status = self.statuses[min(self.answered, len(self.statuses) - 1)]
        self.answered += 1
        return status


class Hooks:
    """The receivers by name; a name exists as soon as something is sent to it."""

    def __init__(self) -> None:
        self._hooks: dict[str, Hook] = defaultdict(Hook)

    def reset(self) -> None:
        self._hooks.clear()

    def receive(self, request: Request) -> Response:
        """Keep the request and answer as the script of this name says."""
        hook = self._hooks[request.params["name"]]
        signed = None if hook.secret is None else is_signed(hook.secret, dict(request.headers), request.body)
        status = 401 if signed is False else hook.next_status()
        hook.items.append(_kept(len(hook.items) + 1, request, status) | {"signed": signed})
        retry_after = () if hook.retry_after_s is None else (("retry-after", f"{hook.retry_after_s:g}"),)
        answer = as_json({"received": status < 400}, status, retry_after if status >= 400 else ())
        return Response(status, b"" if status in (204, 304) else answer.body, answer.headers, hook.delay_s)

    def script(
        self,
        name: str,
        statuses: list[int],
        delay_s: float = 0.0,
        retry_after_s: float | None = None,
        secret: str | None = None,
    ) -> None:
        """Say how this name answers from now on; what it received stays."""
        if not statuses or not all(200 <= status <= 599 for status in statuses):
            raise Refusal(400, f"statuses must be HTTP statuses from 200 to 599, found {statuses}")
        hook = self._hooks[name]
        hook.statuses, hook.delay_s, hook.retry_after_s, hook.answered = statuses, delay_s, retry_after_s, 0
        hook.secret = secret

    def received(self, name: str) -> list[Json]:
        """What came in, oldest first: number, received_at, method, path, query, headers, body_base64, answered, signed.

        `signed` is null where the script names no secret.
        """
        return list(self._hooks[name].items) if name in self._hooks else []

    def forget(self, name: str) -> None:
        """Drop what a name received, and its script."""
        self._hooks.pop(name, None)


@dataclass(frozen=True)
class SignedWebhook:
    """A webhook to send: the hex HMAC of the raw body goes into `header`, behind `prefix`."""

    url: str
    secret: str
    body: bytes
    header: str = "X-Signature"
    prefix: str = "sha256="
    algorithm: str = "hmac-sha256"
    headers: Mapping[str, str] = field(default_factory=dict)

    def signature(self) -> str:
        digest = hmac.new(self.secret.encode(errors="replace"), self.body, ALGORITHMS[self.algorithm]).hexdigest()
        return self.prefix + digest

    def send(self) -> Json:
        """What the receiver answered: status, body as text, the signature sent. Raises Refusal 502 if it is away."""
        target = loopback(self.url)
        headers = {"content-type": JSON_TYPE, **self.headers, self.header: self.signature()}
        connection = HTTPConnection(target.hostname or "", target.port or 80, timeout=SEND_TIMEOUT_S)
        try:
            connection.request("POST", target._replace(scheme="", netloc="").geturl() or "/", self.body, headers)
            reply = connection.getresponse()
            text = reply.read().decode(errors="replace")
        except (OSError, ValueError, HTTPException) as cause:
            raise Refusal(502, f"{self.url} did not answer: {cause!r}") from cause
        finally:
            connection.close()
        return {"status": reply.status, "body": text, "signature": self.signature()}


def loopback(url: str) -> SplitResult:
    """The parts of a URL on this machine; raises Refusal for any other, so that nothing leaves it."""
    try:
        parts = urlsplit(url)
        on_this_machine = parts.scheme == "http" and is_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        on_this_machine = False
    if not on_this_machine:
        raise Refusal(400, f"url must be http on 127.0.0.1, localhost or [::1], found {url!r}")
    return parts


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _kept(number: int, request: Request, status: int) -> Json:
    return {
        "number": number,
        "received_at": timestamp(datetime.now(UTC)),
        "method": request.method,
        "path": request.base + request.path,
        "query": request.args,
        "headers": dict(request.headers),
        "body_base64": base64.b64encode(request.body).decode(),
        "answered": status,
    }
