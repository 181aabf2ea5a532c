"""The catalogue on the real stack: filled before the first request, and kept over a restart."""

from pathlib import Path

import httpx
import pytest

from hub.providers import provider_files
from local.intrinsics import TemplateError
from local.stack import TEMPLATE, Stack

SLUGS = {path.stem for path in provider_files.paths()}


def providers(stack: Stack) -> dict[str, dict[str, object]]:
    """Return the catalogue as the operator sees it, by id."""
    headers = {"authorization": f"Bearer {stack.token('operator', roles=('super_admin',))}"}
    answer = httpx.get(f"{stack.url}/api/admin/integrations?limit=100", headers=headers, timeout=35, trust_env=False)
    return {each["id"]: each for each in answer.json()["providers"]}


def disable(stack: Stack, slug: str, category: str) -> None:
    headers = {"authorization": f"Bearer {stack.token('operator', roles=('super_admin',))}"}
    url = f"{stack.url}/api/admin/integrations/{category}/{slug}/status"
    httpx.patch(url, headers=headers, json={"status": "disabled"}, timeout=35, trust_env=False).raise_for_status()


def test_catalogue_is_there_from_the_start_and_a_restart_writes_nothing(tmp_path: Path) -> None:
    with Stack(TEMPLATE, tmp_path, schedules=False, queues=False) as stack:
        first = providers(stack)
        disable(stack, "rest", "custom")

    with Stack(TEMPLATE, tmp_path, schedules=False, queues=False) as stack:
        second = providers(stack)
        writes = {name: count for name, count in stack.aws_calls().items() if not name.startswith(("Get", "Batch"))}

    assert first.keys() == SLUGS
    assert second["rest"]["status"] == "disabled"
    assert {slug: each for slug, each in second.items() if slug != "rest"} == {
        slug: each for slug, each in first.items() if slug != "rest"
    }
    assert not {"TransactWriteItems", "PutItem", "DeleteItem"} & writes.keys()


def test_stack_does_not_start_without_its_catalogue(tmp_path: Path) -> None:
    broken = {"ProviderSeed": {"CONFIG_TABLE": "no-such-table"}}

    with pytest.raises(TemplateError, match="ProviderCatalogue: ResourceNotFoundException"):
        Stack(TEMPLATE, tmp_path, schedules=False, queues=False, env_overrides=broken).start()
