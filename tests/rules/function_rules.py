"""Every function's code, layers and environment."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hub.core import config
from local.intrinsics import Json
from tests.rules.reading import authorizers_of, functions, groups, named, resources, source

LAYERS = ["DependenciesLayer", "SharedLayer"]
OPTIONAL = {"OWN_HOSTS"}
# What only those functions are given whose code has the word.
BY_WORD = {"own_hosts": "OWN_HOSTS", "dead_letter_queues": "DEAD_LETTERS", "dashboard_url": "DASHBOARD_URL"}


def folders(template: Json) -> list[str]:
    counted = Counter(function.group for function in functions(template))
    found = [f"functions/{group} has no function in the template" for group in sorted(groups() - counted.keys())]
    found += [f"functions/{group}/app.py does not exist" for group in sorted(counted.keys() - groups())]
    return found + [f"functions/{group} is in {times} functions" for group, times in counted.items() if times > 1]


def shape(template: Json) -> list[str]:
    """The layers are built for the functions' runtime and processor; other ones could not load them."""
    found = []
    for function in functions(template):
        properties = function.properties
        if [named(layer) for layer in properties.get("Layers") or []] != LAYERS:
            found.append(f"{function.name}: the layers are not {LAYERS}")
        if properties.get("Architectures") != ["arm64"]:
            found.append(f"{function.name} does not run on arm64")
        if named(properties.get("Runtime")) != "PythonRuntime":
            found.append(f"{function.name} has a runtime of its own")
    return found


def layers(template: Json) -> list[str]:
    found = []
    for name, layer in resources(template, "AWS::Serverless::LayerVersion").items():
        metadata = template["Resources"][name].get("Metadata") or {}
        if metadata != {"BuildMethod": "makefile", "BuildArchitecture": "arm64"}:
            found.append(f"{name} is not built for arm64 by its Makefile")
        if [named(runtime) for runtime in layer.get("CompatibleRuntimes") or []] != ["PythonRuntime"]:
            found.append(f"{name} is not for the functions' runtime")
    return found


def environment(template: Json) -> list[str]:
    """What a function is given is what `hub.core.config` reads: no more, no less."""
    shared, tokens = _names_read(config.settings), _names_read(config.token_settings)
    authorizers = authorizers_of(template)
    found = []
    for function in functions(template):
        checks_tokens = function.name in authorizers or "hub.access" in source(function.group)
        wanted = shared - OPTIONAL | (tokens if checks_tokens else set())
        wanted |= {name for word, name in BY_WORD.items() if word in source(function.group)}
        found += [f"{function.name} is not given {name}" for name in sorted(wanted - function.variables)]
        found += [f"{function.name} is given {name}, unread" for name in sorted(function.variables - wanted)]
    return found


class _Recorder(Mapping[str, str]):
    """An environment that has everything and remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return "1"

    def __iter__(self) -> Iterator[str]:
        return iter(self.asked)

    def __len__(self) -> int:
        return len(self.asked)


@cache
def _names_read(load: Callable[[], Any]) -> set[str]:
    recorder = _Recorder()
    with suppress(config.MissingSettings):  # the values are not real ones
        load_with(load, recorder)
    return set(recorder.asked)


def load_with(load: Callable[[], Any], environment: Mapping[str, str]) -> Any:
    """Return what `settings` or `token_settings` makes of an environment; the kept one stays as it is."""
    with patch.object(config, "os", SimpleNamespace(environ=environment)):
        return load.__wrapped__()  # type: ignore[attr-defined]


RULES = (folders, shape, layers, environment)
