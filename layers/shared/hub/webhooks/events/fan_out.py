"""Fan-out: an event becomes one delivery for each subscription that it is for; once, whatever happens on the way.

Deliveries and the event's progress are written in one transaction per chunk, on condition that the progress is the one
that was read: a repeat or a rival changes nothing, and whoever comes after a crash goes on behind the last chunk. Hints
are sent afterwards; one that is lost is replaced by the sweeper, as every delivery is due until it has ended.

Each event is matched with the subscriptions as they are when it is read: the mark of their last change is read with
it, in the same call. The aliases of types are known as they were at most ten seconds ago.

What the event item has besides: `routedTo` (the last subscription looked at), `matched`, `matchedIds` (the first 100),
`lane` and `turn` of an ordered one.
"""

from dataclasses import dataclass
from itertools import islice

from hub.core import events, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Unavailable
from hub.core.expressions import setting
from hub.core.queues import Hint, Message
from hub.core.resources import Resources
from hub.core.tables import IS_NEW, ConditionFailed, Put, Update, Write, key
from hub.webhooks.deliveries import deliveries, lanes
from hub.webhooks.events import accept, bus_events, match
from hub.webhooks.events.event_types import Registry
from hub.webhooks.recovery import redo
from hub.webhooks.recovery.job_ids import is_job
from hub.webhooks.subscriptions import subscriptions
from hub.webhooks.subscriptions.subscriptions import Directory, Subscription

# DynamoDB takes 100 writes in a transaction; an ordered delivery is two of them.
CHUNK = 90
SHOWN_IDS = 100
# Events of one lane that one message may route. They are not handed on by a message each: Lambda drops long chains.
MOST_IN_A_ROW = 50
PENDING, ROUTED = "pending", "routed"


@dataclass(frozen=True)
class Match:
    subscription: Subscription
    sent_as: str


@dataclass(frozen=True)
class Chunk:
    """Some of the subscriptions an event is for; `is_last` when none is left behind them."""

    matches: list[Match]
    is_last: bool


