"""What a sync and a test of an endpoint share: the plan, what must be there to call, and which records are refused."""

from functools import lru_cache
from typing import Any

from hub import documents
from hub.connector.definition import ConnectorDefinition, parse_definition
from hub.connector.plan import Plan, Record, compile_endpoint
from hub.core import jsontext
from hub.core.errors import BadDefinition, Problem
from hub.integrations.custom import CustomIntegration

KEPT = 64


@lru_cache(maxsize=KEPT)
def definition_of(definition: str) -> ConnectorDefinition:
    """Return a stored definition, parsed."""
    return parse_definition(jsontext.load(definition))


@lru_cache(maxsize=KEPT)
def plan_of(definition: str, endpoint_id: str) -> Plan:
    """Return the plan of one endpoint of a stored definition."""
    return compile_endpoint(definition_of(definition), endpoint_id)


def must_have_address(found: CustomIntegration) -> None:
    """Refuse to call out for a connector that only receives."""
    if not found.definition.get("baseUrl"):
        raise BadDefinition("The integration has no address to call.", [Problem("/baseUrl", "expected a URL")])


def document_of(record: Record, raw: Any = None) -> documents.Incoming:
    """Return the document that a record becomes, with the record as it came beside it; raises Unstorable."""
    if record.rejected is not None or record.external_id is None or record.content is None:
        raise documents.Unstorable(record.rejected or "the record has no id or no content")
    return documents.Incoming.of(record.external_id, record.content, raw)


def fault_of(record: Record) -> str | None:
    """Say why a record does not become a document, None when it does."""
    try:
        document_of(record)
    except documents.Unstorable as fault:
        return str(fault)
    return None
