"""The colours of the terminal: what they mark, whether there are any, and how a line is written with them.

A line carries its styles as spans beside its text, so that the text is what it would be without them, and so that no
text of a record can bring or provoke any: whoever makes a line marks places in it, not words.

It imports nothing heavy: `opml doctor` shows its findings where packages are missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from ...printable import printable

if TYPE_CHECKING:
    from ...records.run import Check, Verdict


class Style(Enum):
    """What a part of a line is; each is also said by its words."""

    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"
    STRONG = "strong"
    FAINT = "faint"


# As click names them. Each can be read on a dark and on a light background; yellow on white cannot.
_COLOURS: dict[Style, dict[str, Any]] = {
    Style.GOOD: {"fg": "green"},
    Style.BAD: {"fg": "red", "bold": True},
    Style.DOUBT: {"fg": "magenta"},
    Style.STRONG: {"bold": True},
    Style.FAINT: {"dim": True},
}
VERDICT_STYLES: dict[Verdict, Style] = {
    "pass": Style.GOOD,
    "fail": Style.BAD,
    "inconclusive": Style.DOUBT,
    "not_judged": Style.DOUBT,
}


class Span(NamedTuple):
    """Characters of a line from ``start`` to before ``end``, which have one style."""

    start: int
    end: int
    style: Style


class Line(str):
    """A text with styles, which is its plain text wherever only that is asked for.

    Attributes:
        spans: of its styles, from left to right; none overlaps another.
    """

    spans: tuple[Span, ...]

    def __new__(cls, text: str, spans: Sequence[Span] = ()) -> Line:
        """Take over a text; its own styles, if any, are replaced."""
        line = super().__new__(cls, text)
        line.spans = tuple(spans)
        return line


def styled(text: str, style: Style) -> Line:
    """Return a text that has one style throughout."""
    return Line(text, [Span(0, len(text), style)])


def with_head(lines: Sequence[str], head: str, style: Style) -> list[str]:
    """Return lines of which the first one's beginning is styled.

    Args:
        lines: a text that begins with ``head`` and was broken into lines afterwards.
        head: as many characters as are styled, where the first line has them.
        style: of the head.
    """
    if not lines or not lines[0].startswith(head):
        return list(lines)
    return [Line(lines[0], [Span(0, len(head), style)]), *lines[1:]]


def all_styled(lines: Sequence[str], style: Style) -> list[str]:
    """Return lines that all have one style."""
    return [styled(line, style) for line in lines]


def parts(text: str) -> Iterator[tuple[str, Style | None]]:
    """Yield the parts of a text from left to right, each with its style; None for one that has none."""
    at = 0
    for span in getattr(text, "spans", ()):
        yield text[at : span.start], None
        yield text[span.start : span.end], span.style
        at = span.end
    yield text[at:], None


def painted(line: str, *, is_coloured: bool) -> str:
    """Return a line for the terminal: printable, and with the codes of its colours where there are to be any."""
    if not is_coloured:
        return printable(line)
    from click import style as coloured

    return "".join(
        printable(part) if style is None else coloured(printable(part), **_COLOURS[style])
        for part, style in parts(line)
        if part
    )


def is_coloured(stream: object, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a stream gets colours, by the rules of pytest.

    ``PY_COLORS`` (1 or 0) rules, then ``NO_COLOR``, then ``FORCE_COLOR``; where none of them is set, a terminal gets
    colours, and a file, a pipe or the log of a CI service none.
    """
    if (wanted := environment.get("PY_COLORS")) in ("0", "1"):
        return wanted == "1"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    is_terminal = getattr(stream, "isatty", None)
    return is_terminal is not None and bool(is_terminal()) and environment.get("TERM") != "dumb"


def can_show(stream: object, text: str) -> bool:
    """Tell whether the encoding of a stream has all letters of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def worst_style(checks: Sequence[Check]) -> Style:
    """Return the style of checks together: bad where one blocks by failing, good where all passed."""
    if any(check.verdict == "fail" and check.blocking for check in checks):
        return Style.BAD
    return Style.GOOD if all(check.verdict == "pass" for check in checks) else Style.DOUBT
