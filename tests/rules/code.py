"""The product's source files as syntax trees, and what they import."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tests.rules.reading import ROOT

HUB = ROOT / "layers" / "shared" / "hub"
FUNCTIONS = ROOT / "functions"


@dataclass(frozen=True)
class Source:
    path: Path

    @property
    def name(self) -> str:
        """Where the file is, for messages: `functions/sync/app.py`."""
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """Every module that is imported anywhere in the file, under TYPE_CHECKING too."""
        return tuple(self._imports())

    def _imports(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                yield module
                if module == "hub" or module.count(".") == 1:
                    yield from (f"{module}.{alias.name}" for alias in node.names)

    def roots(self) -> set[str]:
        return {module.partition(".")[0] for module in self.imports}

    def texts(self) -> Iterator[str]:
        """Yield the string constants, parts of f-strings among them, docstrings not."""
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(self.tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value


@cache
def in_folder(folder: Path) -> tuple[Source, ...]:
    """Return the files of a folder, the same objects each time: a file is parsed once."""
    return tuple(Source(path) for path in sorted(folder.rglob("*.py")))


def hub() -> tuple[Source, ...]:
    return in_folder(HUB)


def functions() -> tuple[Source, ...]:
    return in_folder(FUNCTIONS)


def product() -> list[Source]:
    return [*hub(), *functions()]
