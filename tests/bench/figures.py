"""How a figure is printed: `name: value (target ...) PASS|MISS`."""


def show(name: str, value: float, unit: str, target: float, *, at_most: bool = True) -> None:
    good = value <= target if at_most else value >= target
    bound = "at most" if at_most else "at least"
    print(f"{name}: {value:.2f}{unit} (target {bound} {target:g}{unit}) {'PASS' if good else 'MISS'}", flush=True)  # noqa: T201


def note(name: str, value: float, unit: str) -> None:
    """Print a figure that has no target, beside the ones that need it to be understood."""
    print(f"{name}: {value:.2f}{unit}", flush=True)  # noqa: T201


def missing(side: str) -> None:
    """Say that a side is left out, and what puts it there."""
    print(f"{side}: left out, it is not in .venv-dlt; `make .venv-dlt/made` installs it", flush=True)  # noqa: T201
