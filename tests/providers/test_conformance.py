"""What every provider of the catalogue promises, held against the fakes of their APIs."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hub.core.errors import Refused, Retryable
from hub.providers.provider_files import paths
from tests.parity.serving import Json
from tests.providers.connecting import Account, Connecting, connected
from tests.providers.shapes import BY_SLUG, SHAPES, Listing, Searching, Shape, Writing, contact

# Providers without an API of their own; each of the others has a shape.
GENERIC = frozenset({"rest", "graphql", "webhook"})
HOSTILE = ('"quoted"', "back\\slash", "' OR Id != '", "a&b=c#d", "Zoë 東京", "50%_", "(a)(b),c:d", "{{query}}")


def _with(test: Callable[[Shape], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shape", [shape for shape in SHAPES if test(shape)], ids=lambda shape: shape.slug)


each = _with(lambda _: True)
checked = _with(lambda shape: bool(shape.denied))
listed = _with(lambda shape: shape.listing is not None)
touched = _with(lambda shape: shape.listing is not None and shape.listing.touch is not None)
searched = _with(lambda shape: shape.searching is not None)
written = _with(lambda shape: shape.writing is not None)
granted = _with(lambda shape: shape.is_granted)
pasted = _with(lambda shape: shape.pasted is not None)


def _listing(shape: Shape) -> Listing:
    assert shape.listing is not None
    return shape.listing


def _searching(shape: Shape) -> Searching:
    assert shape.searching is not None
    return shape.searching


def _writing(shape: Shape) -> Writing:
    assert shape.writing is not None
    return shape.writing


def test_every_provider_has_a_shape() -> None:
    slugs = {path.stem for path in paths()} - GENERIC
    assert {slug for slug in slugs if not slug.startswith("sandbox")} == set(BY_SLUG)


@checked
def test_health_is_good(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(3)) as account:
        page = account.call(account.endpoint("health").id)

    assert page.status == 200
    assert len(account.fake.calls) == 1


@checked
def test_wrong_credentials_are_refused_with_a_reason(shape: Shape) -> None:
    with connected(_wrong(shape), shape.fake(3)) as account:
        if account.fake.authority:
            account.fake.authority.withdraw()
        with pytest.raises(Refused) as caught:
            _unrenewed(account).call(account.endpoint("health").id)

    assert shape.denied in caught.value.message
    assert len(account.fake.calls) == 1


@listed
def test_every_record_comes_once(shape: Shape) -> None:
    listing = _listing(shape)
    with connected(shape.connecting, shape.fake(listing.count)) as account:
        documents = account.documents(account.endpoint("list", listing.entity).id)

    assert sorted(documents) == sorted(listing.ids(account.fake))
    assert len(account.fake.accepted) > 1


@listed
def test_empty_account_is_no_error(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(0)) as account:
        assert account.documents(account.endpoint("list", _listing(shape).entity).id) == {}


@listed
def test_rate_limit_in_the_middle_loses_nothing(shape: Shape) -> None:
    listing = _listing(shape)
    with connected(shape.connecting, shape.fake(listing.count)) as account:
        account.fake.limit_every(2)
        documents = account.documents(account.endpoint("list", listing.entity).id)

    assert sorted(documents) == sorted(listing.ids(account.fake))


@touched
def test_what_has_changed_is_read_alone(shape: Shape) -> None:
    listing = _listing(shape)
    with connected(shape.connecting, shape.fake(listing.count)) as account:
        endpoint = account.endpoint("list", listing.entity)
        increment = account.plan(endpoint.id).increment
        assert increment is not None, "the provider can list what has changed"
        seen = [page.watermark for page in account.pages(endpoint.id) if page.watermark is not None]
        assert listing.touch is not None
        changed = listing.touch(account.fake)
        documents = account.documents(endpoint.id, since=increment.value(max(seen)))

    assert changed in documents
    assert len(documents) < listing.count / 2


@listed
def test_who_says_that_it_reads_changes_is_held_to_it(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(0)) as account:
        claims = account.plan(account.endpoint("list", _listing(shape).entity).id).increment is not None

    assert claims is (_listing(shape).touch is not None)


def test_hubspot_lists_more_than_a_search_may_find() -> None:
    """A search of HubSpot ends at 10,000 results; the list must not."""
    shape = BY_SLUG["hubspot"]
    with connected(shape.connecting, shape.fake(10_300)) as account:
        documents = account.documents(account.endpoint("list", "contact").id)

    assert len(documents) == 10_300


@searched
def test_search_finds_a_name_with_a_quote(shape: Shape) -> None:
    searching = _searching(shape)
    with connected(shape.connecting, shape.fake(12)) as account:
        endpoint = account.endpoint("search", searching.entity)
        documents = account.documents(endpoint.id, {"query": "O'Brien"})

    assert set(documents) == searching.found(account.fake)
    assert documents


@searched
@pytest.mark.parametrize("query", HOSTILE)
def test_search_for_anything_is_a_search(shape: Shape, query: str) -> None:
    """Quotes, backslashes and signs of the provider's language are words; nothing is found by them."""
    with connected(shape.connecting, shape.fake(12)) as account:
        endpoint = account.endpoint("search", _searching(shape).entity)
        assert account.documents(endpoint.id, {"query": query}) == {}


