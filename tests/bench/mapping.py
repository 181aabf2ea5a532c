"""Figures of hub.mapping: `python -m tests.bench.mapping`.

Every round runs both sides of a ratio on the same records, one after the other, in CPU time; the ratio is the median
over the rounds. Nothing is judged: a line says PASS or MISS, the exit code is 0.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from jsonpath_ng import parse  # type: ignore[attr-defined,unused-ignore]

from hub.mapping import engine
from hub.mapping.fields import FieldRule, compile_rules
from hub.mapping.pages import compile_page

RECORDS = 100_000
ROUNDS = 7
SLOW_SHARE = 20  # jsonpath-ng sees every 20th record
PAGES, PAGE_RECORDS = 200, 100

STATUS = {"ACTIVE": "active", "INACTIVE": "archived", "DELETED": "deleted"}
SUBSCRIBED = {"yes": True, "no": False}
NAMES = {"id": "externalId", "first_name": "firstName", "last_name": "lastName", "email": "email", "phone": "phone"}
DAY = {"inputFormat": "YYYY-MM-DD", "outputFormat": "ISO8601"}

EIGHT = [
    *(FieldRule(f"$.{source}", target) for source, target in NAMES.items()),
    FieldRule("$", "fullName", "concat", {"fields": ["$.first_name", "$.last_name"], "separator": " "}),
    FieldRule("$.created_at", "createdAt", "date", DAY),
    FieldRule("$.status", "status", "map", {"mapping": STATUS, "default": "unknown"}),
]
FOURTEEN = [
    *EIGHT,
    FieldRule("$.tags", "tags", "split", {"separator": ","}),
    FieldRule("$.revenue", "revenue", "number"),
    FieldRule("$.subscribed", "subscribed", "boolean"),
    FieldRule("$", "description", "template", {"template": "Contact from {{$.source}} - {{$.company.name}}"}),
    FieldRule("$.company.city", "address.city", default="unknown"),
    FieldRule("$.birthday", "birthday", "date", {"inputFormat": "MM/DD/YYYY", "outputFormat": "YYYY-MM-DD"}),
]
WITH_EXPRESSION = [
    *FOURTEEN,
    FieldRule("$", "initials", "expression", {"expression": "value.first_name[0] + value.last_name[0]"}),
]


def record(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "first_name": "Ada",
        "last_name": f"King {number % 100}",
        "email": f"ada{number}@example.com",
        "phone": "+41 44 000 00 00",
        "created_at": f"20{number % 24:02d}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "status": ("ACTIVE", "INACTIVE", "DELETED", "NEW")[number % 4],
        "tags": "a,b,c",
        "revenue": f"{number % 900 + 1},250.50",
        "subscribed": ("yes", "no")[number % 2],
        "source": "web",
        "company": {"name": "Analytical Engines", "city": "London"},
        "birthday": f"{number % 12 + 1:02d}/{number % 28 + 1:02d}/19{number % 90 + 10}",
    }


def eight_by_hand(record: Mapping[str, Any]) -> dict[str, Any]:
    day = record["created_at"]
    if len(day) != 10:
        raise ValueError(day)
    date.fromisoformat(day)  # refuses what is not in the calendar
    return {
        "externalId": record["id"],
        "firstName": record["first_name"],
        "lastName": record["last_name"],
        "email": record["email"],
        "phone": record["phone"],
        "fullName": f"{record['first_name']} {record['last_name']}",
        "createdAt": f"{day}T00:00:00.000Z",
        "status": STATUS.get(record["status"], "unknown"),
    }


def fourteen_by_hand(record: Mapping[str, Any]) -> dict[str, Any]:
    month, day, year = record["birthday"].split("/")
    company = record["company"]
    document = eight_by_hand(record)
    document["tags"] = record["tags"].split(",")
    document["revenue"] = float(record["revenue"].replace(",", ""))
    document["subscribed"] = SUBSCRIBED[record["subscribed"].strip().lower()]
    document["description"] = f"Contact from {record['source']} - {company['name']}"
    document["address"] = {"city": company.get("city", "unknown")}
    document["birthday"] = date(int(year), int(month), int(day)).isoformat()
    return document


def eight_by_jsonpath_ng() -> Callable[[Any], dict[str, Any]]:
    """Return the eight fields as an engine built on jsonpath-ng maps them: every path parsed once, found per record."""
    paths = {target: parse(f"$.{source}") for source, target in NAMES.items()}
    first, last, created, status = (parse(f"$.{n}") for n in ("first_name", "last_name", "created_at", "status"))

    def map_record(record: Any) -> dict[str, Any]:
        document = {target: path.find(record)[0].value for target, path in paths.items()}
        document["fullName"] = f"{first.find(record)[0].value} {last.find(record)[0].value}"
        document["createdAt"] = (
            datetime.fromisoformat(created.find(record)[0].value).isoformat(timespec="milliseconds") + "Z"
        )
        document["status"] = STATUS.get(status.find(record)[0].value, "unknown")
        return document

    return map_record


def cpu_s(function: Callable[[Any], Any], records: Sequence[Any]) -> float:
    started = time.process_time()
    for each in records:
        function(each)
    return (time.process_time() - started) / len(records)


def ratio(
    numerator: Callable[[Any], Any], denominator: Callable[[Any], Any], records: Sequence[Any], share: int = 1
) -> float:
    """Return how many times the CPU of `denominator` the numerator takes; with `share` it sees fewer records."""
    few = records[::share]
    return statistics.median(cpu_s(numerator, few) / cpu_s(denominator, records) for _ in range(ROUNDS))


def compile_ms(rules: Sequence[FieldRule]) -> float:
    started = time.process_time()
    for _ in range(20):
        compile_rules(rules)
    return (time.process_time() - started) * 1000 / 20


def first_compile_ms() -> float:
    """Return what the first rule set of a fresh process costs, the imports of hub.mapping not counted."""
    code = (
        "import time; from tests.bench.mapping import FOURTEEN, compile_rules; s = time.process_time();"
        "compile_rules(FOURTEEN); print((time.process_time() - s) * 1000)"
    )
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def page_ms(rules: Sequence[FieldRule], records: Sequence[Any]) -> float:
    """Return the wall time of one page, its share of the engine's process included; the median of many."""
    run = compile_page(rules)
    run(records, None)  # starts the process

    def once() -> float:
        started = time.perf_counter()
        run(records, None)
        return (time.perf_counter() - started) * 1000

    return statistics.median(once() for _ in range(PAGES))


