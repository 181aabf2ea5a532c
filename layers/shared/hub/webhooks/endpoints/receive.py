"""Receives one webhook: admitted, kept, hinted at, answered; what it means is the business of the inbound worker.

verify the raw bytes -> a conditional put of the event -> the endpoint's own answer -> a hint. A copy of an event that
was accepted gets the same answer and makes nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.core import clock, queues
from hub.core.answers import Answer
from hub.core.attributes import Item
from hub.core.errors import NotFound
from hub.core.rate_limit import Tally
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed
from hub.webhooks.endpoints import handshakes, kept_headers
from hub.webhooks.endpoints.endpoints import Endpoint
from hub.webhooks.endpoints.known import Known, KnownEndpoint
from hub.webhooks.endpoints.schemes import Received
from hub.webhooks.endpoints.verification import Unverified, Verified, verify
from hub.webhooks.inbound import inbound

MAX_BODY_BYTES = 5 * 1024 * 1024
# A body that is not signed with a time or an id is the same event again for so long.
COPIES_S = 600
RATE_CLASS = "events"


@dataclass(frozen=True)
class Post:
    """A request to an endpoint: `lookup` is what its URL names, `url_secret` None where URLs hold none.

    `facts` are what the log may know of it.
    """

    lookup: str
    url_secret: str | None
    request: Received
    query: Mapping[str, str]
    source_ip: str
    facts: dict[str, Any] = field(default_factory=dict)


class Receiver:
    """Receives for one process, which keeps what it knows of endpoints and counts between requests."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.known = Known(resources)
        self._tally = Tally(resources.tables, resources.settings, RATE_CLASS)

    def receive(self, post: Post) -> Answer:
        """Return the endpoint's answer; raises NotFound, Unverified, Limited, and whatever means 503."""
        try:
            known, verdict = self._admitted(post)
        except Unverified as refusal:
            post.facts["reason"] = refusal.reason
            raise
        if isinstance(verdict, Answer):
            post.facts["kind"] = "handshake"
            return verdict
        self._tally.take(known.tenant)
        event = self._kept(known, verdict, post)
        if event is None:
            post.facts["kind"] = "copy"
        else:
            queues.send(self._resources.sqs, self._resources.settings.inbound_queue_url, inbound.hint_of(event))
        return known.answer

    def _admitted(self, post: Post) -> tuple[KnownEndpoint, Answer | Verified]:
        """Decide by the endpoint as it is known, and before a refusal by the endpoint as it is now."""
        known = self.known.find(post.lookup)
        if known is None:
            raise _nothing_here()
        post.facts.update(tenant=known.tenant.id, endpoint_id=known.id, bytes=len(post.request.body))
        try:
            return known, admit(known, post)
        except (NotFound, Unverified):
            newer = self.known.newer(post.lookup, known)
            if newer is None:
                raise
        return newer, admit(newer, post)

    def _kept(self, known: KnownEndpoint, verified: Verified, post: Post) -> Item | None:
        """Write the event and return it; None for a copy of one that was accepted before."""
        identity = identity_of(verified, post.request.body)
        event = self._event(known, inbound.event_id(identity), post)
        former = self._put(event)
        if former is None:
            return event
        return None if verified.is_unique or not _is_old(former) else self._kept_again(known, identity, post)

    def _kept_again(self, known: KnownEndpoint, identity: str, post: Post) -> Item | None:
        """Write the event of a body that came before, long ago: once for the present stretch of time."""
        stretch = int(clock.epoch_s()) // COPIES_S
        before, present = (inbound.event_id(f"{identity}\n{each}") for each in (stretch - 1, stretch))
        recent = self._resources.tables.activity.get(inbound.place(known.tenant, known.id, before))
        if recent is not None and not _is_old(recent):
            return None
        event = self._event(known, present, post)
        return event if self._put(event) is None else None

    def _put(self, event: Item) -> Item | None:
        """Write a new event; return the one that has its id already, if there is one."""
        try:
            self._resources.tables.write(inbound.write(self._resources.tables, event))
        except ConditionFailed as failure:
            return failure.found or event
        return None

    def _event(self, known: KnownEndpoint, event_id: str, post: Post) -> Item:
        body = post.request.body
        blob_key = self._stored(known, event_id, body) if len(body) > inbound.MAX_BODY_IN_ITEM else ""
        return inbound.new(
            known.tenant,
            known.id,
            event_id,
            headers=kept_headers.kept(post.request.headers, known.routed_by),
            body=None if blob_key else body,
            blob_key=blob_key,
            body_bytes=len(body),
            source_ip=post.source_ip,
            keep_days=self._resources.settings.retention_days,
        )

    def _stored(self, known: KnownEndpoint, event_id: str, body: bytes) -> str:
        """Put a large body into the bucket and return its key, which another body under the same id does not share."""
        blob_key = f"inbound/{known.tenant}/{known.id}/{event_id}-{hashlib.sha256(body).hexdigest()[:16]}"
        self._resources.s3.put_object(Bucket=self._resources.settings.blob_bucket, Key=blob_key, Body=body)
        return blob_key


def admit(known: KnownEndpoint, post: Post) -> Answer | Verified:
    """Return what is proven of a request, or the answer to a handshake; raises NotFound, Unverified.

    Whoever does not know the URL's secret cannot tell an endpoint from none.
    """
    endpoint, request, is_proven = known.endpoint, post.request, post.url_secret is not None
    if not endpoint.is_active or not _opens(endpoint, post.url_secret):
        raise _nothing_here()
    if not _is_allowed(endpoint.ip_allow_list, post.source_ip):
        raise Unverified("address")
    answer = handshakes.by_url(
        request.method, post.query, request.body, lambda: _tokens(known, post), is_proven=is_proven
    )
    if answer is not None:
        return answer
    if request.method == "GET":
        return _looked_at(is_proven)
    if not (is_proven or known.verification.is_secure):
        raise Unverified("unsigned")
    verified = verify(known.verification, known.secrets() if known.verification.is_secure else (), request)
    return handshakes.by_body(request.body, known.present_secret) or verified


def identity_of(verified: Verified, body: bytes) -> str:
    """Return what all copies of one event have in common: what the sender signed, never an id that any could set."""
    if verified.message_id is not None:
        return f"id\n{verified.message_id}"
    digest = hashlib.sha256(body).hexdigest()
    return f"body\n{digest}" if verified.timestamp is None else f"body\n{digest}\n{verified.timestamp}"


def _opens(endpoint: Endpoint, url_secret: str | None) -> bool:
    """Say whether the URL is one of this endpoint's: with a secret for that of an integration, else without."""
    return (
        not endpoint.is_custom if url_secret is None else endpoint.is_custom and endpoint.accepts_url_secret(url_secret)
    )


def _is_allowed(networks: list[str], source_ip: str) -> bool:
    if not networks:
        return True
    from hub.webhooks.endpoints.addresses import allows  # ipaddress: only for endpoints that have a list

    return allows(networks, source_ip)


def _tokens(known: KnownEndpoint, post: Post) -> list[str]:
    return [*known.secrets(), *([post.url_secret] if post.url_secret else [])]


def _looked_at(is_proven: bool) -> Answer:
    """Mailchimp and others ask with a GET whether the URL is there; only whoever has its secret hears that it is."""
    if not is_proven:
        raise _nothing_here()
    return Answer(200)


def _is_old(event: Item) -> bool:
    return clock.epoch_s() - clock.epoch_of(event["receivedAt"]) > COPIES_S


def _nothing_here() -> NotFound:
    return NotFound("No webhook is received at this address.")
