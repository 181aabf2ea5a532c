"""Makes moto's answers cheaper, not other ones: most of what a test on moto costs is moto looking for names.

moto looks for each field of an answer under every name that an object of its own might have for it, and for each of the
ten types that a value of DynamoDB might have. Plain data has the names of the API: those are worked out once.
A transaction copies its whole table once per item that it writes: what it names is copied instead. The functions of a
service are looked up with every call: they stay the same.
"""

from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from typing import Any

from moto.core import responses
from moto.core.serialize import ResponseSerializer, XFormedAttributePicker
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

_all_names = XFormedAttributePicker.get_possible_keys
_structure = ResponseSerializer._serialize_type_structure
_transact = DynamoDBBackend.transact_write_items


def answer_fast() -> None:
    """Let moto answer so from now on; once more changes nothing."""
    for owner, name, faster in (
        (XFormedAttributePicker, "get_possible_keys", _names),
        (ResponseSerializer, "_serialize_type_structure", _written),
        (responses, "method_names_from_class", cache(method_names_from_class)),
        (DynamoDBBackend, "transact_write_items", _transacted),
        (Table, "__deepcopy__", lambda table, _memo: table),
    ):
        setattr(owner, name, faster)


def _names(picker: Any, context: Any) -> Iterable[str]:
    """Yield where a field may stand; in a plain dict this follows from the shape of the field and its name alone."""
    if type(context.obj) is not dict or context.shape is None:
        return _all_names(picker, context)
    known: dict[str, tuple[str, ...]] = vars(context.shape).setdefault("names_of_fields", {})
    if context.key not in known:
        known[context.key] = tuple(dict.fromkeys(_all_names(picker, context)))
    return known[context.key]


def _written(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Write a structure; a value of DynamoDB, `{"S": "a"}`, has one type and is not asked for the nine others."""
    if shape.name != "AttributeValue" or type(value) is not dict or not value.keys() <= shape.members.keys():
        _structure(serializer, serialized, value, shape, key)
        return
    wrapper = serializer.MAP_TYPE() if key else serialized
    for tag, inner in value.items():
        serializer._serialize(wrapper, inner, shape.members[tag], tag)
    if key:
        serializer._default_serialize(serialized, wrapper, shape, key)


def _transacted(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Write all items or none; tables do not copy themselves, so what was there is put back here."""
    before = _before(backend, transact_items)
    try:
        _transact(backend, transact_items)
    except Exception:
        for name, partitions in before.items():
            backend.tables[name].items.update(partitions)
        raise


def _before(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> dict[str, dict[DynamoType, Any]]:
    """Return the partitions that a transaction names, by table; an update changes an item in place, so it is copied."""
    found: dict[str, dict[DynamoType, Any]] = {}
    for named in (operation for item in transact_items for operation in item.values()):
        table = backend.tables[named["TableName"]]
        key = named.get("Key") or named["Item"]
        pk, sk = (DynamoType(key[name]) for name in table.table_key_attrs)
        partitions = found.setdefault(table.name, {})
        partition = partitions.setdefault(pk, dict(table.items.get(pk, {})))
        if sk in partition:
            partition[sk] = deepcopy(partition[sk])
    return found
