"""What S004's words about an inbound endpoint mean: checked with every fault's place, then as the item stores them."""

import re
from collections.abc import Iterator
from typing import Any

from hub.connector.checks import check_path
from hub.connector.webhook_checks import check_routing, check_sync, check_template, check_type_header
from hub.connector.webhook_config import EventRouting
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition, IntegrationNotFound, Problem
from hub.core.tables import Table
from hub.integrations import custom, versions
from hub.integrations.instances import integrations
from hub.sync.configs import configs
from hub.webhooks.endpoints.addresses import check_allow_list
from hub.webhooks.endpoints.endpoint_models import NewWebhookEndpoint
from hub.webhooks.endpoints.verification import Verification, check_verification, verification_of_v1
from hub.webhooks.signature import FEWEST_KEY_BYTES, MOST_KEY_BYTES, key_of

Json = dict[str, Any]

# What only the hub sets, and an answer that is sent back still holds.
SET_BY_HUB = frozenset(
    "id tenantId totalReceived totalProcessed totalFailed lastReceivedAt createdAt updatedAt receiveUrl"
    " previousSecretValidUntil version".split()
)
LONGEST_PATH = 200
STANDARD = "standard-webhooks"
_BASE64_KEYS = (STANDARD, "svix")
_NO_SYNCS = "only a custom integration has syncs that a webhook can start; name a sync configuration by configId"
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


def settled(config: Table, tenant: Tenant, wanted: NewWebhookEndpoint) -> Item:
    """Return the fields of the item that hold no secret and no state; raises BadDefinition with every fault."""
    problems = list(_problems(wanted))
    verification = _collected(problems, wanted)
    problems += _integration_problems(config, tenant, wanted)
    problems += _secret_problems(wanted, verification)
    if problems or verification is None:
        raise BadDefinition(f"The body has {len(problems)} fault(s); `details.problems` says where.", problems)
    template = wanted.transformTemplate
    return {
        "path": normal_path(wanted.endpointPath),
        "integrationId": wanted.integrationId,
        "eventTypes": list(dict.fromkeys(wanted.eventTypes)),
        "handlerType": wanted.handlerType,
        "targetService": wanted.targetService or "",
        "ipAllowList": list(wanted.ipWhitelist or []),
        "transformTemplate": "" if template is None else jsontext.dump(template),
        "signatureHeader": wanted.signatureHeader,
        "signatureAlgorithm": wanted.signatureAlgorithm,
        "verification": jsontext.dump(verification.stored()),
        "eventType": jsontext.dump(_type_place(wanted)) if _type_place(wanted) else "",
        "routing": jsontext.dump([_rule(rule) for rule in wanted.eventRouting]),
        "response": jsontext.dump(wanted.response.model_dump(exclude_none=True)),
    }


def status_after(wanted: NewWebhookEndpoint, present: str = "active") -> str:
    """Return active or paused: of `status` and `isEnabled` the one counts that differs from the present state."""
    said = {wanted.isEnabled, None if wanted.status is None else wanted.status == "ACTIVE"}
    other = present != "active"
    return ("active" if other else "paused") if other in said else present


def normal_path(path: str) -> str:
    return path.removeprefix("/").removesuffix("/")


def verification_of(wanted: NewWebhookEndpoint) -> Verification:
    """Return how requests are signed; raises BadDefinition."""
    by_name = wanted.signatureHeader is not None or wanted.signatureAlgorithm is not None
    if wanted.signature is None:
        return _by_name(wanted) if by_name else Verification(STANDARD)
    found = _described(wanted)
    if by_name and _differs(_by_name(wanted), found):
        raise BadDefinition(
            "The signature is described twice.",
            [Problem("/signatureHeader", "signature says something else; leave signatureHeader and -Algorithm out")],
        )
    return found


def _by_name(wanted: NewWebhookEndpoint) -> Verification:
    return verification_of_v1(wanted.signatureHeader, wanted.signatureAlgorithm)


def _described(wanted: NewWebhookEndpoint) -> Verification:
    raw = wanted.signature.model_dump(exclude_none=True) if wanted.signature else {}
    if "algorithm" in raw:
        raw["algorithm"] = raw["algorithm"].lower().removeprefix("hmac-")
    problems = check_verification(raw)
    if raw["scheme"] == "none":
        problems = [Problem("/scheme", "without a secret in its URL a webhook must be signed")]
    if problems:
        found = [Problem(f"/signature{each.pointer}", each.message) for each in problems]
        raise BadDefinition("The signature is not described in a way that the hub knows.", found)
    return Verification.of(raw)


