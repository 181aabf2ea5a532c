"""Outgoing webhooks: subscriptions and their deliveries, as S004 and S002 write them, over one model."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hub.core.answers import Answer, accepted, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import admins, members
from hub.core.errors import NotFound
from hub.core.listing import Listing, page_of
from hub.core.tables import Table
from hub.webhooks.deliveries import delivery_lists, delivery_views, redeliver
from hub.webhooks.subscriptions import subscription_views, subscriptions
from hub.webhooks.subscriptions.subscriptions import Subscription

if TYPE_CHECKING:
    from hub.webhooks.subscriptions.subscribe import Writer

api = Api("webhook_subscriptions")
handler = api.handle
# How a test waits for its delivery; a test of this function has it wait otherwise.
pause = time.sleep

V1: dict[str, Any] = {"access": admins("webhooks:manage"), "rate": "integration"}
V1_OFTEN, V1_TEST = {**V1, "rate": "documents"}, {**V1, "rate": "test"}
# Each user's own; a program has no user.
CARDS: dict[str, Any] = {"access": members(), "rate": "integration"}
CARDS_OFTEN = {**CARDS, "rate": "documents"}
BASE = "/api/v1/webhooks/subscriptions"
CARDS_BASE = "/integrations/webhooks"
MODELS = "hub.webhooks.subscriptions.subscription_models"
ONE = f"{MODELS}:Subscription"
DELIVERY = "hub.webhooks.deliveries.delivery_models:Delivery"
JOB = "hub.webhooks.recovery.redo_models:RedoJob"
CARDS_MODELS = "hub.webhooks.subscriptions.cards_models"
CARDS_ONE = f"{CARDS_MODELS}:CardsWebhook"
SUCCESS = f"{CARDS_MODELS}:Success"
PAGE = {"limit": "How many, 1 to 100", "cursor": "Where to go on"}
EXPAND = {"expand": "attempts: with every attempt of each delivery"}


@api.route(
    "GET",
    BASE,
    **V1,
    answer=f"{MODELS}:SubscriptionPage",
    query={
        **PAGE,
        "offset": "How many to skip",
        "sortBy": "createdAt, updatedAt, name or status",
        "sortOrder": "asc or desc",
    },
)
def list_subscriptions(request: Request) -> Answer:
    """List subscriptions, those of the tenant's users among them."""
    listing = _page(request, _all(request), ("createdAt", "updatedAt", "name", "status"))
    records = subscription_views.records(_activity(request), map(Subscription, listing.items))
    return ok(
        request.listed("data", listing, lambda item: subscription_views.v1(Subscription(item), records[item["sk"]]))
    )


@api.route("POST", BASE, **V1, status=201, body=f"{MODELS}:NewSubscription", answer=f"{MODELS}:CreatedSubscription")
def create(request: Request) -> Answer:
    """Create a subscription; its secret is shown this once."""
    from hub.webhooks.subscriptions.subscription_models import NewSubscription

    made = _writer(request).create(request.parsed(NewSubscription))
    view = subscription_views.v1(made.subscription, subscription_views.NOTHING_YET)
    return _with_secret(request, created(view), {"secretKey": made.secret})


@api.route("GET", f"{BASE}/{{id}}", **V1, answer=ONE)
def get(request: Request) -> Answer:
    """Get a subscription with its counters; its secrets show as handles."""
    found = _found(request)
    return ok(subscription_views.v1(found, subscription_views.record(_activity(request), found)))


@api.route("PUT", f"{BASE}/{{id}}", **V1, body=f"{MODELS}:SubscriptionUpdate", answer=ONE)
def replace(request: Request) -> Answer:
    """Replace a subscription; secrets that are left out stay. Enabling one clears its failures in a row."""
    from hub.webhooks.subscriptions import subscribe

    current = _found(request)
    request.must_match(current.item["version"])
    changed = _writer(request).replace(current, subscribe.update_in(request.json_object()))
    enabled = changed.is_active and not current.is_active
    record = subscription_views.record(_activity(request), changed, enabled=enabled)
    return request.change.commit(ok(subscription_views.v1(changed, record)))


@api.route("DELETE", f"{BASE}/{{id}}", **V1, status=204)
def delete(request: Request) -> Answer:
    """Delete a subscription; what is still to be delivered is cancelled."""
    _delete(request, _found(request))
    return request.change.commit(no_content())


@api.route(
    "POST", f"{BASE}/{{id}}/rotate-secret", **V1, body=f"{MODELS}:RotateRequest", answer=f"{MODELS}:RotatedSecret"
)
def rotate_secret(request: Request) -> Answer:
    """Give a subscription a new secret, shown this once; both sign until the grace time of the former one is over."""
    from hub.webhooks.rotation import grace_in

    current = _found(request)
    made = _writer(request).rotate(current, grace_in(request.json_object()))
    until = {"previousSecretValidUntil": made.subscription.secret_names.previous_until}
    return _with_secret(request, ok(until), {"secretKey": made.secret})


