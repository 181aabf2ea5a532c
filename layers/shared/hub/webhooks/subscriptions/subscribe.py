"""Writes subscriptions: what is checked, what becomes a secret, and which secrets a change must drop."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.connector.secrets import misplaced_handles
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.clock import DAY_S
from hub.core.errors import BadDefinition, BadHandle, Conflict, Problem
from hub.core.expressions import setting
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.problems import parse_as
from hub.core.signing_secret import new_secret
from hub.core.tables import IS_NEW, Delete, Put, Update, key
from hub.core.vault import Vault
from hub.integrations.custom import TOKENS_KIND
from hub.outbound.guard import Guard
from hub.webhooks.deliveries import failures
from hub.webhooks.rotation import DEFAULT_GRACE_S, Rotation
from hub.webhooks.subscriptions import subscription_checks, subscription_secrets, subscriptions
from hub.webhooks.subscriptions.subscription_models import NewSubscription, SubscriptionUpdate
from hub.webhooks.subscriptions.subscription_models import Subscription as ShownSubscription
from hub.webhooks.subscriptions.subscription_secrets import NONE, Present, Sealed
from hub.webhooks.subscriptions.subscription_settings import CARDS_SURFACE, V1_SURFACE, settled
from hub.webhooks.subscriptions.subscriptions import KIND, SECRETS_KIND, Subscription

if TYPE_CHECKING:
    from hub.webhooks.subscriptions.cards_models import CardsWebhookPatch, NewCardsWebhook

Json = dict[str, Any]

SECRET = "secret"  # noqa: S105 - the kind of name that signing secrets have in the vault
RESTORABLE_DAYS = 31
MOST_OF_TENANT, MOST_OF_USER = 500, 50


@dataclass(frozen=True)
class Made:
    """`secret` is shown once, to whoever asked for the change."""

    subscription: Subscription
    secret: str

    def __repr__(self) -> str:
        return f"Made({self.subscription.id})"


@dataclass(frozen=True)
class Writer:
    """What writing a subscription needs: the request's change, where secrets go, which addresses may be called."""

    change: Change
    vault: Vault
    guard: Guard

    def create(self, wanted: NewSubscription, surface: str = V1_SURFACE, owner: str = "") -> Made:
        """Add a new subscription to the change; raises BadDefinition with every fault."""
        sealed = self._checked(wanted, Present())
        self._must_have_room(owner)
        names, secret = Rotation.first(SECRET), wanted.secretKey or new_secret()
        item = self._new_item(wanted, sealed, surface, owner) | {"secretNames": jsontext.dump(names.stored())}
        self.change.add(Put(self.change.tables.config, item, IS_NEW), self._revised())
        self._store(item["sk"], {**sealed.entered, names.current: secret}, ())
        self.change.audit("subscription.created", item["sk"], name=item["name"], surface=surface)
        return Made(Subscription(item), secret)

    def create_for_user(self, wanted: "NewCardsWebhook", user: str) -> Made:
        """Add a webhook of a cards user to the change: its name is the host, all else the product's default."""
        found = subscription_checks.cards_event_faults(wanted.events)
        _refuse([*subscription_checks.address_faults(self.guard, wanted.url, NONE), *found])
        whole = NewSubscription(name=host_of(wanted.url), url=wanted.url, eventTypes=wanted.events)
        return self.create(whole, CARDS_SURFACE, user)

    def replace(self, current: Subscription, wanted: SubscriptionUpdate) -> Subscription:
        """Add the subscription as it is wanted to the change; secrets that were entered for another origin go."""
        sealed = self._checked(wanted, present(current))
        fields = settled(wanted, current.item["surface"])
        fields["status"] = _status_wanted(current, wanted.status, wanted.isEnabled)
        return self._update(current, fields, sealed, wanted.secretKey)

    def patch(self, current: Subscription, wanted: "CardsWebhookPatch") -> Subscription:
        """Add to the change what a cards subscription lets its owner change: url, events and whether it is active."""
        auth, headers = current.json("auth"), current.json("headers")
        fields: Item = {}
        if wanted.url is not None:
            _refuse(list(subscription_checks.address_faults(self.guard, wanted.url, NONE)))
            fields |= {"url": wanted.url, "name": host_of(wanted.url)}
        if wanted.events is not None:
            _refuse(list(subscription_checks.cards_event_faults(wanted.events)))
            fields["eventTypes"] = list(dict.fromkeys(wanted.events))
        sealed = subscription_secrets.seal(wanted.url or current.item["url"], auth, headers, present(current))
        fields["status"] = _status_wanted(current, None, wanted.isActive)
        return self._update(current, fields, sealed)

    def rotate(self, current: Subscription, grace_s: int) -> Made:
        """Add a new signing secret to the change; the former one counts for `grace_s` seconds more."""
        names, secret = current.secret_names.rotated(grace_s), new_secret()
        fields = {"secretNames": jsontext.dump(names.stored())}
        changed = self._set(current, fields)
        self._store(current.id, {names.current: secret}, {*current.item["storedSecrets"], *names.kept()})
        self.change.audit("subscription.secret_rotated", current.id, gracePeriodSeconds=grace_s)
        return Made(changed, secret)

    def _must_have_room(self, owner: str) -> None:
        """Workers hold all subscriptions of a tenant in memory, and one user must not use up the room of the others."""
        found = subscriptions.list_all(self.change.tables.config, self.change.caller.tenant)
        own = [each for each in found if each.item["owner"] == owner] if owner else []
        if len(found) >= MOST_OF_TENANT or len(own) >= MOST_OF_USER:
            most = f"a user {MOST_OF_USER}" if owner else f"a tenant {MOST_OF_TENANT}"
            raise Conflict(f"There are too many subscriptions: {most} at most. Delete one first.")

    def _checked(self, wanted: NewSubscription, before: Present) -> Sealed:
        faults: list[Problem] = []
        auth = subscription_checks.read_auth(wanted, before.auth or NONE, faults)
        _refuse_stray_handles(wanted, auth)
        faults += subscription_checks.address_faults(self.guard, wanted.url, auth)
        faults += subscription_checks.header_faults(wanted.headers, auth)
        faults += subscription_checks.event_type_faults(wanted.eventTypes)
        faults += subscription_checks.template_faults(wanted.transformTemplate)
        faults += subscription_checks.filter_faults(wanted.filter)
        _refuse(faults)
        return subscription_secrets.seal(wanted.url, auth, wanted.headers, before)

    def _new_item(self, wanted: NewSubscription, sealed: Sealed, surface: str, owner: str) -> Item:
        now, actor = clock.now(), self.change.caller.actor
        return {
            **key(self.change.caller.tenant, KIND, new_id("sub")),
            "surface": surface,
            "owner": owner,
            **settled(wanted, surface),
            **_sealed_fields(sealed),
            "status": _new_status(wanted),
            "version": 1,
            "createdAt": now,
            "createdBy": actor,
            "updatedAt": now,
            "updatedBy": actor,
        }

    def _update(self, current: Subscription, fields: Item, sealed: Sealed, new_key: str | None = None) -> Subscription:
        """Add what changes; `new_key` replaces the signing secret, which counts for a day more."""
        names = current.secret_names.rotated(DEFAULT_GRACE_S) if new_key else current.secret_names
        entered = {**sealed.entered, names.current: new_key} if new_key else sealed.entered
        changed = {**fields, **_sealed_fields(sealed), "secretNames": jsontext.dump(names.stored())}
        if sealed.missing and changed["status"] == "active":
            changed["status"] = "paused"
        after = self._set(current, changed)
        if entered or set(sealed.stored) != set(current.item["storedSecrets"]):
            self._store(current.id, entered, {*sealed.kept, *names.kept()})
        self._drop_tokens(current, after)
        self._forget_failures(current, after)
        words = sorted(name for name, value in changed.items() if current.item.get(name) != value)
        self.change.audit("subscription.updated", current.id, fields=words, status=changed["status"])
        return after

    def _forget_failures(self, before: Subscription, after: Subscription) -> None:
        """Let a subscription that is switched on again fail as often as a new one."""
        if after.is_active and not before.is_active:
            activity, keep_days = self.change.tables.activity, self.change.keep_days
            self.change.add(failures.cleared(activity, before.tenant, before.id, keep_days))

    def _set(self, current: Subscription, fields: Item) -> Subscription:
        """Set what is given and nothing else, unless somebody else changed it or the hub disabled it meanwhile."""
        tenant, version = self.change.caller.tenant, current.item["version"]
        changed = {
            **fields,
            "version": version + 1,
            "updatedAt": clock.now(),
            "updatedBy": self.change.caller.actor,
        }
        gone = (
            "" if changed.get("status", current.item["status"]) == "disabled" else " REMOVE disabledAt, disabledReason"
        )
        sets, new = setting(changed)
        read = {"version_read": version, "status_read": current.item["status"]}
        only_if = "version = :version_read AND status = :status_read"
        place = key(tenant, KIND, current.id)
        self.change.add(
            Update(self.change.tables.config, place, sets + gone, {**new, **read}, only_if), self._revised()
        )
        kept = {name: value for name, value in current.item.items() if not (gone and name.startswith("disabled"))}
        return Subscription({**kept, **changed})

    def _revised(self) -> Update:
        return subscriptions.revised(self.change.tables.config, self.change.caller.tenant)

    def _store(self, subscription_id: str, entered: Mapping[str, str], kept: Iterable[str]) -> None:
        write = self.vault.store(self.change.caller.tenant, SECRETS_KIND, subscription_id, entered, kept)
        if write is not None:
            self.change.add(write)

    def _drop_tokens(self, before: Subscription, after: Subscription) -> None:
        """Delete the fetched tokens of a subscription that authenticates in another way from now on."""
        if before.item["authType"] == "oauth2" and after.item["authType"] != "oauth2":
            place = key(self.change.caller.tenant, TOKENS_KIND, before.id)
            self.change.add(Delete(self.change.tables.credentials, place))


