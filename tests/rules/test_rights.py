"""The guard that refuses on moto what IAM would refuse in AWS."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.rules.reading import functions, read
from tests.rules.rights import Guard, RightMissing, rights_of

NAMES = {
    "hub-documents": "DocumentsTable",
    "hub-activity": "ActivityTable",
    "hub-credentials": "CredentialsTable",
    "hub-sync": "SyncQueue",
    "key-1": "HubKey",
}

DELETE = {"Delete": {"TableName": "hub-activity"}}


def call(function: str | None, service: str, operation: str, **params: Any) -> None:
    guard = Guard(NAMES)
    guard.function = function
    model = SimpleNamespace(name=operation, service_model=SimpleNamespace(service_name=service))
    guard.check(params, model)


def test_every_function_may_do_something() -> None:
    template = read()

    assert all(rights_of(template, function.name) for function in functions(template))


def test_guard_lets_through_what_the_template_grants() -> None:
    put = {"Put": {"TableName": "hub-documents"}}

    call("Documents", "dynamodb", "Query", TableName="hub-documents", IndexName="changes")
    call("Documents", "dynamodb", "TransactWriteItems", TransactItems=[put, {"Put": {"TableName": "hub-activity"}}])
    call("Sweeper", "sqs", "SendMessage", QueueUrl="http://127.0.0.1/000000000000/hub-sync")
    call("CustomIntegrations", "kms", "GenerateDataKey", KeyId="key-1")
    call("SyncWorker", "kms", "Decrypt", CiphertextBlob=b"")


def test_guard_refuses_what_the_template_does_not_grant() -> None:
    with pytest.raises(RightMissing, match="Documents has no right to dynamodb:Scan on DocumentsTable"):
        call("Documents", "dynamodb", "Scan", TableName="hub-documents")
    with pytest.raises(RightMissing, match="dynamodb:Query on ActivityTable"):
        call("Sweeper", "dynamodb", "Query", TableName="hub-activity")
    with pytest.raises(RightMissing, match="dynamodb:DeleteItem on ActivityTable"):
        call("Documents", "dynamodb", "TransactWriteItems", TransactItems=[DELETE])
    with pytest.raises(RightMissing, match="kms:Decrypt on HubKey"):
        call("CustomIntegrations", "kms", "Decrypt", CiphertextBlob=b"")


def test_guard_lets_a_worker_write_tokens_and_no_other_secret() -> None:
    def update(partition: str) -> None:
        call("SyncWorker", "dynamodb", "UpdateItem", TableName="hub-credentials", Key={"pk": {"S": partition}})

    update("acme#token")
    with pytest.raises(RightMissing, match="SyncWorker has no right to dynamodb:UpdateItem on CredentialsTable"):
        update("acme#connector")


def test_guard_stands_aside_when_no_function_runs() -> None:
    call(None, "dynamodb", "Scan", TableName="hub-documents")
