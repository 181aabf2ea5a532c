"""What is known for a while: read once, read anew when it is told to be, and never too many things."""

from hub.core.recent import Recent


class Shelf:
    """Counts how often each thing is read; a thing is its name and that number."""

    def __init__(self) -> None:
        self.reads: dict[str, int] = {}

    def read(self, name: str) -> tuple[str, int]:
        self.reads[name] = self.reads.get(name, 0) + 1
        return name, self.reads[name]


def test_thing_is_read_once_until_it_is_forgotten() -> None:
    recent = Recent(Shelf().read, most=10)

    assert [recent.get("a"), recent.get("a")] == [("a", 1)] * 2
    recent.forget("a")
    assert recent.get("a") == ("a", 2)


def test_thing_that_does_not_fit_is_read_anew() -> None:
    recent = Recent(Shelf().read, most=10)
    recent.get("a")

    assert recent.get("a", lambda thing: thing[1] == 2) == ("a", 2)
    assert recent.get("a", lambda thing: thing[1] == 2) == ("a", 2)


def test_all_are_let_go_when_there_is_no_room_for_another() -> None:
    recent = Recent(Shelf().read, most=2)
    for name in ("a", "b", "c"):
        recent.get(name)

    assert recent.get("c") == ("c", 1)
    assert recent.get("a") == ("a", 2)
