"""Storing the links of what was sent: one that a person's decision has changed meanwhile keeps that."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from hub.core.tables import ConditionFailed, Contended
from hub.outbound.calls import Deferred
from hub.sync.push.sending import Sending
from hub.sync.push.told import Told
from hub.sync.two_way.links import DELETED, Link, Links

TRIES = 3


def store_links(links: Links, found: Sequence[Sending], told: Mapping[str, Told]) -> None:
    """Write the links; one that a person's decision has changed meanwhile takes what was sent into account."""
    by_id = {each.document_id: each for each in found}
    news = {name: link for name, each in told.items() if (link := each.link) is not None}
    for _ in range(TRIES):
        try:
            links.store([(link, by_id[name].link) for name, link in news.items()])
            return
        except (ConditionFailed, Contended):
            present = links.find(news)
            by_id = {name: replace(by_id[name], link=present.get(name)) for name in news}
            news = {name: _again(by_id[name].names, link, present.get(name)) for name, link in news.items()}
    raise Deferred("The links of these documents are being changed by others.", 1.0)


def _again(sent: Set[str], link: Link, present: Link | None) -> Link:
    """Return a link as it was to be, on top of what somebody else has made of it in fields that were not `sent`."""
    if present is None or not present.is_live or link.outcome == DELETED:
        return replace(link, version=0 if present is None else present.version)
    others = {name: value for name, value in present.base.items() if name not in sent}
    base = {**others, **{name: value for name, value in link.base.items() if name in sent}}
    return replace(link, base=base, conflicts=present.conflicts, version=present.version)