def update_in(body: Json) -> SubscriptionUpdate:
    """Return what a PUT wants; what only the hub sets may come back as it was answered, and is left out."""
    only_shown = ShownSubscription.model_fields.keys() - SubscriptionUpdate.model_fields.keys()
    return parse_as(SubscriptionUpdate, {name: value for name, value in body.items() if name not in only_shown})


def delete(change: Change, current: Subscription) -> None:
    """Add a soft deletion to `change`: 404 from now on. What is still to be delivered ends as cancelled."""
    tenant, credentials = change.caller.tenant, change.tables.credentials
    expiry = {"expires": int(clock.epoch_s()) + RESTORABLE_DAYS * DAY_S}
    change.add(
        Update(
            change.tables.config,
            key(tenant, KIND, current.id),
            "SET status = :status, deletedAt = :now, version = :next, expiresEpochS = :expires",
            {
                "status": "deleted",
                "now": clock.now(),
                "next": current.item["version"] + 1,
                "version_read": current.item["version"],
                **expiry,
            },
            "version = :version_read",
        ),
        Update(credentials, key(tenant, SECRETS_KIND, current.id), "SET expiresEpochS = :expires", expiry),
        subscriptions.revised(change.tables.config, tenant),
    )
    if current.item["authType"] == "oauth2":
        # A worker may be fetching the first token now: what it stores adds to this and expires with it.
        change.add(Update(credentials, key(tenant, TOKENS_KIND, current.id), "SET expiresEpochS = :expires", expiry))
    change.audit("subscription.deleted", current.id, name=current.item["name"])


