"""Which secrets of a subscription are entered, kept or missing after a change; nothing of it is written here."""

from typing import Any

import pytest

from hub.core.errors import BadHandle
from hub.webhooks.subscriptions.subscription_secrets import (
    Present,
    Sealed,
    is_secret_header,
    seal,
    shown_config,
    shown_place,
)

Json = dict[str, Any]

URL, ELSEWHERE = "https://a.example.com/x", "https://b.example.com/x"
HANDLE = "{{encrypted:****}}"
PLAIN: Json = {"type": "bearer", "token": "canary"}
KEPT: Json = {"type": "bearer", "token": HANDLE}
BEFORE = Present(URL, KEPT, {"X-Key": HANDLE}, frozenset({"/auth/token", "/headers/X-Key"}))


def summary(sealed: Sealed) -> tuple[list[str], list[str], list[str]]:
    return sorted(sealed.entered), sorted(sealed.kept), sorted(sealed.missing)


def test_plain_secrets_are_entered_and_leave_handles() -> None:
    sealed = seal(URL, PLAIN, {"X-Key": "k", "X-Team": "t"}, Present())

    assert sealed.entered == {"/auth/token": "canary", "/headers/X-Key": "k"}
    assert (sealed.auth, sealed.headers) == (KEPT, {"X-Key": HANDLE, "X-Team": "t"})
    assert "canary" not in repr(sealed)


def test_handles_keep_what_is_stored() -> None:
    assert summary(seal(URL, KEPT, {"X-Key": HANDLE}, BEFORE)) == ([], ["/auth/token", "/headers/X-Key"], [])


def test_another_origin_drops_what_is_not_entered_again() -> None:
    found = seal(ELSEWHERE, KEPT, {"X-Key": "new"}, BEFORE)

    assert summary(found) == (["/headers/X-Key"], [], ["/auth/token"])
    assert found.stored == ["/headers/X-Key"]


def test_back_at_the_former_origin_a_dropped_secret_is_still_missing() -> None:
    """It is gone from the vault: a missing one is no stored one."""
    dropped = Present(ELSEWHERE, KEPT, {}, frozenset(), frozenset({"/auth/token"}))

    assert summary(seal(URL, KEPT, {}, dropped)) == ([], [], ["/auth/token"])


def test_what_is_left_out_is_not_kept() -> None:
    assert summary(seal(URL, {"type": "none"}, {}, BEFORE)) == ([], [], [])


@pytest.mark.parametrize(("auth", "headers"), [(KEPT, {}), ({"type": "none"}, {"X-Other": HANDLE})])
def test_handle_without_a_stored_secret_is_refused(auth: Json, headers: dict[str, str]) -> None:
    with pytest.raises(BadHandle):
        seal(URL, auth, headers, Present())


CREDENTIALS = "Authorization Cookie X-API-Key X-Auth X-Auth-Token apikey X-Secret Proxy-Authorization X-Signature"


@pytest.mark.parametrize("name", CREDENTIALS.split())
def test_headers_of_credentials_are_secret(name: str) -> None:
    assert is_secret_header(name)
    assert is_secret_header(name.lower())


@pytest.mark.parametrize("name", ["X-Team", "Accept", "X-Author", "X-Request-Id"])
def test_other_headers_stay_clear(name: str) -> None:
    assert not is_secret_header(name)


def test_places_are_told_in_the_words_of_the_caller() -> None:
    places = ["/auth/keyValue", "/auth/token", "/headers/X-Key"]

    assert [shown_place(place) for place in places] == ["/authConfig/apiKey", "/authConfig/token", "/headers/X-Key"]


def test_key_in_the_query_is_shown_as_it_was_written() -> None:
    auth = {"type": "api_key", "keyName": "k", "keyLocation": "query", "keyValue": HANDLE}

    assert shown_config(auth) == {"apiKey": HANDLE, "queryName": "k"}
    assert shown_config({"type": "none"}) is None
