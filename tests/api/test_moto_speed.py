"""The cheaper moto gives up nothing that the tests rely on: a transaction that is refused leaves no trace."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from hub.core.resources import resources
from tests.api.conftest import Hub

Json = dict[str, Any]


def _item(hub: Hub, sk: str, **more: str) -> Json:
    return {"pk": {"S": f"{hub.tenant}#speed"}, "sk": {"S": sk}, **{name: {"S": text} for name, text in more.items()}}


def _write(hub: Hub, *, is_refused: bool) -> None:
    """Put, update and delete what is there and put what is not, with a condition at the end that decides."""
    made: Any = resources()
    table = made.tables.config.name
    update: Any = {
        "UpdateExpression": "SET held.inside = :new REMOVE gone",
        "ExpressionAttributeValues": {":new": {"S": "changed"}},
    }
    condition = f"attribute_{'not_' if is_refused else ''}exists(pk)"
    made.dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": _item(hub, "put", held="changed")}},
            {"Update": {"TableName": table, "Key": _item(hub, "updated"), **update}},
            {"Delete": {"TableName": table, "Key": _item(hub, "deleted")}},
            {"Put": {"TableName": table, "Item": _item(hub, "new")}},
            {"Put": {"TableName": table, "Item": {**_item(hub, "new"), "pk": {"S": f"{hub.tenant}#other"}}}},
            {"ConditionCheck": {"TableName": table, "Key": _item(hub, "checked"), "ConditionExpression": condition}},
        ]
    )


@pytest.fixture
def four(hub: Hub) -> None:
    made: Any = resources()
    held = {**_item(hub, "updated", gone="away"), "held": {"M": {"inside": {"S": "old"}}}}
    for item in (_item(hub, "put", held="old"), held, _item(hub, "deleted"), _item(hub, "checked")):
        made.dynamodb.put_item(TableName=made.tables.config.name, Item=item)


def _held() -> list[Json]:
    made: Any = resources()
    return list(made.dynamodb.scan(TableName=made.tables.config.name)["Items"])


@pytest.mark.usefixtures("four")
def test_refused_transaction_changes_nothing(hub: Hub) -> None:
    before = _held()

    with pytest.raises(ClientError, match="TransactionCanceled"):
        _write(hub, is_refused=True)

    assert _held() == before


@pytest.mark.usefixtures("four")
def test_transaction_that_is_not_refused_changes_all(hub: Hub) -> None:
    """The control."""
    before = {item["sk"]["S"]: item for item in _held()}

    _write(hub, is_refused=False)

    after = {item["sk"]["S"]: item for item in _held() if not item["pk"]["S"].endswith("#other")}
    assert {*before} - {*after} == {"deleted"}
    assert {*after} - {*before} == {"new"}
    assert after["updated"]["held"] == {"M": {"inside": {"S": "changed"}}}
    assert "gone" not in after["updated"]
    assert after["put"]["held"] == {"S": "changed"}
