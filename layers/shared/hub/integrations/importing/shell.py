"""Splits a text into commands and words as a POSIX shell does; nothing is run and nothing is expanded.

Quotes, `\\`, `$'...'` (ANSI-C quoting) and continued lines are read; so is the `^` of a command that was copied for
the Windows command line. What follows a pipe belongs to no command.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hub.integrations.importing.warnings import Warnings, refused

_PIECE = re.compile(
    r"""(?P<blank>(?:[ \t\r\f\v]|\\\r?\n|\\\Z)+)
    |(?P<end>\n|;|&&|\|\||&(?=\s|$))
    |(?P<pipe>\|&?|[0-9]?[<>]{1,3}&?[0-9-]?)
    |(?P<single>'[^']*')
    |(?P<ansi>\$'(?:[^'\\]|\\.)*')
    |(?P<double>\$?"(?:[^"\\]|\\.)*")
    |(?P<escaped>\\.)
    |(?P<plain>[^\s'"\\;|<>&$]+|\$|&)""",
    re.VERBOSE | re.DOTALL,
)
_CMD_LINE = re.compile(r"\^[ \t]*\r?\n")
_CMD_ESCAPE = re.compile(r"\^(.)", re.DOTALL)
_IN_DOUBLE = re.compile(r'\\(\r?\n|["\\$`])')
_ANSI = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|.)", re.DOTALL)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_BASES = {"x": 16, "u": 16, "U": 16}


@dataclass(frozen=True)
class Word:
    text: str
    line: int


def commands(text: str, warnings: Warnings) -> list[list[Word]]:
    """Return the words of each command; raises BadDefinition for a quote that is never closed."""
    if _CMD_LINE.search(text):
        text = _CMD_ESCAPE.sub(r"\1", _CMD_LINE.sub(" ", text))
    found: list[list[Word]] = [[]]
    for word in _words(text):
        if word is None:
            found.append([])
        elif word.text == PIPE:
            warnings.add(f"line {word.line}", "what follows a pipe or a redirection is not read")
        else:
            found[-1].append(word)
    return [words for words in found if words]


PIPE = "\0pipe"


def _words(text: str) -> Iterator[Word | None]:
    """Yield words, None at the end of a command, and PIPE where the rest of a command is skipped."""
    parts: list[str] = []
    started, line, at, skipping = 1, 1, 0, False
    while at < len(text):
        if text[at] == "#" and not parts:
            at = _end_of_line(text, at)
            continue
        match = _PIECE.match(text, at)
        if match is None:
            raise refused(("curl",), f"line {line}: expected the quote that begins here to be closed")
        kind, piece = str(match.lastgroup), match[0]
        if kind in _READ:
            started = started if parts else line
            parts.append(_READ[kind](piece))
        else:
            if parts and not skipping:
                yield Word("".join(parts), started)
            parts = []
            if kind == "pipe" and not skipping:
                yield Word(PIPE, line)
            skipping = kind == "pipe" or (skipping and kind == "blank")
            if kind == "end":
                yield None
        line, at = line + piece.count("\n"), match.end()
    if parts and not skipping:
        yield Word("".join(parts), started)


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _double(piece: str) -> str:
    inner = piece[piece.index('"') + 1 : -1]
    return _IN_DOUBLE.sub(lambda match: "" if "\n" in match[1] else match[1], inner)


def _ansi(piece: str) -> str:
    # \u escapes may name the two halves of one character.
    text = _ANSI.sub(lambda match: _ansi_character(match[1]), piece[2:-1])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _ansi_character(escape: str) -> str:
    if escape[0] in _BASES and len(escape) > 1:
        number = int(escape[1:], 16)
    elif escape[0] in "01234567":
        number = int(escape, 8) & 0xFF
    else:
        return _ANSI_LETTERS.get(escape, escape if escape in "\\'\"?" else f"\\{escape}")
    return chr(number) if number < 0x110000 else "\ufffd"


_READ: dict[str, Callable[[str], str]] = {
    "single": lambda piece: piece[1:-1],
    "ansi": _ansi,
    "double": _double,
    "escaped": lambda piece: piece[1:],
    "plain": lambda piece: piece,
}
