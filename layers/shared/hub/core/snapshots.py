"""Several items as they stood at one moment: what one transaction changes is never seen half changed."""

import random
from time import sleep
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from hub.core.attributes import Item, decode_item, encode_item
from hub.core.tables import Contended, Key, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TRIES = 8
LONGEST_WAIT_S = 1.0


def read(client: "DynamoDBClient", *places: tuple[Table, Key]) -> list[Item | None]:
    """Return the items of several tables, None where there is none: one call, at the price of two reads each.

    Raises Contended where others write them again and again.
    """
    asked: Any = [{"Get": {"TableName": table.name, "Key": encode_item(dict(place))}} for table, place in places]
    for number in range(TRIES):
        try:
            answer: Any = client.transact_get_items(TransactItems=asked)
        except ClientError as error:
            if not _is_contended(error):
                raise
            # Full jitter, as for every call that met another one.
            sleep(random.uniform(0, min(LONGEST_WAIT_S, 0.05 * 2**number)))  # noqa: S311 - no secret depends on it
            continue
        return [decode_item(each["Item"]) if each.get("Item") else None for each in answer["Responses"]]
    raise Contended("Other requests change the same items right now; send this one again.")


def _is_contended(error: ClientError) -> bool:
    response: Any = error.response
    return any(reason.get("Code") == "TransactionConflict" for reason in response.get("CancellationReasons", ()))
