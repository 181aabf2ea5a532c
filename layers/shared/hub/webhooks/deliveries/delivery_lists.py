"""Deliveries of a subscription, newest first: found by key, filtered while paging; a page reads only so much."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.core import events, jsontext
from hub.core.attributes import Item
from hub.core.errors import BadRequest, NotFound
from hub.core.listing import PageQuery
from hub.core.tables import Table, key
from hub.webhooks.deliveries import attempts, deliveries, delivery_views
from hub.webhooks.deliveries.attempts import Attempt
from hub.webhooks.deliveries.delivery_views import STATUS, Row
from hub.webhooks.subscriptions.subscriptions import Subscription

Json = dict[str, Any]
View = Callable[[Row], Json]
Listed = tuple[list[Json], str | None]

# A page with filters reads at most so many times so many deliveries; its cursor goes on from there.
MOST_READS = 5
READ = 100
# An answer of a function may have 6 MB, in which this text is a text again: each quote takes two bytes.
MOST_ANSWER_BYTES = 2_500_000
# Of one delivery: whoever sends it again by hand for weeks leaves more attempts than an answer can hold.
MOST_ATTEMPTS_BYTES = 2_000_000


@dataclass(frozen=True)
class Chosen:
    """Which deliveries a list request asks for; empty = all."""

    states: frozenset[str] = frozenset()
    event_type: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Chosen":
        """Read `status`, in the words of S004 or the hub's states, and `eventType`; raises BadRequest."""
        wanted = query.get("status", "")
        states = {state for state, status in STATUS.items() if wanted.upper() == status or wanted.lower() == state}
        if wanted and not states:
            words = ", ".join([*dict.fromkeys(STATUS.values()), *STATUS])
            raise BadRequest(f"`status` must be one of {words}, found {wanted[:40]!r}.")
        return cls(frozenset(states), query.get("eventType", ""))

    @property
    def is_all(self) -> bool:
        return not self.states and not self.event_type

    def has(self, delivery: Item) -> bool:
        is_state = not self.states or delivery["state"] in self.states
        return is_state and (not self.event_type or self.event_type in (delivery["eventType"], delivery["sentAs"]))


@dataclass(frozen=True)
class Page:
    """`position` is where the next page begins, None after the last one."""

    deliveries: list[Item]
    position: str | None


def find(activity: Table, subscription: Subscription, chosen: Chosen, limit: int, after: str | None) -> Page:
    """Return the next `limit` deliveries that are chosen, or fewer when that takes too many reads."""
    found: list[Item] = []
    pk = deliveries.partition_of(subscription.tenant, subscription.id)
    for _ in range(MOST_READS):
        start = {"pk": pk, "sk": after} if after else None
        wide = limit if chosen.is_all else READ
        read = activity.query("pk = :pk", {"pk": pk}, limit=wide, newest_first=True, start=start)
        for number, delivery in enumerate(read.items, 1):
            after = delivery["sk"]
            if not chosen.has(delivery):
                continue
            found.append(delivery)
            if len(found) == limit:
                is_last = number == len(read.items) and read.next_key is None
                return Page(found, None if is_last else after)
        if read.next_key is None:
            return Page(found, None)
    return Page(found, after)


def get(activity: Table, subscription: Subscription, delivery_id: str) -> Item:
    """Return a delivery as last written; raises NotFound."""
    found = activity.get(deliveries.place(subscription.tenant, subscription.id, delivery_id))
    if found is None:
        raise NotFound("No delivery has this id in your tenant.")
    return found


def rows(activity: Table, subscription: Subscription, found: list[Item]) -> list[Row]:
    """Return deliveries with their events and last attempts: two reads for a page."""
    tenant = subscription.tenant
    ids = {delivery["eventId"] for delivery in found}
    told = {item["sk"]: item for item in activity.batch_get([key(tenant, events.KIND, each) for each in sorted(ids)])}
    last = attempts.read_last(activity, tenant, found)
    return [Row(each, told.get(each["eventId"]), last.get(each["sk"])) for each in found]


def view(activity: Table, subscription: Subscription, delivery: Item, with_attempts: bool = False) -> Json:
    """Return one delivery as S004 writes it."""
    (row,) = rows(activity, subscription, [delivery])
    return v1_view(activity, subscription, with_attempts)(row)


def v1_view(activity: Table, subscription: Subscription, with_attempts: bool) -> View:
    """Return the function that shows a row as S004 writes it; `with_attempts` it reads all of them."""

    def shown(row: Row) -> Json:
        if not with_attempts:
            return delivery_views.v1(subscription, row)
        made = attempts.read(activity, subscription.tenant, row.delivery["sk"])
        return delivery_views.v1(subscription, row, _latest(made))

    return shown


def _latest(made: list[Attempt]) -> list[Attempt]:
    """Return the attempts that an answer can hold; the first ones go, and the number of the next shows how many."""
    left, kept = MOST_ATTEMPTS_BYTES, 0
    for attempt in reversed(made):
        left -= len(jsontext.dump([attempt.request, attempt.response]).encode())
        if left < 0 and kept:
            break
        kept += 1
    return made[len(made) - kept :]


def listed(activity: Table, subscription: Subscription, chosen: Chosen, query: PageQuery, view: View) -> Listed:
    """Return a page as it is answered and where the next one begins: earlier than asked for where it gets too long."""
    page = find(activity, subscription, chosen, query.limit, query.after)
    return _shown(page, rows(activity, subscription, page.deliveries), view)


def _shown(page: Page, found: list[Row], view: View) -> Listed:
    answer: list[Json] = []
    left = MOST_ANSWER_BYTES
    for row in found:
        seen = view(row)
        left -= len(jsontext.dump(seen).encode())
        if left < 0 and answer:
            return answer, page.deliveries[len(answer) - 1]["sk"]
        answer.append(seen)
    return answer, page.position
