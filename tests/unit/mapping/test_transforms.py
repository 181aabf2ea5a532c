from typing import Any

import pytest

from hub.mapping.fields import BadRule, FieldRule, MappingFailed, compile_rules

ABSENT = "absent"


def transformed(value: Any, transform: str, /, **config: Any) -> Any:
    return compile_rules([FieldRule("$.value", "out", transform, config)])({"value": value}).get("out", ABSENT)


def of_record(record: Any, transform: str, /, **config: Any) -> Any:
    return compile_rules([FieldRule("$", "out", transform, config)])(record).get("out", ABSENT)


PERSON = {"first": "Ada", "last": "King", "age": 36, "score": 5.0, "vip": True, "none": None, "empty": "", "list": [1]}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (["$.first", "$.last"], "Ada King"),
        (["first", "$['last']"], "Ada King"),
        (["$.first", "$.absent", "$.none", "$.empty", "$.last"], "Ada King"),
        (["$.first", "$.age", "$.score", "$.vip"], "Ada 36 5 true"),
        (["$.first", "$.empty", "$.last"], "Ada King"),
        (["$.absent", "$.none"], ABSENT),
        (["$..last", "$.first"], "King Ada"),
    ],
)
def test_concat_joins_the_parts_that_are_there(fields: list[str], text: str) -> None:
    assert of_record(PERSON, "concat", fields=fields, separator=" ") == text


def test_concat_without_separator_joins_directly() -> None:
    assert of_record(PERSON, "concat", fields=["first", "last"]) == "AdaKing"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {{$.first}}!", "Hi Ada!"),
        ("{{ first }} {{last}}", "Ada King"),
        ("{{first}}: {{absent}}{{none}}{{age}} 100% {k0}", "Ada: 36 100% {k0}"),
        ("{{absent}} and {{none}}", ABSENT),
        ("always }} the same %s", "always }} the same %s"),
        ("{{empty}}!", "!"),
    ],
)
def test_template_is_filled_from_the_record(template: str, text: str) -> None:
    assert of_record(PERSON, "template", template=template) == text


@pytest.mark.parametrize(("name", "config"), [("concat", {"fields": ["list"]}), ("template", {"template": "{{list}}"})])
def test_list_is_refused_inside_a_text(name: str, config: dict[str, Any]) -> None:
    with pytest.raises(MappingFailed, match="found a list of 1"):
        of_record(PERSON, name, **config)


@pytest.mark.parametrize(
    ("config", "value", "result"),
    [
        ({}, "a,b,c", ["a", "b", "c"]),
        ({"separator": "; "}, "a; b", ["a", "b"]),
        ({"limit": 2}, "a,b,c", ["a", "b,c"]),
        ({"limit": 1}, "a,b", ["a,b"]),
        ({"trim": True}, " a , b ", ["a", "b"]),
        ({"index": 0}, "a,b", "a"),
        ({"index": -1}, "a,b", "b"),
        ({"index": 2}, "a,b", ABSENT),
        ({}, "", []),
    ],
)
def test_split_gives_parts(config: dict[str, Any], value: str, result: Any) -> None:
    assert transformed(value, "split", **config) == result


@pytest.mark.parametrize(
    ("value", "result"), [("A", 1), ("5", "five"), (5, "five"), (5.0, "five"), (True, "yes"), ("L", [1]), (None, None)]
)
def test_map_gives_the_value_for_a_key(value: Any, result: Any) -> None:
    assert transformed(value, "map", mapping={"A": 1, "5": "five", "true": "yes", "L": [1]}) == result


@pytest.mark.parametrize("value", ["B", 6, [], {}, "a"])
def test_map_fails_or_takes_its_default_for_an_unknown_value(value: Any) -> None:
    assert transformed(value, "map", mapping={"A": 1}, default="other") == "other"
    assert transformed(value, "map", mapping={"A": 1}, default=None) is None
    with pytest.raises(MappingFailed, match="expected one of A"):
        transformed(value, "map", mapping={"A": 1})


def test_map_does_not_share_lists_between_records() -> None:
    run = compile_rules([FieldRule("$.value", "out", "map", {"mapping": {"A": []}, "default": {}})])

    run({"value": "A"})["out"].append(1)
    run({"value": "B"})["out"]["a"] = 1

    assert (run({"value": "A"}), run({"value": "B"})) == ({"out": []}, {"out": {}})


@pytest.mark.parametrize(
    ("config", "value", "result"),
    [
        ({}, "1,234.50", 1234.5),
        ({}, "12,34,567", 1234567),
        ({}, " -12 ", -12),
        ({}, "+5", 5),
        ({}, "1e3", 1000.0),
        ({}, 5, 5),
        ({}, 2.5, 2.5),
        ({}, "123456789012345678901234567890", 123456789012345678901234567890),
        ({"decimalSeparator": ","}, "1.234,50", 1234.5),
        ({"decimalSeparator": ",", "thousandsSeparator": " "}, "1 234,5", 1234.5),
        ({"thousandsSeparator": "'"}, "1'234", 1234),
        ({"integer": True}, "3.0", 3),
        ({"integer": True}, 3.0, 3),
        ({"integer": True}, "90071992547409931", 90071992547409931),
    ],
)
def test_number_reads(config: dict[str, Any], value: Any, result: float) -> None:
    number = transformed(value, "number", **config)

    assert (number, type(number)) == (result, type(result))


