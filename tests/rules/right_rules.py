"""Who may do what: named tables, named actions, and nobody reads a whole table or rewrites the audit trail."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from hub.core.caller import Tenant
from hub.core.tables import partition
from hub.integrations.custom import TOKENS_KIND
from local.intrinsics import Json
from tests.rules.reading import functions, listed, named, resources

# SAM's own templates that name a resource and hold no wildcard and no Scan.
SAM_POLICIES = {"SQSSendMessagePolicy", "EventBridgePutEventsPolicy", "S3ReadPolicy", "S3WritePolicy"}
DECRYPTS = {
    "SyncWorker",
    "IntegrationTests",
    "WebhookReceiver",
    "DeliveryWorker",
    "ConnectionWorker",
    "Oauth",
    "Calls",
}
REWRITES = {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLUpdate"}
TOKEN_PARTITIONS = f"*#{TOKENS_KIND}"
INTEGRATIONS, CONNECTIONS, NAMES = (f"*#{kind}" for kind in ("integration", "connection", "unique"))
USES = "_hub#provider-use#*"
SYNC_CONFIGS = "*#sync-config"
# Who calls out or ends a browser flow changes so much of the configuration: (action, partitions), and no more.
NARROW = {
    "MarkConnections": {("dynamodb:UpdateItem", INTEGRATIONS), ("dynamodb:UpdateItem", CONNECTIONS)},
    "MarkSyncs": {("dynamodb:UpdateItem", SYNC_CONFIGS)},
    "KeepConnections": {
        *((f"dynamodb:{verb}", kind) for verb in ("PutItem", "UpdateItem") for kind in (INTEGRATIONS, CONNECTIONS)),
        ("dynamodb:PutItem", NAMES),
        ("dynamodb:PutItem", USES),
    },
    "RenewTokens": {
        *((f"dynamodb:{verb}", TOKEN_PARTITIONS) for verb in ("PutItem", "UpdateItem", "DeleteItem")),
        ("kms:GenerateDataKey", ""),
    },
}
AUDIT_PARTITION = partition(Tenant("acme"), "audit")


def statements(template: Json) -> Iterator[tuple[str, Json]]:
    """Yield every IAM statement of the template with the name of what holds it."""
    for name, policy in resources(template, "AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in listed(policy["PolicyDocument"]["Statement"]))
    for name, policy in resources(template, "AWS::SQS::QueuePolicy").items():
        yield from ((name, statement) for statement in listed(policy["PolicyDocument"]["Statement"]))
    for name, role in resources(template, "AWS::IAM::Role").items():
        for policy in role.get("Policies") or []:
            yield from ((name, statement) for statement in listed(policy["PolicyDocument"]["Statement"]))
    for function in functions(template):
        yield from ((function.name, statement) for statement in _inline(function.policies))


def _inline(policies: list[Any]) -> Iterator[Json]:
    for policy in policies:
        if isinstance(policy, dict) and "Statement" in policy:
            yield from listed(policy["Statement"])


def no_wildcards(template: Json) -> list[str]:
    found = []
    for holder, statement in statements(template):
        found += [f"{holder} may do {action}" for action in listed(statement.get("Action")) if "*" in str(action)]
        found += [f"{holder} has a right on everything" for part in listed(statement.get("Resource")) if part == "*"]
        found += [f"{holder} uses {word}" for word in ("NotAction", "NotResource") if word in statement]
    return found


def no_scan(template: Json) -> list[str]:
    return [
        f"{holder} may scan a table"
        for holder, statement in statements(template)
        for action in listed(statement.get("Action"))
        if fnmatchcase("dynamodb:scan", str(action).lower())
    ]


def named_policies(template: Json) -> list[str]:
    """A function's policy is one of the template's own, a statement, or one of SAM_POLICIES."""
    own = resources(template, "AWS::IAM::ManagedPolicy")
    return [
        f"{function.name} uses the policy {policy}"
        for function in functions(template)
        for policy in function.policies
        if not (named(policy) in own or (isinstance(policy, dict) and policy.keys() <= SAM_POLICIES | {"Statement"}))
    ]


def roles(template: Json) -> list[str]:
    """SAM makes the functions' roles; a managed policy on a role of ours would be out of sight of these rules."""
    return [
        f"{name} has managed policies"
        for name, role in resources(template, "AWS::IAM::Role").items()
        if role.get("ManagedPolicyArns")
    ]


