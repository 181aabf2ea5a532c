"""Log lines of functions are shown as one readable line."""

import io
import json

from local.logs import Log, rendered


def test_json_line_becomes_message_and_facts() -> None:
    line = {"level": "INFO", "message": "page.done", "page": 2, "job": "j1", "timestamp": "x", "service": "hub"}

    log = Log()
    log.function_line("Sync", json.dumps(line))

    assert log.text().endswith("INFO    Sync: page.done page=2 job=j1")


def test_traceback_follows_on_lines_of_its_own() -> None:
    text = rendered({"message": "failed", "exception": "Traceback:\n  here"})

    assert text == "failed\n    Traceback:\n      here"


def test_plain_text_is_shown_as_it_is() -> None:
    log = Log()

    log.function_line("Sync", "hello")

    assert log.text().endswith("Sync: hello")


def test_metrics_line_is_left_out() -> None:
    log = Log()

    log.function_line("Sync", '{"_aws": {}, "Calls": 1}')

    assert log.text() == ""


def test_lines_before_the_stream_is_attached_are_not_lost() -> None:
    log, stream = Log(), io.StringIO()

    log.line("early", n=1)
    log.attach(stream)
    log.line("late", nothing=None)

    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == ["early n=1", "late"]
