"""What the receiving side of a connector must be beyond the shape of its JSON."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from hub.connector.checks import check_path, is_secret_name
from hub.connector.endpoint_checks import check_mappings
from hub.connector.webhook_config import EventRouting, SignatureConfig, WebhookConfig
from hub.core.errors import Problem
from hub.outbound.calls import HEADER_NAME

NEED_IDENTIFIER = ("update_shard", "delete_shard")
_BESIDE_CONFIG = ("endpointId", "targetShardTypeId", "fieldMappings", "dataPath")
_OF_HMAC = ("header", "algorithm", "signaturePrefix", "encoding")


def check_webhook(config: WebhookConfig, endpoint_ids: Sequence[str]) -> Iterator[Problem]:
    """Check what a connector receives; `endpoint_ids` are the endpoints that an event may start a sync of."""
    if config.signature_config:
        yield from check_signature(config.signature_config, "/webhookConfig/signatureConfig")
    yield from check_addresses(config.ip_allow_list, "/webhookConfig/ipAllowList")
    yield from check_template(config.transform_template, "/webhookConfig/transformTemplate")
    for index, routing in enumerate(config.event_routing):
        place = f"/webhookConfig/eventRouting/{index}"
        yield from check_routing(routing, place)
        yield from check_sync(routing, place, endpoint_ids)


def check_signature(config: SignatureConfig, place: str) -> Iterator[Problem]:
    if config.header is not None and not HEADER_NAME.fullmatch(config.header):
        yield Problem(f"{place}/header", "expected a header name")
    if config.scheme in (None, "hmac"):
        yield from _check_hmac(config, place)
        return
    given = config.model_dump(by_alias=True, exclude_none=True)
    for name in _OF_HMAC:
        if name in given:
            yield Problem(f"{place}/{name}", f"is known of the scheme {config.scheme!r}; leave it out")


def _check_hmac(config: SignatureConfig, place: str) -> Iterator[Problem]:
    if config.algorithm is None:
        yield Problem(f"{place}/algorithm", "expected hmac-sha256, hmac-sha1 or none, or a scheme that is not hmac")
    elif config.algorithm == "none" and config.scheme:
        yield Problem(f"{place}/algorithm", "a scheme and no signature exclude each other; leave one of them out")
    elif config.algorithm != "none" and config.header is None:
        yield Problem(f"{place}/header", "expected the name of the header that holds the signature")
    if config.tolerance_s is not None:
        yield Problem(f"{place}/toleranceS", "nothing is known of when it was signed; leave it out")


def check_addresses(found: Sequence[str], place: str) -> Iterator[Problem]:
    for index, text in enumerate(found):
        try:
            ip_network(text, strict=False)
        except ValueError:
            yield Problem(f"{place}/{index}", "expected an IP address or a network such as 192.0.2.0/24")


def check_template(found: object, place: str) -> Iterator[Problem]:
    """Compile a template of what is passed on; the text of the fault says where in it."""
    if found is None:
        return
    from hub.mapping.templates import BadTemplate, compile_template

    try:
        compile_template(found)
    except BadTemplate as cause:
        yield Problem(place + cause.pointer, cause.message)


def check_routing(routing: EventRouting, place: str) -> Iterator[Problem]:
    """Check one rule of any inbound endpoint."""
    for name, path in _paths(routing):
        yield from check_path(path, f"{place}/{name}")
    yield from check_mappings(routing.field_mappings, f"{place}/fieldMappings")
    if routing.event_type_header is not None:
        yield from check_type_header(routing.event_type_header, f"{place}/eventTypeHeader")
    if routing.event_type_header is not None and routing.event_type_path is not None:
        yield Problem(f"{place}/eventTypeHeader", "the type is looked for in one place; leave eventTypePath out")
    if routing.config_id is not None:
        yield from _check_config(routing, place)
    if routing.action in NEED_IDENTIFIER and routing.identifier_path is None:
        yield Problem(f"{place}/identifierPath", f"expected a path, since the action is {routing.action!r}")


def _check_config(routing: EventRouting, place: str) -> Iterator[Problem]:
    """A configuration says everything about its sync."""
    if routing.action != "trigger_sync":
        yield Problem(f"{place}/configId", "expected nothing, since the action is not 'trigger_sync'")
    given = routing.model_dump(by_alias=True, exclude_defaults=True)
    for name in _BESIDE_CONFIG:
        if name in given:
            yield Problem(f"{place}/{name}", "expected nothing: the configuration says it")


def check_type_header(name: str, place: str) -> Iterator[Problem]:
    if not HEADER_NAME.fullmatch(name):
        yield Problem(place, "expected a header name")
    elif is_secret_name(name):
        yield Problem(place, "looks like a secret, which is not kept with the event; name another header")


def _paths(routing: EventRouting) -> Iterator[tuple[str, str | None]]:
    yield "eventTypePath", routing.event_type_path
    yield "dataPath", routing.data_path
    yield "identifierPath", routing.identifier_path
    yield "versionPath", routing.version_path


def check_sync(routing: EventRouting, place: str, endpoint_ids: Sequence[str]) -> Iterator[Problem]:
    if routing.action != "trigger_sync" or routing.config_id is not None:
        return
    known = ", ".join(endpoint_ids) or "there is none"
    if not endpoint_ids or (len(endpoint_ids) > 1 and routing.endpoint_id is None and not routing.target_shard_type_id):
        yield Problem(f"{place}/endpointId", f"expected the id of the endpoint to sync ({known})")
    elif routing.endpoint_id is not None and routing.endpoint_id not in endpoint_ids:
        yield Problem(f"{place}/endpointId", f"expected the id of an endpoint ({known})")