def decryption(template: Json) -> list[str]:
    """Who stores a secret cannot read it back."""
    allowed = {holder for holder, statement in statements(template) if _allows(statement, "kms:Decrypt")}
    found = [f"{function.name} may decrypt" for function in functions(template) if function.name in allowed]
    for function in functions(template):
        held = {named(policy) for policy in function.policies}
        if held & allowed and function.name not in DECRYPTS:
            found.append(f"{function.name} may decrypt")
        if "StoreSecrets" in held & allowed:
            found.append(f"{function.name} stores secrets and may decrypt them")
    return found


def written_secrets(template: Json) -> list[str]:
    """Who can read secrets writes no more of them than the tokens that it fetches."""
    own = resources(template, "AWS::IAM::ManagedPolicy")
    writing = {
        name
        for name, policy in own.items()
        for statement in listed(policy["PolicyDocument"]["Statement"])
        if _writes_secrets(statement) and not _is_for_tokens(statement)
    }
    return [
        f"{function.name} reads secrets and may write them"
        for function in functions(template)
        if function.name in DECRYPTS and writing & {named(policy) for policy in function.policies}
    ]


def _writes_secrets(statement: Json) -> bool:
    tables = {named(resource) for resource in listed(statement.get("Resource"))}
    return "CredentialsTable" in tables and any(
        _allows(statement, action) for action in REWRITES | {"dynamodb:PutItem"}
    )


def _is_for_tokens(statement: Json) -> bool:
    return _partitions(statement) == [TOKEN_PARTITIONS]


def _partitions(statement: Json) -> list[str]:
    keys = (statement.get("Condition") or {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])
    return listed(keys)


def narrow_policies(template: Json) -> list[str]:
    """A policy for a few kinds of items lets in no other kind and no other action."""
    found = []
    for name, expected in NARROW.items():
        policy = resources(template, "AWS::IAM::ManagedPolicy").get(name)
        granted = set(_granted(policy)) if policy else set()
        found += [f"{name} lets {action} on {kind or 'everything'}" for action, kind in sorted(granted - expected)]
        found += [f"{name} does not let {action} on {kind}" for action, kind in sorted(expected - granted)]
    return found


def _granted(policy: Json) -> Iterator[tuple[str, str]]:
    for statement in listed(policy["PolicyDocument"]["Statement"]):
        for action in listed(statement["Action"]):
            yield from ((action, kind) for kind in _partitions(statement) or [""])


def _allows(statement: Json, action: str) -> bool:
    return statement["Effect"] == "Allow" and any(
        fnmatchcase(action.lower(), str(pattern).lower()) for pattern in listed(statement.get("Action"))
    )


def audit_trail(template: Json) -> list[str]:
    """Whoever may rewrite items of the activity table is denied it for audit entries."""
    rewriting: dict[str, set[str]] = {}
    denied: dict[str, set[str]] = {}
    for holder, statement in statements(template):
        if "ActivityTable" in {named(resource) for resource in listed(statement.get("Resource"))}:
            if statement["Effect"] == "Allow":
                actions = {action for action in REWRITES if _allows(statement, action)}
                rewriting[holder] = rewriting.get(holder, set()) | actions
            elif _covers_audit(statement):
                denied[holder] = denied.get(holder, set()) | set(listed(statement["Action"]))
    return [
        f"{holder} may use {action} on audit entries"
        for holder, actions in rewriting.items()
        for action in sorted(actions - denied.get(holder, set()))
    ]


def _covers_audit(statement: Json) -> bool:
    keys = (statement.get("Condition") or {}).get("ForAnyValue:StringLike", {}).get("dynamodb:LeadingKeys", [])
    return any(fnmatchcase(AUDIT_PARTITION, pattern) for pattern in listed(keys))


RULES = (no_wildcards, no_scan, named_policies, roles, decryption, written_secrets, narrow_policies, audit_trail)
