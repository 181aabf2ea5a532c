"""The transforms of a field mapping: name -> how its config becomes a function. Wrong config is refused on save.

| name       | config (* = required)                                   | example                                    |
|------------|---------------------------------------------------------|--------------------------------------------|
| direct     | none                                                    | the value as it is                         |
| concat     | fields* (paths), separator ""                           | ["$.first", "$.last"], " " -> "Ada King"   |
| template   | template*: text with {{$.path}} or {{name}}             | "Hi {{$.first}}" -> "Hi Ada"               |
| split      | separator ",", limit, trim false, index                 | "a,b,c" with limit 2 -> ["a", "b,c"]       |
| map        | mapping*, default                                       | {"ACTIVE": "active"}: "ACTIVE" -> "active" |
| date       | inputFormat ISO8601, outputFormat ISO8601, timezone UTC | see `hub.mapping.dates`                    |
| number     | decimalSeparator ".", thousandsSeparator, integer false | "1,234.50" -> 1234.5                       |
| boolean    | trueValues, falseValues                                 | "yes" -> true                              |
| expression | expression*: JavaScript over value and record           | value.trim(): " Ada " -> "Ada"             |
| lookup     | type* (or shardTypeId), field "$", key                  | field "name": "c7" -> "Engines"            |

Every transform also takes onError: "reject" (the record fails), "null", or "default" (the rule's default).

- `concat` and `template` read the record, not the source. Missing and null parts are skipped (`concat`, also empty
  ones) or left blank (`template`); where none of the parts is there, the result counts as missing.
- `split`: the last of `limit` parts keeps the rest; `index` picks one part (-1 the last), one that is not there counts
  as missing; "" gives [].
- `map`: numbers and booleans are looked up as JSON writes them ("5", "true"). Unknown without `default` fails.
- `number`: `thousandsSeparator` is "," (or "." where the decimal separator is ",") unless given; "" forbids it. Groups
  must be groups: "1,5" is refused. Whole numbers stay exact, others become a double; NaN, Infinity and booleans are
  refused. `integer` refuses 1.5 and turns 3.0 into 3.
- `boolean`: true/yes/y/on/1 and false/no/n/off/0 in any case, unless lists are given; other values fail.
- `expression`: `value` is what is at the source, `record` all of it; the source `$` is for deciding about what is
  missing. A function is called with both: `(value, record) => { ... return ...; }`. See `hub.mapping.expressions`.
- `lookup`: the value at the source, or what `key` (a path or a template of the record) gives, is the external id of a
  document of that type; `field` is a path into its content. A document that is not there counts as missing; documents
  of the same page are there from the next sync on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from hub.mapping.config import BadConfig, Config, Unfit, as_text, found, fresh
from hub.mapping.dates import date
from hub.mapping.expressions import expression
from hub.mapping.lookups import lookup
from hub.mapping.numbers import number
from hub.mapping.paths import MISSING
from hub.mapping.texts import concat, split, template

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Transform:
    """`build` makes the function from the config and may raise BadConfig; the function may raise Unfit, give MISSING.

    The function gets the value at the source, which is neither missing nor null; with `of_record` the whole record.
    With `of_page` it is no function but what `hub.mapping.pages` does for all records of a page at once.
    """

    build: Callable[[Config], Any]
    of_record: bool = False
    of_page: bool = False


@dataclass(frozen=True)
class Lookup:
    """A function whose result for some texts is known: `table`, for other texts `otherwise` unless that is MISSING."""

    table: Mapping[str, Any]
    otherwise: Any
    general: Convert

    def __call__(self, value: Any) -> Any:
        return self.general(value)


def direct(_: Config) -> Convert:
    return lambda value: value


def lookup_table(config: Config) -> Convert:
    table = config.table("mapping")
    otherwise = config.value("default", MISSING)

    def general(value: Any) -> Any:
        known = table.get(value if isinstance(value, str) else _key(value), otherwise)
        if known is MISSING:
            raise Unfit(f"expected one of {_some(table)}, found {found(value)}")
        return fresh(known)

    simple = {text: known for text, known in table.items() if not isinstance(known, (dict, list))}
    return Lookup(
        simple, MISSING if isinstance(otherwise, (dict, list)) or len(simple) < len(table) else otherwise, general
    )


def _key(value: Any) -> Any:
    return MISSING if isinstance(value, (dict, list)) else as_text(value)  # MISSING is in no table


def _some(table: Mapping[str, Any]) -> str:
    names = list(table)
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")


def boolean(config: Config) -> Convert:
    true = _words(config, "trueValues", ["true", "yes", "y", "on", "1"])
    false = _words(config, "falseValues", ["false", "no", "n", "off", "0"])
    if both := [word for word in true if word in false]:
        raise BadConfig("/falseValues", f"{both[0]!r} cannot mean both true and false")
    table = dict.fromkeys(true, True) | dict.fromkeys(false, False)

    def general(value: Any) -> Any:
        if isinstance(value, bool):
            return value
        meaning = table.get(as_text(value).strip().lower())
        if meaning is None:
            raise Unfit(f"expected one of {_some(table)}, found {found(value)}")
        return meaning

    return Lookup(table, MISSING, general)


def _words(config: Config, key: str, default: list[Any]) -> list[str]:
    try:
        return [as_text(value).strip().lower() for value in config.items(key, default)]
    except Unfit as cause:
        raise BadConfig(f"/{key}", str(cause)) from cause


TRANSFORMS: Mapping[str, Transform] = MappingProxyType(
    {
        "direct": Transform(direct),
        "concat": Transform(concat, of_record=True),
        "template": Transform(template, of_record=True),
        "split": Transform(split),
        "map": Transform(lookup_table),
        "date": Transform(date),
        "number": Transform(number),
        "boolean": Transform(boolean),
        "expression": Transform(expression, of_page=True),
        "lookup": Transform(lookup, of_page=True),
    }
)
