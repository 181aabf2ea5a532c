"""Files that are sent to Drive and Dropbox: whole, in parts, and in parts that get lost."""

from typing import Any

import pytest

from hub.core.errors import Retryable
from tests.providers.connecting import Account, connected
from tests.providers.fakes.dropbox import Dropbox
from tests.providers.fakes.google import Google
from tests.providers.shapes import BY_SLUG

SMALL = b"email,firstName\r\ngrace@example.com,Zo\xc3\xab\r\n"
LARGE = bytes(range(256)) * (12 * 4096)  # 12 MiB that are the same nowhere by chance
NAME = "contacts-export-Zoë's.csv"

each = pytest.mark.parametrize("slug", ["google-drive", "dropbox"])


def _fake(account: Account) -> Any:
    assert isinstance(account.fake, (Google, Dropbox))
    return account.fake


def _contents(account: Account) -> list[bytes]:
    return list(_fake(account).contents.values())


def _names(account: Account) -> list[str]:
    return [one["name"] for one in _fake(account).files.values()]


@each
def test_small_file_is_sent_whole(slug: str) -> None:
    shape = BY_SLUG[slug]
    with connected(shape.connecting, shape.fake(0)) as account:
        uploaded = account.upload(SMALL, NAME)

    assert (_contents(account), _names(account)) == ([SMALL], [NAME])
    assert uploaded.id in {one["id"] for one in _fake(account).files.values()}
    assert len(account.fake.accepted) == 1


@each
def test_large_file_is_sent_in_parts(slug: str) -> None:
    shape = BY_SLUG[slug]
    with connected(shape.connecting, shape.fake(0)) as account:
        account.upload(LARGE, NAME)

    assert _contents(account) == [LARGE]
    assert len(_fake(account).received) > 1


@each
@pytest.mark.parametrize("lost", range(1, 5))
def test_answer_that_is_lost_sends_no_part_twice(slug: str, lost: int) -> None:
    """The connection breaks after the provider took the part: the hub asks where it is, and goes on there."""
    shape = BY_SLUG[slug]
    fake = shape.fake(0)
    with connected(shape.connecting, fake) as account:
        _break_at(fake, lost)
        account.upload(LARGE, NAME)

    assert _contents(account) == [LARGE]
    assert _names(account) == [NAME]
    assert sum(last - first + 1 for first, last in _fake(account).received) == len(LARGE)


def test_drive_goes_on_within_a_part() -> None:
    """Drive may keep the beginning of a part alone; it says so, and the rest is sent."""
    shape = BY_SLUG["google-drive"]
    with connected(shape.connecting, shape.fake(0)) as account:
        _fake(account).keep_next(256 * 1024)
        account.upload(LARGE, NAME)

    assert _contents(account) == [LARGE]
    assert _fake(account).received[0] == (0, 256 * 1024 - 1)
    assert _fake(account).received[1][0] == 256 * 1024


@each
def test_rate_limit_of_an_upload_is_a_reason_to_come_again(slug: str) -> None:
    shape = BY_SLUG[slug]
    with connected(shape.connecting, shape.fake(0)) as account:
        account.fake.limit_next(20)
        with pytest.raises(Retryable):
            account.upload(SMALL, NAME)

    assert _contents(account) == []


@each
def test_expired_token_of_an_upload_is_renewed_once(slug: str) -> None:
    shape = BY_SLUG[slug]
    with connected(shape.connecting, shape.fake(0)) as account:
        assert account.fake.authority is not None
        account.fake.authority.expire()
        account.upload(LARGE, NAME)

    assert _contents(account) == [LARGE]
    assert account.fake.authority.refreshes == 1


def test_second_export_does_not_overwrite_the_first_or_replaces_it() -> None:
    """Dropbox: the same name again is either replaced or renamed, never an error."""
    shape = BY_SLUG["dropbox"]
    with connected(shape.connecting, shape.fake(0)) as account:
        account.upload(SMALL, NAME)
        account.upload(SMALL + b"x", NAME)

    assert SMALL + b"x" in _contents(account)


def _break_at(fake: Any, call: int) -> None:
    """Break the connection at the n-th call of the upload, after what it asked for was done."""
    original, seen = fake.answer, [0]

    def answer(request: Any) -> Any:
        seen[0] += 1
        if seen[0] == call:
            fake.lose_next(1)
        return original(request)

    fake.answer = answer
