"""The template as the rules see it: plain data with the intrinsic functions in their long form."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local.intrinsics import Json, parse_yaml
from local.openapi import load_app

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Function:
    """A function with what Globals give it; `group` is the folder of its code."""

    name: str
    properties: Json

    @property
    def group(self) -> str:
        return Path(self.properties.get("CodeUri", "")).name

    @property
    def timeout_s(self) -> int:
        return int(self.properties.get("Timeout", 3))

    @property
    def events(self) -> dict[str, Json]:
        return self.properties.get("Events") or {}

    @property
    def policies(self) -> list[Any]:
        return self.properties.get("Policies") or []

    @property
    def variables(self) -> frozenset[str]:
        return frozenset((self.properties.get("Environment") or {}).get("Variables") or {})

    def of_type(self, kind: str) -> Iterator[tuple[str, Json]]:
        """Yield name and properties of each event of one type."""
        for name, event in self.events.items():
            if event["Type"] == kind:
                yield name, event.get("Properties") or {}


def read() -> Json:
    """Return template.yaml as a structure of its own, free to be changed."""
    return deepcopy(_parsed())


@cache
def _parsed() -> Json:
    return parse_yaml((ROOT / "template.yaml").read_text(encoding="utf-8"))


def resources(template: Json, kind: str) -> dict[str, Json]:
    """Return the resources of one type, with their properties only."""
    return {
        name: resource.get("Properties") or {}
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def functions(template: Json) -> list[Function]:
    shared = (template.get("Globals") or {}).get("Function") or {}
    own = resources(template, "AWS::Serverless::Function")
    return [Function(name, _merged(shared, properties)) for name, properties in own.items()]


def _merged(shared: Json, own: Json) -> Json:
    variables: Json = {}
    for level in (shared, own):
        variables |= (level.get("Environment") or {}).get("Variables") or {}
    return {**shared, **own, "Environment": {"Variables": variables}}


def named(value: Any) -> str:
    """Return the logical id that a `!Ref` or `!GetAtt` points to, else ''."""
    if not isinstance(value, dict):
        return ""
    target = value.get("Ref") or value.get("Fn::GetAtt") or ""
    return str(target[0] if isinstance(target, list) else target).partition(".")[0]


def authorizers_of(template: Json) -> set[str]:
    """Return the functions that check tokens."""
    apis = resources(template, "AWS::Serverless::HttpApi").values()
    specs = [spec for api in apis for spec in ((api.get("Auth") or {}).get("Authorizers") or {}).values()]
    return {named(spec["FunctionArn"]) for spec in specs}


def listed(value: Any) -> list[Any]:
    """IAM writes one thing plain and several as a list."""
    return value if isinstance(value, list) else [value]


@cache
def app(group: str) -> Any:
    return load_app(ROOT / "functions" / group / "app.py")


def groups() -> set[str]:
    """Return the names of the folders that hold a function."""
    return {path.parent.name for path in ROOT.glob("functions/*/app.py")}


def source(group: str) -> str:
    path = ROOT / "functions" / group / "app.py"
    return path.read_text(encoding="utf-8") if path.exists() else ""
