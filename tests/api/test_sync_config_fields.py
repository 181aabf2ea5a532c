"""A configuration's own fields and rules: what contradicts itself is told when it is saved, never at a slot."""

from typing import Any

import pytest

from tests.api.config_work import Configs, configs_of, endpoints
from tests.api.conftest import Hub, StoppedClock
from tests.api.instances import pointers

Json = dict[str, Any]


@pytest.fixture
def made(hub: Hub, stopped_clock: StoppedClock) -> Configs:  # noqa: ARG001  time moves only when told to
    return configs_of(hub)


def fields(*pairs: tuple[str, str]) -> list[Json]:
    return [{"localField": local, "remoteField": remote} for local, remote in pairs]


@pytest.mark.parametrize(
    ("direction", "pairs", "pointer"),
    [
        ("pull", [("name", "a"), ("name.first", "b")], "/fieldMappings/1/localField"),
        ("pull", [("name", "a"), ("$.name", "b")], "/fieldMappings/1/localField"),
        ("pull", [("a.b", "x"), ("a[0]", "y")], "/fieldMappings/1/localField"),
        ("push", [("email", "email"), ("a", "x"), ("b", "x")], "/fieldMappings/2/remoteField"),
        ("bidirectional", [("email", "email"), ("a", "x"), ("b", "x.y")], "/fieldMappings/2/remoteField"),
        # The endpoint fills in `source` itself, so that it stands before the configuration's own.
        ("bidirectional", [("email", "email"), ("b", "source.name")], "/fieldMappings/1/remoteField"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_with_the_place(
    made: Configs, direction: str, pairs: list[tuple[str, str]], pointer: str
) -> None:
    listed, written = endpoints()
    written["batch"]["fieldMappings"].append({"source": "$.source", "target": "source", "default": "hub"})
    integration_id = made.connect(endpoints=[listed, written])
    asked = {"syncDirection": direction, "fieldMappings": fields(*pairs)}
    good = made.create(integration_id, syncDirection=direction)

    reply, patched = made.post(integration_id, **asked), made.patch(good["id"], **asked)

    assert (reply.status, pointers(reply)) == (400, [pointer])
    assert (patched.status, pointers(patched)) == (400, [pointer])
    assert made.get(good["id"])["fieldMappings"] == []


def test_fields_that_were_saved_are_synced_at_their_slot(made: Configs, stopped_clock: StoppedClock) -> None:
    integration_id = made.connect()
    made.create(integration_id, fieldMappings=fields(("first", "name"), ("again", "$.name"), ("deep.n", "n")))

    stopped_clock.advance(300)
    assert made.tick() == {"started": 1}
    (job,) = made.jobs(integration_id)
    made.sync.work(job["id"])

    assert made.sync.job(job["id"])["status"] == "COMPLETED"
    content = made.hub.get("/api/v1/documents/contact/c0000").body["content"]
    assert content == {"first": "Name 0", "again": "Name 0", "deep": {"n": 0}}


@pytest.mark.parametrize("own", [[], fields(("email", "email"), ("name", "name"))])
def test_rule_for_a_field_that_nothing_maps_to_is_refused(made: Configs, own: list[Json]) -> None:
    """Who wins is decided for whole fields: a rule for `name.first` would never be asked."""
    integration_id = made.connect()
    asked = {"syncDirection": "bidirectional", "fieldMappings": own}

    wrong = made.post(integration_id, **asked, fieldRules={"name": "local", "name.first": "remote", "a/b": "local"})
    config = made.create(integration_id, **asked, fieldRules={"name": "local"})
    turned = made.patch(config["id"], fieldMappings=fields(("email", "email")))

    assert (wrong.status, pointers(wrong)) == (400, ["/fieldRules/name.first", "/fieldRules/a~1b"])
    assert (turned.status, pointers(turned)) == (400, ["/fieldRules/name"])


def test_rule_for_any_field_is_taken_where_records_are_documents_as_they_are(made: Configs) -> None:
    listed, written = endpoints()
    listed["responseMapping"]["fieldMappings"] = []
    integration_id = made.connect(endpoints=[listed, written])

    reply = made.post(integration_id, syncDirection="bidirectional", fieldRules={"anything": "manual"})

    assert reply.status == 201


def test_configuration_cannot_grow_past_what_its_jobs_can_keep(made: Configs) -> None:
    """Each change is small enough for a request; their sum would be too large for an item."""
    integration_id = made.connect()
    many = fields(*((f"field{number}" + "x" * 60, f"field{number}" + "y" * 60) for number in range(450)))
    config = made.create(integration_id, fieldMappings=many)
    shape = {"mode": "evolve", "fields": {f"field{number}" + "z" * 30: "string" for number in range(900)}}

    refused = made.patch(config["id"], contract=shape)

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert pointers(refused) == ["/fieldMappings"]
    assert made.patch(config["id"], contract=shape, fieldMappings=many[:50]).status == 200
    assert made.patch(config["id"], fieldMappings=many).status == 400
