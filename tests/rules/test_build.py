"""The layers as `sam build` makes them: compiled code that is taken as it is, whatever the date of its source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.reading import ROOT

# PEP 552: the second word of the header; bit 0 = by hash, bit 1 = look at the source.
UNCHECKED_HASH = 0b01


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the shared layer from a copy, as SAM does, and return the folder that Lambda puts on the path."""
    source, artifacts = tmp_path_factory.mktemp("source") / "shared", tmp_path_factory.mktemp("artifacts")
    shutil.copytree(ROOT / "layers" / "shared", source)
    make(source, "build-SharedLayer", artifacts)
    return artifacts / "python"


def make(folder: Path, target: str, artifacts: Path, *options: str) -> str:
    environment = os.environ | {"ARTIFACTS_DIR": str(artifacts), "HUB_PYTHON": sys.executable}
    command = ["make", "--silent", *options, target]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    ).stdout


def flags(compiled: Path) -> int:
    return int.from_bytes(compiled.read_bytes()[4:8], "little")


def test_layer_holds_every_module_compiled_and_unchecked(layer: Path) -> None:
    sources = list((layer / "hub").rglob("*.py"))
    compiled = list((layer / "hub").rglob("*.pyc"))

    assert len(sources) == len(list((ROOT / "layers/shared/hub").rglob("*.py")))
    assert len(compiled) == len(sources)
    assert {flags(path) for path in compiled} == {UNCHECKED_HASH}


def test_layer_holds_nothing_but_the_product(layer: Path) -> None:
    assert {path.name for path in layer.iterdir()} == {"hub"}


def test_layer_is_imported_from_its_compiled_code_when_the_source_has_another_date(layer: Path) -> None:
    """Packing changes dates; the source is made unreadable to Python here, to show that nobody looks at it."""
    source = layer / "hub" / "core" / "clock.py"
    source.write_text("this is not Python", encoding="utf-8")
    os.utime(source, (1, 1))

    command = [sys.executable, "-c", "from hub.core import clock; print(clock.__file__)"]
    environment = {"PYTHONPATH": str(layer), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)

    assert ran.stdout.strip() == str(source)


def test_dependencies_are_wheels_for_the_functions_processor(tmp_path: Path) -> None:
    commands = make(ROOT / "layers" / "dependencies", "build-DependenciesLayer", tmp_path, "--dry-run")

    assert "--only-binary=:all:" in commands
    assert "--platform manylinux2014_aarch64" in commands
    assert "--no-compile" in commands, "pip would leave compiled code that looks at dates, and compileall would keep it"
    assert "--invalidation-mode unchecked-hash" in commands
