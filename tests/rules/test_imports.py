"""Who may import whom: features from above to below, functions from the hub alone, each edge from one place."""

import ast
import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest

from tests.rules.code import HUB, Source, functions, hub, in_folder, product
from tests.rules.reading import ROOT

# From top to bottom; what stands on one line does not know of each other.
LINES = (
    {"search", "insights", "tenant_apis"},
    {"webhooks"},
    {"sync"},
    {"integrations", "transformations"},
    {"access", "documents"},
    {"document_reads", "document_versions", "document_views"},
    {"providers"},
    {"connector"},
    {"outbound", "mapping"},
    {"core"},
)
LEVEL = {feature: level for level, line in enumerate(LINES) for feature in line}
KNOWS_BOTOCORE = re.compile(r"/hub/(sync|webhooks)/")
# Lambda brings them along.
PROVIDED = {"boto3", "botocore"}


def feature_of(module: str) -> str:
    """Return the feature of `hub.sync.run` (sync) or `hub.documents_models` (documents)."""
    return module.split(".")[1].removesuffix("_models")


def features_used(source: Source) -> set[str]:
    return {feature_of(module) for module in source.imports if module.startswith("hub.")}


def forbidden(module_feature: str, used: set[str]) -> set[str]:
    """Return what a feature uses and must not: all that is above or beside it."""
    return {other for other in used if other != module_feature and LEVEL[other] <= LEVEL[module_feature]}


@pytest.mark.parametrize("source", hub(), ids=lambda source: source.name)
def test_feature_imports_only_what_is_below_it(source: Source) -> None:
    parts = source.path.relative_to(HUB).with_suffix("").parts
    if parts == ("__init__",):
        return

    feature = feature_of(".".join(("hub", *parts)))

    assert feature in LEVEL, f"{feature} has no place in LINES"
    assert forbidden(feature, features_used(source)) == set()


def test_upward_and_sideways_imports_are_noticed() -> None:
    assert forbidden("core", {"sync", "core"}) == {"sync"}
    assert forbidden("mapping", {"outbound", "core"}) == {"outbound"}
    assert forbidden("sync", {"integrations", "documents", "core"}) == set()


def test_package_files_are_empty() -> None:
    """A cold start pays for what the function uses, not for what lies beside it."""
    assert [str(path) for path in HUB.rglob("__init__.py") if path.read_text(encoding="utf-8").strip()] == []


@pytest.mark.parametrize("source", functions(), ids=lambda source: source.name)
def test_function_imports_the_hub_and_the_standard_library_only(source: Source) -> None:
    siblings = {path.stem for path in source.path.parent.glob("*.py")}

    assert source.roots() <= {"hub", *sys.stdlib_module_names, *siblings}


@pytest.mark.parametrize("source", functions(), ids=lambda source: source.name)
def test_function_spells_no_key(source: Source) -> None:
    """Keys are made in the features; `#` divides their parts."""
    assert [text for text in source.texts() if "#" in text or text == "pk"] == []


def users(module: str, sources: Iterable[Source]) -> set[str]:
    """Return the files that import a top-level package."""
    return {source.name for source in sources if module in source.roots()}


def test_only_outbound_calls_foreign_servers() -> None:
    for module in ("httpx", "httpcore", "urllib3", "requests"):
        assert {name for name in users(module, product()) if "/hub/outbound/" not in name} == set()


def test_only_the_resources_make_aws_clients() -> None:
    assert users("boto3", product()) == {"layers/shared/hub/core/resources.py"}


def test_botocore_is_known_to_core_sync_and_webhooks_by_its_errors() -> None:
    for source in product():
        used = {module for module in source.imports if module.startswith("botocore")}
        if "/hub/core/" in source.name:
            continue
        allowed = {"botocore.exceptions"} if KNOWS_BOTOCORE.search(source.name) else set()
        assert {module for module in used if module.count(".") == 1} <= allowed, source.name


def reads_environment(source: Source) -> bool:
    names = {"environ", "getenv", "environb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
        for node in ast.walk(source.tree)
    )


def test_only_the_config_reads_the_environment() -> None:
    readers = {source.name for source in product() if reads_environment(source)}

    assert readers == {"layers/shared/hub/core/config.py"}


def test_product_does_not_know_the_local_stack_or_the_tests() -> None:
    assert users("local", product()) | users("tests", product()) == set()


def test_local_stack_does_not_know_the_tests() -> None:
    assert users("tests", in_folder(ROOT / "local")) == set()


def test_product_prints_nothing() -> None:
    calls = [
        f"{source.name}:{node.lineno}"
        for source in product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert calls == []


def shipped() -> set[str]:
    """Return the distributions of the dependencies layer: those it lists and those that come with them."""
    lines = (ROOT / "layers" / "dependencies" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {name for line in lines if (name := distribution(line))}
    return listed | {distribution(line) for name in listed for line in brought_by(name)}


def brought_by(name: str) -> list[str]:
    try:
        return [line for line in requires(name) or () if "extra ==" not in line]
    except PackageNotFoundError:
        return []  # listed, and not installed here yet


def distribution(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def test_everything_imported_is_in_the_dependencies_layer() -> None:
    known = {"hub", *sys.stdlib_module_names, *PROVIDED}
    foreign = {root: source.name for source in product() for root in source.roots() - known}
    foreign = {root: name for root, name in foreign.items() if not root.startswith("mypy_boto3_")}
    origin = packages_distributions()
    siblings = {source.path.stem for source in functions()}

    unlisted = {
        root: name
        for root, name in foreign.items()
        if root not in siblings and not shipped() & {distribution(each) for each in origin.get(root, [])}
    }

    assert unlisted == {}