class Router:
    """Routes the events of all tenants; kept for the life of the process, for what it knows of them."""

    def __init__(self, resources: Resources, chunk: int = CHUNK) -> None:
        self._resources = resources
        self._chunk = chunk
        self._tables = resources.tables
        self._directory = Directory(resources.tables.config)
        self._registry = Registry(resources.tables.config)

    def handle(self, message: Message) -> None:
        """Do what one message of the event queue asks for; raises HubError where it must come again."""
        body = message["body"]
        if bus_events.is_from_bus(body):
            self.accept(body)
            return
        hint = Hint.of(body)
        if is_job(hint.id):
            redo.work(self._resources, hint)
        else:
            self.route(hint)

    def accept(self, body: str) -> None:
        """Keep an event that came over the bus, and route it; one that is known already is only routed on."""
        tenant, incoming = bus_events.read(body)
        event = accept.event_of(self._registry, tenant, incoming, self._resources.settings.retention_days)
        self.route(Hint(tenant, accept.store(self._tables, event)["sk"]))

    def route(self, hint: Hint) -> None:
        """Make the deliveries of a stored event that are still missing; an event that has ended changes nothing."""
        event = self._read(hint.tenant, hint.id)
        if event is not None:
            self._route(event)

    def _route(self, event: Item) -> None:
        """Route an event, and those that waited behind it in its lane."""
        if not self._is_its_turn(event):
            return
        for _ in range(MOST_IN_A_ROW):
            self._route_one(event)
            following = self._next_in_lane(event)
            if following is None:
                return
            event = following
        events.hint(self._resources, event)

    def _route_one(self, event: Item) -> None:
        if event["state"] != PENDING:
            return
        if event["source"] == events.HUB and "routedTo" not in event and not events.announce(self._resources, [event]):
            raise Unavailable("The event bus did not take the event; it will be offered again.")
        found: Item | None = event
        while found is not None and found["state"] == PENDING:
            found = self._route_chunk(found)
        matched = found.get("matched") if found else None
        logs.info("event.routed", tenant=Tenant.of_item(event).id, event_id=event["sk"], total=matched)

    def _route_chunk(self, event: Item, there: frozenset[str] = frozenset()) -> Item | None:
        """Make the next deliveries, but those that are `there`; return the event as it is then.

        Somebody else may have been faster: then it is what they made of it.
        """
        chunk = self._next(event)
        made = [each for each in (_delivery(event, match) for match in chunk.matches) if each["sk"] not in there]
        change = _progress(event, chunk)
        try:
            self._tables.write(self._advance(event, change), *self._puts(made), *self._leave(event, change))
        except ConditionFailed as failure:
            if not failure.index:
                return self._read(Tenant.of_item(event), event["sk"])
            return self._route_chunk(event, there | {made[failure.index - 1]["sk"]})
        self._hint(made)
        return {**event, **change}

    def _next(self, event: Item) -> Chunk:
        """Return who comes next, in the order of their ids; what was looked at before is not behind `routedTo`."""
        tenant = Tenant.of_item(event)
        aliases = self._registry.aliases_of(tenant, event["type"])
        known = self._directory.of_tenant(tenant)
        left = (known[each] for each in sorted(known) if each > event.get("routedTo", ""))
        found = ((each, match.matches(each, event, aliases)) for each in left)
        most = self._chunk // 2 if "lane" in event else self._chunk
        chosen = list(islice((Match(each, name) for each, name in found if name), most + 1))
        return Chunk(chosen[:most], len(chosen) <= most)

    def _advance(self, event: Item, change: Item) -> Update:
        sets, new = setting(change)
        ends = " REMOVE dueShard, dueAt" if change["state"] == ROUTED else ""
        read = {"read": event["routedTo"]} if "routedTo" in event else {}
        only_if = "routedTo = :read" if read else "attribute_not_exists(routedTo)"
        return Update(
            self._tables.activity,
            {"pk": event["pk"], "sk": event["sk"]},
            f"{sets}{ends}",
            {**new, **read, "pending": PENDING},
            f"state = :pending AND {only_if}",
        )

    def _puts(self, made: list[Item]) -> list[Write]:
        """Return the writes of deliveries; an ordered one that is to be sent stands in its subscription's lane."""
        sent = [each for each in made if each["state"] == "queued"]
        entries = [write for each in sent for write in deliveries.rejoined(self._tables, each)]
        return [*(Put(self._tables.activity, each, IS_NEW) for each in made), *entries]

    def _leave(self, event: Item, change: Item) -> list[Write]:
        """Return the write by which an event that is routed leaves its lane."""
        if "lane" not in event or change["state"] != ROUTED:
            return []
        tenant = Tenant.of_item(event)
        return [lanes.left(self._tables.coordination, tenant, lanes.EVENTS, event["lane"], event["turn"])]

    def _hint(self, made: list[Item]) -> None:
        hints = [deliveries.hint_of(each) for each in made if each["state"] == "queued"]
        queues.send_many(self._resources.sqs, self._resources.settings.delivery_queue_url, hints)

    def _is_its_turn(self, event: Item) -> bool:
        """Say whether nobody stands before an event in its lane; whoever does takes the others along."""
        if "lane" not in event or event["state"] != PENDING:
            return True
        head = self._head(event)
        return head is None or head.turn >= event["turn"]

    def _next_in_lane(self, event: Item) -> Item | None:
        if "lane" not in event:
            return None
        head = self._head(event)
        return self._read(Tenant.of_item(event), head.id) if head else None

    def _head(self, event: Item) -> lanes.Head | None:
        return lanes.head(self._tables.coordination, Tenant.of_item(event), lanes.EVENTS, event["lane"])

    def _read(self, tenant: Tenant, event_id: str) -> Item | None:
        """Return an event, after looking whether the subscriptions that are known are those of this moment."""
        event, revision = self._tables.get_together(
            (self._tables.activity, key(tenant, events.KIND, event_id)),
            (self._tables.config, subscriptions.revision_place(tenant)),
        )
        self._directory.of_tenant(tenant, subscriptions.mark_of(revision))
        return event


def _delivery(event: Item, match: Match) -> Item:
    """Return the delivery of a match; one that is not to be sent now is kept for the day its subscription goes on."""
    subscription = match.subscription
    skipped = "" if subscription.is_active else f"subscription is {subscription.item['status']}"
    made = deliveries.new(subscription, event, match.sent_as, skipped=skipped)
    return {**made, "lane": event["lane"], "turn": event["turn"]} if "lane" in event else made


def _progress(event: Item, chunk: Chunk) -> Item:
    """Return what changes of an event when a chunk of its deliveries is made."""
    told = [each.subscription.id for each in chunk.matches]
    return {
        "state": ROUTED if chunk.is_last else PENDING,
        "routedTo": told[-1] if told else event.get("routedTo", ""),
        "matched": event.get("matched", 0) + len(told),
        "matchedIds": [*event.get("matchedIds", []), *told][:SHOWN_IDS],
    }
