"""A few ids of each outcome, kept in the job: what its proof shows beside the counts."""

from collections.abc import Iterable, Mapping

MOST = 5
MOST_ID_CHARS = 512  # no document has a longer id, but a record that was refused may
OUTCOMES = ("created", "updated", "unchanged", "rejected", "deleted")

Samples = dict[str, list[str]]


def with_more(kept: Mapping[str, list[str]] | None, found: Iterable[tuple[str, str]]) -> Samples:
    """Return the samples with the first of `found`, pairs of outcome and id, until there are enough of each."""
    samples = {name: list(ids) for name, ids in (kept or {}).items()}
    for outcome, name in ((outcome, name[:MOST_ID_CHARS]) for outcome, name in found):
        ids = samples.setdefault(outcome, [])
        if len(ids) < MOST and name not in ids:
            ids.append(name)
    return samples
