"""How redo jobs are named, for whoever must tell their ids from those of events without knowing what the jobs do."""

# By what is done again: the deliveries of a subscription, or the events that an endpoint received.
PREFIXES = {"recover": "rec", "replay": "rpl"}


def is_job(named: str) -> bool:
    """Say whether an id, of a hint or of something else, names a redo job."""
    return named.partition("_")[0] in PREFIXES.values()