@written
def test_each_record_has_its_own_outcome(shape: Shape) -> None:
    writing = _writing(shape)
    documents = [contact(1), contact(2), writing.bad, contact(3)]
    with connected(shape.connecting, shape.fake(5)) as account:
        result = account.write(documents)

    good = "created" if writing.is_told_new else "accepted"
    assert result.outcomes() == [good, good, "rejected", good]
    assert writing.reason in result.reasons()[2]
    assert [writing.stored(account.fake, contact(number)["email"]) is not None for number in (1, 2, 3)] == [True] * 3
    assert writing.stored(account.fake, writing.bad["email"] or "nobody") is None


@written
def test_second_write_updates(shape: Shape) -> None:
    writing = _writing(shape)
    with connected(shape.connecting, shape.fake(0)) as account:
        account.write([contact(1), contact(2)])
        result = account.write([contact(1, lastName="King"), contact(2)])
        count = len(getattr(account.fake, "contacts"))  # noqa: B009  each of these fakes has them

    good = "updated" if writing.is_told_new else "accepted"
    assert (result.outcomes(), count) == ([good, good], 2)
    assert "King" in str(writing.stored(account.fake, "grace1@example.com"))


@written
def test_record_that_lacks_what_the_provider_requires_is_not_sent(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(0)) as account:
        result = account.write([contact(1, email=None), contact(2)])

    assert result.outcomes()[0] == "rejected"
    assert "email" in result.reasons()[0].lower()
    assert b"Grace1" not in account.fake.accepted[0].body


@written
def test_rate_limit_between_batches_repeats_one_batch(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(0)) as account:
        size = _size(account)
        account.fake.limit_every(2)
        result = account.write([contact(number) for number in range(2 * size + 1)])

    assert len(result.results) == 2 * size + 1
    assert not result.reasons()
    assert len(account.fake.accepted) == 3
    assert len({request.body for request in account.fake.accepted}) == 3


@written
def test_answer_that_is_lost_writes_no_record_twice(shape: Shape) -> None:
    """The connection breaks after the provider has written: the batch is sent again and finds its records."""
    with connected(shape.connecting, shape.fake(0)) as account:
        account.fake.lose_next(1)
        result = account.write([contact(1), contact(2)])
        count = len(getattr(account.fake, "contacts"))  # noqa: B009  each of these fakes has them

    good = "updated" if _writing(shape).is_told_new else "accepted"
    assert (result.outcomes(), count) == ([good, good], 2)


@written
def test_rate_limit_that_stays_is_a_reason_to_come_again(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(0)) as account:
        account.fake.limit_next(10)
        run = account.batch_run()
        with pytest.raises(Retryable):
            run.send(run.batches([contact(1)]).batches[0])

    assert account.fake.accepted == []


@listed
def test_rate_limit_of_a_list_that_stays_is_a_reason_to_come_again(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(3)) as account:
        account.fake.limit_next(10)
        with pytest.raises(Retryable):
            account.pages(account.endpoint("list", _listing(shape).entity).id)


@granted
def test_expired_token_is_renewed_once(shape: Shape) -> None:
    listing = _listing(shape)
    with connected(shape.connecting, shape.fake(listing.count)) as account:
        assert account.fake.authority is not None
        account.fake.authority.expire()
        documents = account.documents(account.endpoint("list", listing.entity).id)

    assert len(documents) == len(listing.ids(account.fake))
    assert account.fake.authority.refreshes == 1


@pasted
def test_pasted_token_that_expires_is_refused_with_a_reason(shape: Shape) -> None:
    assert shape.pasted is not None
    fake = shape.fake(3)
    assert fake.authority is not None
    token, _ = fake.authority.give("api")
    with connected(_pasted(shape.pasted, token), fake) as account:
        account.call(account.endpoint("health").id)
        fake.authority.expire()
        with pytest.raises(Refused) as caught:
            account.call(account.endpoint("health").id)

    assert shape.denied in caught.value.message
    assert fake.authority.refreshes == 0


def _wrong(shape: Shape) -> Connecting:
    return replace(shape.connecting, entered={**shape.connecting.entered, **shape.wrong})


def _unrenewed(account: Account) -> Account:
    return replace(account, means=replace(account.means, tokens=None))


def _pasted(how: Connecting, token: str) -> Connecting:
    entered: Json = {name: value.replace("{token}", token) for name, value in how.entered.items()}
    return replace(how, entered=entered)


def _size(account: Account) -> int:
    batch = account.endpoint("upsert").batch
    assert batch is not None
    return batch.size
