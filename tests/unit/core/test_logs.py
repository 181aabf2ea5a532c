"""Only allow-listed keys are logged, and never the text of a foreign error."""

import pytest

from hub.core import logs
from tests.unit.core.conftest import LogLines


def test_line_is_json_with_the_facts_that_have_a_value(log: LogLines) -> None:
    logs.info("request.answered", route="GET /healthz", status=200, code=None)

    (line,) = log.lines
    assert (line["message"], line["level"]) == ("request.answered", "INFO")
    assert (line["route"], line["status"]) == ("GET /healthz", 200)
    assert "code" not in line


@pytest.mark.parametrize("key", ["body", "headers", "authorization", "secret", "token", "error", "password", "query"])
def test_key_that_is_not_listed_is_an_error_before_anything_is_written(log: LogLines, key: str) -> None:
    for write in (logs.info, logs.warning):
        with pytest.raises(KeyError, match=key):
            write("request.answered", **{key: "canary-3a9b"})

    assert log.text == ""


def test_failure_says_type_and_place_but_never_the_text(log: LogLines) -> None:
    def fetch() -> None:
        raise ConnectionError("https://api.test/?token=canary-5d5d")

    try:
        fetch()
    except ConnectionError as error:
        logs.failure("request.broke", error, tenant="acme")

    (line,) = log.lines
    assert line["error_type"] == "ConnectionError"
    assert "fetch" in line["problem"]
    assert line["tenant"] == "acme"
    assert "canary" not in log.text


def test_failure_hides_the_text_of_the_cause_as_well(log: LogLines) -> None:
    try:
        try:
            raise ValueError("canary-5d5d")
        except ValueError as cause:
            raise RuntimeError("canary-6e6e") from cause
    except RuntimeError as error:
        logs.failure("request.broke", error)

    assert log.lines[0]["error_type"] == "RuntimeError"
    assert "canary" not in log.text


def test_failure_of_an_error_that_was_never_raised_has_no_place(log: LogLines) -> None:
    logs.failure("request.broke", ValueError("canary-5d5d"))

    assert log.lines[0]["problem"] == ""
