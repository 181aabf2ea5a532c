"""Doing what the routing of an endpoint decided: documents first, then syncs; the events that tell of it come back.

Everything may be done twice: documents are as after once, a sync is started under a name made of the event, and the
events are written in the transaction that ends it.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from hub import documents
from hub.core import clock, events, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.ids import stable_id
from hub.core.resources import Resources
from hub.core.tables import key
from hub.documents import Step
from hub.mapping.config import Unfit
from hub.mapping.fields import MappingFailed
from hub.mapping.paths import PathFailed
from hub.mapping.templates import Fill, compile_template
from hub.webhooks.endpoints.endpoints import Endpoint
from hub.webhooks.inbound.edits import DOCUMENT_ACTIONS, Edit, Result, Setting, edits_of, failed, recipe_of
from hub.webhooks.inbound.inbound import Claim
from hub.webhooks.inbound.route import Decision, Match, Rule
from hub.webhooks.inbound.store import Store

Json = dict[str, Any]

RECEIVED = "webhook.received"
# An entry on the bus, and an item that waits to be put there.
MAX_EVENT_BYTES = 200_000
# Shown of one round; what failed comes first. The counts are of all.
KEPT_RESULTS = 50
KEPT_TYPES = 20
MAX_REASON_CHARS = 300
EVENT_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")


@dataclass
class Done:
    """What was done of an inbound event: the results and the events that tell of it, the frequent ones apart."""

    results: list[Result] = field(default_factory=list)
    told: list[Item] = field(default_factory=list)
    received: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Actor:
    """Acts for one inbound event that a worker holds."""

    resources: Resources
    endpoint: Endpoint
    held: Claim
    may_go_on: Callable[[], None]

    def act(self, decision: Decision, payload: Any) -> Done:
        """Do what was decided of a body; raises what AWS raises, and Contended: then all of it is to be done again."""
        done = Done()
        by_rule: dict[int, list[Match]] = {}
        for match in decision.matches:
            by_rule.setdefault(match.rule.index if match.rule else -1, []).append(match)
        self._edit([group for group in by_rule.values() if _action(group) in DOCUMENT_ACTIONS], done)
        for group in by_rule.values():
            rule = group[0].rule
            if rule is None:
                self._publish(group, done)
            elif rule.action == "trigger_sync":
                done.results.append(self._sync(rule, group[0]))
            elif rule.action == "custom":
                self._tell(rule, group, done)
        if any(match.rule for match in decision.matches):
            self._receive(payload, decision, done)
        return done

    def _edit(self, groups: Sequence[Sequence[Match]], done: Done) -> None:
        find = partial(documents.find_many, self.resources.tables.documents, self._tenant)
        setting = Setting(find, self.may_go_on, self._salt)
        made = [each for group in groups for each in edits_of(_rule(group), group, setting)]
        edits = self._allowed(sorted((each for each in made if isinstance(each, Edit)), key=_order), done)
        done.results += [each for each in made if isinstance(each, Result)]
        step = Step(f"webhook:{self.endpoint.id}", self.held.step)
        store = Store(self.resources.tables, self._tenant, step, self._keep_days)
        done.results += store.apply(edits)

    def _allowed(self, edits: list[Edit], done: Done) -> list[Edit]:
        """Return the edits of types that the endpoint's integration may touch; no list allows all types."""
        if not edits or self.endpoint.is_custom or not self.endpoint.item.get("integrationId"):
            return edits
        found = self.resources.tables.config.get(key(self._tenant, "integration", self.endpoint.item["integrationId"]))
        allowed = (found or {}).get("allowedShardTypes")
        if not allowed:
            return edits
        reason = f"the integration may touch {', '.join(allowed)} and nothing else"
        done.results += [each.result("failed", reason) for each in edits if each.document_type not in allowed]
        return [each for each in edits if each.document_type in allowed]

    def _sync(self, rule: Rule, match: Match) -> Result:
        """Start a sync, once for all events of a body."""
        from hub.webhooks.inbound.trigger import Trigger  # connectors and plans, which only this action needs

        try:
            params = _fields(rule, match) if rule.raw.get("fieldMappings") else {}
        except (Unfit, PathFailed, MappingFailed) as cause:
            return failed(match, str(cause))
        return Trigger(self.resources, self.endpoint, self.held).start(rule, match, params)

    def _tell(self, rule: Rule, matches: Sequence[Match], done: Done) -> None:
        for match in matches:
            self.may_go_on()
            name = rule.raw.get("eventName") or match.event_type
            try:
                data = _data(rule, match, self._template)
            except (Unfit, PathFailed, MappingFailed) as cause:
                done.results.append(failed(match, str(cause)))
                continue
            event = self._event(name, data, f"{match.event}/{rule.index}")
            reason = _fault(name, event)
            if reason:
                done.results.append(failed(match, reason))
                continue
            done.told.append(event)
            done.results.append(Result(match.event, rule.index, rule.action, "published", "event", event["sk"]))

    def _publish(self, matches: Sequence[Match], done: Done) -> None:
        """Announce each event of an endpoint without rules, for its target service where it names one."""
        for match in matches:
            self.may_go_on()
            try:
                data = self._template(match.value) if self._template else match.value
            except (Unfit, PathFailed) as cause:
                done.results.append(failed(match, str(cause)))
                continue
            event = self._received(data, match.event_type, done, name=f"{match.event}/received")
            done.results.append(Result(match.event, None, "publish", "published", "event", event["sk"]))

    def _receive(self, payload: Any, decision: Decision, done: Done) -> None:
        """Announce what an endpoint with rules received, once for all events of a body."""
        try:
            self._received(self._template(payload) if self._template else payload, decision.event_type, done)
        except (Unfit, PathFailed) as cause:
            done.results.append(Result(0, None, "publish", "failed", reason=str(cause)))

    def _received(self, data: Any, event_type: str, done: Done, name: str = "received") -> Item:
        """Add a `webhook.received`, `{endpointId, inboundEventId, data}`; data that is too large is left out."""
        facts = {"endpointId": self.endpoint.id, "inboundEventId": self.held.event["sk"]}
        facts |= {"eventType": event_type} if event_type else {}
        if self.endpoint.target_service:
            facts |= {"targetService": self.endpoint.target_service, "handlerType": self.endpoint.item["handlerType"]}
        event = self._event(RECEIVED, {**facts, "data": data}, name)
        if len(event["data"].encode()) > MAX_EVENT_BYTES:
            event = self._event(RECEIVED, {**facts, "data": None, "isDataOmitted": True}, name)
        done.received.append(event)
        return event

    def _event(self, event_type: str, data: Any, name: str) -> Item:
        """Return an event that has the same id whenever this round of the inbound event is done."""
        event_id = stable_id("evt", clock.epoch_of(self.held.event["receivedAt"]), f"{self._salt}/{name}")
        return events.new(self._tenant, event_type, data, self._keep_days, event_id=event_id)

    @property
    def _salt(self) -> str:
        return f"{self._tenant.id}/{self.held.step}"

    @property
    def _template(self) -> Fill | None:
        text = self.endpoint.item.get("transformTemplate") or ""
        return _filler(text) if text else None

    @property
    def _tenant(self) -> Tenant:
        return self.held.tenant

    @property
    def _keep_days(self) -> int:
        return self.resources.settings.retention_days


