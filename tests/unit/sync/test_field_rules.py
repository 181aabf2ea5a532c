"""A configuration's own fields in place of an endpoint's (spec S003, SyncFieldMapping)."""

import json
from typing import Any

from hub.sync.field_rules import incoming, outgoing, pulled, with_own_fields

Json = dict[str, Any]
NAME: Json = {"localField": "name", "remoteField": "properties.fullName", "bidirectional": True}
LOUD: Json = {**NAME, "transformer": "value.toUpperCase()"}
MAIL: Json = {"localField": "email", "remoteField": "$.mail", "bidirectional": False}


def batch(*rules: Json, required: tuple[str, ...] = ()) -> Json:
    return {"fieldMappings": list(rules), "required": list(required)}


def test_fields_come_in_from_paths_of_the_record() -> None:
    assert incoming([LOUD, MAIL]) == [
        {
            "source": "$.properties.fullName",
            "target": "name",
            "transform": {"type": "expression", "config": {"expression": "value.toUpperCase()"}},
        },
        {"source": "$.mail", "target": "email"},
    ]


def test_fields_go_out_to_the_same_places_without_the_transformer() -> None:
    assert outgoing(batch(), [LOUD]) == [{"source": "$.name", "target": "properties.fullName"}]


def test_what_an_endpoint_cannot_do_without_still_goes_out() -> None:
    key: Json = {"source": "$.idProperty", "target": "idProperty", "default": "email"}
    required: Json = {"source": "$.email", "target": "id"}
    phone: Json = {"source": "$.phone", "target": "phone"}

    rules = outgoing(batch(key, required, phone, required=("$.email",)), [NAME])

    assert [rule["target"] for rule in rules] == ["idProperty", "id", "properties.fullName"]


def test_own_field_takes_the_place_of_the_endpoints() -> None:
    theirs: Json = {"source": "$.title", "target": "properties.fullName", "default": ""}

    assert [rule["source"] for rule in outgoing(batch(theirs), [NAME])] == ["$.name"]


def test_fields_that_are_not_bidirectional_are_only_read() -> None:
    assert pulled([NAME, MAIL]) == {"email"}


def test_definition_is_changed_for_the_jobs_endpoints_alone() -> None:
    reads = {"id": "list", "responseMapping": {"dataPath": "$.items", "fieldMappings": []}}
    writes = {"id": "upsert", "batch": batch()}
    text = json.dumps({"endpoints": [reads, writes, {**reads, "id": "other"}]})
    job: Json = {"endpointId": "list", "writeEndpointId": "upsert", "fieldMappings": [NAME]}

    changed = json.loads(with_own_fields(text, job))["endpoints"]

    assert changed[0]["responseMapping"] == {"dataPath": "$.items", "fieldMappings": incoming([NAME])}
    assert changed[1]["batch"]["fieldMappings"] == outgoing(batch(), [NAME])
    assert changed[2] == {**reads, "id": "other"}
    assert with_own_fields(text, {**job, "fieldMappings": []}) == text
