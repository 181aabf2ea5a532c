"""boto3's side of the store: `batch_writer` with the documents as plain attributes, as one writes it by hand.

`python -m tests.bench.sides.batch_writer <count>`
"""

import sys
from typing import TYPE_CHECKING

import boto3

from tests.bench.sides.mapped import Json, documents
from tests.bench.sides.measured import told

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def write(table: "Table", mapped: list[tuple[str, Json]]) -> int:
    with table.batch_writer() as batch:
        for document_id, content in mapped:
            batch.put_item(Item={"pk": "by-hand#doc#contact", "sk": document_id, **content})
    return len(mapped)


if __name__ == "__main__":
    prepared, target = documents(int(sys.argv[1]), 1), boto3.resource("dynamodb").Table("documents")
    told(lambda: write(target, prepared))