def shown(done: Done, decision: Decision) -> Json:
    """Return `{counts: {outcome: number}, actions: [result], omitted, unmatched: {type: number}}`, of limited size."""
    ordered = sorted(done.results, key=lambda result: (result.outcome != "failed", result.event))
    unmatched = Counter(decision.unmatched)
    return {
        "counts": dict(Counter(result.outcome for result in done.results)),
        "actions": [_view(result) for result in ordered[:KEPT_RESULTS]],
        "omitted": max(0, len(ordered) - KEPT_RESULTS),
        "unmatched": dict(unmatched.most_common(KEPT_TYPES)),
    }


def _view(result: Result) -> Json:
    """Return `{event, rule, action, outcome, type?, id?, reason?}`."""
    facts = {"type": result.document_type, "id": result.document_id, "reason": result.reason[:MAX_REASON_CHARS]}
    always = {"event": result.event, "rule": result.rule, "action": result.action, "outcome": result.outcome}
    return {**always, **{name: value for name, value in facts.items() if value}}


def _data(rule: Rule, match: Match, template: Fill | None) -> Json:
    """Return what a custom event says: the rule's mapped fields, else the filled template, else the data itself."""
    if rule.raw.get("fieldMappings"):
        return _fields(rule, match)
    if template:
        return _as_object(template(match.value))
    return _as_object(recipe_of(rule).whole(match.value))


def _fields(rule: Rule, match: Match) -> Json:
    """Return the mapped fields of the first entry of the data."""
    recipe = recipe_of(rule)
    fields = recipe.fields(recipe.data(match.value)[:1], None)
    if fields and isinstance(fields[0], Exception):
        raise fields[0]
    return fields[0] if fields else {}


def _as_object(value: Any) -> Json:
    if isinstance(value, dict):
        return value
    return {"items": value} if isinstance(value, list) else {"value": value}


def _fault(name: str, event: Item) -> str:
    if not EVENT_TYPE.fullmatch(name):
        return f"an event cannot be called {name[:80]!r}; give the rule an eventName"
    size = len(event["data"].encode())
    return f"the event has {size} bytes, at most {MAX_EVENT_BYTES} can be published" if size > MAX_EVENT_BYTES else ""


def _action(group: Sequence[Match]) -> str:
    return group[0].rule.action if group[0].rule else ""


def _rule(group: Sequence[Match]) -> Rule:
    rule = group[0].rule
    assert rule is not None  # noqa: S101  only groups of rules have document actions
    return rule


def _order(edit: Edit) -> tuple[int, int]:
    return edit.match.event, edit.rule.index


@lru_cache(maxsize=128)
def _filler(text: str) -> Fill:
    return compile_template(jsontext.load(text))