@pytest.mark.parametrize(
    "value",
    [
        True,
        "NaN",
        "Infinity",
        "inf",
        float("nan"),
        float("inf"),
        "1e999",
        "",
        " ",
        "1,5",
        "1,23",
        "12a",
        "0x10",
        "1_000",
        "1.2.3",
        "--1",
        "٣",
        "9" * 301,
        [],
        {},
        "1234,567",
    ],
)
def test_number_refuses_what_is_none(value: Any) -> None:
    with pytest.raises(MappingFailed, match="expected a number"):
        transformed(value, "number")


@pytest.mark.parametrize(
    ("config", "value"), [({"integer": True}, "1.5"), ({"integer": True}, 1.5), ({"thousandsSeparator": ""}, "1,234")]
)
def test_number_refuses_what_its_config_excludes(config: dict[str, Any], value: Any) -> None:
    with pytest.raises(MappingFailed):
        transformed(value, "number", **config)


@pytest.mark.parametrize(
    ("result", "values"),
    [(True, ["yes", "TRUE", " On ", "1", 1, 1.0, True]), (False, ["no", "False", "off", 0, False])],
)
def test_boolean_reads(result: bool, values: list[Any]) -> None:
    assert {transformed(value, "boolean") for value in values} == {result}


@pytest.mark.parametrize("value", ["maybe", "", 2, [], {}])
def test_boolean_refuses_what_is_neither(value: Any) -> None:
    with pytest.raises(MappingFailed):
        transformed(value, "boolean")


def test_boolean_takes_the_given_words_only() -> None:
    words = {"trueValues": ["Ja", 1], "falseValues": ["Nein"]}

    assert (transformed("ja", "boolean", **words), transformed(1, "boolean", **words)) == (True, True)
    assert transformed("NEIN", "boolean", **words) is False
    with pytest.raises(MappingFailed):
        transformed("yes", "boolean", **words)


@pytest.mark.parametrize(
    ("transform", "config", "pointer"),
    [
        ("direct", {"x": 1}, "/x"),
        ("direct", {"a/b~": 1}, "/a~1b~0"),
        ("concat", {}, "/fields"),
        ("concat", {"fields": []}, "/fields"),
        ("concat", {"fields": ["$.a", "$["]}, "/fields/1"),
        ("concat", {"fields": ["$.a", 5]}, "/fields/1"),
        ("concat", {"fields": ["$.a"], "separator": 1}, "/separator"),
        ("template", {}, "/template"),
        ("template", {"template": "{{$.a"}, "/template"),
        ("template", {"template": "{{}}"}, "/template"),
        ("template", {"template": "{{a-b}}"}, "/template"),
        ("split", {"separator": ""}, "/separator"),
        ("split", {"limit": 0}, "/limit"),
        ("split", {"limit": True}, "/limit"),
        ("split", {"trim": "yes"}, "/trim"),
        ("split", {"index": "0"}, "/index"),
        ("map", {}, "/mapping"),
        ("map", {"mapping": []}, "/mapping"),
        ("number", {"decimalSeparator": ".."}, "/decimalSeparator"),
        ("number", {"decimalSeparator": "5"}, "/decimalSeparator"),
        ("number", {"thousandsSeparator": "."}, "/thousandsSeparator"),
        ("number", {"integer": 1}, "/integer"),
        ("boolean", {"trueValues": []}, "/trueValues"),
        ("boolean", {"trueValues": [{}]}, "/trueValues"),
        ("boolean", {"trueValues": ["no"]}, "/falseValues"),
        ("date", {"timezone": "Mars/Olympus"}, "/timezone"),
        ("date", {"timezone": "../etc/passwd"}, "/timezone"),
        ("date", {"inputFormat": "yyyy-MM-dd"}, "/inputFormat"),
        ("date", {"inputFormat": "HH:mm"}, "/inputFormat"),
        ("date", {"inputFormat": "YYYY MM M"}, "/inputFormat"),
        ("date", {"inputFormat": "YYYY hh"}, "/inputFormat"),
        ("date", {"inputFormat": "YYYY HH hh A"}, "/inputFormat"),
        ("date", {"inputFormat": ""}, "/inputFormat"),
        ("date", {"outputFormat": "[text]"}, "/outputFormat"),
        ("date", {"outputFormat": "DDD"}, "/outputFormat"),
    ],
)
def test_wrong_config_is_refused_with_its_pointer(transform: str, config: dict[str, Any], pointer: str) -> None:
    good = FieldRule("$.a", "a")

    with pytest.raises(BadRule) as refused:
        compile_rules([good, FieldRule("$.b", "b", transform, config)])

    assert (refused.value.index, refused.value.pointer) == (1, f"/transform/config{pointer}")
