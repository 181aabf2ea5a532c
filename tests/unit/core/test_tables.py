"""Tables: conditions that say what they found, transactions that know their own repeat, batches that finish."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from hub.core import tables as tables_module
from hub.core.attributes import Item, encode_item
from hub.core.errors import Unavailable
from hub.core.tables import (
    IS_NEW,
    IS_UNCHANGED,
    ConditionFailed,
    Contended,
    Delete,
    Put,
    Table,
    Tables,
    Update,
    hub_key,
    key,
    partition,
)
from tests.unit.core.conftest import ACME, make_settings


def make_item(item_id: str = "c1", **attributes: Any) -> Item:
    return {**key(ACME, "thing", item_id), "version": 1, **attributes}


# ---------------------------------------------------------------- keys


def test_every_key_begins_with_the_tenant() -> None:
    assert key(ACME, "doc#contact", "c1") == {"pk": "acme#doc#contact", "sk": "c1"}
    assert partition(ACME, "job") == "acme#job"


@pytest.mark.parametrize(("longest", "characters"), [("a" * 1024, "a"), ("\u00e9" * 512, "\u00e9")])
def test_key_that_no_item_can_have_is_not_asked_for(longest: str, characters: str) -> None:
    """DynamoDB calls such a request wrong: an id from a path would read like storage that fails."""
    asked: list[str] = []

    class Client:
        def get_item(self, *, Key: Item, **_: Any) -> Item:  # noqa: N803  boto3's own name
            asked.append(Key["sk"]["S"])
            return {}

        def batch_get_item(self, *, RequestItems: Item) -> Item:  # noqa: N803
            asked.extend(each["sk"]["S"] for each in RequestItems["things"]["Keys"])
            return {"Responses": {}}

    things = Table(cast(Any, Client()), "things")
    for item_id in (longest, longest + characters):
        assert things.get(key(ACME, "thing", item_id)) is None
        assert things.batch_get([key(ACME, "thing", item_id)]) == []

    assert asked == [longest, longest]


def test_hub_keys_are_no_tenants() -> None:
    assert hub_key("cursor-key", "1") == {"pk": "_hub#cursor-key", "sk": "1"}


# ---------------------------------------------------------------- conditions


def test_item_comes_back_from_storage_as_it_was_put(tables: Tables) -> None:
    item = make_item(
        text="ä", blob=b"\x00\xff", ok=True, gone=None, ratio=0.1, many=[1, "a", {"b": [None]}], tags={"x", "y"}
    )

    tables.write(Put(tables.config, item, IS_NEW))

    assert tables.config.get(key(ACME, "thing", "c1")) == item


def test_refused_put_says_what_it_found(tables: Tables) -> None:
    tables.write(Put(tables.config, make_item(name="theirs")))

    with pytest.raises(ConditionFailed) as failure:
        tables.write(Put(tables.config, make_item(name="mine"), IS_NEW))

    assert failure.value.found == make_item(name="theirs")
    assert failure.value.index == 0


def test_refused_update_says_what_it_found_and_changes_nothing(tables: Tables) -> None:
    tables.write(Put(tables.config, make_item(name="theirs", version=7)))
    place, values = key(ACME, "thing", "c1"), {"name": "mine", "version_read": 6}

    with pytest.raises(ConditionFailed) as failure:
        tables.config.update(place, "SET name = :name", values, IS_UNCHANGED)

    assert failure.value.found == make_item(name="theirs", version=7)
    assert tables.config.get(place) == make_item(name="theirs", version=7)


def test_update_returns_the_whole_item_as_it_is_afterwards(tables: Tables) -> None:
    tables.write(Put(tables.config, make_item(status="draft", owner="u1")))

    after = tables.config.update(
        key(ACME, "thing", "c1"), "SET status = :status REMOVE owner", {"status": "active"}, "attribute_exists(pk)"
    )

    assert after == make_item(status="active")


def test_refused_delete_says_what_it_found(tables: Tables) -> None:
    tables.write(Put(tables.config, make_item()))
    place = key(ACME, "thing", "c1")

    with pytest.raises(ConditionFailed) as failure:
        tables.write(Delete(tables.config, place, "version = :v", {"v": 2}))
    tables.write(Delete(tables.config, place, "version = :v", {"v": 1}))

    assert failure.value.found == make_item()
    assert tables.config.get(place) is None


def test_condition_on_a_missing_item_fails_without_one(tables: Tables) -> None:
    with pytest.raises(ConditionFailed) as failure:
        tables.config.update(key(ACME, "thing", "none"), "SET a = :a", {"a": 1}, "attribute_exists(pk)")

    assert failure.value.found is None


# ---------------------------------------------------------------- transactions


def test_refused_transaction_names_the_write_and_does_nothing(tables: Tables) -> None:
    tables.write(Put(tables.config, make_item("taken", name="theirs")))

    with pytest.raises(ConditionFailed) as failure:
        tables.write(
            Put(tables.activity, make_item("new"), IS_NEW),
            Put(tables.config, make_item("taken", name="mine"), IS_NEW),
        )

    assert failure.value.index == 1
    assert failure.value.found == make_item("taken", name="theirs")
    assert tables.activity.get(key(ACME, "thing", "new")) is None


def test_transaction_whose_answer_was_lost_succeeds_when_repeated(tables: Tables) -> None:
    """The SDK sends it again, and finds its own items in the way."""
    tables.write(Put(tables.config, make_item("c1", count=1)))
    writes = (
        Put(tables.config, make_item("new", name="mine"), IS_NEW),
        Update(tables.config, key(ACME, "thing", "c1"), "SET count = :two", {"two": 2, "one": 1}, "count = :one"),
    )

    tables.write(*writes)
    tables.write(*writes)

    assert tables.config.get(key(ACME, "thing", "c1")) == make_item("c1", count=2)


def test_single_put_whose_answer_was_lost_succeeds_when_repeated(tables: Tables) -> None:
    tables.write(Put(tables.config, make_item(name="mine"), IS_NEW))
    tables.write(Put(tables.config, make_item(name="mine"), IS_NEW))

    assert tables.config.get(key(ACME, "thing", "c1")) == make_item(name="mine")


def test_put_that_differs_in_anything_is_no_repeat(tables: Tables) -> None:
    """The control of the two above: somebody else's item is never taken for one's own."""
    tables.write(Put(tables.config, make_item(name="theirs")))

    with pytest.raises(ConditionFailed):
        tables.write(Put(tables.config, make_item(name="mine"), IS_NEW))
    with pytest.raises(ConditionFailed):
        tables.write(
            Put(tables.config, make_item(name="mine"), IS_NEW), Put(tables.activity, make_item("other"), IS_NEW)
        )


class Failing:
    """A DynamoDB client whose writes all fail with one error."""

    def __init__(self, code: str, *reasons: dict[str, Any]) -> None:
        response: Any = {"Error": {"Code": code, "Message": "no"}, "CancellationReasons": list(reasons)}
        self._error = ClientError(response, "TransactWriteItems")

    def transact_write_items(self, **_: Any) -> None:
        raise self._error

    put_item = update_item = delete_item = transact_write_items


def tables_of(client: object) -> Tables:
    return Tables(cast("Any", client), make_settings())


def writes_of(tables: Tables) -> tuple[Put, Put]:
    return Put(tables.config, make_item("a"), IS_NEW), Put(tables.config, make_item("b"), IS_NEW)


def test_conflict_of_two_transactions_is_contended_and_may_be_sent_again() -> None:
    tables = tables_of(Failing("TransactionCanceledException", {"Code": "None"}, {"Code": "TransactionConflict"}))

    with pytest.raises(Contended) as failure:
        tables.write(*writes_of(tables))

    assert (failure.value.status, failure.value.retryable) == (503, True)


def test_conflict_of_a_single_write_with_a_transaction_is_contended() -> None:
    tables = tables_of(Failing("TransactionConflictException"))

    with pytest.raises(Contended):
        tables.write(writes_of(tables)[0])
    with pytest.raises(Contended):
        tables.config.update(key(ACME, "thing", "a"), "SET a = :a", {"a": 1})


def test_condition_that_failed_beside_others_is_found_by_its_position() -> None:
    reasons = ({"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": encode_item(make_item("b", name="x"))})
    tables = tables_of(Failing("TransactionCanceledException", *reasons))

    with pytest.raises(ConditionFailed) as failure:
        tables.write(*writes_of(tables))

    assert (failure.value.index, failure.value.found) == (1, make_item("b", name="x"))


@pytest.mark.parametrize("code", ["ThrottlingException", "ValidationException", "AccessDeniedException"])
def test_other_error_of_aws_stays_what_it_is(code: str) -> None:
    tables = tables_of(Failing(code))

    with pytest.raises(ClientError, match=code):
        tables.write(*writes_of(tables))
    with pytest.raises(ClientError, match=code):
        tables.write(writes_of(tables)[0])


# ---------------------------------------------------------------- batches and pages


class Overloaded:
    """A DynamoDB client that takes at most `most` of a batch's keys or items, and hands back the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.written: list[Any] = []
        self.calls = 0

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.calls += 1
        ((name, asked),) = RequestItems.items()
        assert len(asked["Keys"]) <= 100
        done, rest = asked["Keys"][: self._most], asked["Keys"][self._most :]
        return {"Responses": {name: done}, "UnprocessedKeys": {name: {"Keys": rest}} if rest else {}}

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.calls += 1
        ((name, asked),) = RequestItems.items()
        assert len(asked) <= 25
        self.written += asked[: self._most]
        rest = asked[self._most :]
        return {"UnprocessedItems": {name: rest} if rest else {}}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between two tries, which take no time here."""
    paused: list[float] = []
    monkeypatch.setattr(tables_module, "sleep", paused.append)
    return paused


def test_keys_that_were_handed_back_are_asked_again(waits: list[float]) -> None:
    client = Overloaded(most=40)
    keys = [key(ACME, "thing", f"c{number}") for number in range(150)]

    found = Table(cast("Any", client), "t").batch_get(keys)

    assert sorted(item["sk"] for item in found) == sorted(place["sk"] for place in keys)
    assert (client.calls, len(waits)) == (5, 3)


def test_items_that_were_handed_back_are_written_again(waits: list[float]) -> None:
    client = Overloaded(most=10)

    Table(cast("Any", client), "t").batch_put([make_item(f"c{number}") for number in range(60)])

    written = [request["PutRequest"]["Item"]["sk"]["S"] for request in client.written]
    assert sorted(written) == sorted(f"c{number}" for number in range(60))
    assert (client.calls, len(waits)) == (7, 4)


@pytest.mark.parametrize(
    "work", [lambda table: table.batch_get([key(ACME, "thing", "c1")]), lambda table: table.batch_put([make_item()])]
)
def test_batch_that_never_finishes_ends_as_unavailable(waits: list[float], work: Callable[[Table], None]) -> None:
    with pytest.raises(Unavailable):
        work(Table(cast("Any", Overloaded(most=0)), "t"))

    assert len(waits) == 8
    assert max(waits) <= 2


def test_batches_reach_the_table_and_come_back_whole_or_in_part(tables: Tables) -> None:
    tables.config.batch_put([make_item(f"c{number}", name="x") for number in range(130)])
    keys = [key(ACME, "thing", f"c{number}") for number in range(140)]

    assert len(tables.config.batch_get(keys)) == 130
    assert tables.config.batch_get(keys[:1], "sk, version") == [{"sk": "c0", "version": 1}]
    assert tables.config.batch_get([]) == []


def test_query_goes_on_where_the_last_page_ended(tables: Tables) -> None:
    tables.config.batch_put([make_item(f"c{number}") for number in range(5)])
    tables.config.batch_put([{**make_item("c9"), "pk": "acme#thing2"}])
    asked = {"pk": partition(ACME, "thing")}

    first = tables.config.query("pk = :pk", asked, limit=3)
    rest = tables.config.query("pk = :pk", asked, limit=3, start=first.next_key)
    newest = tables.config.query("pk = :pk", asked, limit=1, newest_first=True)

    assert [item["sk"] for item in first.items + rest.items] == ["c0", "c1", "c2", "c3", "c4"]
    assert rest.next_key is None
    assert [item["sk"] for item in newest.items] == ["c4"]
    assert len(list(tables.config.query_all("pk = :pk", asked))) == 5


def test_nothing_to_write_is_no_call() -> None:
    """DynamoDB refuses a transaction without a write: a change that changes nothing is none."""
    tables = tables_of(Failing("ValidationException"))

    tables.write()
