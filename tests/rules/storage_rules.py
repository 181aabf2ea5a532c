"""Tables, log groups and the bucket: paid by use, recoverable, and emptied in time."""

from local.intrinsics import Json
from tests.rules.reading import functions, named, resources

KEYS = {"pk": "HASH", "sk": "RANGE"}
EXPIRY = "expiresEpochS"
# Counters, leases and kept answers: worth nothing once the stack is gone.
PASSING = {"CoordinationTable"}


def tables(template: Json) -> list[str]:
    found = []
    for name, table in resources(template, "AWS::DynamoDB::Table").items():
        if table.get("BillingMode") != "PAY_PER_REQUEST":
            found.append(f"{name} is not on demand")
        if not (table.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled"):
            found.append(f"{name} has no point-in-time recovery")
        if {part["AttributeName"]: part["KeyType"] for part in table["KeySchema"]} != KEYS:
            found.append(f"{name}: the keys are not pk and sk")
        if table.get("TimeToLiveSpecification") != {"AttributeName": EXPIRY, "Enabled": True}:
            found.append(f"{name} does not expire items by {EXPIRY}")
    return found


def kept_data(template: Json) -> list[str]:
    """Deleting the stack must not delete what tenants stored."""
    return [
        f"{name} does not survive the stack"
        for kind in ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key")
        for name in resources(template, kind)
        if name not in PASSING and _policies(template["Resources"][name]) != {"Retain"}
    ]


def _policies(resource: Json) -> set[str | None]:
    return {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")}


def buckets(template: Json) -> list[str]:
    found = []
    for name, bucket in resources(template, "AWS::S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration") or {}
        if len(blocked) != 4 or not all(blocked.values()):
            found.append(f"{name} may be public")
        if not (bucket.get("LifecycleConfiguration") or {}).get("Rules"):
            found.append(f"{name} keeps its objects for ever")
    return found


def logs(template: Json) -> list[str]:
    groups = resources(template, "AWS::Logs::LogGroup")
    found = [f"{name} keeps its lines for ever" for name, group in groups.items() if not group.get("RetentionInDays")]
    return found + [
        f"{function.name} does not log to a log group of the template"
        for function in functions(template)
        if named((function.properties.get("LoggingConfig") or {}).get("LogGroup")) not in groups
    ]


RULES = (tables, kept_data, buckets, logs)
