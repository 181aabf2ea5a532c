"""Sends deliveries, one hint at a time: subscription -> throttle -> circuit -> claim -> event -> call -> record.

Everything that may hold a delivery back is asked before the claim, so that waiting uses up no attempt.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from hub.core import clock, events
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed, Key, key
from hub.core.vault import SecretUnreadable, Vault
from hub.outbound.breaker import Outcome
from hub.outbound.budget import Limit
from hub.outbound.calls import BudgetUsedUp, Deferred
from hub.outbound.retry import CHANCE, Sender
from hub.outbound.traffic import Rules, Traffic
from hub.webhooks.counters import Patience
from hub.webhooks.deliveries import claims, deliveries, lanes
from hub.webhooks.deliveries.authorization import Authorization, Authorizations
from hub.webhooks.deliveries.claims import LEASE_MARGIN_S, Standing
from hub.webhooks.deliveries.record import Held, Recorder
from hub.webhooks.deliveries.send import LONGEST_WITH_TOKEN_S, host_of, never_sent, send, timeout_s
from hub.webhooks.subscriptions import subscriptions
from hub.webhooks.subscriptions.subscriptions import Directory, Subscription

TRAFFIC = "webhooks"
MOST_TENANTS = 500
# A hint that is a little early is sent again; what waits longer has another one, or the sweeper.
EARLY_S = 5.0
# The function has 60 s, and the last one begun may take most of them.
LONGEST_IN_A_ROW_S = 8.0
NO_EVENT = "The event is no longer kept, so there is nothing to send. Raise the retention to keep events for longer."
SKIPPED = {
    "paused": "The subscription is paused. Resume it, then recover what was skipped.",
    "disabled": "The subscription is disabled. Enable it, then recover what was skipped.",
}
DELETED = "The subscription was deleted."


@dataclass(frozen=True)
class Turn:
    """One hint: a delivery that may be sent now, for a subscription as it is known."""

    place: Key
    hint: Hint
    subscription: Subscription

    @property
    def timeout_s(self) -> float:
        return timeout_s(self.subscription)

    @property
    def longest_s(self) -> float:
        """How long an attempt may take until it is recorded."""
        is_oauth2 = self.subscription.item["authType"] == "oauth2"
        return LONGEST_WITH_TOKEN_S if is_oauth2 else self.timeout_s


def _place(hint: Hint) -> Key:
    subscription_id, _, delivery_id = hint.id.partition("/")
    return deliveries.place(hint.tenant, subscription_id, delivery_id)


class Traffics:
    """The circuits of each tenant's target hosts; threads may share them."""

    def __init__(self, resources: Resources, rules: Rules | None = None) -> None:
        self._coordination = resources.tables.coordination
        self._rules = rules or Rules(longest_pause_s=0.0)
        self._known: dict[str, Traffic] = {}
        self._lock = Lock()

    def __call__(self, tenant: Tenant) -> Traffic:
        with self._lock:
            if len(self._known) >= MOST_TENANTS:
                self._known.clear()
            return self._known.setdefault(tenant.id, Traffic(self._coordination, tenant, TRAFFIC, self._rules))