@api.route("POST", f"{BASE}/{{id}}/test", **V1_TEST, body=f"{MODELS}:TestRequest", answer=DELIVERY)
def test(request: Request) -> Answer:
    """Deliver a test event once and answer how it went, or how far it got within 20 seconds."""
    from hub.webhooks.deliveries import trials
    from hub.webhooks.subscriptions.subscription_models import TestRequest

    current, activity = _found(request), _activity(request)
    delivery = trials.start(request.change, current, request.parsed(TestRequest))
    answer = ok(delivery_lists.view(activity, current, delivery))
    given = request.change.commit(answer)
    if given is not answer:  # a twin of this request made it
        return given
    redeliver.hint(request.resources, delivery)
    return ok(delivery_lists.view(activity, current, trials.wait(activity, delivery, pause)))


@api.route(
    "GET",
    f"{BASE}/{{id}}/deliveries",
    **V1_OFTEN,
    answer=f"{DELIVERY}Page",
    query={**PAGE, **EXPAND, "status": "PENDING, DELIVERED, FAILED, RETRYING or a state", "eventType": "One type"},
)
def list_deliveries(request: Request) -> Answer:
    """List deliveries with their last attempts, newest first."""
    current, activity = _found(request), _activity(request)
    view = delivery_lists.v1_view(activity, current, request.query.get("expand") == "attempts")
    chosen = delivery_lists.Chosen.of(request.query)
    shown, position = delivery_lists.listed(activity, current, chosen, request.page(), view)
    answer = {"data": shown, "limit": request.page().limit, "hasMore": position is not None}
    return ok({**answer, "nextCursor": request.seal_cursor(position)} if position else answer)


@api.route("GET", f"{BASE}/{{id}}/deliveries/{{deliveryId}}", **V1_OFTEN, answer=DELIVERY)
def get_delivery(request: Request) -> Answer:
    """Get a delivery with all its attempts."""
    current = _found(request)
    return ok(delivery_lists.view(_activity(request), current, _delivery(request, current), with_attempts=True))


@api.route("POST", f"{BASE}/{{id}}/deliveries/{{deliveryId}}/retry", **V1_OFTEN, answer=DELIVERY)
def retry_delivery(request: Request) -> Answer:
    """Send a delivery again now, with all the tries of the subscription."""
    current = _found(request)
    return _retried(request, current, lambda delivery: delivery_lists.view(_activity(request), current, delivery))


@api.route("POST", f"{BASE}/{{id}}/deliveries/{{deliveryId}}/cancel", **V1_OFTEN, answer=DELIVERY)
def cancel_delivery(request: Request) -> Answer:
    """Cancel a delivery that has not ended; a request that is under way may still arrive."""
    current = _found(request)
    delivery = redeliver.cancel(request.change, _delivery(request, current))
    answer = request.change.commit(ok(delivery_lists.view(_activity(request), current, delivery)))
    redeliver.hint_next(request.resources, delivery)
    return answer


@api.route(
    "POST",
    f"{BASE}/{{id}}/recover",
    **V1,
    status=202,
    body="hub.webhooks.recovery.redo_models:RecoverRequest",
    answer=JOB,
)
def recover(request: Request) -> Answer:
    """Send again what failed or was skipped since a time; a job that is paced and can be cancelled."""
    from hub.webhooks.recovery import redo
    from hub.webhooks.recovery.redo_models import RecoverRequest

    current = _found(request)
    redeliver.must_be_active(current)
    job = redo.start(request.change, redo.RECOVER, current.id, request.parsed(RecoverRequest).wanted())
    answer = request.change.commit(accepted(redo.view(job)))
    redo.hint(request.resources, job)
    return answer


@api.route("GET", f"{BASE}/{{id}}/recoveries/{{jobId}}", **V1_OFTEN, answer=JOB)
def get_recovery(request: Request) -> Answer:
    """Get a recovery with its progress."""
    from hub.webhooks.recovery import redo

    return ok(redo.view(_job(request)))


@api.route("POST", f"{BASE}/{{id}}/recoveries/{{jobId}}/cancel", **V1_OFTEN, answer=JOB)
def cancel_recovery(request: Request) -> Answer:
    """Cancel a recovery; what was queued again stays."""
    from hub.webhooks.recovery import redo

    return request.change.commit(ok(redo.view(redo.cancel(request.change, _job(request)))))


@api.route(
    "POST",
    CARDS_BASE,
    **CARDS,
    status=201,
    body=f"{CARDS_MODELS}:NewCardsWebhook",
    answer=f"{CARDS_MODELS}:CreatedCardsWebhook",
)
def create_webhook(request: Request) -> Answer:
    """Create a webhook of the user; its secret is shown this once."""
    from hub.webhooks.subscriptions.cards_models import NewCardsWebhook

    made = _writer(request).create_for_user(request.parsed(NewCardsWebhook), request.caller.user)
    view = subscription_views.cards(made.subscription)
    return _with_secret(request, created(view), {"secret": made.secret})


