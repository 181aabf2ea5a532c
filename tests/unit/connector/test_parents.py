"""A list that exists once per parent: what its words may be, and what of the parent its records have."""

from typing import Any

import pytest

from hub.connector.definition import check_definition, parse_definition
from hub.connector.plan import compile_endpoint
from hub.connector.variables import Variables
from hub.core.errors import BadRequest
from tests.unit.connector.factories import Json, Provider, definition, endpoint, mapping, problems_of, reply, run


def issues(parent: Json | None = None, **changes: Any) -> Json:
    """Return an endpoint that lists the issues of one project."""
    words = {"documentType": "project", "param": "projectId", **(parent or {})}
    made = {"path": "/projects/{projectId}/issues", "pathParams": [{"name": "projectId"}], "parent": words}
    return endpoint(**{**made, **changes})


def query(**changes: Any) -> Json:
    return {"path": "/issues", "pathParams": [], "queryParams": [{"name": "projectId", **changes}]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        query(),
        query(type="number"),
        query(valueSource="variable", value="{{params.projectId}}")
        | {"queryParams": [{"name": "q", "valueSource": "variable", "value": "project = {{projectId | soql}}"}]},
        {"path": "/issues", "pathParams": [], "headers": {"X-Project": "{{projectId}}"}},
        {
            "path": "/issues",
            "pathParams": [],
            "method": "POST",
            "body": {
                "contentType": "application/json",
                "bodyType": "schema",
                "schema": {"type": "object", "properties": {"projectId": {"type": "string"}}},
            },
        },
    ],
    ids=["path", "query", "number", "variable", "header", "body"],
)
def test_parameter_may_be_anywhere_in_the_request(changes: Json) -> None:
    stored = check_definition(definition(issues(**changes)))

    assert parse_definition(stored).endpoints[0].parent is not None
    assert stored["endpoints"][0]["parent"] == {"documentType": "project", "param": "projectId"}


@pytest.mark.parametrize(
    ("place", "changed"),
    [
        ("/param", issues({"param": "other"})),
        ("/param", issues({"param": "no name"})),
        ("/param", issues(**query(valueSource="static", value="7"))),
        ("/param", issues(**query(type="array"))),
        ("/param", issues(**query(type="boolean"))),
        ("/param", issues(incremental={"field": "$.at", "param": "projectId"})),
        (
            "/param",
            issues(pagination={"type": "cursor", "cursorParam": "projectId", "cursorPath": "$.next"}),
        ),
        ("/documentType", issues({"documentType": "no type"})),
        ("/documentType", issues(responseMapping=mapping(targetShardTypeId="project"))),
        ("/documentType", issues(entity="project")),
        ("/field", issues({"field": "$["})),
        ("/as", issues({"as": "no.name"})),
        ("/as", issues({"scopedIds": True})),
        ("/scopedIds", issues({"as": "project", "scopedIds": "yes"})),
        ("/params", issues({"params": "projectId"})),
        ("", issues(operation="get")),
    ],
)
def test_parent_that_cannot_work_is_refused_by_its_place(place: str, changed: Json) -> None:
    assert f"/endpoints/0/parent{place}" in problems_of(definition(changed))


def test_parent_stands_neither_beside_a_batch_nor_beside_an_upload() -> None:
    batch: Json = {"size": 10, "itemsPath": "$.items", "results": {"match": "status"}}
    upload: Json = {"simple": {"kind": "raw", "maxBytes": 1000}, "idPath": "$.id"}
    beside: list[Json] = [{"batch": batch, "operation": "upsert"}, {"upload": upload, "operation": "upload"}]
    for words in beside:
        raw = issues(method="POST", responseMapping=None, **words)

        assert "/endpoints/0/parent" in problems_of(definition(raw))


def test_request_needs_the_parameter_unless_it_is_only_tried() -> None:
    plan = compile_endpoint(parse_definition(definition(issues())), "list")

    with pytest.raises(BadRequest) as caught:
        plan.first(Variables())
    assert caught.value.details["parameter"] == "projectId"
    assert plan.first(plan.tried(Variables())).url.endswith("/projects/1/issues")
    assert plan.first(plan.tried(Variables({"projectId": "7"}))).url.endswith("/projects/7/issues")


def read(parent: Json, records: list[Any], **changes: Any) -> list[tuple[str | None, Any]]:
    provider = Provider(lambda _: {"items": records})
    page = run(definition(issues(parent, **changes)), provider, {"projectId": "7"}, keeps_raw=True).fetch()
    return [(record.external_id, record.content) for record in page.records]


def test_records_have_the_parent_s_value_under_the_name_it_says() -> None:
    found = read({"as": "project"}, [{"id": 1}, {"id": 2, "project": "what the provider calls so"}])

    assert found == [("1", {"id": 1, "project": "7"}), ("2", {"id": 2, "project": "7"})]


def test_mapping_reads_the_parent_s_value() -> None:
    rules = [{"source": "$.project", "target": "of.project"}]

    found = read({"as": "project"}, [{"id": 1}], responseMapping=mapping(fieldMappings=rules))

    assert found == [("1", {"of": {"project": "7"}})]


def test_scoped_ids_begin_with_the_parent_s_value() -> None:
    found = read({"as": "project", "scopedIds": True}, [{"id": 1}, {"name": "without an id"}])

    assert [name for name, _ in found] == ["7/1", None]


def test_scoped_id_that_is_too_long_rejects_its_record() -> None:
    assert read({"as": "project", "scopedIds": True}, [{"id": "x" * 512}])[0][0] is None


def test_parent_that_is_gone_ends_a_list_where_it_may_be() -> None:
    provider = Provider(lambda _: reply({}, status=404))

    page = run(definition(issues()), provider, {"projectId": "7"}, may_be_gone=True).fetch()

    assert (page.records, page.next, page.stop_reason, page.status) == ([], None, "gone", 404)
