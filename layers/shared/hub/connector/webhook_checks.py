"""What the receiving side of a connector must be beyond the shape of its JSON."""

from collections.abc import Iterator

from hub.connector.checks import check_path
from hub.connector.endpoint_checks import check_mappings
from hub.connector.webhook_config import EventRouting, WebhookConfig
from hub.core.errors import Problem
from hub.outbound.calls import HEADER_NAME

NEED_IDENTIFIER = ("update_shard", "delete_shard")


def check_webhook(config: WebhookConfig) -> Iterator[Problem]:
    if config.signature_config and not HEADER_NAME.fullmatch(config.signature_config.header):
        yield Problem("/webhookConfig/signatureConfig/header", "expected a header name")
    for index, routing in enumerate(config.event_routing):
        yield from _check_routing(routing, f"/webhookConfig/eventRouting/{index}")


def _check_routing(routing: EventRouting, place: str) -> Iterator[Problem]:
    yield from check_path(routing.event_type_path, f"{place}/eventTypePath")
    yield from check_path(routing.data_path, f"{place}/dataPath")
    yield from check_path(routing.identifier_path, f"{place}/identifierPath")
    yield from check_mappings(routing.field_mappings, f"{place}/fieldMappings")
    if routing.action in NEED_IDENTIFIER and routing.identifier_path is None:
        yield Problem(f"{place}/identifierPath", f"expected a path, since the action is {routing.action!r}")