def _differs(by_name: Verification, described: Verification) -> bool:
    if by_name.scheme != described.scheme:
        return True
    return by_name.scheme == "hmac" and (by_name.header, by_name.algorithm) != (described.header, described.algorithm)


def _collected(problems: list[Problem], wanted: NewWebhookEndpoint) -> Verification | None:
    try:
        return verification_of(wanted)
    except BadDefinition as refused:
        problems += refused.problems
        return None


def _problems(wanted: NewWebhookEndpoint) -> Iterator[Problem]:
    path = normal_path(wanted.endpointPath)
    segments = path.split("/")
    if not all(_SEGMENT.fullmatch(each) and each not in (".", "..") for each in segments) or len(path) > LONGEST_PATH:
        yield Problem("/endpointPath", "expected segments of letters, digits, '.', '_', '~' and '-' divided by '/'")
    for each in check_allow_list(wanted.ipWhitelist or []):
        yield Problem(f"/ipWhitelist{each.pointer}", each.message)
    yield from check_template(wanted.transformTemplate, "/transformTemplate")
    yield from check_path(wanted.eventTypePath, "/eventTypePath")
    if wanted.eventTypeHeader is not None:
        yield from check_type_header(wanted.eventTypeHeader, "/eventTypeHeader")
    if wanted.eventTypeHeader is not None and wanted.eventTypePath is not None:
        yield Problem("/eventTypeHeader", "the type is looked for in one place; leave eventTypePath out")
    for index, rule in enumerate(wanted.eventRouting):
        yield from check_routing(rule, f"/eventRouting/{index}")


def _type_place(wanted: NewWebhookEndpoint) -> Json:
    """Return `{path}` or `{header}`: where the type of an event is looked for unless a rule says another place."""
    places = {"path": wanted.eventTypePath, "header": wanted.eventTypeHeader}
    return {name: value for name, value in places.items() if value is not None}


def _rule(rule: EventRouting) -> Json:
    written: Json = rule.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)
    return written


def _integration_problems(config: Table, tenant: Tenant, wanted: NewWebhookEndpoint) -> list[Problem]:
    syncs = [index for index, rule in enumerate(wanted.eventRouting) if rule.action == "trigger_sync"]
    if wanted.integrationId is None:
        return [Problem("/integrationId", "expected an id, since an event triggers a sync")] if syncs else []
    try:
        integration = integrations.get(config, tenant, wanted.integrationId)
        problems = list(_config_problems(config, tenant, wanted))
        syncs = [index for index in syncs if wanted.eventRouting[index].config_id is None]
        if not syncs:
            return problems
        if not integration.get("isCustom"):
            return [*problems, *(Problem(f"/eventRouting/{index}/action", _NO_SYNCS) for index in syncs)]
        definition = _running(config, custom.get(config, tenant, wanted.integrationId))
    except IntegrationNotFound as missing:
        return [Problem("/integrationId", missing.message)]
    known = [each["id"] for each in definition["endpoints"]]
    return problems + [
        problem
        for index in syncs
        for problem in check_sync(wanted.eventRouting[index], f"/eventRouting/{index}", known)
    ]


def _config_problems(table: Table, tenant: Tenant, wanted: NewWebhookEndpoint) -> Iterator[Problem]:
    """Yield the rules that name a configuration which is none of this integration."""
    for index, rule in enumerate(wanted.eventRouting):
        if rule.config_id is not None and not _is_of(table, tenant, wanted.integrationId, rule.config_id):
            expected = "expected a sync configuration of the integration"
            yield Problem(f"/eventRouting/{index}/configId", expected)


def _is_of(table: Table, tenant: Tenant, integration_id: str | None, config_id: str) -> bool:
    try:
        return bool(configs.get(table, tenant, config_id)["integrationId"] == integration_id)
    except configs.SyncConfigNotFound:
        return False


def _running(config: Table, found: custom.CustomIntegration) -> Json:
    version = versions.published(found)
    if version in (None, found.connector["version"]):
        return found.definition
    loaded: Json = jsontext.load(versions.get(config, found, version or 0)["definition"])
    return loaded


def _secret_problems(wanted: NewWebhookEndpoint, verification: Verification | None) -> list[Problem]:
    """A secret that the scheme cannot read would refuse every request."""
    if wanted.secretKey is None or verification is None or verification.scheme not in _BASE64_KEYS:
        return []
    found = key_of(wanted.secretKey)
    if found is not None and FEWEST_KEY_BYTES <= len(found) <= MOST_KEY_BYTES:
        return []
    expected = f"the scheme {verification.scheme!r} takes base64 of {FEWEST_KEY_BYTES} to {MOST_KEY_BYTES} bytes"
    return [Problem("/secretKey", f"{expected}; leave it out, or describe another `signature`")]
