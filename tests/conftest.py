"""What holds for every test."""

import os

import pytest
from hypothesis import settings

os.environ["MOTO_ACCOUNT_ID"] = "000000000000"  # moto reads it on import: the account of the local stack's ARNs
# A machine that is busy with other work must not make a property look false.
settings.register_profile("hub", deadline=None)
settings.load_profile("hub")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the longest proofs to `make proofs`: each has a smaller one of the same promise beside it."""
    if "HUB_PROOFS" in os.environ:
        return
    for item in items:
        if item.get_closest_marker("full_size"):
            item.add_marker(pytest.mark.skip(reason="of full size: `make proofs` runs it (HUB_PROOFS=1)"))