def first_page_ms() -> float:
    """Return what the first page with an expression costs more than the next: the start of the engine's process."""
    engine.close()
    started = time.perf_counter()
    compile_page(WITH_EXPRESSION)([record(1)], None)
    return (time.perf_counter() - started) * 1000


def show_pages(records: Sequence[Any]) -> None:
    plain, expression = page_ms(FOURTEEN, records), page_ms(WITH_EXPRESSION, records)
    added_us = (expression - plain) * 1000 / len(records)
    print(f"page of {len(records)} records, 14 fields: {plain:.2f} ms")  # noqa: T201
    print(f"the same with an expression: {expression:.2f} ms, {added_us:.1f} µs more per record")  # noqa: T201
    print(f"first expression of a process: {first_page_ms():.0f} ms")  # noqa: T201


def show(name: str, value: float, unit: str, target: float, at_most: bool = True) -> None:
    good = value <= target if at_most else value >= target
    bound = "at most" if at_most else "at least"
    print(f"{name}: {value:.2f}{unit} (target {bound} {target:g}{unit}) {'PASS' if good else 'MISS'}")  # noqa: T201


def main() -> None:
    records = [record(number) for number in range(RECORDS)]
    eight, fourteen, slow = compile_rules(EIGHT), compile_rules(FOURTEEN), eight_by_jsonpath_ng()
    for each in records[:1000]:
        assert eight(each) == eight_by_hand(each) == slow(each)
        assert fourteen(each) == fourteen_by_hand(each)
    show("8 fields, CPU against by hand", ratio(eight, eight_by_hand, records), "x", 2.2)
    show("14 fields, CPU against by hand", ratio(fourteen, fourteen_by_hand, records), "x", 2.2)
    show("8 fields, times faster than jsonpath-ng", ratio(slow, eight, records, SLOW_SHARE), "x", 7, at_most=False)
    show("14 fields, compile", compile_ms(FOURTEEN), " ms", 5)
    show("14 fields, first compile of a process", first_compile_ms(), " ms", 5)
    show("14 fields, CPU per record", cpu_s(fourteen, records) * 1e6, " µs", 20)
    show_pages(records[:PAGE_RECORDS])


if __name__ == "__main__":
    main()
