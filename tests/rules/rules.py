"""All rules of the template in one question."""

from local.intrinsics import Json
from tests.rules import function_rules, queue_rules, right_rules, route_rules, storage_rules

RULES = (
    *route_rules.RULES,
    *queue_rules.RULES,
    *storage_rules.RULES,
    *right_rules.RULES,
    *function_rules.RULES,
)


def violations(template: Json) -> list[str]:
    """Return what is wrong with the template, one sentence each; empty when every rule holds."""
    return [fault for rule in RULES for fault in rule(template)]