@api.route("GET", CARDS_BASE, **CARDS, answer=f"{CARDS_MODELS}:CardsWebhooks", query=PAGE)
def list_webhooks(request: Request) -> Answer:
    """List the user's webhooks."""
    listing = _page(request, [each for each in _all(request) if _is_own(request, each)], ("createdAt",))
    rows = [subscription_views.cards(Subscription(item)) for item in listing.items]
    return _bare(request, rows, listing.position if listing.has_more else None, listing.total)


@api.route("PATCH", f"{CARDS_BASE}/{{id}}", **CARDS, body=f"{CARDS_MODELS}:CardsWebhookPatch", answer=CARDS_ONE)
def update_webhook(request: Request) -> Answer:
    """Change a webhook of the user."""
    from hub.webhooks.subscriptions.cards_models import CardsWebhookPatch

    current = _own(request)
    request.must_match(current.item["version"])
    changed = _writer(request).patch(current, request.parsed(CardsWebhookPatch))
    return request.change.commit(ok(subscription_views.cards(changed)))


@api.route("DELETE", f"{CARDS_BASE}/{{id}}", **CARDS, answer=SUCCESS)
def delete_webhook(request: Request) -> Answer:
    """Delete a webhook of the user."""
    _delete(request, _own(request))
    return request.change.commit(ok({"success": True}))


@api.route(
    "GET", f"{CARDS_BASE}/{{id}}/deliveries", **CARDS_OFTEN, answer=f"{CARDS_MODELS}:CardsDeliveries", query=PAGE
)
def list_webhook_deliveries(request: Request) -> Answer:
    """List the deliveries of a webhook of the user, newest first."""
    current, everything = _own(request), delivery_lists.Chosen()
    shown, position = delivery_lists.listed(
        _activity(request), current, everything, request.page(), delivery_views.cards
    )
    is_all = position is None and "cursor" not in request.query
    return _bare(request, shown, position, len(shown) if is_all else None)


@api.route("POST", f"{CARDS_BASE}/{{id}}/deliveries/{{deliveryId}}/retry", **CARDS_OFTEN, answer=SUCCESS)
def retry_webhook_delivery(request: Request) -> Answer:
    """Send a delivery again now."""
    return _retried(request, _own(request), lambda _: {"success": True})


def _retried(request: Request, current: Subscription, view: Callable[[Item], Any]) -> Answer:
    delivery = redeliver.retry(request.change, current, _delivery(request, current))
    answer = request.change.commit(ok(view(delivery)))
    redeliver.hint(request.resources, delivery)
    return answer


def _found(request: Request) -> Subscription:
    return subscriptions.get(request.resources.tables.config, request.caller.tenant, request.path["id"])


def _own(request: Request) -> Subscription:
    """Return the user's own webhook; another user's answers as one that is not there."""
    found = _found(request)
    if not _is_own(request, found):
        raise NotFound(subscriptions.NOT_FOUND)
    return found


def _is_own(request: Request, found: Subscription) -> bool:
    return bool(found.item["surface"] == "cards" and found.item["owner"] == request.caller.user)


def _writer(request: Request) -> "Writer":
    from hub.outbound.guard import Guard
    from hub.webhooks.subscriptions.subscribe import (
        Writer,  # the models and what checks them: loaded where one is written
    )

    guard = Guard.from_text(request.resources.settings.outbound_allowed_private, own_hosts=request.own_hosts)
    return Writer(request.change, request.vault, guard)


def _delete(request: Request, current: Subscription) -> None:
    from hub.webhooks.subscriptions import subscribe

    request.must_match(current.item["version"])
    subscribe.delete(request.change, current)


def _with_secret(request: Request, answer: Answer, secret: dict[str, str]) -> Answer:
    """Commit and show a secret this once: a repeat of the request is answered without it."""
    return request.change.commit(Answer(answer.status, {**answer.body, **secret}), repeated=answer)


def _all(request: Request) -> list[Subscription]:
    return subscriptions.list_all(request.resources.tables.config, request.caller.tenant)


def _page(request: Request, found: list[Subscription], sortable: tuple[str, ...]) -> Listing:
    return page_of([each.item for each in found], request.page(), sortable)


def _delivery(request: Request, current: Subscription) -> Item:
    return delivery_lists.get(_activity(request), current, request.path["deliveryId"])


def _activity(request: Request) -> Table:
    return request.resources.tables.activity


def _job(request: Request) -> Item:
    from hub.webhooks.recovery import redo

    found, tables = _found(request), request.resources.tables
    return redo.get(tables, found.tenant, redo.RECOVER, found.id, request.path["jobId"])


def _bare(request: Request, rows: list[Any], position: Any, total: int | None = None) -> Answer:
    """Answer a bare array; where it goes on stands in Link (RFC 8288), how many there are in X-Total-Count."""
    headers = {} if total is None else {"X-Total-Count": str(total)}
    if position is not None:
        query = urlencode({**request.query, "cursor": request.seal_cursor(position)})
        headers["Link"] = f'<{request.route.path.format(**request.path)}?{query}>; rel="next"'
    return Answer(200, rows, headers)
