"""Any text as one that only shows: what a terminal, a log or a CI service would obey becomes visible.

Texts come from model files, records of others, libraries and file names. Whoever makes a text leaves it as it is; who
writes it to a terminal, a log, a report or a record passes it through here.
"""

from __future__ import annotations

import re
import unicodedata

# Letters and marks by their category that show nothing and take no room, or that of any letter.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
# GitHub Actions obeys `::error::` where a line begins so, Azure Pipelines `##vso[` and `##[`, and TeamCity
# `##teamcity[`, anywhere in a line.
_COMMAND = re.compile(r"(?P<indent>^[^\S\n]*):(?=:)|#(?=#\w*\[)", re.MULTILINE)
_JSON_COMMAND = re.compile(r"#(?=#\w*\[)")


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return a text whose every character shows itself, the same where it does already.

    Control characters, marks that change the direction of writing, characters of no width and lone surrogates become
    escapes such as ``\x1b``; so does the first character of what a CI service takes for a command.

    Args:
        text: any; the escapes of one that was here before stay as they are.
        lines: whether it may have several lines, whose ends and tabulators stay; otherwise they become escapes too.
    """
    if not text.isprintable() or not _INVISIBLE.isdisjoint(text):
        spared = "\n\t" if lines else ""
        if lines:
            text = text.replace("\r\n", "\n")
        text = "".join(char if char in spared or _shows(char) else _escaped(char) for char in text)
    return _COMMAND.sub(_escaped_command, text)


def printable_json(document: str) -> str:
    r"""Return the same JSON document with ``\u001b`` and its like in the place of characters that do not show."""
    if not document.isprintable() or not _INVISIBLE.isdisjoint(document):
        document = "".join(char if char == "\n" or _shows(char) else _escaped_in_json(char) for char in document)
    return _JSON_COMMAND.sub(r"\\u0023", document)


def shows(name: str) -> bool:
    """Tell whether a name can stand anywhere as it is: in one line, each character to be seen or a plain blank."""
    return name.isprintable() and printable(name) == name


def clipped(text: object, longest: int = 1_000) -> str:
    """Return what any text says in one printable line of so many characters at most, with one space between words."""
    # Of a text of 100 MB the beginning is enough.
    line = printable(" ".join(str(text)[: 100 * longest].split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _shows(char: str) -> bool:
    return (char.isprintable() and char not in _INVISIBLE) or unicodedata.category(char) == "Zs"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii") if char not in _INVISIBLE else f"\\u{ord(char):04x}"


def _escaped_command(match: re.Match[str]) -> str:
    return "\\x23" if match["indent"] is None else f"{match['indent']}\\x3a"


def _escaped_in_json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