def present(current: Subscription) -> Present:
    """Return what a stored subscription has of authentication, headers and their secrets."""
    item = current.item
    return Present(
        item["url"],
        current.json("auth"),
        current.json("headers"),
        frozenset(item["storedSecrets"]),
        frozenset(item["missingSecrets"]),
    )


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "")[:200]


def _sealed_fields(sealed: Sealed) -> Item:
    return {
        "auth": jsontext.dump(sealed.auth),
        "headers": jsontext.dump(sealed.headers),
        "storedSecrets": sealed.stored,
        "missingSecrets": sorted(sealed.missing),
    }


def _new_status(wanted: NewSubscription) -> str:
    return "paused" if wanted.isEnabled is False or wanted.status == "PAUSED" else "active"


def _status_wanted(current: Subscription, status: str | None, is_enabled: bool | None) -> str:
    """Return the status after a change: of the two words for it the one that differs from what was answered counts."""
    before: str = current.item["status"]
    if is_enabled is not None and is_enabled != current.is_active:
        return "active" if is_enabled else "paused"
    if status is None or status == before.upper():
        return before
    if status == "DISABLED":
        _refuse([Problem("/status", "is DISABLED only when the hub has disabled it; expected ACTIVE or PAUSED")])
    return status.lower()


def _refuse_stray_handles(wanted: NewSubscription, auth: Json) -> None:
    fields = ("name", "description", "url", "eventTypes", "transformTemplate", "filter", "secretKey")
    found = list(subscription_checks.stray_handles({name: getattr(wanted, name) for name in fields}))
    places = map(subscription_secrets.shown_place, misplaced_handles({"auth": auth}))
    found += [Problem(place, "holds a secret handle, and is no secret field") for place in places]
    if found:
        raise BadHandle("A secret handle stands where no secret belongs.", found)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise BadDefinition(f"The subscription has {len(problems)} fault(s); `details.problems` says where.", problems)