class Deliverer:
    """Kept for the life of a process; threads may share it."""

    def __init__(
        self,
        resources: Resources,
        vault: Vault,
        client: Sender,
        directory: Directory,
        traffic: Callable[[Tenant], Traffic] | None = None,
        chance: Callable[[], float] = CHANCE,
        patience: Patience | None = None,
    ) -> None:
        self._tables, self._client, self._directory = resources.tables, client, directory
        self._traffic = traffic or Traffics(resources)
        self._chance = chance
        self._authorizations = Authorizations(vault, client)
        self._recorder = Recorder(resources, directory, chance, patience)
        self._lanes = self._recorder.lanes

    def run(self, hint: Hint) -> None:
        """Send the delivery that a hint names, if it is its turn, and those that waited for it in its lane.

        What is left of a long lane when the time is up is due now: the sweeper has another worker go on with it.
        """
        began_s = clock.epoch_s()
        following: Hint | None = hint
        while following is not None and clock.epoch_s() - began_s <= LONGEST_IN_A_ROW_S:
            self._run(following)
            following = self._lanes.next()
        if following is not None:
            self._leave_to_sweeper(following)

    def _leave_to_sweeper(self, hint: Hint) -> None:
        with suppress(ConditionFailed):
            self._tables.write(claims.due_now(self._tables.activity, _place(hint)))

    def _run(self, hint: Hint) -> None:
        place, subscription_id = _place(hint), hint.id.partition("/")[0]
        subscription = self._present(hint.tenant, subscription_id)
        if subscription is None:
            self._end_unsent(place, hint, "cancelled", DELETED)
            return
        turn = Turn(place, hint, subscription)
        if not subscription.is_active:
            self._skip(turn)
        elif not self._waits_for_place(turn):
            self._through_gate(turn)

    def announce(self) -> None:
        """Tell the bus what came of the deliveries since the last call; to be called after each batch."""
        self._recorder.announce()

    def _present(self, tenant: Tenant, subscription_id: str) -> Subscription | None:
        """Return the subscription, None when it is deleted. What would keep it from being sent is read anew.

        Otherwise a delivery that is recovered right after the subscription was switched on would be skipped again.
        """
        known = self._directory.find(tenant, subscription_id)
        if known is not None and known.is_active:
            return known
        item = self._tables.config.get(key(tenant, subscriptions.KIND, subscription_id))
        return None if item is None or item["status"] == "deleted" else Subscription(item)

    def _skip(self, turn: Turn) -> None:
        found = self._end_unsent(turn.place, turn.hint, "skipped", SKIPPED[turn.subscription.item["status"]])
        if found is not None:
            self._attempt(turn)

    def _end_unsent(self, place: Key, hint: Hint, state: str, reason: str) -> Item | None:
        """End a delivery without a request; return a test, which was to be sent all the same."""
        update = claims.unsent(self._tables.activity, place, state, reason)
        try:
            ended = self._tables.activity.update(update.key, update.change, update.values, update.only_if)
        except ConditionFailed as refusal:
            if claims.standing(refusal.found) is Standing.FREE:
                return refusal.found
            self._refused(hint, refusal.found)
            return None
        self._lanes.leave(ended)
        return None

    def _waits_for_place(self, turn: Turn) -> bool:
        """Say whether a delivery has to wait for its place under the subscription's throttle, which it has then."""
        throttle = turn.subscription.json("throttle")
        if not throttle:
            return False
        delivery = self._tables.activity.get(turn.place)
        if delivery is None or claims.standing(delivery) is not Standing.FREE:
            self._refused(turn.hint, delivery)
            return True
        if delivery.get("isTest") or claims.has_place(delivery):
            return False
        if delivery.get("lane") and not self._lanes.is_head(delivery):
            return True
        return self._reserves(turn, delivery, Limit(throttle["requests"], window_s=float(throttle["windowS"])))

    def _reserves(self, turn: Turn, delivery: Item, limit: Limit) -> bool:
        """Take the next place; say whether it is yet to come."""
        try:
            wait_s = self._traffic(turn.hint.tenant).gate(turn.subscription.id).reserve([limit])
        except BudgetUsedUp:  # too many workers wanted the next place at this moment
            self._recorder.hint(turn.hint, 1 + round(EARLY_S * self._chance()))
            return True
        if wait_s <= 0:
            return False
        reason = f"The throttle of the subscription lets it go at {clock.iso(clock.epoch_s() + wait_s)}."
        update = claims.reserved(self._tables.activity, delivery, wait_s, reason)
        try:
            waiting = self._tables.activity.update(update.key, update.change, update.values, update.only_if)
        except ConditionFailed as refusal:
            if refusal.found is None or refusal.found["nextAttemptAt"] != update.values["nextAttemptAt_set"]:
                return True  # another worker has it
            waiting = refusal.found  # this write was repeated, because its answer was lost
        deliveries.keep(self._tables.activity, waiting, waiting["nextAttemptAt"] / 1000)
        delay_s = claims.hint_delay_s(delivery, waiting["nextAttemptAt"])
        if delay_s is not None:
            self._recorder.hint(turn.hint, delay_s)
        return True

    def _through_gate(self, turn: Turn) -> None:
        """Send, unless the host is left alone for a while: then the delivery is parked, and no attempt is used up."""
        gate = self._traffic(turn.hint.tenant).gate(host_of(turn.subscription))
        try:
            may_go = gate.enter((), turn.longest_s)
        except Deferred as deferral:
            self._park(turn, deferral)
            return
        about_host = Outcome.NEITHER
        try:
            about_host = self._attempt(turn)
        finally:
            gate.leave(may_go.try_, about_host)

    def _park(self, turn: Turn, deferral: Deferred) -> None:
        """Leave a delivery alone; its first time costs one call, as most have not been tried or parked before."""
        found = self._parked(turn, None, deferral)
        if found is None or claims.standing(found) is not Standing.FREE:
            self._refused(turn.hint, found)
        elif found.get("isTest"):
            self._attempt(turn)
        else:
            self._parked(turn, found, deferral)

    def _parked(self, turn: Turn, read: Item | None, deferral: Deferred) -> Item | None:
        """Park; return how the delivery stands where that was refused."""
        wait_s = max(claims.park_s(read["parks"] if read else 0, self._chance()), deferral.wait_s)
        update = claims.parked(self._tables.activity, turn.place, read, wait_s, deferral.message)
        try:
            waiting = self._tables.activity.update(update.key, update.change, update.values, update.only_if)
        except ConditionFailed as refusal:
            return refusal.found
        deliveries.keep(self._tables.activity, waiting, waiting["nextAttemptAt"] / 1000)
        return None

    def _attempt(self, turn: Turn) -> Outcome:
        """Claim the delivery and send it; return what that says about its host."""
        held = self._claim(turn)
        if held is None:
            return Outcome.NEITHER
        event = self._tables.activity.get(key(held.tenant, events.KIND, held.delivery["eventId"]))
        if event is None:
            self._recorder.fail(held, NO_EVENT)
            return Outcome.NEITHER
        try:
            authorization = self._authorization(held.subscription)
        except SecretUnreadable as error:
            self._recorder.record(held, never_sent(held.subscription, error))
            return Outcome.NEITHER
        if held.lease_left_s < turn.longest_s:  # held up for so long that another worker may have it before this ends
            return Outcome.NEITHER
        sent = send(self._client, authorization, held.delivery, event, turn.timeout_s)
        self._recorder.record(held, sent)
        return Outcome.NEITHER if held.is_test else sent.about_host

    def _authorization(self, subscription: Subscription) -> Authorization:
        """Return the secrets; where the subscription was changed since it was read, it is read again."""
        found = self._authorizations.of(subscription)
        if found.has_current:
            return found
        self._directory.forget(subscription.tenant)
        return self._authorizations.of(self._directory.find(subscription.tenant, subscription.id) or subscription)

    def _claim(self, turn: Turn) -> Held | None:
        owner, lease_s = uuid.uuid4().hex, turn.longest_s + LEASE_MARGIN_S
        update = claims.claimed(self._tables.activity, turn.place, owner, lease_s)
        try:
            item = self._tables.activity.update(update.key, update.change, update.values, update.only_if)
        except ConditionFailed as refusal:
            found = refusal.found
            if found is None or claims.standing(found) is not Standing.FREE or not found.get("lane"):
                self._refused(turn.hint, found)
                return None
            return self._claim_in_lane(turn, found, owner, lease_s)
        return Held(turn.subscription, item, owner)

    def _claim_in_lane(self, turn: Turn, found: Item, owner: str, lease_s: float) -> Held | None:
        if not self._lanes.is_head(found):
            return None
        lane = (turn.hint.tenant, turn.subscription.id, found["lane"], found["sk"])
        until_s = clock.epoch_s() + lease_s + LEASE_MARGIN_S
        try:
            self._tables.write(
                claims.claimed_in_lane(self._tables.activity, found, owner, lease_s),
                lanes.held(self._tables.coordination, *lane, until_s),
            )
        except ConditionFailed as refusal:
            if refusal.index == 0:
                self._refused(turn.hint, refusal.found)
            return None  # the lane is another worker's, who hints at the next one
        return Held(turn.subscription, claims.as_claimed(found, owner, lease_s), owner)

    def _refused(self, hint: Hint, found: Item | None) -> None:
        """Do what is left to do for a delivery that is not to be sent now: mostly nothing."""
        standing = claims.standing(found)
        if found is None:
            return
        if standing is Standing.ENDED:
            self._lanes.leave(found)  # a worker may have died, or the delivery was cancelled while others waited
        wait_s = (found["nextAttemptAt"] - claims.now_ms()) / 1000
        if standing is Standing.EARLY and wait_s <= EARLY_S:
            self._recorder.hint(hint, max(1, round(wait_s + 0.5)))
